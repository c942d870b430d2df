"""Running SunSim: one role in the foreground, or all of them under supervision.

``Everything`` is the parent of what one machine needs: the embedded PostgreSQL and one process each
for ``web``, ``sip`` (with rtpengine as its child) and ``worker``, so that rendering a page never
delays a call and development runs the same paths as production. When all are ready it writes
``endpoints.json`` into the data folder.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
import uvloop

from core.drain import Drain
from core.errors import SettingError, SunSimError
from core.logs import configure
from core.settings import Address, Settings
from core.supervisor import Child, Supervisor, await_orphans
from tenants.embedded import EmbeddedPostgres
from tenants.migrate import migrate
from tenants.secrets import Vault

if TYPE_CHECKING:
    from litestar import Litestar

__all__ = ["ANYWHERE", "ENDPOINTS", "ROLES", "Everything", "serve_all", "serve_role"]

ROLES = ("web", "sip", "worker")
ENDPOINTS = "endpoints.json"
ANYWHERE = Address("127.0.0.1", 0)
"""Where the probes of a role listen that nobody gave an address."""
STOP_SECONDS = 9
"""How long a role may take to close once it does; the kernel ends it then. The supervisor waits a
little longer."""

log = structlog.get_logger(__name__)

Prepare = Callable[[], Awaitable[None]]
Create = Callable[[str, Settings], "Litestar"]


def serve_role(
    role: str, settings: Settings, ready_fd: int | None, create: Create | None = None
) -> None:
    """Run one role until SIGINT or SIGHUP, or until it is drained after SIGTERM.

    ``ready_fd`` is told where it listens.

    Raises what kept the role from starting, if it is a SunSimError. ``create`` makes the application
    in place of ``app.create_app``: a benchmark's with other media.
    """
    gc.disable()  # until it is ready: hardly anything is garbage of what is loaded
    from app import create_app  # imports everything; the supervising parent needs none of it

    configure(settings.log, role)
    _make_folder(settings.data.dir.resolve())
    listener = _bind(settings.http.listen)
    application = (create or create_app)(role, settings)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.http.trusted_proxies),
        forwarded_allow_ips=list(settings.http.trusted_proxies),
        timeout_graceful_shutdown=3,
        lifespan="on",
    )

    def ready() -> None:
        # What is loaded now stays; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.enable()
        # A call that is over leaves no circle of references, so there is little to look for; where
        # something does, it must not wait for hours (docs/benchmarks.md).
        gc.set_threshold(50_000, 3, 10)
        host, port = listener.getsockname()[:2]
        said = {"pid": os.getpid(), "http": str(Address(host, port))}
        said |= application.state.get("endpoints", {})
        if ready_fd is not None:
            with suppress(BrokenPipeError):  # the parent gave up; its SIGTERM is on the way
                os.write(ready_fd, json.dumps(said).encode() + b"\n")
            os.close(ready_fd)

    server = _Server(config, ready, lambda: application.state.get("drain"))
    signal.signal(signal.SIGHUP, server.handle_exit)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))
    except SystemExit:  # uvicorn's way to say that the lifespan did not begin
        problem: SunSimError | None = application.state.get("problem")
        if problem is not None:
            raise problem from None
        raise


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready, and that goes on after SIGTERM until the role is drained."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        drain: Callable[[], Drain | None],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._drain = drain
        self._leaving = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM is patient; a second signal is not, nor are SIGINT and SIGHUP."""
        if sig != signal.SIGTERM or self._leaving:
            self.should_exit = True
        self._leaving = True

    async def on_tick(self, counter: int) -> bool:
        """Whether to end now; asked ten times a second."""
        drain = self._drain()
        if self._leaving and (drain is None or drain.over(time.monotonic())):
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close in order, but not for ever: a part that hangs must not keep the process."""
        signal.alarm(STOP_SECONDS)
        await super().shutdown(sockets)


def _bind(
    address: Address, kind: int = socket.SOCK_STREAM, name: str = "SUNSIM_HTTP_LISTEN"
) -> socket.socket:
    """A socket at the address; SettingError names the setting if it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, kind)
    if kind == socket.SOCK_STREAM:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        problem = f"{address}: {error.strerror or error}"
        raise SettingError(name=name, problem=problem) from error
    return listener


def _try_addresses(settings: Settings) -> None:
    """What cannot be listened on is told before anything is started."""
    _bind(settings.http.listen).close()
    _bind(settings.sip.listen, socket.SOCK_DGRAM, "SUNSIM_SIP_LISTEN").close()


