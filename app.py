"""The composition root: the only module that knows all the others.

``create_app(role)`` builds the same program with another lifespan for each role. What a role opens is
written below in the order in which it is opened; it is closed in the reverse order, so calls end
before the database goes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
from litestar import Litestar
from litestar.datastructures import State

import measures
from core import background
from core.bus import EventBus
from core.call.recording import RoomWatch
from core.call.switchboard import Switchboard
from core.call.vanished import VanishedSweep
from core.clock import SystemClock
from core.contracts import Tenant
from core.control import CONTROL_SOCKET, ControlServer
from core.drain import Drain
from core.errors import SettingError, SunSimError
from core.host import Host
from core.media.process import CAPTURES
from core.media.server import Lost, RtpengineServer
from core.ports import Clock, MediaServer
from core.routing.zones import day
from core.settings import MediaSettings, Settings, SipSettings
from core.sip.endpoint import Endpoint
from core.sip.guard import Lift
from core.sip.listen import CannotListen, Listen, from_settings
from core.sip.overload import Load, Quota
from core.sip.session_timer import Interval
from core.sip.tap import Wanted
from core.trunk.board import TrunkBoard
from core.trunk.keeper import TrunkKeeper
from tenants.bindings import DatabaseBindings
from tenants.callcommands import CommandExecutor
from tenants.callstore import DatabaseCallStore
from tenants.captures import Captures
from tenants.crosstenant.talktime import talk_times
from tenants.db import Database
from tenants.directory import MemoryDirectory
from tenants.jobs import run_worker
from tenants.listener import CHANNELS, LIVE, Listener
from tenants.live import DatabaseLiveBoard
from tenants.recordingroom import DiskRoom
from tenants.recordings import RecordingMaker
from tenants.regions import load_geocoder
from tenants.secrets import Vault
from tenants.services.checks import CheckKeeper
from tenants.services.chores import chores
from tenants.services.lines import LineIssuer
from tenants.sounds import SoundFiles
from tenants.storage import RECORDINGS, Storage
from tenants.trunkstate import TrunkStateWriter
from web.api import api
from web.context import WebContext
from web.host import build
from web.probes import probes

__all__ = ["create_app"]

log = structlog.get_logger(__name__)

Open = Callable[["Common", AsyncExitStack, State], Awaitable[None]]
"""Opens what a role needs and leaves the closing to the stack."""


class RunningMedia(MediaServer, Protocol):
    """A media server with its beginning and its end."""

    async def start(self) -> None:
        """Be ready for sessions."""
        ...

    async def stop(self) -> None:
        """End what ``start`` began."""
        ...


MakeMedia = Callable[[MediaSettings, Path, Lost, Path | None], RunningMedia]
"""From settings, a folder of its own, whom to tell that sessions are lost, and where the servers of a
pool record."""


def _rtpengine(
    settings: MediaSettings, folder: Path, on_lost: Lost, captures: Path | None
) -> RtpengineServer:
    return RtpengineServer(settings, folder, on_lost=on_lost, captures=captures)


class Common:
    """What every role has: settings, plugins, keys, and once opened the database and its notices."""

    def __init__(self, role: str, settings: Settings, media: MakeMedia) -> None:
        self.role = role
        self.settings = settings
        self.media = media
        self.host = Host.load()
        self.vault = Vault.open(settings.data)
        self.database: Database
        self.listener: Listener
        self.checks: dict[str, Callable[[], Awaitable[bool]]] = {}
        self.details: dict[str, Callable[[], Any]] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect to the database, listen to it, start the plugins."""
        self.database = await Database.open(self.settings.data)
        stack.push_async_callback(self.database.close)
        self.checks["database"] = self.database.healthy
        # The SIP process makes the news of the present moment, so it need not hear them.
        channels = [name for name in CHANNELS if self.role != "sip" or name != LIVE]
        self.listener = Listener(self.database.listen_connection, channels)
        self.listener.start()
        stack.push_async_callback(self.listener.stop)
        await self.host.startup(self.role)
        stack.push_async_callback(self.host.shutdown, self.role)

    async def open_directory(self, stack: AsyncExitStack) -> MemoryDirectory:
        """Load all tenants and follow their changes."""
        directory = MemoryDirectory(self.database, self.listener, self.vault)
        await directory.start()
        stack.push_async_callback(directory.close)
        return directory


def create_app(role: str, settings: Settings, *, media: MakeMedia = _rtpengine) -> Litestar:
    """The ASGI application of one process. Raises SettingError and PluginError before it serves.

    ``media`` is for a benchmark that leaves rtpengine out.
    """
    common = Common(role, settings, media)
    if role == "web":
        return _web(common)
    opener = {"sip": _open_sip, "worker": _open_worker}[role]
    return Litestar(
        route_handlers=probes(common.checks, common.settings.http.metrics_from, common.details),
        lifespan=[_lifespan(common, opener)],
        logging_config=None,
        openapi_config=None,
    )


