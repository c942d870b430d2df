"""Public fakes and fixtures, for our own tests and for authors of plugins.

Shipped as the pytest plugin ``sunsim``: the fixtures are there as soon as SunSim is installed. The
fakes implement ``core.ports`` in memory; ``docs/hooks.md`` shows a test of a plugin with them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from core.contracts import (
    AvailabilityMode,
    CallFacts,
    Cdr,
    Contact,
    Direction,
    Line,
    Number,
    Outcome,
    Snapshot,
    Tenant,
    Trunk,
)
from core.host import Host
from core.ids import new_id
from core.testing.media import MemoryMedia, MemoryMediaSession, MemoryRoom, MemorySounds
from core.testing.office import MemoryOffice

__all__ = [
    "FakeClock",
    "MemoryBoard",
    "MemoryCallStore",
    "MemoryDirectory",
    "MemoryMedia",
    "MemoryMediaSession",
    "MemoryOffice",
    "MemoryRoom",
    "MemorySounds",
    "make_cdr",
    "make_facts",
]


class FakeClock:
    """Time that passes only when told to (``ports.Clock``)."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._start = start
        self._passed = 0.0

    def now(self) -> float:
        """Epoch seconds, UTC."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds


class MemoryDirectory:
    """Companies, their lines and carriers (``ports.TenantDirectory``)."""

    def __init__(self) -> None:
        self._on_change: Callable[[UUID], None] = lambda tenant_id: None
        self._snapshots: dict[UUID, Snapshot] = {}
        self._lines: dict[str, Line] = {}
        self._trunks: list[Trunk] = []
        self._further: dict[str, list[Trunk]] = {}
        self.regions_of: dict[str, tuple[int, ...]] = {}
        """The subjects that numbers are from, for tests to fill."""
        self.contacts: dict[tuple[UUID, str], Contact] = {}
        """What companies have saved of numbers, for tests to fill."""
        self.mode_of: dict[UUID, AvailabilityMode] = {}
        """The modes of employees who are not on schedule, for tests to fill."""

    def put(self, snapshot: Snapshot) -> None:
        """Add a company, or replace it by a newer configuration."""
        self._snapshots[snapshot.tenant_id] = snapshot
        self._on_change(snapshot.tenant_id)

    def watch_snapshots(self, on_change: Callable[[UUID], None]) -> None:
        """Tell from now on whose configuration was ``put``."""
        self._on_change = on_change

    def add_line(self, line: Line) -> None:
        """Add a SIP account."""
        self._lines[line.login] = line

    def add_trunk(self, trunk: Trunk) -> None:
        """Add a carrier; the first one is the default."""
        self._trunks.append(trunk)

    def add_route(self, e164: str, trunk: Trunk) -> None:
        """Let calls with this number leave through one more carrier if those before cannot."""
        self._further.setdefault(e164, []).append(trunk)

    def snapshot(self, tenant_id: UUID) -> Snapshot | None:
        """The company's present configuration."""
        return self._snapshots.get(tenant_id)

    def modes(self, tenant_id: UUID) -> Mapping[UUID, AvailabilityMode]:
        """Those that a test put into ``mode_of``, whosever they are."""
        return self.mode_of

    def number(self, e164: str) -> tuple[Snapshot, Number] | None:
        """Whose number this is."""
        owned = ((snapshot, n) for snapshot in self._snapshots.values() for n in snapshot.numbers)
        return next((pair for pair in owned if pair[1].e164 == e164), None)

    def line(self, login: str) -> Line | None:
        """The SIP account, unless its company is suspended."""
        line = self._lines.get(login)
        snapshot = self._snapshots.get(line.tenant_id) if line else None
        return None if snapshot is not None and snapshot.suspended else line

    def trunk_from(self, host: str) -> Trunk | None:
        """The carrier with this address in one of its networks."""
        address = ipaddress.ip_address(host)
        return next(
            (
                trunk
                for trunk in self._trunks
                if any(address in ipaddress.ip_network(network) for network in trunk.networks)
            ),
            None,
        )

    def trunk(self, trunk_id: UUID | None) -> Trunk | None:
        """One carrier; with ``None`` the default one."""
        wanted = (trunk for trunk in self._trunks if trunk_id in (None, trunk.id))
        return next(wanted, None)

    def trunks(self) -> Sequence[Trunk]:
        """All carriers."""
        return tuple(self._trunks)

    def contact(self, tenant_id: UUID, number: str | None) -> Contact | None:
        """What a test put into ``contacts``."""
        return self.contacts.get((tenant_id, number or ""))

    def regions(self, number: str | None) -> tuple[int, ...]:
        """Those that a test gave a number in ``regions_of``."""
        return self.regions_of.get(number or "", ())

    def trunks_for(self, number: Number) -> Sequence[Trunk]:
        """The number's own carrier and the further ones; without any the default one."""
        further = self._further.get(number.e164, [])
        first = self.trunk(number.trunk_id) if number.trunk_id or not further else None
        return (first, *further) if first else tuple(further)


