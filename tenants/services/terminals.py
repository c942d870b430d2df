"""An employee's telephones as the card has them (features.md EMP): the external number and the settings
of all four. What only concerns SIP lines, their credentials, is in ``lines``.

All functions work in the open session of whoever changes the card.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from core.contracts import TerminalKind
from core.errors import FieldError, Invalid
from tenants.services.forms import given
from tenants.tables import Terminal

__all__ = ["ChangeTerminal", "TerminalView", "change", "insert_external", "set_external", "view"]


class TerminalView(Struct, frozen=True):
    """The settings of a telephone. ``main`` ones ring where several employees are dialled at once
    (EMP-15); ``ring_seconds`` is its time where they are dialled in turn (EMP-08); ``channels`` is how
    many conversations it carries; without a schedule it rings round the clock (EMP-07)."""

    id: UUID
    kind: TerminalKind
    active: bool
    main: bool
    ring_seconds: int
    channels: int
    schedule_id: UUID | None


class ChangeTerminal(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a telephone's settings; what is left out stays. More than one channel is the
    multichannel support of EMP-09."""

    active: bool | UnsetType = UNSET
    main: bool | UnsetType = UNSET
    ring_seconds: Annotated[int, Meta(ge=1, le=600)] | UnsetType = UNSET
    channels: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    schedule_id: UUID | UnsetType | None = UNSET


def view(row: dict[str, Any]) -> TerminalView:
    """A row of ``terminals``."""
    return TerminalView(
        id=row["id"],
        kind=TerminalKind(row["kind"]),
        active=row["active"],
        main=row["main"],
        ring_seconds=row["ring_seconds"],
        channels=row["channels"],
        schedule_id=row["schedule_id"],
    )


async def change(
    employee_id: UUID, wanted: dict[TerminalKind, ChangeTerminal]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change the telephones that are named; returns what was before and what is now, by kind.

    Raises Invalid for a telephone that there is not, and if no main one would be left (EMP-15).
    """
    mine = Terminal.employee_id == employee_id
    rows = {row["kind"]: row for row in await Terminal.select().where(mine)}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for kind, command in wanted.items():
        values = _checked(given(command))
        if kind not in rows:
            raise Invalid(terminals=FieldError("The employee has no such telephone."))
        if not values:
            continue
        before[kind] = {name: rows[kind][name] for name in values}
        after[kind] = values
        await Terminal.update(values).where(Terminal.id == rows[kind]["id"])
    await _keep_a_main_one(employee_id)
    return before, after


async def insert_external(employee_id: UUID, address: str) -> None:
    """Give a new employee an external number."""
    await Terminal.insert(
        Terminal(employee_id=employee_id, kind=TerminalKind.EXTERNAL, address=address, position=0)
    )


async def set_external(employee_id: UUID, address: str | None) -> str | None:
    """Set, change or remove it (EMP-01: there is one); returns the one before."""
    where = (Terminal.employee_id == employee_id) & (Terminal.kind == TerminalKind.EXTERNAL)
    row = await Terminal.select(Terminal.id, Terminal.address).where(where).first()
    if address is None:
        await Terminal.delete().where(where)
        await _keep_a_main_one(employee_id)
    elif row is None:
        await insert_external(employee_id, address)
    else:
        await Terminal.update({Terminal.address: address}).where(Terminal.id == row["id"])
    return row["address"] if row else None


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Commands of pages are not decoded by a schema. Raises Invalid."""
    for name, most, problem in _RANGES:
        if name in values and not 1 <= values[name] <= most:
            raise Invalid(terminals=FieldError(problem))
    return values


_RANGES: Iterable[tuple[str, int, str]] = (
    ("ring_seconds", 600, "A telephone rings for 1 to 600 seconds."),
    ("channels", 100, "A telephone has 1 to 100 channels."),
)


async def _keep_a_main_one(employee_id: UUID) -> None:
    if not await Terminal.exists().where(
        (Terminal.employee_id == employee_id) & Terminal.main.eq(True)
    ):
        raise Invalid(terminals=FieldError("One of the telephones must be a main one."))
