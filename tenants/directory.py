"""All tenants' configuration in memory, for calls: no query is ever made on the way of a call.

Loaded whole at the start, then tenant by tenant: a change of configuration raises the tenant's version
and notifies ``sunsim_config``; the tenant is read again (all of it at one instant) and its snapshot,
numbers and lines are exchanged together, between two steps of the event loop; contacts, which change
more often, have a version of their own (``tenants.contacts``). Whenever the connection
that listens was lost, and once a minute, versions are compared, so a missed notification costs a moment
only. While the database is away, calls go by what was known last.

Every snapshot is kept for replay, in the background: a release that changes their form must not keep
calls waiting until thousands are written.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import (
    CarrierAccount,
    Contact,
    Encryption,
    IdentityHeader,
    Line,
    Number,
    NumberFormat,
    Snapshot,
    Trunk,
    TrunkTransport,
)
from tenants import snapshot as snapshots
from tenants.contacts import ContactIndex
from tenants.crosstenant import (
    Configuration,
    configuration_versions,
    configurations,
    kept_snapshots,
    number_routes,
    numbering_plan,
    trunks,
)
from tenants.db import Database
from tenants.failures import DATABASE_AWAY
from tenants.listener import CONFIG, CONTACTS, Listener, Notice, Subscription
from tenants.networks import NetworkMap
from tenants.regions import Regions
from tenants.secrets import SealBroken, Vault, open_ha1, open_trunk_password
from tenants.tables import TerminalState

__all__ = ["MemoryDirectory"]

log = structlog.get_logger(__name__)

BATCH = 200
RETRY_SECONDS = 1.0
COMPARE_SECONDS = 60.0


class _SealedLine(Struct):
    """A line as it was read; its secrets are opened when it is first asked for, if not before."""

    login: str
    employee_id: UUID
    terminal_id: UUID
    ha1: dict[str, str]
    encryption: Encryption = Encryption.PREFERRED
    opened: Line | None = None
    broken: bool = False

    def same_account(self, other: _SealedLine) -> bool:
        """Whether the login, its terminal and its password are the same."""
        return self.terminal_id == other.terminal_id and self.ha1 == other.ha1


class _Held(Struct):
    """What of one tenant stands in the indexes."""

    snapshot: Snapshot
    numbers: tuple[Number, ...] = ()
    lines: tuple[_SealedLine, ...] = ()


class MemoryDirectory:
    """Implements ``core.ports.TenantDirectory``; one for each process that routes calls."""

    def __init__(self, database: Database, listener: Listener, vault: Vault) -> None:
        self._database = database
        self._listener = listener
        self._vault = vault
        self._tenants: dict[UUID, _Held] = {}
        self._numbers: dict[str, tuple[Snapshot, Number]] = {}
        self._lines: dict[str, tuple[UUID, _SealedLine]] = {}
        self._trunks: dict[UUID, Trunk] = {}
        self._networks: NetworkMap[Trunk] = NetworkMap(())
        self._routes: dict[str, list[UUID]] = {}
        self._regions = Regions()
        self._contacts = ContactIndex(database)
        self._unkept: dict[tuple[str, int], Snapshot] = {}
        self._some_unkept = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.comparisons = 0  # how often everything was compared with the database
        self._eager = False
        self._on_line_gone: Callable[[str], None] = lambda login: None

    def watch_lines(self, on_gone: Callable[[str], None]) -> None:
        """Tell of every line that is no more: deleted, not active, suspended, another password.

        From now on the secrets of lines are opened as soon as they are known: the first to ask must
        not see by the time it takes that a line exists.
        """
        self._on_line_gone = on_gone
        self._eager = True
        for login in self._lines:
            self.line(login)

    async def start(self) -> None:
        """Load everything, then follow the changes. Raises Unavailable if there is no database."""
        with contextlib.ExitStack() as following:
            # Subscribed before the first load, so that no change falls between the two.
            subscription = following.enter_context(self._listener.subscribe(CONFIG))
            await self._compare()
            task = asyncio.create_task(self._follow(subscription), name="directory")
            closing = following.pop_all()
            task.add_done_callback(lambda _: closing.close())
            keeping = asyncio.create_task(self._keep_always(), name="directory-snapshots")
            self._tasks = [task, keeping]

    async def close(self) -> None:
        """Follow no more; look-ups go on with what is known."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tenants)

    # --- core.ports.TenantDirectory ---------------------------------------------------------

    def snapshot(self, tenant_id: UUID) -> Snapshot | None:
        """The tenant's present configuration."""
        held = self._tenants.get(tenant_id)
        return held.snapshot if held else None

    def timezones(self) -> dict[UUID, str]:
        """The time zone of every company."""
        return {tenant_id: held.snapshot.timezone for tenant_id, held in self._tenants.items()}

    def number(self, e164: str) -> tuple[Snapshot, Number] | None:
        """Whose number this is, or ``None`` for a number that nobody has."""
        return self._numbers.get(e164)

    def line(self, login: str) -> Line | None:
        """The SIP account with this login, unless its tenant is suspended."""
        found = self._lines.get(login)
        if found is None:
            return None
        tenant_id, line = found
        if line.opened is None and not line.broken:
            line.opened = self._open(tenant_id, line)
        return line.opened

    def trunk_from(self, host: str) -> Trunk | None:
        """The carrier whose networks contain this source address; the smallest network wins."""
        return self._networks.find(host)

    def trunk(self, trunk_id: UUID | None) -> Trunk | None:
        """One carrier by id; with ``None`` the oldest one."""
        if trunk_id is None:
            return next(iter(self._trunks.values()), None)
        return self._trunks.get(trunk_id)

    def trunks(self) -> Sequence[Trunk]:
        """All carriers in use, the oldest first."""
        return tuple(self._trunks.values())

    def trunks_for(self, number: Number) -> Sequence[Trunk]:
        """The carriers through which calls with this number go out, the preferred one first.

        Its own, then the further ones of the stock; a number without any takes the oldest one.
        """
        ids = dict.fromkeys(self._routes.get(number.e164, ()))
        if number.trunk_id is not None:
            ids = {number.trunk_id: None, **ids}
        if not ids:
            return tuple(self._trunks.values())[:1]
        return [self._trunks[trunk_id] for trunk_id in ids if trunk_id in self._trunks]

    def regions(self, number: str | None) -> tuple[int, ...]:
        """From which federal subjects a number is: their codes."""
        return self._regions.of(number)

    def contact(self, tenant_id: UUID, number: str | None) -> Contact | None:
        """What the tenant has saved of a number."""
        return self._contacts.of(tenant_id, number)

    def _open(self, tenant_id: UUID, line: _SealedLine) -> Line | None:
        try:
            ha1 = open_ha1(self._vault, line.login, line.ha1)
        except SealBroken:
            line.broken = True
            log.error("line_seal_broken", tenant=str(tenant_id), login=line.login)
            return None
        return Line(line.login, tenant_id, line.employee_id, line.terminal_id, ha1, line.encryption)

    # --- following --------------------------------------------------------------------------

    async def _follow(self, subscription: Subscription) -> None:
        behind = False
        while True:
            notices: list[Notice] = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS if behind else COMPARE_SECONDS):
                    notices = await subscription.take()
            try:
                if behind or not notices or any(notice.tenant_id is None for notice in notices):
                    await self._compare()
                else:
                    await self._load(self._news(notices))
                    await self._contacts.load(
                        notice.tenant_id for notice in notices if notice.kind == CONTACTS
                    )
                behind = False
            except DATABASE_AWAY as error:
                behind = True
                log.warning("directory_behind", error=type(error).__name__)
            except Exception:  # whatever it is: calls must not go by old configuration for ever
                behind = True
                log.exception("directory_failed")

    def _news(self, notices: Iterable[Notice]) -> Iterator[UUID]:
        """Tenants of which we do not have the version that a notice speaks of."""
        for notice in notices:
            if notice.tenant_id is None or notice.kind == CONTACTS:
                continue
            held = self._tenants.get(notice.tenant_id)
            if held is None or not notice.version or held.snapshot.version < notice.version:
                yield notice.tenant_id

    async def _compare(self) -> None:
        """Carriers, the numbering plan, and every tenant whose version is another than ours."""
        self._put_trunks(await trunks(self._database), await number_routes(self._database))
        self._put_numbering(await numbering_plan(self._database, self._regions.plan_id))
        versions = await configuration_versions(self._database)
        for tenant_id in self._tenants.keys() - versions.keys():
            self._drop(tenant_id)
        await self._load(
            tenant_id
            for tenant_id, version in versions.items()
            if (held := self._tenants.get(tenant_id)) is None or held.snapshot.version != version
        )
        await self._contacts.compare()
        self.comparisons += 1

    async def _load(self, tenant_ids: Iterable[UUID]) -> None:
        wanted = list(dict.fromkeys(tenant_ids))
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            loaded = await configurations(self._database, batch)
            for configuration in loaded:
                held = _held(configuration)
                if held is not None:
                    self._put(held)
                await asyncio.sleep(0)  # calls go on between two tenants
            for tenant_id in set(batch) - {configuration.tenant["id"] for configuration in loaded}:
                self._drop(tenant_id)

    async def _keep_always(self) -> None:
        """Store the snapshots that are not stored yet; a lost database is waited for."""
        while True:
            await self._some_unkept.wait()
            self._some_unkept.clear()
            try:
                while self._unkept:
                    await self._keep(list(self._unkept.values())[:BATCH])
            except DATABASE_AWAY as error:
                log.warning("snapshots_not_kept", error=type(error).__name__)
                self._some_unkept.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _keep(self, fresh: Sequence[Snapshot]) -> None:
        known = await kept_snapshots(self._database, [snapshot.hash for snapshot in fresh])
        for snapshot in fresh:
            key = snapshot.hash, snapshot.version
            if key not in known:
                await snapshots.store(self._database, snapshot)
            self._unkept.pop(key, None)

    # --- the indexes: no await in here, so calls see the whole of an exchange ------------------

    def _put(self, held: _Held) -> None:
        tenant_id = held.snapshot.tenant_id
        before = self._remove(tenant_id)
        self._tenants[tenant_id] = held
        self._unkept[held.snapshot.hash, held.snapshot.version] = held.snapshot
        self._some_unkept.set()
        for number in held.numbers:
            self._numbers[number.e164] = (held.snapshot, number)
        for line in held.lines:
            old = before.pop(line.login, None)
            if old is not None and line.same_account(old):
                same = (line.employee_id, line.encryption) == (old.employee_id, old.encryption)
                line.opened = old.opened if same else None
            elif old is not None:
                self._on_line_gone(line.login)
            self._lines[line.login] = (tenant_id, line)
            if self._eager:
                self.line(line.login)
        for login in before:
            self._on_line_gone(login)

    def _drop(self, tenant_id: UUID) -> None:
        for login in self._remove(tenant_id):
            self._on_line_gone(login)

    def _remove(self, tenant_id: UUID) -> dict[str, _SealedLine]:
        """Take a tenant out of the indexes; returns its lines by login.

        A number may be another tenant's by now, hence the comparisons.
        """
        held = self._tenants.pop(tenant_id, None)
        if held is None:
            return {}
        for number in held.numbers:
            if (found := self._numbers.get(number.e164)) and found[0].tenant_id == tenant_id:
                del self._numbers[number.e164]
        for line in held.lines:
            if (owned := self._lines.get(line.login)) and owned[0] == tenant_id:
                del self._lines[line.login]
        return {line.login: line for line in held.lines}

    def _put_trunks(self, rows: Iterable[snapshots.Row], routes: Iterable[snapshots.Row]) -> None:
        found = [_trunk(row, self._vault) for row in rows]
        self._trunks = {trunk.id: trunk for trunk in found}
        self._routes = {}
        for row in routes:
            self._routes.setdefault(row["e164"], []).append(row["trunk_id"])
        try:
            self._networks = NetworkMap((block, trunk) for trunk in found for block in trunk.networks)
        except ValueError as error:  # services refuse such a block; keep those we had
            log.error("trunk_network_unusable", error=str(error))

    def _put_numbering(self, row: snapshots.Row | None) -> None:
        if row is None:
            return
        try:
            self._regions.put(row["id"], row["edges"], row["subjects"])
        except ValueError as error:  # keep the one we had
            log.error("numbering_plan_unusable", error=str(error))


