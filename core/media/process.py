"""The rtpengine that we start ourselves and keep alive.

It lives and dies with us: the kernel kills it when its parent dies (PR_SET_PDEATHSIG), and its calls
are deleted before it gets SIGTERM, because SIGTERM during a recording crashes it. When it dies it is
started again: at once if it had lived for a while, else after growing pauses.

Two rtpengines bind one ng port without a word and the kernel gives requests to either; so the port is
a fresh one each time, and after the first answer the kernel's own table must show exactly one socket
on it, the child's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from core.background import end
from core.errors import MediaUnavailable
from core.media.ports import PortRange
from core.media.rtpengine import NgClient
from core.settings import Address, MediaSettings
from core.supervisor import die_with_parent

__all__ = ["CAPTURES", "RtpengineProcess"]

CAPTURES = "recordings"
"""Where it records, in its folder."""

log = structlog.get_logger(__name__)

_NG_HOST = "127.0.0.1"
_READY = 10.0  # seconds until the first pong; 0.05 on an idle machine
_ATTEMPTS = 3  # starts in a row before `start` gives up
_STABLE = 2.0  # a child that lived this long is restarted without a pause
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
# Both sides may be muted for long; dead calls are noticed by SIP. This frees what was lost anyway.
_IDLE = 3600


class RtpengineProcess:
    """A supervised rtpengine. ``on_death`` is called, from the loop, each time it dies unasked.

    ``binary`` is the program to start, ``dtmf`` where it reports key presses (UDP, JSON).
    """

    def __init__(
        self,
        settings: MediaSettings,
        folder: Path,
        *,
        on_death: Callable[[], None] = lambda: None,
        binary: str = "rtpengine",
        dtmf: Address | None = None,
    ) -> None:
        self._settings = settings
        self._ports = PortRange(settings.port_min, settings.port_max)
        self._folder = folder
        self._on_death = on_death
        self._binary = binary
        self.dtmf = dtmf
        self._child: asyncio.subprocess.Process | None = None
        self._client: NgClient | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def client(self) -> NgClient:
        """How to talk to the child that runs now. MediaUnavailable while there is none."""
        if self._client is None or self._client.closed:
            raise MediaUnavailable()
        return self._client

    @property
    def pid(self) -> int | None:
        """Process id of the child that runs now."""
        return self._child.pid if self._child and self._client else None

    async def start(self) -> None:
        """Start the child and wait until it answers; from then on it is kept alive.

        Raises MediaUnavailable when it does not come up, SettingError when its ports are taken.
        """
        self._ports.claim()
        (self._folder / CAPTURES).mkdir(parents=True, exist_ok=True)
        try:
            await self._launch_repeatedly()
        except BaseException:
            self._ports.release()
            raise
        self._keeper = asyncio.create_task(self._keep(), name="rtpengine")

    async def stop(self) -> None:
        """Delete all calls, end the child and wait until it is gone."""
        await end(self._keeper)
        self._keeper = None
        client, self._client = self._client, None
        if client is not None:
            with suppress(MediaUnavailable):
                await _delete_all(client)
            client.close()
        await self._end()
        self._ports.release()

    async def _keep(self) -> None:
        """Start the child again whenever it has died."""
        failures = 0
        while True:
            assert self._child is not None
            born = time.monotonic()
            status = await self._child.wait()
            if self._client is not None:
                self._client.close()
                self._client = None
                log.error("rtpengine.died", status=status, last_words=self._last_words())
                asyncio.get_running_loop().call_soon(self._on_death)
            failures = 0 if time.monotonic() - born > _STABLE else failures + 1
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            with suppress(MediaUnavailable):
                await self._launch()
                log.info("rtpengine.restarted", pid=self._child.pid)

    async def _launch_repeatedly(self) -> None:
        for _ in range(_ATTEMPTS - 1):
            with suppress(MediaUnavailable):
                await self._launch()
                return
        await self._launch()

    async def _launch(self) -> None:
        """One start: the child, its first answer, the proof that it is the child that answered."""
        began = time.monotonic()
        address = Address(_NG_HOST, _free_port())
        try:
            self._child = await self._spawn(address)
            client = await NgClient.open(address)
        except OSError as error:
            log.error("rtpengine.not_started", problem=str(error))
            problem = error.strerror or error
            raise MediaUnavailable("rtpengine cannot be run: {problem}", problem=problem) from error
        try:
            await self._ready(client)
            _prove_ours(self._child.pid, address.port)
        except BaseException:
            client.close()
            await self._end()
            raise
        self._client = client
        took = round((time.monotonic() - began) * 1000)
        log.info("rtpengine.ready", pid=self._child.pid, ng=str(address), ms=took)

    async def _spawn(self, address: Address) -> asyncio.subprocess.Process:
        # Its log is a file, not a pipe: a pipe that we read too slowly would stop its media threads.
        with self._log_file().open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *self._command(address),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us: calls are deleted first
                preexec_fn=die_with_parent(signal.SIGKILL),
                env=self._environment(),
            )

    def _command(self, address: Address) -> list[str]:
        settings = self._settings
        command = [
            self._binary,
            "--config-file=none",
            "--foreground",
            "--log-stderr",
            # Warnings only: information is some thirty lines a call, with addresses of people.
            "--log-level=4",
            "--table=-1",
            *(f"--interface={address}" for address in settings.interface),
            f"--listen-ng={address}",
            f"--port-min={settings.port_min}",
            f"--port-max={settings.port_max}",
            f"--timeout={_IDLE}",
            f"--silent-timeout={_IDLE}",
            f"--offer-timeout={_IDLE}",
            # Of several sources in a stream's first seconds the one that fits the SDP is learned; by
            # default it would be the last one, whoever that is (measured).
            "--endpoint-learning=heuristic",
            f"--recording-dir={self._folder / CAPTURES}",
            "--recording-method=pcap",
        ]
        if settings.redis is not None:
            # Without Redis it must start and relay all the same.
            where = settings.redis.rpartition("@")[2]
            command += [f"--redis={where}", "--no-redis-required"]
        if self.dtmf is not None:
            command.append(f"--dtmf-log-dest={self.dtmf}")
        return command

    def _environment(self) -> dict[str, str]:
        """Redis' password goes here: everybody may read a process's command line."""
        password = (self._settings.redis or "").rpartition("@")[0]
        return {**os.environ, "RTPENGINE_REDIS_AUTH_PW": password} if password else dict(os.environ)

    async def _ready(self, client: NgClient) -> None:
        """Ping until the child answers; MediaUnavailable if it ends first or the time is over."""
        assert self._child is not None
        deadline = time.monotonic() + _READY
        while time.monotonic() < deadline and self._child.returncode is None:
            try:
                await client.request("ping", deadline=0.2)
            except MediaUnavailable:
                await asyncio.sleep(0.01)
            else:
                return
        words = self._last_words()
        log.error("rtpengine.not_ready", last_words=words)
        raise MediaUnavailable("rtpengine does not start; it says: {words}", words=words)

    async def _end(self) -> None:
        child = self._child
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            async with asyncio.timeout(_GRACE):
                await child.wait()
        except TimeoutError:
            log.warning("rtpengine.killed", pid=child.pid)
            child.kill()
            await child.wait()

    def _log_file(self) -> Path:
        return self._folder / "rtpengine.log"

    def _last_words(self) -> str:
        lines = self._log_file().read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""


async def _delete_all(client: NgClient) -> None:
    """Delete every call; what is left after ten thousand of them is left to SIGTERM."""
    for _ in range(100):
        calls = (await client.request("list", {"limit": 100})).get("calls")
        if not isinstance(calls, list) or not calls:
            return
        for call in calls:
            await client.request("delete", {"call-id": call, "delete-delay": 0})


def _free_port() -> int:
    """A UDP port that nobody has: a bind without SO_REUSEADDR fails on any port in use."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((_NG_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _prove_ours(pid: int, port: int) -> None:
    """MediaUnavailable unless the only socket on the port belongs to the process."""
    table = Path("/proc/net/udp").read_text().splitlines()[1:]
    rows = (line.split() for line in table)
    found = {f"socket:[{row[9]}]" for row in rows if int(row[1].rpartition(":")[2], 16) == port}
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            own.add(str(descriptor.readlink()))
    if len(found) != 1 or not found <= own:
        log.error("rtpengine.foreign", port=port, sockets=len(found))
        raise MediaUnavailable()
