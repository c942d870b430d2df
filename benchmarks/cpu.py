"""CPU time of processes, from ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["children", "cpu_seconds", "pinned", "resident_kib"]

_TICK = os.sysconf("SC_CLK_TCK")
_PPID, _UTIME, _CUTIME = 1, 11, 13  # fields of /proc/<pid>/stat after the name, proc(5)


def cpu_seconds(pids: Iterable[int], reaped: bool = False) -> float:
    """User and system time so far; ``reaped`` adds that of the children that ended and were waited for.

    The kernel counts in ticks of 10 ms.
    """
    ticks = 0
    for pid in pids:
        fields = _stat(pid)
        last = _CUTIME + 2 if reaped else _CUTIME
        ticks += sum(map(int, fields[_UTIME:last]))
    return ticks / _TICK


def children(pid: int) -> list[int]:
    """Processes whose parent this is now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) and int(fields[_PPID]) == pid:
            found.append(int(entry.name))
    return found


def pinned(pid: int) -> None:
    """Give the process the last of our cores, and a little precedence there if we may."""
    core = max(os.sched_getaffinity(0))
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that ended meanwhile
            os.sched_setaffinity(int(task.name), {core})
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, int(task.name), -10)


def resident_kib(pid: int) -> int:
    """Memory in RAM (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _stat(pid: int) -> list[str]:
    """The fields after the name in parentheses; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
