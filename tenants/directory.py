"""All tenants' configuration in memory, for calls: no query is ever made on the way of a call.

Loaded whole at the start, then tenant by tenant: a change of configuration raises the tenant's version
and notifies ``sunsim_config``; the tenant is read again (all of it at one instant) and its snapshot,
numbers and lines are exchanged together, between two steps of the event loop. Contacts
(``tenants.contacts``) and the modes of employees, which change more often and are no part of a
configuration, have versions of their own. Whenever the connection
that listens was lost, and once a minute, versions are compared, so a missed notification costs a moment
only. While the database is away, calls go by what was known last.

Every snapshot is kept for replay, in the background: a release that changes their form must not keep
calls waiting until thousands are written.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import structlog

from core.contracts import (
    AvailabilityMode,
    Contact,
    Line,
    Number,
    Snapshot,
    Trunk,
)
from tenants import snapshot as snapshots
from tenants.contacts import ContactIndex
from tenants.crosstenant.carriers import number_routes, trunks
from tenants.crosstenant.configuration import (
    configuration_versions,
    configurations,
    kept_snapshots,
    present_modes,
)
from tenants.crosstenant.numbering import numbering_plan
from tenants.db import Database
from tenants.failures import DATABASE_AWAY
from tenants.held import ALL_ON_SCHEDULE, Held, SealedLine, held_of, trunk_of
from tenants.listener import CONFIG, CONTACTS, MODES, Listener, Notice, Subscription
from tenants.networks import NetworkMap
from tenants.regions import Regions
from tenants.secrets import SealBroken, Vault, open_ha1

__all__ = ["MemoryDirectory"]

log = structlog.get_logger(__name__)

BATCH = 200
RETRY_SECONDS = 1.0
COMPARE_SECONDS = 60.0


class MemoryDirectory:
    """Implements ``core.ports.TenantDirectory``; one for each process that routes calls."""

    def __init__(self, database: Database, listener: Listener, vault: Vault) -> None:
        self._database = database
        self._listener = listener
        self._vault = vault
        self._tenants: dict[UUID, Held] = {}
        self._numbers: dict[str, tuple[Snapshot, Number]] = {}
        self._lines: dict[str, tuple[UUID, SealedLine]] = {}
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
        self._on_change: Callable[[UUID], None] = lambda tenant_id: None

    def watch_snapshots(self, on_change: Callable[[UUID], None]) -> None:
        """Tell from now on whose configuration is another one."""
        self._on_change = on_change

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

    def modes(self, tenant_id: UUID) -> Mapping[UUID, AvailabilityMode]:
        """The present modes of the tenant's employees; who is not there is on schedule."""
        held = self._tenants.get(tenant_id)
        return held.modes if held else ALL_ON_SCHEDULE

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

    def _open(self, tenant_id: UUID, line: SealedLine) -> Line | None:
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
                    await self._load_modes(self._switched(notices))
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
            if notice.tenant_id is None or notice.kind in (CONTACTS, MODES):
                continue
            held = self._tenants.get(notice.tenant_id)
            if held is None or not notice.version or held.snapshot.version < notice.version:
                yield notice.tenant_id

    def _switched(self, notices: Iterable[Notice]) -> Iterator[UUID]:
        """Tenants of which we do not have the modes that a notice speaks of."""
        for notice in notices:
            if notice.tenant_id is not None and notice.kind == MODES:
                held = self._tenants.get(notice.tenant_id)
                if held is not None and held.modes_version < notice.version:
                    yield notice.tenant_id

    async def _compare(self) -> None:
        """Carriers, the numbering plan, and every tenant with another version than ours."""
        self._put_trunks(await trunks(self._database), await number_routes(self._database))
        self._put_numbering(await numbering_plan(self._database, self._regions.plan_id))
        versions = await configuration_versions(self._database)
        for tenant_id in self._tenants.keys() - versions.keys():
            self._drop(tenant_id)
        await self._load(
            tenant_id
            for tenant_id, (version, _) in versions.items()
            if (held := self._tenants.get(tenant_id)) is None or held.snapshot.version != version
        )
        await self._load_modes(
            tenant_id
            for tenant_id, (_, version) in versions.items()
            if (held := self._tenants.get(tenant_id)) is not None and held.modes_version != version
        )
        await self._contacts.compare()
        self.comparisons += 1

    async def _load(self, tenant_ids: Iterable[UUID]) -> None:
        wanted = list(dict.fromkeys(tenant_ids))
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            loaded = await configurations(self._database, batch)
            for configuration in loaded:
                held = held_of(configuration)
                if held is not None:
                    self._put(held)
                await asyncio.sleep(0)  # calls go on between two tenants
            for tenant_id in set(batch) - {configuration.tenant["id"] for configuration in loaded}:
                self._drop(tenant_id)

    async def _load_modes(self, tenant_ids: Iterable[UUID]) -> None:
        wanted = list(dict.fromkeys(tenant_ids))
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            versions, rows = await present_modes(self._database, batch)
            by_tenant: dict[UUID, list[snapshots.Row]] = {tenant_id: [] for tenant_id in versions}
            for row in rows:
                by_tenant[row["tenant_id"]].append(row)
            for tenant_id, version in versions.items():
                if (held := self._tenants.get(tenant_id)) is not None:
                    held.modes = snapshots.modes(by_tenant[tenant_id]) or ALL_ON_SCHEDULE
                    held.modes_version = version
                    self._on_change(tenant_id)

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

    def _put(self, held: Held) -> None:
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
        self._on_change(tenant_id)

    def _drop(self, tenant_id: UUID) -> None:
        for login in self._remove(tenant_id):
            self._on_line_gone(login)

    def _remove(self, tenant_id: UUID) -> dict[str, SealedLine]:
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
        found = [trunk_of(row, self._vault) for row in rows]
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
