"""rtpengine keeps its calls in a real Redis: they outlive it."""

import asyncio
import os
import signal
import socket
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from core.ids import new_id
from core.media.g711 import PCMA
from core.media.server import RtpengineServer
from tests.integration.media.test_session import talk
from tests.support.free_ports import free_port
from tests.support.media import alone, figures, media_settings, peers
from tests.support.waiting import until

PASSWORD = "open-sesame-42"


@asynccontextmanager
async def redis(folder):
    """A redis-server with a password; yields host:port."""
    port = free_port("127.0.0.1")
    folder.mkdir()
    process = await asyncio.create_subprocess_exec(
        "redis-server",
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *("--save", "", "--appendonly", "no", "--requirepass", PASSWORD),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    break
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def test_a_killed_child_comes_back_with_its_calls(tmp_path):
    async with redis(tmp_path / "redis") as address, peers(PCMA, PCMA) as (caller, callee):
        lost = []
        settings = replace(media_settings(), redis=f"{PASSWORD}@{address}/3")
        server = RtpengineServer(settings, tmp_path / "media", on_lost=lost.extend)
        await server.start()
        try:
            command = Path(f"/proc/{server.process.pid}/cmdline").read_text()
            assert PASSWORD not in command
            session = server.session(new_id())
            await alone(session, caller.sdp)
            callee.connect(await session.ring("b"))
            caller.connect(await session.connect("b", callee.sdp))
            await talk(caller, callee, 0.5)
            pid = server.process.pid
            os.kill(pid, signal.SIGKILL)
            await until(lambda: server.process.pid not in (None, pid))
            await until(lambda: server.servers()[0].up)
            await talk(caller, callee, 0.5)
            assert (await figures(server)).sessions == 1
            held = await session.reoffer(None, caller.sdp.replace(b"sendrecv", b"sendonly"))
            assert b"a=recvonly" in held
            assert lost == []
            await session.close()
            assert (await figures(server)).sessions == 0
        finally:
            await server.stop()


async def test_calls_that_nobody_owns_any_more_are_deleted_at_the_start(tmp_path):
    """The process was killed, and its child with it; Redis brings the call back."""
    async with redis(tmp_path / "redis") as address, peers(PCMA) as (caller,):
        with ExitStack() as ports:
            settings = replace(media_settings(100, ports), redis=f"{PASSWORD}@{address}/3")
            killed = RtpengineServer(settings, tmp_path / "media")
            await killed.start()
            await alone(killed.session(new_id()), caller.sdp)
            for watch in killed._watches:
                await watch.stop()
            killed.process._keeper.cancel()
            os.kill(killed.process.pid, signal.SIGKILL)
            await killed.process._child.wait()
            killed.process._ports.release()
            again = RtpengineServer(settings, tmp_path / "media")
            await again.start()
            try:
                assert (await figures(again)).sessions == 0
                async with asyncio.timeout(20):
                    while (await figures(again)).ports_used:
                        await asyncio.sleep(0.02)
            finally:
                await again.stop()


async def test_without_redis_calls_are_relayed_all_the_same(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}/1"
        server = RtpengineServer(replace(media_settings(), redis=nobody), tmp_path)
        await server.start()
        try:
            async with peers(PCMA, PCMA) as (caller, callee):
                session = server.session(new_id())
                await alone(session, caller.sdp)
                callee.connect(await session.ring("b"))
                caller.connect(await session.connect("b", callee.sdp))
                await talk(caller, callee, 0.5)
                await session.close()
        finally:
            await server.stop()
