"""A company in the hands of a plugin, in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from core.clock import SystemClock
from core.contracts import Cdr, ContactKind, Direction, StepCode, Tenant
from core.errors import FieldError, Forbidden, Invalid, Unavailable
from core.ids import new_id
from core.numbers import is_extension, normalize
from core.office import Client, Consequences, Viewer
from core.ports import Clock
from core.routing.zones import clock as zone_of

__all__ = ["Entry", "MemoryOffice"]

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_TOOK_PART = (StepCode.RINGING, StepCode.ANSWERED)


class Entry(Struct, frozen=True):
    """What ``note`` wrote into the journal."""

    action: str
    object_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class MemoryOffice:
    """A company without a database (``Office``); tests fill and read what it holds.

    Queries of tables are not for it: a plugin's own tables need PostgreSQL, and so does what
    ``visible`` says, except for administrators.
    """

    def __init__(
        self, tenant: Tenant, viewer: Viewer | None = None, clock: Clock | None = None
    ) -> None:
        self.tenant = tenant
        self.viewer = viewer or Viewer(None, None, administrator=True)
        self.employees: set[UUID] = set()
        """Who works there."""
        self.members: dict[UUID, set[UUID]] = {}
        """The groups, and the employees in each."""
        self.contacts: dict[str, Client] = {}
        """Clients by their numbers, +E.164."""
        self.own_numbers: set[str] = set()
        """Numbers and external telephones of the company itself."""
        self.calls: dict[UUID, Cdr] = {}
        """The history."""
        self.wants = Consequences()
        """What ``consequences`` says."""
        self.journal: list[Entry] = []
        """What was noted."""
        self.connected: list[tuple[str, UUID]] = []
        """Which numbers were called with ``call``, and by whom."""
        self.reachable = True
        """Whether there is a telephone system that calls."""
        self._clock = clock or SystemClock()
        self._open = 0

    def seen_by(self, viewer: Viewer) -> MemoryOffice:
        """The same company on behalf of somebody else."""
        other = copy(self)
        other.viewer, other._open = viewer, 0
        return other

    @asynccontextmanager
    async def transaction(self, **refusals: tuple[str, str]) -> AsyncIterator[None]:
        """Contacts and journal are as before if it fails; nothing breaks a constraint here."""
        contacts, journal = dict(self.contacts), list(self.journal)
        self._open += 1
        try:
            yield
        except BaseException:  # cancelled ones, too, have done nothing
            self.contacts.clear()
            self.contacts.update(contacts)
            self.journal[:] = journal
            raise
        finally:
            self._open -= 1

    def today(self) -> tuple[datetime, datetime]:
        """The current day by the company's clock."""
        zone = zone_of(self.tenant.timezone)
        day = datetime.fromtimestamp(self._clock.now(), zone).date()
        first, last = (
            datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day, day + timedelta(1))
        )
        return first.astimezone(UTC), last.astimezone(UTC)

    async def groups(self, employee_id: UUID) -> frozenset[UUID]:
        """Those of ``members``."""
        self._within()
        return frozenset(group for group, members in self.members.items() if employee_id in members)

    async def client(self, number: str, *, make: bool = False) -> Client | None:
        """One of ``contacts``, or a new one in it."""
        self._within()
        if not _E164.fullmatch(number):
            return None
        found = self.contacts.get(number)
        if found is None and make and number not in self.own_numbers:
            found = self.contacts[number] = Client(new_id(), ContactKind.UNSAVED)
        return found if found and self._knows(found) else None

    def visible(self, number: str, contact: str) -> str:
        """For administrators a condition that holds; else one to be looked at, as it names both."""
        return "TRUE" if self.viewer.administrator else f"NOT personal({number}, {contact})"

    async def visible_calls(self, calls: Collection[UUID]) -> frozenset[UUID]:
        """Of ``calls`` of the history those that an administrator, or whoever took part, may see."""
        self._within()
        return frozenset(key for key in calls if key in self.calls and self._sees(self.calls[key]))

    async def consequences(self) -> Consequences:
        """What the test wants."""
        self._within()
        return self.wants

    async def call(self, number: str, employee_id: UUID | None = None) -> UUID:
        """Note it in ``connected``."""
        if self._open:
            raise RuntimeError("a call begins at once: not within a transaction")
        who = employee_id or self.viewer.employee_id
        if who is None:
            raise Invalid(employee_id=FieldError("Say who is to be called."))
        if who != self.viewer.employee_id and not self.viewer.administrator:
            raise Forbidden
        plain = number if is_extension(number) else normalize(number)
        if plain is None:
            raise Invalid(number=FieldError("This is not a telephone number."))
        if who not in self.employees:
            raise Invalid(employee_id=FieldError("There is no such employee."))
        if not self.reachable:
            raise Unavailable
        self.connected.append((plain, who))
        return new_id()

    async def note(
        self,
        action: str,
        object_id: UUID,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """An entry of ``journal``."""
        self._within()
        self.journal.append(Entry(action, object_id, dict(before or {}), dict(after or {})))

    def save(self, number: str, kind: ContactKind = ContactKind.BUSINESS, name: str = "") -> Client:
        """Make the number a contact of this kind, as people do; the one that has it changes."""
        found = self.contacts.get(number) or Client(new_id(), kind)
        self.contacts[number] = replace(found, kind=kind, name=name)
        return self.contacts[number]

    def _within(self) -> None:
        if not self._open:
            raise RuntimeError("open a transaction first: `async with office.transaction()`")

    def _knows(self, client: Client) -> bool:
        return self.viewer.administrator or client.kind is not ContactKind.PERSONAL

    def _sees(self, cdr: Cdr) -> bool:
        if self.viewer.administrator:
            return True
        rung = {step.employee_id for step in cdr.steps if step.code in _TOOK_PART}
        number = cdr.called if cdr.direction is Direction.OUTGOING else cdr.caller
        client = self.contacts.get(number or "")
        part = self.viewer.employee_id in rung | {cdr.caller_employee_id, cdr.answered_employee_id}
        return self.viewer.employee_id is not None and part and not (client and not self._knows(client))