async def _await_killed(folder: Path) -> None:
    """The roles of one that was killed hold its addresses until they have closed."""
    try:
        said = json.loads((folder / ENDPOINTS).read_bytes())
        parent, roles = said["pid"], [role["pid"] for role in said["roles"].values()]
    except (OSError, ValueError, LookupError):
        return
    await await_orphans(parent, roles, str(folder), STOP_SECONDS + 1)


class Everything:
    """All processes of one machine; ``start`` returns when they are ready, ``stop`` when gone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.endpoints: dict[str, Any] = {}
        self._folder = settings.data.dir.resolve()
        self._postgres: EmbeddedPostgres | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._roles: dict[str, Child] = {}
        self._told = False
        self._supervisor = Supervisor(self._ready)

    async def start(self, prepare: Prepare) -> None:
        """Database, migrations, then what ``prepare`` does with them, then the roles."""
        await _await_killed(self._folder)
        _try_addresses(self.settings)
        _make_folder(self._folder)
        Vault.open(self.settings.data)  # a wrong key, too
        dsn = self.settings.data.dsn
        if dsn is None:
            # In this thread, on purpose: the server follows the death of the thread that starts it.
            self._postgres = EmbeddedPostgres(self._folder)
            dsn = self._postgres.start()
            (self._folder / ENDPOINTS).unlink(missing_ok=True)  # of one that was killed
            self._keeper = asyncio.create_task(_keep(self._postgres))
        await migrate(dsn)
        await prepare()
        drain = {"sip": float(self.settings.sip.drain_seconds)}
        self._roles = {
            role: Child(role, self._argv(role), os.environ, drain_seconds=drain.get(role, 0.0))
            for role in ROLES
        }
        await self._supervisor.start(*self._roles.values())

    async def drain(self) -> None:
        """Let the calls end that go on; pages and records work meanwhile. May be cancelled."""
        if "sip" in self._roles:
            await self._supervisor.drain(self._roles["sip"])

    async def stop(self) -> None:
        """The roles first, so that calls end in order and their records are stored."""
        if self._told:  # else the file is another instance's
            (self._folder / ENDPOINTS).unlink(missing_ok=True)
        await self._supervisor.stop()
        if self._keeper is not None:
            self._keeper.cancel()
        if self._postgres is not None:
            self._postgres.stop()

    def _argv(self, role: str) -> list[str]:
        """How a role is started; again where it was, also if the system chose the port."""
        settings, said = self.settings, self.endpoints.get(role, {})
        http = said.get("http") if role == "web" else None
        argv = [sys.executable, "-m", "cli", "run", "--role", role]
        argv += ["--data-dir", str(self._folder)]
        probes = settings.http.listen if role == "web" else ANYWHERE
        argv += ["--http", str(http or probes)]
        return [*argv, "--sip", str(said.get("sip") or settings.sip.listen)]

    def _ready(self, name: str, said: dict[str, Any]) -> None:
        self.endpoints[name] = said
        self._roles[name].argv = self._argv(name)
        if len(self.endpoints) == len(ROLES):
            whole = {
                "pid": os.getpid(),
                "http": f"http://{self.endpoints['web']['http']}",
                "sip": self.endpoints["sip"]["sip"],
                "roles": self.endpoints,
            }
            _write(self._folder / ENDPOINTS, json.dumps(whole, indent=2))
            self._told = True


async def serve_all(
    settings: Settings,
    prepare: Prepare,
    announce: Callable[[Everything], None],
) -> None:
    """Run everything until SIGINT or SIGTERM, also while it starts.

    SIGTERM lets calls end by themselves for a while; SIGINT, or a second signal, ends them now, and the
    next one after that kills.
    """
    configure(settings.log, "main")
    stop, now = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop_soon(number: int) -> None:
        if number == signal.SIGTERM and not stop.is_set():
            stop.set()
            return
        stop.set()
        now.set()
        for each in signals:  # the kernel ends the children of a parent that is killed
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in signals:
        loop.add_signal_handler(number, stop_soon, number)
    everything = Everything(settings)
    try:
        if await _unless(stop, everything.start(prepare)):
            announce(everything)
            await stop.wait()
            await _unless(now, everything.drain())
    finally:
        await everything.stop()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work; False if ``stop`` came first and it was given up."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task
        return True
    return False


async def _keep(postgres: EmbeddedPostgres) -> None:
    """Start the database again when it died; the roles find it by themselves."""
    while True:
        await asyncio.sleep(1)
        if postgres.pid is None:
            log.error("postgres.died")
            try:
                postgres.revive()  # blocks the loop, which has nothing else to do meanwhile
            except SunSimError as error:
                log.error("postgres.not_started", problem=error.message)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problem = f"{folder}: {error.strerror}"
        raise SettingError(name="SUNSIM_DATA_DIR", problem=problem) from error


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.replace(path)
