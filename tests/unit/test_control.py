"""The control socket: for its owner only, at any path, however the other side behaves."""

import asyncio
import socket
import stat

import msgspec
import pytest
from msgspec import Struct

from core.control import ControlServer, _short, ask
from core.errors import NotFound, Unavailable


class Question(Struct):
    count: int


class Number(Struct):
    value: int


async def count(body):
    for value in range(msgspec.json.decode(body, type=Question).count):
        yield Number(value)


async def nothing(body):
    raise NotFound("There is nothing.")
    yield


async def broken(body):
    yield Number(1)
    raise KeyError("a mistake of the handler")


async def endless(body):
    while True:
        yield Number(0)
        await asyncio.sleep(0.01)


@pytest.fixture
async def path(tmp_path):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    path = deep / "sip.sock"
    path.write_text("left behind")
    handlers = {"count": count, "nothing": nothing, "endless": endless, "broken": broken}
    server = ControlServer(path, handlers)
    await server.start()
    yield path
    async with asyncio.timeout(20):
        await server.close()
    assert not path.exists()


async def asked(path, name, body, kind=Number):
    return await asyncio.to_thread(lambda: list(ask(path, name, body, kind)))


async def test_answers_come_one_by_one(path):
    assert await asked(path, "count", Question(3)) == [Number(0), Number(1), Number(2)]
    assert await asked(path, "count", Question(0)) == []


async def test_only_the_owner_may_connect(path):
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_what_is_wrong_is_told(path):
    with pytest.raises(Unavailable, match="There is nothing"):
        await asked(path, "nothing", Question(1))
    with pytest.raises(Unavailable, match="no such question"):
        await asked(path, "unheard", Question(1))
    with pytest.raises(Unavailable, match="no such question"):
        await asked(path, "count", Number(1))
    with pytest.raises(Unavailable, match="went wrong on our side"):
        await asked(path, "broken", Question(1))
    with pytest.raises(Unavailable, match="does not run"):
        await asked(path.parent / "other.sock", "count", Question(1))


async def test_who_goes_away_or_talks_nonsense_ends_nothing_but_itself(path):
    def rude():
        for text in (b"", b"\n", b"[]\n", b"x" * 100_000 + b"\n", b'{"name": "endless", "body": {}}\n'):
            with socket.socket(socket.AF_UNIX) as sock:
                with _short(path) as address:
                    sock.connect(address)
                sock.sendall(text)
                sock.recv(10) if text.endswith(b"{}}\n") else None

    await asyncio.to_thread(rude)
    assert len(await asked(path, "count", Question(2))) == 2
