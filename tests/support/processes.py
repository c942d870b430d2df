"""Processes below one of ours, and their end."""

import contextlib
import os
import time
from pathlib import Path

_BEFORE_OTHERS = -8


def descendants(pid):
    """Process ids below this one."""
    found = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # gone meanwhile
            for number in map(int, child.read_text().split()):
                found += [number, *descendants(number)]
    return found


@contextlib.contextmanager
def preferred(*pids):
    """Let the threads of these come before those of other tests meanwhile, if we may: who plays
    telephones in real time must not be late."""
    before = {}
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(OSError):  # no right to it, or gone meanwhile
                before[int(task.name)] = os.getpriority(os.PRIO_PROCESS, int(task.name))
                os.setpriority(os.PRIO_PROCESS, int(task.name), _BEFORE_OTHERS)
    try:
        yield
    finally:
        for task, nice in before.items():
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, task, nice)


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
