"""The child: ready soon, ours, restarted, gone with us."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop

from core.errors import MediaUnavailable, SettingError
from core.ids import new_id
from core.media import process as process_module
from core.media.process import RtpengineProcess
from core.media.rtp import RtpPeer
from core.media.server import RtpengineServer
from core.settings import MediaSettings
from tests.support.free_ports import free_port
from tests.support.media import alone, figures, media_settings, running_media
from tests.support.waiting import until


def state(pid: int) -> str:
    """The letter of proc(5): R, S, T (stopped), Z… or nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


def alive(pid: int) -> bool:
    return state(pid) not in ("", "Z")


async def test_start_answer_and_stop_with_calls(tmp_path):
    server = RtpengineServer(media_settings(), tmp_path)
    assert not await server.healthy()
    await server.start()
    assert await server.healthy()
    pid = server.process.pid
    peer = await RtpPeer.open()
    for _ in range(5):
        await alone(server.session(new_id()), peer.sdp)
    peer.close()
    child = server.process._child
    await server.stop()
    assert not alive(pid)
    assert child.returncode == 0
    assert not await server.healthy()
    with pytest.raises(MediaUnavailable):
        await alone(server.session(new_id()), peer.sdp)


async def test_a_recording_survives_the_stop(tmp_path):
    async with running_media(tmp_path) as server:
        peer = await RtpPeer.open()
        client = server.process.client
        session = server.session(new_id())
        peer.connect(await alone(session, peer.sdp))
        await client.request("start recording", {"call-id": session.call_id})
        peer.play([0] * 160)
        captures = tmp_path / "recordings/pcaps"
        await until(lambda: captures.is_dir() and list(captures.iterdir()))
        peer.close()
        child = server.process._child
    assert child.returncode == 0, "SIGTERM during a recording crashes rtpengine"


async def test_a_killed_child_is_replaced_and_its_sessions_end_at_once(tmp_path):
    deaths = []
    async with running_media(tmp_path, on_lost=deaths.extend) as server:
        peer = await RtpPeer.open()
        call_id = new_id()
        session = server.session(call_id)
        await alone(session, peer.sdp)
        pid = server.process.pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(MediaUnavailable):
            await session.ring("b1")
        await until(lambda: deaths)
        assert server.process.pid not in (None, pid), "the next one says which calls it knows"
        assert await server.healthy()
        with pytest.raises(MediaUnavailable):
            await session.ring("b1")
        await session.close()
        fresh = server.session(new_id())
        await alone(fresh, peer.sdp)
        assert (await figures(server)).sessions == 1
        assert deaths == [call_id]
        peer.close()


async def test_a_hung_child_costs_no_more_than_the_deadline(tmp_path):
    async with running_media(tmp_path) as server:
        peer = await RtpPeer.open()
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            await until(lambda: state(server.process.pid) == "T")
            assert not await server.healthy()
            async with asyncio.timeout(30):
                with pytest.raises(MediaUnavailable):
                    await alone(server.session(new_id()), peer.sdp)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
            peer.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_dies_leaves_no_orphan(tmp_path, number):
    settings = media_settings()
    code = f"""
import asyncio
from pathlib import Path
from core.media.process import RtpengineProcess
from core.settings import MediaSettings

async def main():
    settings = MediaSettings(port_min={settings.port_min}, port_max={settings.port_max})
    child = RtpengineProcess(settings, Path({str(tmp_path)!r}))
    await child.start()
    print("pid", child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = next(int(line.split()[1]) for line in parent.stdout if line.startswith("pid "))
        assert alive(pid)
        parent.send_signal(number)
        parent.wait(30)
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(pid)


def test_it_runs_on_uvloop(tmp_path):
    async def main():
        async with running_media(tmp_path) as server:
            pid = server.process.pid
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(MediaUnavailable):
                await server.process.client.request("ping")
            await until(lambda: server.process.pid not in (None, pid))
            assert await server.healthy()

    uvloop.run(main())


async def test_two_may_not_share_ports(tmp_path):
    settings = media_settings()
    first = RtpengineProcess(settings, tmp_path / "1")
    await first.start()
    second = RtpengineProcess(settings, tmp_path / "2")
    with pytest.raises(SettingError, match="another instance"):
        await second.start()
    await first.stop()
    await second.start()
    await second.stop()


async def test_a_stranger_on_the_port_is_recognised(tmp_path, monkeypatch):
    """Two sockets on the ng port: whoever answered, it is not proved to be the child."""
    async with running_media(tmp_path / "orphan") as orphan:
        port = orphan.process.client.address.port
        monkeypatch.setattr(process_module, "_free_port", lambda: port)
        child = RtpengineProcess(media_settings(), tmp_path / "child")
        with pytest.raises(MediaUnavailable):
            await child.start()
        assert child.pid is None
        assert await orphan.healthy()


@pytest.mark.parametrize("binary", ["/nowhere/rtpengine", "false", "true"])
async def test_a_child_that_does_not_come_up(tmp_path, binary):
    settings = media_settings()
    child = RtpengineProcess(settings, tmp_path, binary=binary)
    async with asyncio.timeout(60):
        with pytest.raises(MediaUnavailable):
            await child.start()
    good = RtpengineProcess(settings, tmp_path)
    await good.start()
    await good.stop()


async def test_neighbours_are_used_and_left_alone(tmp_path):
    async with running_media(tmp_path / "neighbour") as neighbour:
        address = neighbour.process.client.address
        dead = type(address)("127.0.0.1", free_port("127.0.0.1"))
        server = RtpengineServer(MediaSettings(rtpengine=(dead, address)), tmp_path)
        await server.start()
        assert server.process is None
        assert await server.healthy()
        peer = await RtpPeer.open()
        session = server.session(new_id())
        await alone(session, peer.sdp)
        assert (await figures(neighbour)).sessions == 1
        await session.close()
        peer.close()
        await server.stop()
        assert await neighbour.healthy()


async def test_a_dead_neighbour_is_known_at_once(tmp_path):
    dead = process_module.Address("127.0.0.1", free_port("127.0.0.1"))
    settings = MediaSettings(rtpengine=(dead,))
    server = RtpengineServer(settings, tmp_path)
    await server.start()
    peer = await RtpPeer.open()
    async with asyncio.timeout(60):
        assert not await server.healthy()
        with pytest.raises(MediaUnavailable):
            await alone(server.session(new_id()), peer.sdp)
    peer.close()
    await server.stop()
