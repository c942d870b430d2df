"""Child processes that live and die with us: started, found ready, restarted, stopped in order.

A child is started in a session of its own, so that Ctrl-C reaches only the parent, and asks the
kernel for SIGHUP when its parent dies, so that a killed parent leaves no orphan. SIGTERM lets it finish
what it does, SIGHUP does not; either ends one that still starts. It says that it is
ready by one line of JSON on the pipe whose number is its ``--ready-fd`` argument.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from core.errors import Unavailable

__all__ = ["Child", "Supervisor", "await_orphans", "die_with_parent"]

log = structlog.get_logger(__name__)

_PR_SET_PDEATHSIG = 1
_GLANCE = 0.05  # seconds until it is looked again whether orphans are gone
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """A ``preexec_fn``: the child gets this signal when its parent dies (prctl(2)).

    A parent that died between fork and prctl is noticed by its changed process id.
    """
    parent = os.getpid()

    def arrange() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


async def await_orphans(parent: int, children: Iterable[int], mark: str, seconds: float) -> None:
    """Wait, so long at most, until the children of a parent that was killed are gone.

    The kernel told them to end; they say goodbye first, and hold their ports meanwhile. ``mark`` is one
    of their arguments: a process id may have been given to somebody else. While their parent lives
    they are no orphans, and nothing is waited for.
    """
    until = asyncio.get_running_loop().time() + seconds
    waits = {pid: _began(pid) for pid in children if _orphan(pid, parent, mark)}
    if waits:
        log.info("orphans.awaited", pids=list(waits))
    while any(began and _began(pid) == began for pid, began in waits.items()):
        if asyncio.get_running_loop().time() > until:
            log.warning("orphans.left", pids=list(waits))
            return
        await asyncio.sleep(_GLANCE)


def _orphan(pid: int, parent: int, mark: str) -> bool:
    """Whether a process with this argument runs whose parent is another one than it was."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    status = _status(pid)
    return bool(status) and os.fsencode(mark) in arguments and int(status[1]) != parent


def _began(pid: int) -> str:
    """When this process began, which tells it from a later one of the same number; "" once it is gone.

    One that is ending has lost its arguments while it still holds its ports, so only this tells.
    """
    status = _status(pid)
    return status[19] if status and status[0] not in "ZX" else ""


def _status(pid: int) -> list[str]:
    """State, parent and the rest of proc(5) ``stat``; empty when there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return status.rpartition(")")[2].split()  # after the name, which may hold anything


class Child:
    """One process: how it is started, and what it said when it was ready."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environ: Mapping[str, str],
        ready_seconds: float = 30.0,
        stop_seconds: float = 10.0,
        drain_seconds: float = 0.0,
    ) -> None:
        """It may take ``stop_seconds`` to close, and ``drain_seconds`` before that when drained."""
        self.name = name
        self.argv = argv
        self.environ = environ
        self.ready_seconds = ready_seconds
        self.stop_seconds = stop_seconds
        self.drain_seconds = drain_seconds
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> dict[str, Any]:
        """Start it and wait until it is ready; Unavailable if it ends or is silent instead."""
        read, write = os.pipe()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv,
                "--ready-fd",
                str(write),
                env=dict(self.environ),
                pass_fds=(write,),
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGHUP),
            )
        finally:
            os.close(write)
        line = await _read_line(read, self.ready_seconds)
        if not line:
            await self.stop()
            raise Unavailable(
                "The process {name} did not start; its messages stand above.", name=self.name
            )
        said: dict[str, Any] = json.loads(line)
        return said

    async def drain(self) -> None:
        """SIGTERM: it may finish what it does before it closes. Cancelled, it must yet be stopped."""
        await self._end(signal.SIGTERM, self.drain_seconds + self.stop_seconds)

    async def stop(self) -> None:
        """SIGHUP: it closes now."""
        await self._end(signal.SIGHUP, self.stop_seconds)

    async def _end(self, number: int, seconds: float) -> None:
        """The signal, then SIGKILL for one that does not listen."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            log.warning("child.killed", child=self.name)
            process.kill()
            await process.wait()


class Supervisor:
    """Keeps children running: one that ends by itself is started again, later each time."""

    def __init__(self, on_ready: Callable[[str, dict[str, Any]], None]) -> None:
        """``on_ready`` hears the name of each child and what it said, also after a restart."""
        self._on_ready = on_ready
        self._children: list[Child] = []
        self._watches: dict[Child, asyncio.Task[None]] = {}

    async def start(self, *children: Child) -> None:
        """Start them at once and wait for all. Unavailable as soon as one does not come up.

        ``stop`` ends what had started by then, as it does when this is cancelled.
        """
        self._children += children
        starts = [asyncio.create_task(child.start()) for child in children]
        try:
            answers = await asyncio.gather(*starts)
        finally:
            await _cancel(starts)
        for child, said in zip(children, answers, strict=True):
            self._on_ready(child.name, said)
            self._watches[child] = asyncio.create_task(self._watch(child))

    async def drain(self, child: Child) -> None:
        """Let one child finish what it does and end, while the others go on."""
        if child in self._watches:
            await _cancel([self._watches.pop(child)])
            await child.drain()

    async def stop(self) -> None:
        """Stop all at once; returns when every process has ended."""
        await _cancel(list(self._watches.values()))
        await asyncio.gather(*(child.stop() for child in self._children))

    async def _watch(self, child: Child) -> None:
        delay = 0.2
        while True:
            assert child.process is not None
            began = asyncio.get_running_loop().time()
            status = await child.process.wait()
            log.error("child.ended", child=child.name, status=status, restart_in=delay)
            await asyncio.sleep(delay)
            ran_long = asyncio.get_running_loop().time() - began > 60
            delay = 0.2 if ran_long else min(delay * 2, 10.0)
            try:
                self._on_ready(child.name, await child.start())
            except (Unavailable, OSError) as error:  # OSError: there is no process or file left
                log.error("child.not_started", child=child.name, problem=str(error))


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _read_line(fd: int, seconds: float) -> bytes:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(fd, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        return await asyncio.wait_for(reader.readline(), seconds)
    except TimeoutError:
        return b""
    finally:
        transport.close()
