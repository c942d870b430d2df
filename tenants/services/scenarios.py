"""Scenarios [«Сценарии»]: how incoming calls are handled (features.md SCN, FLT, NUM-02).

Every edit is a new version of the whole scenario; calls begun before it go on by the old one, which
is kept. Branches keep their ids and stay in the order of their creation whatever order they are sent
in: that order decides between two that fit (FLT-11). Everybody may read, administrators change (H-8).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from core.contracts import Branch, Chain
from core.contracts import Scenario as Body
from core.errors import Conflict, FieldError, Invalid, NotFound
from core.ids import new_id
from tenants.checktext import Checked
from tenants.db import Database, Session, current_session
from tenants.services import audit, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import checked, given, proper_name
from tenants.services.scenario_blocks import BranchDraft, known, verified
from tenants.services.uses import UseKind
from tenants.tables import Scenario, ScenarioVersion

__all__ = [
    "TOP_BRANCH",
    "CreateScenario",
    "NumberOfScenario",
    "ScenarioEdition",
    "ScenarioView",
    "UpdateScenario",
    "create",
    "delete",
    "get",
    "insert",
    "scenarios",
    "update",
    "versions",
]

TOP_BRANCH = "Номера, не входящие в фильтры"
_MOST_BRANCHES = 200
_MOST_EDITIONS = 200


class NumberOfScenario(Struct, frozen=True):
    """A number of the company whose calls the scenario handles (SCN-07)."""

    id: UUID
    e164: str


class ScenarioView(Checked, frozen=True):
    """A scenario in its present ``version``. ``default`` is the branch for callers who fit no filter;
    ``branches`` are in the order of their creation."""

    id: UUID
    name: str
    enabled: bool
    is_default: bool
    version: int
    default: Branch
    branches: tuple[Branch, ...]
    numbers: tuple[NumberOfScenario, ...]


class ScenarioEdition(Struct, frozen=True):
    """One version of a scenario. ``snapshot`` is the latest configuration with it that is kept: what a
    past call is replayed under; null if none is kept any more."""

    version: int
    created_at: datetime
    created_by: UUID | None
    snapshot: int | None


class CreateScenario(Struct, frozen=True):
    """A new scenario (SCN-02). Without a ``default`` branch it does nothing with callers yet."""

    name: str
    default: BranchDraft | None = None
    branches: tuple[BranchDraft, ...] = ()


class UpdateScenario(Struct, frozen=True):
    """Changes of a scenario; what is left out stays. ``branches`` replace all branches; those that
    exist already are sent with their ids."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    default: BranchDraft | UnsetType = UNSET
    branches: tuple[BranchDraft, ...] | UnsetType = UNSET


# --- reading ----------------------------------------------------------------------------------


async def scenarios(db: Database, actor: Actor) -> list[ScenarioView]:
    """All scenarios, the default one first, then by name."""
    async with db.tenant(require_scope(actor, "scenarios:read")) as session:
        return await _views(session)


async def get(db: Database, actor: Actor, scenario_id: UUID) -> ScenarioView:
    """One scenario. Raises NotFound."""
    async with db.tenant(require_scope(actor, "scenarios:read")) as session:
        return await _view(session, scenario_id)


async def versions(db: Database, actor: Actor, scenario_id: UUID) -> list[ScenarioEdition]:
    """The latest editions of a scenario, the present one first. Raises NotFound."""
    async with db.tenant(require_scope(actor, "scenarios:read")) as session:
        rows = await session.fetch(_EDITIONS, scenario_id, str(scenario_id), _MOST_EDITIONS)
    if not rows:
        raise NotFound
    return [ScenarioEdition(**row) for row in rows]


# --- writing ----------------------------------------------------------------------------------


async def create(db: Database, actor: Actor, command: CreateScenario) -> ScenarioView:
    """A new scenario that handles no number yet. Raises Invalid by field."""
    name = _name(command.name)
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        plain = Branch(id=new_id(), name=TOP_BRANCH, chain=Chain())
        body = Body(id=new_id(), name=name, version=1, default=plain)
        body = await _edited(body, command.default or UNSET, command.branches)
        await insert(actor, body)
        return await _view(session, body.id)


async def insert(actor: Actor, body: Body, is_default: bool = False) -> None:
    """Write a new scenario into the open session."""
    row = Scenario(
        id=body.id, name=body.name, enabled=body.enabled, is_default=is_default, version=body.version
    )
    await Scenario.insert(row)
    await _insert_version(actor, body)
    await audit.record(actor, "scenario.create", body.id, after={"name": body.name})


async def update(db: Database, actor: Actor, command: UpdateScenario) -> ScenarioView:
    """Change a scenario: a new version, by which calls go at once. Raises Conflict if its version moved
    on, Invalid by field, NotFound."""
    values = given(command, "id", "version", "default", "branches")
    if "name" in values:
        values["name"] = _name(values["name"])
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        before = await _row(command.id)
        if before["version"] != command.version:
            raise Conflict
        body = msgspec.structs.replace(_body(before), version=command.version + 1, **values)
        body = await _edited(body, command.default, command.branches)
        await _insert_version(actor, body)
        values["version"] = body.version
        await Scenario.update(values).where(Scenario.id == command.id)
        await audit.record(actor, "scenario.update", command.id, *audit.changes(before, values))
        return await _view(session, command.id)


