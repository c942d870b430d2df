"""CPU time per 1000 calls of the SIP role, with and without rtpengine, beside sippy's ``b2bua_simple``.

    python -m benchmarks.calls [--seconds 10] [--rounds 2] [--media with|without]

Prints one JSON object. All servers get the same calls from the same SIPp, without RTP, each on a core
of its own; only CPU time of their processes is compared, and rounds at the rate of the comparison take
turns, so a busy machine disturbs little. Exits with 1 if a call of the comparison failed, has no
record, or left something behind; figures beside their goals are for people to judge.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

from benchmarks.figures import begin, show
from benchmarks.load import Carrier, RoundFailed, Traffic, percentiles
from benchmarks.servers import Round, Server, Sippy, SunSim, sippy, sunsim
from benchmarks.transit import observed

COMPARED = 100  # calls a second at which servers are compared
RATES = {False: (300, 1000), True: (300,)}  # by whether media are controlled
_WARM_UP = 2  # seconds of calls before anything is measured
_HOST = "127.9.0.1"  # of the carrier
_NUMBERS = tuple(f"+7495000{index:04}" for index in range(10))
_AT_ONCE, _TALK = 300, 10.0  # calls that are held to see how much memory one needs, and how long


def play(server: Server, rate: float, calls: int) -> Round:
    """One round of calls and the CPU that it took."""
    before, refused = server.cpu(), server.refused()
    with observed(server.address[1]) as transit:
        traffic = server.carrier.run(server.address, rate, calls)
    server.settle()
    after = server.cpu()
    cpu = {name: after[name] - before[name] for name in after}
    transits = transit.milliseconds() if transit else []
    return Round(traffic, cpu, transits, server.refused() - refused)


def report(rounds: list[Round]) -> dict[str, Any]:
    """Sums over the rounds of one server at one rate."""
    traffic = [each.traffic for each in rounds]
    calls = sum(each.calls for each in traffic)
    cpu = {
        name: round(sum(each.cpu[name] for each in rounds) / calls * 1000, 3) for name in rounds[0].cpu
    }
    return {
        "cpu_seconds_per_1000_calls": cpu.pop("main"),
        "cpu_seconds_per_1000_calls_by_round": [
            round(each.cpu["main"] / each.traffic.calls * 1000, 3) for each in rounds
        ],
        "other_processes": cpu,
        "setup_ms": percentiles([setup for each in traffic for setup in each.setups]),
        "invite_in_to_out_ms": percentiles([each for some in rounds for each in some.transit], 3),
        "calls": calls,
        "failed": sum(each.failed for each in traffic),
        "refused": sum(each.refused for each in rounds),
        "rate": [each.rate for each in traffic],
        "retransmissions": sum(each.retransmissions for each in traffic),
    }


class Bench:
    """The servers and what they did."""

    def __init__(self, seconds: float, rounds: int, servers: list[Server]) -> None:
        self.seconds = seconds
        self.rounds = rounds
        self.servers = servers
        self.good = dict.fromkeys((each.name for each in servers), 0)
        self.results: dict[str, dict[str, Any]] = {each.name: {} for each in servers}

    def run(self) -> None:
        """Every round of every server."""
        compared: dict[str, list[Round]] = {each.name: [] for each in self.servers}
        for server in self.servers:
            self._play(server, COMPARED, _WARM_UP)
            if isinstance(server, SunSim):  # before a faster round takes memory that is used again
                self.results[server.name]["memory_kib_per_call"] = self._memory(server)
        for _ in range(self.rounds):
            for server in self.servers:
                compared[server.name].append(self._play(server, COMPARED, self.seconds))
        for name, rounds in compared.items():
            self.results[name][str(COMPARED)] = report(rounds)
        for server in self.servers:
            if isinstance(server, SunSim):
                self._ours(server)

    def _ours(self, server: SunSim) -> None:
        result = self.results[server.name]
        for rate in RATES[server.media]:
            try:
                result[str(rate)] = report([self._play(server, rate, self.seconds)])
            except RoundFailed as error:  # this machine cannot carry it now; say so and go on
                result[str(rate)] = {"gave_up": str(error)}
                break
        result["records_missing"] = self.good[server.name] - asyncio.run(server.records())
        result["left"] = server.left()

    def _play(self, server: Server, rate: float, seconds: float) -> Round:
        done = play(server, rate, int(rate * seconds))
        self.good[server.name] += done.traffic.calls - done.traffic.failed
        figure = done.cpu["main"] / done.traffic.calls * 1000
        text = f"{server.name} at {rate}/s: {figure:.3f} s per 1000 calls, {done.traffic.failed} failed"
        print(text, file=sys.stderr, flush=True)
        return done

    def _memory(self, server: SunSim) -> float:
        """KiB of one call: while many are held, against before the first of them."""
        before, traffic = server.memory(), list[Traffic]()

        def hold() -> None:
            traffic.append(server.carrier.run(server.address, COMPARED, _AT_ONCE, _TALK))

        holding = threading.Thread(target=hold)
        holding.start()
        most = (0.0, before)
        while holding.is_alive():
            most = max(most, (server.metrics()["sunsim_calls"], server.memory()))
            time.sleep(0.2)
        holding.join()
        self.good[server.name] += sum(each.calls - each.failed for each in traffic)
        calls, kib = most
        return round((kib - before) / calls, 1) if calls else 0.0


def measure(
    seconds: float, rounds: int, media: tuple[str, ...] = ("without", "with")
) -> dict[str, Any]:
    """The whole comparison as it is printed."""
    with ExitStack() as stack:
        # A carrier for each: what one server sends late must not reach the other's callee.
        servers: list[Server] = [
            stack.enter_context(sunsim(Carrier(_NUMBERS, _HOST), media=how == "with")) for how in media
        ]
        servers.append(stack.enter_context(sippy(Carrier(_NUMBERS, _HOST))))
        bench = Bench(seconds, rounds, servers)
        bench.run()
        results = bench.results
    theirs = _cpu(results[Sippy.name])
    ours = {name: _cpu(result) for name, result in results.items() if name != Sippy.name}
    return {
        "ratio_to_sippy": {name: _ratio(cpu, theirs) for name, cpu in ours.items()},
        **results,
        "includes": {each.name: each.includes for each in servers},
    }


def failed(result: dict[str, Any]) -> bool:
    """Whether a call of the comparison failed or something of ours was lost or left."""
    servers = [each for each in result.values() if str(COMPARED) in each]
    calls = sum(each[str(COMPARED)]["failed"] for each in servers)
    lost = any(each.get("records_missing") or any(each.get("left", {}).values()) for each in servers)
    return bool(calls or lost)


def _cpu(result: dict[str, Any]) -> float:
    return result[str(COMPARED)]["cpu_seconds_per_1000_calls"]


def _ratio(ours: float, theirs: float) -> float | None:
    return round(ours / theirs, 3) if theirs else None


def main() -> int:
    """Measure, print, and say by the exit status whether all went well."""
    begin("benchmarks.calls")
    parser = argparse.ArgumentParser(prog="benchmarks.calls", description="CPU time per 1000 calls")
    parser.add_argument("--seconds", type=float, default=10, help="of calls in a round")
    parser.add_argument("--rounds", type=int, default=2, help="for each server at 100 calls a second")
    parser.add_argument("--media", choices=("with", "without"), help="only this half of ours")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    media = (options.media,) if options.media else ("without", "with")
    try:
        result = measure(options.seconds, options.rounds, media)
    except RoundFailed as error:
        print(f"benchmarks.calls: {error}", file=sys.stderr)
        return 1
    show(result)
    return 1 if failed(result) else 0


if __name__ == "__main__":
    sys.exit(main())