def _lifespan(common: Common, opener: Open) -> Any:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await common.open(stack)
                await opener(common, stack, app.state)
            except SunSimError as error:  # ``serve`` says it in one line; uvicorn would in fifty
                app.state.problem = error
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
                raise
            yield

    return lifespan


# --- web ------------------------------------------------------------------------------------------


def _web(common: Common) -> Litestar:
    context = WebContext(common.settings, common.host, common.vault)

    async def opener(common: Common, stack: AsyncExitStack, state: State) -> None:
        directory = await common.open_directory(stack)
        context.attach(common.database, directory, common.listener)
        keeper = CheckKeeper(context.checks, common.listener)
        keeper.start()
        stack.push_async_callback(keeper.close)

    return build(
        context,
        routes=[*probes(common.checks, common.settings.http.metrics_from), *api(context)],
        lifespan=[_lifespan(common, opener)],
        logging_config=None,
    )


# --- sip ------------------------------------------------------------------------------------------


async def _open_sip(common: Common, stack: AsyncExitStack, state: State) -> None:
    settings, clock = common.settings, SystemClock()
    await asyncio.to_thread(load_geocoder)  # or the first caller would wait for it
    directory = await common.open_directory(stack)
    store = DatabaseCallStore(common.database, settings.data.dir)
    _start(store, stack)
    board = DatabaseLiveBoard(common.database, common.listener)
    _start(board, stack)
    bindings = DatabaseBindings(common.database, common.vault.derive("bindings"))
    await bindings.load()
    _start(bindings, stack)
    media = common.media(
        settings.media,
        settings.data.dir.resolve() / "media",
        lambda calls: switchboard.media_lost(calls),  # noqa: PLW0108 - it is made below
        settings.recording.dir,
    )
    await media.start()
    stack.push_async_callback(media.stop)
    common.checks["media"] = media.healthy

    def tenant_of(tenant_id: Any) -> Tenant | None:
        snapshot = directory.snapshot(tenant_id)
        return snapshot.tenant if snapshot else None

    room = _room(common)
    carriers = TrunkBoard()
    bus = EventBus(common.host, tenant_of)
    stack.push_async_callback(bus.drain)
    switchboard = Switchboard(
        settings=settings.sip,
        directory=directory,
        media=media,
        store=store,
        board=board,
        host=common.host,
        publish=bus.publish,
        clock=clock,
        trunks=carriers,
        room=room,
        sounds=await SoundFiles.open(settings.data),
    )
    await _remember_talks(common.database, directory, switchboard, clock)
    endpoint = Endpoint(
        listen=_listen(settings),
        domain=settings.sip.domain,
        external=settings.sip.external_address,
        lines=directory.line,
        trunk_from=directory.trunk_from,
        on_invite=switchboard.on_invite,
        registrar_sink=switchboard.moment,
        clock=clock,
        secret=common.vault.derive("sip nonces"),
        algorithms=settings.sip.digest,
        interval=Interval(settings.sip.session_expires, settings.sip.min_se),
        bindings=bindings,
        quota=_quota(settings.sip, switchboard),
        **_limits(settings.sip, media),
        trace_bytes=settings.sip.trace_megabytes << 20,
    )
    switchboard.endpoint = endpoint
    state.drain = Drain(switchboard.drain, lambda: switchboard.calls, settings.sip.drain_seconds)
    common.checks["accepting"] = switchboard.accepting
    directory.watch_lines(endpoint.forget)
    await _begin_to_listen(endpoint, bindings, directory)
    stack.push_async_callback(endpoint.stop)
    stack.push_async_callback(switchboard.stop)
    _look_for_vanished(settings, switchboard, stack)
    _look_for_room(room, switchboard, stack)
    await _obey(common, stack, switchboard, endpoint)
    state.endpoints = _endpoints(endpoint)
    keeper = TrunkKeeper(endpoint, directory.trunks, carriers, clock)
    await _keep_carriers(common, stack, keeper)
    measures.calls(switchboard, endpoint, bus, common.host)
    measures.records(store)
    measures.recorded(switchboard.moment, room)
    measures.carriers(keeper)
    measures.directory(directory)
    if isinstance(media, RtpengineServer):
        measures.media(media)


async def _begin_to_listen(
    endpoint: Endpoint, bindings: DatabaseBindings, directory: MemoryDirectory
) -> None:
    try:
        await endpoint.start(bindings.restored(directory.line))
    except CannotListen as error:
        name = f"SUNSIM_SIP_LISTEN_{error.transport}".removesuffix("_UDP")
        raise SettingError(name=name, problem=str(error)) from error


def _room(common: Common) -> DiskRoom:
    settings = common.settings
    folder = settings.data.dir.resolve() / RECORDINGS
    return DiskRoom(common.database, _captures(settings), folder, settings.recording)


def _look_for_room(room: DiskRoom, switchboard: Switchboard, stack: AsyncExitStack) -> None:
    watch = RoomWatch(room, switchboard.present)
    watch.start()
    stack.push_async_callback(watch.stop)


