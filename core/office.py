"""A company in the hands of a plugin: its rows, its people, its journal, and who asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from core.contracts import ContactKind, Tenant

__all__ = ["Client", "Consequences", "Office", "Viewer"]


class Client(Struct, frozen=True):
    """A contact of the company: what it is saved as, and the personal manager."""

    id: UUID
    kind: ContactKind
    name: str = ""
    manager_id: UUID | None = None


class Consequences(Struct, frozen=True):
    """What the company wants of its calls: a deal for every client who calls (SET-07), and that calls
    are put to a task that is there already (TSK-03)."""

    auto_deals: bool = False
    check_duplicates: bool = True


class Viewer(Struct, frozen=True):
    """Who looks at the cabinet, or asks over the API: a program is no user and no employee."""

    user_id: UUID | None
    employee_id: UUID | None
    administrator: bool = False
    locale: str = "ru"


@runtime_checkable
class Office(Protocol):
    """One company in the hands of a plugin: its rows, its people, its journal.

    Whoever asks for ``office`` gets it: handlers of routes, of whom ``viewer`` is the one who asks, and
    consumers of the outbox, for which ``viewer`` is an administrator who is nobody.
    """

    @property
    def tenant(self) -> Tenant:
        """Whose it is."""
        ...

    @property
    def viewer(self) -> Viewer:
        """On whose behalf."""
        ...

    def transaction(self, **refusals: tuple[str, str]) -> AbstractAsyncContextManager[None]:
        """All within it happens or nothing; queries of tables see this company's rows only.

        ``refusals`` say what a broken constraint of the database means: its name, and the field with a
        sentence; Invalid is raised then. Consumers are within one already.
        """
        ...

    def today(self) -> tuple[datetime, datetime]:
        """The current day by the company's clock, [start, end)."""
        ...

    async def groups(self, employee_id: UUID) -> frozenset[UUID]:
        """The groups in which an employee is now."""
        ...

    async def client(self, number: str, *, make: bool = False) -> Client | None:
        """The contact with this number, a new one «Не сохранен» with ``make`` (CON-01); ``None`` also
        for telephones of the company itself, and for personal contacts if the viewer may not know of
        them. Until the transaction ends nobody else gets it."""
        ...

    def visible(self, number: str, contact: str) -> str:
        """A condition in SQL: the viewer may know of what concerns this number and this contact, two
        expressions. Personal contacts are administrators' (CON-05)."""
        ...

    async def visible_calls(self, calls: Collection[UUID]) -> frozenset[UUID]:
        """Those of these calls that the viewer may see in the history."""
        ...

    async def consequences(self) -> Consequences:
        """What the company wants of its calls."""
        ...

    async def call(self, number: str, employee_id: UUID | None = None) -> UUID:
        """Have an employee, else the viewer, connected with a number, his telephones first; the id of
        the call, which begins. Not within a transaction. Raises Invalid, Forbidden, Unavailable."""
        ...

    async def note(
        self,
        action: str,
        object_id: UUID,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write into the company's journal what the viewer did: ``<thing>.<verb>``."""
        ...
