"""One round of calls: SIPp as carrier on both sides of the server that is measured."""

from __future__ import annotations

import csv
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.free_ports import free_port

__all__ = ["Carrier", "RoundFailed", "Traffic", "percentiles", "until_bound"]

_SCENARIOS = Path(__file__).with_name("sipp")
_BUFFER = "4194304"  # bytes of SIPp's socket; with its own 65,536 it lost what we sent in time
_GRACE = 40  # seconds after the last call begins: its longest way to a failure


class RoundFailed(Exception):
    """A process did not start or did not end."""


@dataclass
class Traffic:
    """What SIPp counted in one round. ``rate`` is that at which the answered calls began, a second;
    ``setups`` are the milliseconds from each INVITE to its 200."""

    calls: int
    failed: int
    rate: float
    retransmissions: int
    setups: list[float]


class Carrier:
    """Where calls come from and go to: two ports of ``host``. ``numbers`` are called in turn."""

    def __init__(self, numbers: Sequence[str], host: str) -> None:
        self.numbers = tuple(numbers)
        self.host = host
        self.caller_port = free_port(host)
        self.callee_port = free_port(host)

    def run(self, server: tuple[str, int], rate: float, calls: int, seconds: float = 0.5) -> Traffic:
        """So many calls at ``rate`` a second through ``server``, each with a talk of ``seconds``;
        returns when all have ended."""
        with tempfile.TemporaryDirectory(prefix="bench-calls-") as name:
            folder = Path(name)
            (folder / "numbers.csv").write_text("\n".join(("SEQUENTIAL", *self.numbers, "")))
            callee = self._sipp(folder, "callee", server, self.callee_port, calls)
            try:
                until_bound(callee, self.callee_port)
                limits = ["-r", str(rate), "-l", str(int(rate * (20 + seconds)))]
                limits += ["-inf", "numbers.csv", "-d", str(int(seconds * 1000))]
                caller = self._sipp(folder, "caller", server, self.caller_port, calls, *limits)
                try:
                    _wait(caller, calls / rate + seconds + _GRACE)
                finally:
                    _end(caller)
                _settle(callee)
            finally:
                _end(callee)
            return _read(folder, calls)

    def _sipp(
        self, folder: Path, side: str, server: tuple[str, int], port: int, calls: int, *options: str
    ) -> subprocess.Popen[bytes]:
        command = ["sipp", f"{server[0]}:{server[1]}", "-sf", str(_SCENARIOS / f"{side}.xml")]
        command += ["-i", self.host, "-p", str(port), "-m", str(calls), "-nostdin", *options]
        command += ["-buff_size", _BUFFER]
        command += ["-trace_stat", "-stf", f"{side}.stat", "-fd", "1"]
        command += ["-trace_rtt", "-rtt_freq", "1"] if side == "caller" else []
        return subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def percentiles(values: list[float], digits: int = 1) -> dict[str, float]:
    """Median, 95th and 99th percentile and the largest, in the unit of the values."""
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    picked = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}
    return {name: round(value, digits) for name, value in picked.items()}


def until_bound(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the process listens on the UDP port, as it must before somebody calls it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        rows = Path("/proc/net/udp").read_text().splitlines()[1:]
        if any(row.split()[1].endswith(f":{port:04X}") for row in rows):
            return
        time.sleep(0.02)
    raise RoundFailed(f"nobody listens on port {port}")


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise RoundFailed(f"SIPp still runs after {seconds:.0f} s") from None


def _settle(callee: subprocess.Popen[bytes]) -> None:
    """The callee ends with its last BYE; one that waits for calls that never came is told to end.

    A BYE that was lost comes again within seconds.
    """
    try:
        callee.wait(10)
    except subprocess.TimeoutExpired:
        callee.terminate()
        callee.wait(5)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _read(folder: Path, calls: int) -> Traffic:
    caller, callee = _totals(folder / "caller.stat"), _totals(folder / "callee.stat")
    begun, setups = _answered(folder)
    return Traffic(
        calls=calls,
        failed=calls - min(int(side["SuccessfulCall(C)"]) for side in (caller, callee)),
        rate=round((len(begun) - 1) / (begun[-1] - begun[0]), 1) if len(begun) > 1 else 0.0,
        retransmissions=sum(int(side["Retransmissions(C)"]) for side in (caller, callee)),
        setups=setups,
    )


def _totals(path: Path) -> dict[str, str]:
    """The last line of SIPp's statistics, by column."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))[-1]


def _answered(folder: Path) -> tuple[list[float], list[float]]:
    """When each answered call began, in seconds and in order, and how long its set-up took, in ms."""
    (path,) = folder.glob("caller_*_rtt.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    setups = [float(row["response_time_ms"]) for row in rows]
    ends = [float(row["Date_ms"]) for row in rows]
    return sorted((end - took) / 1000 for end, took in zip(ends, setups, strict=True)), setups
