"""A Unix socket in the data folder, by which commands on this machine look into a running process.

Who may open the file may ask: it has mode 600 in a folder of its own user, the same who may read the
keys beside it (docs/adr/0007). A question is one line of JSON, ``{"name": …, "body": …}``; answers are
lines of JSON until the connection ends, the last of them ``{"error": …}`` if something was wrong.

The path of a Unix socket has at most 107 bytes, of a data folder any number, so the socket is reached
through a descriptor of its folder.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Raw, Struct

from core.errors import SunSimError, Unavailable

__all__ = ["CONTROL_SOCKET", "ControlServer", "Handler", "ask"]

CONTROL_SOCKET = "sip.sock"
"""Its name in the data folder."""

log = structlog.get_logger(__name__)

_LINE = 64 * 1024
_ENCODER = msgspec.json.Encoder()

Handler = Callable[[Raw], AsyncIterator[Any]]
"""Answers a question with any number of structs."""

A = TypeVar("A")


class _Question(Struct):
    name: str
    body: Raw


class _Trouble(Struct):
    error: str


class ControlServer:
    """Listens at ``path``; ``handlers`` answer the questions that bear their names."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; what an earlier process left at the path is replaced."""
        self._path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX)
        with _short(self._path) as address:
            before = os.umask(0o177)  # there shall be no moment at which others may connect
            try:
                sock.bind(address)
            finally:
                os.umask(before)
        self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=_LINE)

    async def close(self) -> None:
        """End all connections and remove the socket."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(OSError, ValueError):  # it went away, or its line is too long
                await self._answer(await reader.readline(), writer)
        finally:
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        trouble = ""
        try:
            question = msgspec.json.decode(line, type=_Question)
            handler = self._handlers.get(question.name)
            if handler is None:
                trouble = f"no such question: {question.name}"
            else:
                async for answer in handler(question.body):
                    writer.write(_ENCODER.encode(answer) + b"\n")
                    await writer.drain()
        except msgspec.MsgspecError as error:
            trouble = f"no such question: {error}"
        except SunSimError as error:
            trouble = error.message
        except OSError:  # it went away
            raise
        except Exception:  # a fault of ours must not look like an answer without lines
            log.exception("control.failed")
            trouble = SunSimError().message
        if trouble:
            writer.write(_ENCODER.encode(_Trouble(trouble)) + b"\n")
        await writer.drain()


def ask(path: Path, name: str, body: Struct, answer: type[A]) -> Iterator[A]:
    """Ask from another process; the answers as they come. Blocks. Raises Unavailable if nobody
    listens or the question could not be answered."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            with _short(path) as address:
                sock.connect(address)
        except OSError as error:
            raise Unavailable(
                "The SIP process does not run in {folder}.", folder=path.parent
            ) from error
        question = _Question(name, Raw(_ENCODER.encode(body)))
        sock.sendall(_ENCODER.encode(question) + b"\n")
        with sock.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b'{"error":'):
                    trouble = msgspec.json.decode(line, type=_Trouble)
                    raise Unavailable("{problem}", problem=trouble.error)
                yield msgspec.json.decode(line, type=answer)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path, however long it is, in a few bytes."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