class MemoryCallStore:
    """Keeps the records of calls in ``cdrs``, each once (``ports.CallStore``)."""

    def __init__(self) -> None:
        self.cdrs: dict[UUID, Cdr] = {}

    async def save(self, cdr: Cdr) -> None:
        """Keep the record; a second one of the same call changes nothing."""
        self.cdrs.setdefault(cdr.call_id, cdr)


class MemoryBoard:
    """The present moment (``ports.LiveBoard``): ``calls`` by id with their state, ``lines``."""

    def __init__(self) -> None:
        self.calls: dict[UUID, str] = {}
        self.queued: dict[UUID, tuple[str, int]] = {}
        self.ringing: dict[UUID, frozenset[UUID]] = {}
        self.lines: dict[str, str] = {}

    def call_started(self, facts: CallFacts, at: float) -> None:
        """The call is ``started``."""
        self.calls[facts.call_id] = "started"

    def call_ringing(self, facts: CallFacts, at: float, employees: Iterable[UUID]) -> None:
        """The call is ``ringing`` at these employees."""
        self.calls[facts.call_id] = "ringing"
        self.ringing[facts.call_id] = frozenset(employees)

    def call_rang_out(self, facts: CallFacts) -> None:
        """The call is ``started``, as before it rang."""
        self.calls[facts.call_id] = "started"
        self.ringing.pop(facts.call_id, None)

    def call_answered(
        self, facts: CallFacts, at: float, employee_id: UUID | None, terminal_id: UUID | None
    ) -> None:
        """The call is ``answered``."""
        self.calls[facts.call_id] = "answered"

    def call_queued(self, facts: CallFacts, at: float, queue: str, priority: int) -> None:
        """The call is ``waiting`` in this queue."""
        self.calls[facts.call_id] = "waiting"
        self.queued[facts.call_id] = queue, priority

    def call_left_queue(self, facts: CallFacts) -> None:
        """The call is in no queue."""
        self.queued.pop(facts.call_id, None)
        if self.calls.get(facts.call_id) != "answered":
            self.call_rang_out(facts)

    def call_ended(self, facts: CallFacts) -> None:
        """The call is gone."""
        self.queued.pop(facts.call_id, None)
        self.calls.pop(facts.call_id, None)
        self.ringing.pop(facts.call_id, None)

    def line_registered(
        self, line: Line, at: float, expires_at: float, user_agent: str, source: str
    ) -> None:
        """The line has a phone."""
        self.lines[line.login] = user_agent

    def line_unregistered(self, line: Line, at: float) -> None:
        """The line has none any more."""
        self.lines.pop(line.login, None)


def make_facts(tenant: Tenant, **changes: Any) -> CallFacts:
    """An incoming call for the company; ``changes`` are fields of CallFacts."""
    values: dict[str, Any] = {
        "call_id": new_id(),
        "tenant_id": tenant.id,
        "direction": Direction.INCOMING,
        "caller": "+79161112233",
        "called": "+74951234567",
    }
    return CallFacts(**values | changes)


def make_cdr(facts: CallFacts, **changes: Any) -> Cdr:
    """The record of a call that nobody answered for 30 seconds; ``changes`` are fields of Cdr."""
    values: dict[str, Any] = {
        "call_id": facts.call_id,
        "tenant_id": facts.tenant_id,
        "direction": facts.direction,
        "caller": facts.caller,
        "called": facts.called,
        "outcome": Outcome.NO_ANSWER,
        "sip_status": 480,
        "started_at": 1_800_000_000.0,
        "ended_at": 1_800_000_030.0,
        "ended_by": "system",
        "facts": facts,
    }
    return Cdr(**values | changes)


@pytest.fixture
def sunsim_clock() -> FakeClock:
    """A clock that stands still until ``advance``."""
    return FakeClock()


@pytest.fixture
def sunsim_directory() -> MemoryDirectory:
    """A directory without companies."""
    return MemoryDirectory()


@pytest.fixture
def sunsim_tenant() -> Tenant:
    """A company with the plugins of this installation."""
    return Tenant(new_id(), "Ромашка", plugins=frozenset(Host.load().manifests))


@pytest.fixture
def sunsim_office(sunsim_tenant: Tenant, sunsim_clock: FakeClock) -> MemoryOffice:
    """The company, in the hands of an administrator who is nobody; ``seen_by`` gives it to others."""
    return MemoryOffice(sunsim_tenant, clock=sunsim_clock)


@pytest.fixture
def sunsim_host() -> Callable[..., Host]:
    """Makes a host of the given plugins: ``sunsim_host(my_plugin)``; modules or objects."""

    def make(*plugins: Any) -> Host:
        return Host({plugin.manifest.name: plugin for plugin in plugins})

    return make