async def delete(db: Database, actor: Actor, scenario_id: UUID) -> None:
    """Delete a scenario that handles no number. Raises InUse naming the numbers, Conflict for the
    default one, NotFound."""
    tenant_id = require_administrator(actor, "scenarios:write")
    async with uses.deletion(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        row = await _row(scenario_id)
        if row["is_default"]:
            raise Conflict("New numbers get the default scenario; it cannot be deleted.")
        numbers = await session.fetch(
            "SELECT id, e164 AS name FROM numbers WHERE scenario_id = $1 ORDER BY position, id",
            scenario_id,
        )
        if numbers:
            raise uses.InUse(uses.named(UseKind.NUMBER, numbers))
        await Scenario.delete().where(Scenario.id == scenario_id)
        await audit.record(actor, "scenario.delete", scenario_id, before={"name": row["name"]})


async def _edited(body: Body, default: Any, branches: Any) -> Body:
    """The scenario with its branches as they were sent. Raises Invalid."""
    drafts: dict[str, Any] = {}
    if default is not UNSET:
        drafts["default"] = msgspec.structs.replace(default, name=default.name or body.default.name)
    if branches is not UNSET:
        if len(branches) > _MOST_BRANCHES:
            raise Invalid(branches=FieldError("A scenario has at most 200 filters."))
        drafts |= {f"branches[{at}]": draft for at, draft in enumerate(branches)}
    found = verified(drafts, await known())
    if (top := found.pop("default", None)) is not None:
        body = msgspec.structs.replace(body, default=_branch(top, body.default.id))
    if branches is UNSET:
        return body
    return msgspec.structs.replace(body, branches=_in_order(body.branches, list(found.values())))


def _in_order(before: tuple[Branch, ...], drafts: list[Any]) -> tuple[Branch, ...]:
    """Those that there were in their order, then the new ones (FLT-11). Raises Invalid."""
    order = {branch.id: at for at, branch in enumerate(before)}
    sent = [draft.id for draft in drafts if draft.id is not None]
    if len(set(sent)) < len(sent) or not set(sent) <= order.keys():
        raise Invalid(branches=FieldError("There is no such branch in the scenario."))
    drafts = sorted(drafts, key=lambda draft: order.get(draft.id, len(order)))
    return tuple(_branch(draft, draft.id or new_id()) for draft in drafts)


def _branch(draft: Any, branch_id: UUID) -> Branch:
    return Branch(**{**asdict(draft), "id": branch_id})


def _name(text: str) -> str:
    name: str = checked({"name": text}, {"name": proper_name}, required=("name",))["name"]
    return name


# --- rows -------------------------------------------------------------------------------------

_SELECT = """
SELECT s.id, s.name, s.enabled, s.is_default, s.version, v.body FROM scenarios s
JOIN scenario_versions v ON v.tenant_id = s.tenant_id AND v.scenario_id = s.id AND v.version = s.version
WHERE $1::uuid IS NULL OR s.id = $1 ORDER BY s.is_default DESC, s.name, s.id
"""


_EDITIONS = """
WITH kept AS (
    SELECT (each->>'version')::int AS version, max(v.version) AS snapshot
    FROM snapshot_versions v JOIN snapshots s ON s.tenant_id = v.tenant_id AND s.hash = v.hash,
        jsonb_array_elements(s.body->'scenarios') AS each
    WHERE each->>'id' = $2 GROUP BY each->>'version'
)
SELECT e.version, e.created_at, e.created_by, kept.snapshot
FROM scenario_versions e JOIN scenarios s ON s.tenant_id = e.tenant_id AND s.id = e.scenario_id
LEFT JOIN kept ON kept.version = e.version
WHERE e.scenario_id = $1 ORDER BY e.version DESC LIMIT $3
"""


async def _insert_version(actor: Actor, body: Body) -> None:
    await ScenarioVersion.insert(
        ScenarioVersion(
            scenario_id=body.id,
            version=body.version,
            body=msgspec.json.encode(body).decode(),
            created_by=actor.user_id,
        )
    )


async def _row(scenario_id: UUID) -> dict[str, Any]:
    rows = await current_session().fetch(_SELECT, scenario_id)
    if not rows:
        raise NotFound
    return dict(rows[0])


def _body(row: dict[str, Any]) -> Body:
    body = msgspec.json.decode(row["body"], type=Body)
    return msgspec.structs.replace(body, name=row["name"], enabled=row["enabled"])


async def _view(session: Session, scenario_id: UUID) -> ScenarioView:
    found = await _views(session, scenario_id)
    if not found:
        raise NotFound
    return found[0]


async def _views(session: Session, scenario_id: UUID | None = None) -> list[ScenarioView]:
    numbers: dict[UUID, list[NumberOfScenario]] = {}
    for row in await session.fetch(
        "SELECT id, e164, scenario_id FROM numbers WHERE scenario_id IS NOT NULL ORDER BY position, id"
    ):
        numbers.setdefault(row["scenario_id"], []).append(NumberOfScenario(row["id"], row["e164"]))
    views = []
    for row in await session.fetch(_SELECT, scenario_id):
        body = _body(dict(row))
        views.append(
            ScenarioView(
                id=row["id"],
                name=row["name"],
                enabled=row["enabled"],
                is_default=row["is_default"],
                version=row["version"],
                default=body.default,
                branches=body.branches,
                numbers=tuple(numbers.get(row["id"], ())),
            )
        )
    return views
