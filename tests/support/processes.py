"""Processes below one of ours, and their end."""

import contextlib
import time
from pathlib import Path


def descendants(pid):
    """Process ids below this one."""
    found = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # gone meanwhile
            for number in map(int, child.read_text().split()):
                found += [number, *descendants(number)]
    return found


def gone(pids, seconds=60):
    """Whether all of them end in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if Path(f"/proc/{pid}").exists() and not _zombie(pid)]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def _zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