async def _remember_talks(
    database: Database, directory: MemoryDirectory, switchboard: Switchboard, clock: Clock
) -> None:
    """How long people have talked today before this process began (H-10)."""
    now = clock.now()
    since = {
        tenant_id: datetime.fromtimestamp(day(zone, now)[0], UTC)
        for tenant_id, zone in directory.timezones().items()
    }
    switchboard.moment.talk.load(await talk_times(database, since), now)


def _quota(settings: SipSettings, switchboard: Switchboard) -> Quota:
    per_second, at_once = settings.rate_per_tenant, settings.calls_per_tenant
    return Quota(per_second, at_once, switchboard.tenant_of, switchboard.moment.calls_of)


async def _obey(
    common: Common, stack: AsyncExitStack, switchboard: Switchboard, endpoint: Endpoint
) -> None:
    """Listen to pages and the shell: what they want of calls, and want to see of messages."""
    control = ControlServer(
        common.settings.data.dir.resolve() / CONTROL_SOCKET,
        {
            "trace": lambda body: endpoint.tap.read(msgspec.json.decode(body, type=Wanted)),
            "bans": lambda body: endpoint.bans(msgspec.json.decode(body, type=Lift)),
        },
    )
    await control.start()
    stack.push_async_callback(control.close)
    commands = CommandExecutor(common.database, common.listener, switchboard)
    commands.start()
    stack.push_async_callback(commands.close)


def _start(
    part: DatabaseCallStore | DatabaseLiveBoard | DatabaseBindings, stack: AsyncExitStack
) -> None:
    part.start()
    stack.push_async_callback(part.close)


def _look_for_vanished(settings: Settings, switchboard: Switchboard, stack: AsyncExitStack) -> None:
    if settings.media.silence_seconds:
        sweep = VanishedSweep(switchboard.present, settings.media.silence_seconds)
        sweep.start()
        stack.push_async_callback(sweep.stop)


async def _keep_carriers(common: Common, stack: AsyncExitStack, keeper: TrunkKeeper) -> None:
    """Registrations are taken away first of all when the process ends, before calls are."""
    states = TrunkStateWriter(common.database, keeper.states)
    states.start()
    stack.push_async_callback(states.close)
    keeper.start()
    stack.push_async_callback(keeper.stop)
    common.checks["trunks"] = keeper.any_up
    common.details["carriers"] = keeper.words


def _limits(sip: SipSettings, media: RunningMedia) -> dict[str, Any]:
    """How much the endpoint takes from everybody together, from one address, and while it is late."""
    server = media if isinstance(media, RtpengineServer) else None
    return {
        "max_sessions": 2 * sip.max_calls,
        "source_rate": sip.rate_per_address,
        "source_burst": 4 * sip.rate_per_address,
        "load": Load(sip.overload_milliseconds / 1000),
        "late": lambda: server.late if server is not None else 0.0,
    }


def _listen(settings: Settings) -> Listen:
    try:
        return from_settings(settings.sip, settings.data.dir.resolve())
    except OSError as error:
        problem = f"{error.filename or 'certificate and key'}: {error.strerror or error}"
        raise SettingError(name="SUNSIM_SIP_TLS_CERTIFICATE", problem=problem) from error


def _endpoints(endpoint: Endpoint) -> dict[str, Any]:
    """Where SIP listens: ``sip`` (UDP and TCP), and a list for each transport."""
    by_transport = {
        f"sip_{transport.lower()}": [str(address) for address in addresses]
        for transport, addresses in endpoint.addresses.items()
    }
    return {"sip": str(endpoint.address), **by_transport}


# --- worker ---------------------------------------------------------------------------------------


async def _open_worker(common: Common, stack: AsyncExitStack, state: State) -> None:
    issuer = LineIssuer(common.vault, common.settings.sip.domain)
    maker = _recording_maker(common)
    measures.recordings(maker)
    work = asyncio.create_task(
        run_worker(
            common.database,
            common.settings.data,
            common.host,
            common.listener,
            chores(
                common.database,
                issuer,
                Storage(common.settings.data.dir.resolve() / "sound"),
                maker,
            ),
        ),
        name="worker",
    )
    stack.push_async_callback(background.end, work)
    work.add_done_callback(_leave_if_broken)


def _recording_maker(common: Common) -> RecordingMaker:
    settings = common.settings
    return RecordingMaker(
        common.database,
        Storage(settings.data.dir.resolve() / RECORDINGS),
        Captures(_captures(settings) or settings.data.dir / "none"),
        settings.recording,
    )


def _captures(settings: Settings) -> Path | None:
    """Where media servers write what they receive; those of a pool only if the settings say so."""
    if settings.media.rtpengine:
        return settings.recording.dir
    return settings.data.dir.resolve() / "media" / CAPTURES


def _leave_if_broken(work: asyncio.Task[None]) -> None:
    """A worker that cannot work must not sit there: the supervisor starts a fresh one."""
    if not work.cancelled() and work.exception() is not None:
        log.critical("worker.broken", exc_info=work.exception())
        os.kill(os.getpid(), signal.SIGTERM)
