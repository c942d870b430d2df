"""Groups [«Группы»]: employees dialled together, in explicit order (features.md GRP).

Everybody sees them, administrators change them. Members are set as a whole, in order (GRP-06, GRP-09);
from the employee's card somebody joins at the end or leaves (GRP-07).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from core.contracts import DialMode
from core.errors import Conflict, FieldError, NotFound
from core.ids import new_id
from tenants.checktext import Checked
from tenants.db import Database, Session, current_session
from tenants.services import audit, phones, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.constraints import fields_for
from tenants.services.forms import checked, given, proper_name
from tenants.tables import Group, GroupMember

__all__ = [
    "CreateGroup",
    "GroupView",
    "UpdateGroup",
    "create",
    "delete",
    "get",
    "groups",
    "join",
    "memberships",
    "update",
]

EXTENSION_TAKEN = "This extension is taken."
_MOST_MEMBERS = 500

RingSeconds = Annotated[int, Meta(ge=1, le=3600)]


class GroupView(Checked, frozen=True):
    """A group. ``members`` are employees in the group's order; ``ring_seconds`` is the time for all of
    them (GRP-04). With ``dialled_from_menu`` callers may dial the extension (GRP-03)."""

    id: UUID
    name: str
    extension: str | None
    dial_mode: DialMode
    ring_seconds: int
    members: tuple[UUID, ...]
    version: int
    dialled_from_menu: bool = False


class CreateGroup(Struct, frozen=True):
    """A new group (GRP-01, GRP-02)."""

    name: str
    extension: str | None = None
    dial_mode: DialMode = DialMode.PARALLEL
    ring_seconds: RingSeconds = 30
    members: tuple[UUID, ...] = ()
    dialled_from_menu: bool = False


class UpdateGroup(Struct, frozen=True):
    """Changes of a group; what is left out stays, ``members`` replace all members in their order."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    extension: str | UnsetType | None = UNSET
    dial_mode: DialMode | UnsetType = UNSET
    ring_seconds: RingSeconds | UnsetType = UNSET
    members: tuple[UUID, ...] | UnsetType = UNSET
    dialled_from_menu: bool | UnsetType = UNSET


# --- reading ----------------------------------------------------------------------------------


async def groups(db: Database, actor: Actor) -> list[GroupView]:
    """All groups in the order in which they were made."""
    async with db.tenant(require_scope(actor, "groups:read")):
        return await _views()


async def get(db: Database, actor: Actor, group_id: UUID) -> GroupView:
    """One group. Raises NotFound."""
    async with db.tenant(require_scope(actor, "groups:read")):
        return await _view(group_id)


# --- writing ----------------------------------------------------------------------------------


