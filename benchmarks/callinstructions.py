"""How many instructions a call takes, counted by callgrind: a busy machine changes next to nothing.

    python -m benchmarks.callinstructions

Prints one JSON object: the calls of ``onecall`` without media control, and with that of the product,
whose commands are encoded and whose answers are decoded as on the wire, by a server in memory. Each
call has descriptions of its own. Counts of two trees may be compared, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import uvloop

from benchmarks import onecall
from core.logs import configure
from core.media.bencode import Value, decode, encode
from core.media.rtpengine import Reply
from core.media.session import RtpengineSession
from core.settings import LogSettings

ROOT = Path(__file__).parents[1]
_BEFORE, _FEW, _CALLS = 100, 4, 30
_BODY = onecall._SDP
_ADDRESSES = (
    (b"IP4 192.0.2.1", b"IP4 203.0.113.5"),
    (b"IP4 0.0.0.0", b"IP4 203.0.113.5"),
    (b"audio 9 ", b"audio 30000 "),
)


class Nearby:
    """A place in a media server that answers at once: descriptions come back with its own address."""

    async def request(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        """As ``NgClient.request``."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        encode({**arguments, "command": command})
        reply: dict[str, Value] = {"result": "ok"}
        body = arguments.get("sdp")
        if isinstance(body, bytes):
            for ours, its in _ADDRESSES:
                body = body.replace(ours, its)
            reply["sdp"] = body
        loop.call_soon(answer.set_result, encode(reply))
        said = decode(await answer)
        assert isinstance(said, Mapping)
        return said

    def leave(self) -> None:
        """Nothing is kept."""


class NearbyMedia(onecall.MemoryMedia):
    """The product's sessions over such a place."""

    def session(self, call_id: UUID) -> RtpengineSession:  # type: ignore[override]
        """As ``RtpengineServer.session``."""
        return RtpengineSession(str(call_id), Nearby)


async def _play(media: bool) -> None:
    """So many calls as each line of stdin says, and a line of stdout when they are over."""
    world = onecall.World()
    if media:
        world.switchboard._media = NearbyMedia()
    await world.start()
    gc.set_threshold(50_000, 3, 10)
    assert world.endpoint._ticker is not None
    world.endpoint._ticker.cancel()  # the loop is late while nobody asks, and would shed calls
    played = 0
    wanted = _BEFORE
    while wanted:
        for _ in range(wanted):
            played += 1
            onecall._SDP = _BODY.replace("x 1 1", f"x {played} 1").replace("9000", str(9000 + played))
            await world.call()
        if wanted == _BEFORE:
            gc.collect()
            gc.freeze()
        print(played, flush=True)
        wanted = int(sys.stdin.readline() or 0)
    await world.stop()


def count(media: bool) -> int:
    """Instructions of one call."""
    with tempfile.TemporaryDirectory(prefix="sunsim-callgrind-") as folder:
        counts = Path(folder, "counts")
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
        inside = [sys.executable, "-m", "benchmarks.callinstructions", "--inside", str(int(media))]
        with subprocess.Popen(
            [*command, f"--callgrind-out-file={counts}", *inside],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdout.readline()
            for control, calls in (("-i on", _FEW), ("-z", _CALLS), ("-d", 0)):
                said = ["callgrind_control", *control.split(), str(process.pid)]
                subprocess.run(said, capture_output=True, check=True)
                process.stdin.write(f"{calls}\n")
                process.stdin.flush()
                process.stdout.readline()
        found = re.search(r"^(?:totals|summary): (\d+)", Path(f"{counts}.1").read_text(), re.MULTILINE)
        assert found is not None, "callgrind wrote no total"
        return int(found[1]) // _CALLS


def main() -> None:
    """Count, or be what is counted."""
    parser = argparse.ArgumentParser(prog="benchmarks.callinstructions")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is None:
        print(json.dumps({"without_media": count(False), "with_media": count(True)}, indent=2))
        return
    said, sys.stderr = sys.stderr, open(os.devnull, "w")  # noqa: SIM115, PTH123 - log lines count, too
    configure(LogSettings(json=True), "sip")
    sys.stderr = said
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_play(bool(options.inside)))


if __name__ == "__main__":
    main()