def _held(configuration: Configuration) -> _Held | None:
    """What to hold of a tenant; ``None`` if its rows make no sense, so that the last state stays."""
    try:
        snapshot = snapshots.build(configuration.tenant, configuration.rows)
        lines = () if snapshot.suspended else tuple(_lines(configuration.rows["terminals"]))
    except (ValueError, msgspec.MsgspecError) as error:
        log.error("tenant_unreadable", tenant=str(configuration.tenant["id"]), error=str(error))
        return None
    return _Held(snapshot, snapshot.numbers, lines)


def _lines(terminals: Iterable[snapshots.Row]) -> Iterator[_SealedLine]:
    """Lines whose activation is not finished (INV-05) cannot be used yet."""
    for row in terminals:
        if row["ha1"] and row["state"] == TerminalState.ACTIVE:
            ha1 = msgspec.json.decode(row["ha1"], type=dict[str, str])
            wanted = Encryption(row["encryption"])
            yield _SealedLine(row["address"], row["employee_id"], row["id"], ha1, wanted)


def _trunk(row: snapshots.Row, vault: Vault) -> Trunk:
    account = None
    if row["password_sealed"]:
        try:
            password = open_trunk_password(vault, row["id"], row["password_sealed"])
            account = CarrierAccount(row["login"], password, row["realm"])
        except SealBroken:
            log.error("trunk_seal_broken", trunk=row["name"])
    return Trunk(
        id=row["id"],
        name=row["name"],
        host=row["host"],
        port=row["port"],
        networks=tuple(row["networks"] or ()),
        max_calls=row["max_calls"],
        account=account,
        registers=row["registers"],
        registrar=row["registrar"],
        check_seconds=row["check_seconds"],
        number_format=NumberFormat(row["number_format"]),
        identity_header=IdentityHeader(row["identity_header"]),
        trusted=row["trusted"],
        transport=TrunkTransport(row["transport"]),
    )