async def create(db: Database, actor: Actor, command: CreateGroup) -> GroupView:
    """A new group. Raises Invalid by field."""
    tenant_id = require_administrator(actor, "groups:write")
    values = _checked(given(command))
    members = values.pop("members")
    async with _constraints(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        group = Group(**values, position=await Group.count())
        await Group.insert(group)
        await _set_members(group.id, members)
        after = {**values, "members": members}
        await audit.record(actor, "group.create", group.id, after=after)
        return await _view(group.id)


async def update(db: Database, actor: Actor, command: UpdateGroup) -> GroupView:
    """Change a group; calls go by it at once. Raises Conflict if its version moved on, Invalid by
    field, NotFound."""
    tenant_id = require_administrator(actor, "groups:write")
    values = _checked(given(command, "id", "version"))
    members = values.pop("members", None)
    async with _constraints(), db.tenant(tenant_id) as session:
        if members is not None or "extension" in values:  # the cards of employees change them, too
            await uses.lock_references(session)
        before = await _lock(command.id)
        if before["version"] != command.version:
            raise Conflict
        its = Group.id == command.id
        await Group.update({**values, Group.version: Group.version + 1}).where(its)
        if members is not None:
            before["members"], values["members"] = await _members(command.id), members
            await _set_members(command.id, members)
        await audit.record(actor, "group.update", command.id, *audit.changes(before, values))
        return await _view(command.id)


async def delete(db: Database, actor: Actor, group_id: UUID) -> None:
    """Delete a group that no scenario names. Raises InUse naming the places, NotFound."""
    tenant_id = require_administrator(actor, "groups:write")
    async with uses.deletion(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        row = await _lock(group_id)
        if found := await uses.scenarios_naming(session, group_id, row["extension"]):
            raise uses.InUse(found)
        members = await _members(group_id)
        await Group.delete().where(Group.id == group_id)
        before = {"name": row["name"], "members": members}
        await audit.record(actor, "group.delete", group_id, before=before)


async def memberships(
    session: Session, employee_id: UUID | None = None
) -> dict[UUID, tuple[UUID, ...]]:
    """In which groups each employee is, in the groups' order; of one employee or of all."""
    rows = await session.fetch(
        "SELECT m.employee_id, array_agg(m.group_id ORDER BY g.position, g.id) AS groups"
        " FROM group_members m JOIN groups g ON g.tenant_id = m.tenant_id AND g.id = m.group_id"
        " WHERE $1::uuid IS NULL OR m.employee_id = $1 GROUP BY m.employee_id",
        employee_id,
    )
    return {row["employee_id"]: tuple(row["groups"]) for row in rows}


async def join(employee_id: UUID, wanted: Sequence[UUID]) -> tuple[UUID, ...]:
    """Make somebody a member of these groups and no others, last where new; in the open session of
    whoever changes the card (GRP-07). Returns the groups before."""
    session = current_session()
    before = (await memberships(session, employee_id)).get(employee_id, ())
    for group_id in dict.fromkeys(before):
        if group_id not in wanted:
            mine = GroupMember.employee_id == employee_id
            await GroupMember.delete().where(mine & (GroupMember.group_id == group_id))
    for group_id in dict.fromkeys(wanted):
        if group_id not in before:
            await session.execute(
                "INSERT INTO group_members (id, tenant_id, group_id, employee_id, position)"
                " SELECT $1, $2, $3, $4, coalesce(max(position) + 1, 0)"
                " FROM group_members WHERE group_id = $3",
                *(new_id(), session.tenant_id, group_id, employee_id),
            )
    changed = list(set(before) ^ set(wanted))
    if changed:  # a group is one thing to its editors
        await Group.update({Group.version: Group.version + 1}).where(Group.id.is_in(changed))
    return before


# --- rows -------------------------------------------------------------------------------------


def _constraints() -> AbstractAsyncContextManager[None]:
    return fields_for(
        extensions_unique=("extension", EXTENSION_TAKEN),
        group_members_employee_id_fkey=("members", "There is no such employee."),
    )


async def _lock(group_id: UUID) -> dict[str, Any]:
    row = await Group.select().where(Group.id == group_id).lock_rows("UPDATE").first()
    if row is None:
        raise NotFound
    return row


async def _members(group_id: UUID) -> list[UUID]:
    rows = (
        await GroupMember.select(GroupMember.employee_id)
        .where(GroupMember.group_id == group_id)
        .order_by(GroupMember.position, GroupMember.id)
    )
    return [row["employee_id"] for row in rows]


async def _set_members(group_id: UUID, members: Sequence[UUID]) -> None:
    await GroupMember.delete().where(GroupMember.group_id == group_id)
    rows = [
        GroupMember(group_id=group_id, employee_id=employee_id, position=position)
        for position, employee_id in enumerate(members)
    ]
    if rows:
        await GroupMember.insert(*rows)


async def _view(group_id: UUID) -> GroupView:
    found = await _views(group_id)
    if not found:
        raise NotFound
    return found[0]


async def _views(group_id: UUID | None = None) -> list[GroupView]:
    query = Group.select().order_by(Group.position, Group.id)
    members = GroupMember.select().order_by(GroupMember.position, GroupMember.id)
    if group_id is not None:
        query, members = (
            query.where(Group.id == group_id),
            members.where(GroupMember.group_id == group_id),
        )
    by_group: dict[UUID, list[UUID]] = {}
    for row in await members:
        by_group.setdefault(row["group_id"], []).append(row["employee_id"])
    return [
        GroupView(
            id=row["id"],
            name=row["name"],
            extension=row["extension"],
            dial_mode=DialMode(row["dial_mode"]),
            ring_seconds=row["ring_seconds"],
            members=tuple(by_group.get(row["id"], ())),
            version=row["version"],
            dialled_from_menu=row["dialled_from_menu"],
        )
        for row in await query
    ]


# --- checks -----------------------------------------------------------------------------------


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    checks = {
        "name": proper_name,
        "extension": phones.extension,
        "ring_seconds": _ring_seconds,
        "members": _each_once,
    }
    return checked(values, checks, required=("name",))


def _ring_seconds(seconds: int) -> int:
    if not 1 <= seconds <= 3600:
        raise FieldError("A group is dialled for 1 to 3600 seconds.")
    return seconds


def _each_once(members: tuple[UUID, ...]) -> tuple[UUID, ...]:
    if len(set(members)) < len(members):
        raise FieldError("An employee stands in the group twice.")
    if len(members) > _MOST_MEMBERS:
        raise FieldError("A group has at most 500 members.")
    return members
