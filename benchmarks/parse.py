"""Nanoseconds for reading an INVITE of 842 bytes, beside fixed references of the standard library.

    python -m benchmarks.parse [--rounds 200]

Prints one JSON object. What routing needs of an INVITE is read: branch, tags, Call-ID, CSeq and
Contact. Rounds of all candidates take turns and the quickest of each counts, so a busy
machine disturbs little; ratios to the references travel between machines, nanoseconds do not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from email.parser import BytesHeaderParser
from typing import Any

from benchmarks.figures import begin, show
from benchmarks.test_wire import INVITE, everything
from core.sip._wire import build_response, parse, problem

GOAL = 1000  # nanoseconds for what routing needs
_LOOPS = 200
_EMAIL = BytesHeaderParser()


def quickest(candidates: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Nanoseconds of one call of each, as in its quickest round."""
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, function in candidates.items():
            loops = range(_LOOPS)
            begun = time.perf_counter_ns()
            for _ in loops:
                function()
            best[name] = min(best[name], (time.perf_counter_ns() - begun) / _LOOPS)
    return best


def split(data: bytes) -> dict[bytes, bytes]:
    """The least that a parser in Python does: lines into names and values, unchecked."""
    head, _, _ = data.partition(b"\r\n\r\n")
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name: value for name, _, value in pairs}


REQUEST = parse(INVITE)
CANDIDATES: dict[str, Callable[[], object]] = {
    "parse": lambda: parse(INVITE),
    "parse_and_read": lambda: everything(INVITE),
    "problem": lambda: problem(REQUEST),
    "build_response": lambda: build_response(REQUEST, 180, "Ringing", to_tag="b2"),
    "reference_split": lambda: split(INVITE),
    "reference_email": lambda: _EMAIL.parsebytes(INVITE),
}


def measure(rounds: int) -> dict[str, Any]:
    """The figures as they are printed."""
    found = quickest(CANDIDATES, rounds)
    ours = found["parse_and_read"]
    return {
        "bytes": len(INVITE),
        "nanoseconds": {name: round(value) for name, value in found.items()},
        "goal_nanoseconds": GOAL,
        "goal_reached": ours <= GOAL,
        "times_quicker_than_split": round(found["reference_split"] / ours, 2),
        "times_quicker_than_email": round(found["reference_email"] / ours, 1),
    }


def main() -> int:
    """Measure and print."""
    begin("benchmarks.parse")
    parser = argparse.ArgumentParser(prog="benchmarks.parse", description="nanoseconds for an INVITE")
    parser.add_argument("--rounds", type=int, default=200, help="of which the quickest counts")
    show(measure(parser.parse_args().rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
