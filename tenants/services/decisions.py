"""Why a call went where it went, and what would become of one: for administrators (section D).

Both answers name telephones, contacts' tags and colleagues' hours, so they are not for everybody who
may see the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from core import routing
from core.contracts import Attempt, AvailabilityMode, CallFacts, Decision, Snapshot
from core.errors import FieldError, Invalid, NotFound
from core.routing import Evidence
from tenants import snapshot as snapshots
from tenants.crosstenant.configuration import configurations
from tenants.db import Database, Session
from tenants.explain import Explanation, explain
from tenants.services import visibility
from tenants.services.actor import Actor, require_administrator
from tenants.services.contracts import step_names
from tenants.words import Gettext

__all__ = ["EVIDENCE", "NOW", "evidence_of", "of_call", "present", "present_snapshot"]

NOW = "now"
"""In place of a version: the configuration of this moment."""
EVIDENCE = "c.snapshot_hash, c.started_at, c.seed, c.facts, c.decision, c.attempts"


class NotKept(NotFound):
    """What this call was decided from was not kept."""


async def of_call(
    db: Database,
    actor: Actor,
    call_id: UUID,
    under: str | None = None,
    gettext: Gettext = str,
    zone: str | None = None,
) -> Explanation:
    """The decisions of a past call again, or those of another configuration: a version, or ``NOW``.

    Raises NotFound for a call that is not there or has not all that it was decided from, Invalid for a
    version that was never in force or is none.
    """
    tenant_id = require_administrator(actor, "calls:read")
    version = _version(under)
    visible = visibility.calls(actor, 2)
    async with db.tenant(tenant_id) as session:
        row = await session.fetchrow(
            f"SELECT {EVIDENCE} FROM calls AS c WHERE c.id = $1 AND {visible.sql}",
            call_id,
            *visible.args,
        )
        if row is None:
            raise NotFound
        own = await snapshots.find(session, row["snapshot_hash"])
        modes = await snapshots.former_modes(session, row["snapshot_hash"])
        newer = await _newer(session, row)
        other = await _of_version(session, version) if version is not None else None
    if own is None or row["facts"] is None:
        raise NotKept
    evidence = evidence_of(row, modes)
    if under == NOW:
        other = await present_snapshot(db, tenant_id)
    about = evidence.facts, evidence.instant, gettext, zone
    compiled = routing.compile(own)
    if other is None:
        if any(each.snapshot_hash not in {"", *newer} for each in evidence.attempts):
            raise NotKept
        return explain(routing.replay(compiled, evidence, newer), own, *about)
    path, assumed = routing.replay_under(routing.compile(other), compiled, evidence, step_names())
    return explain(path, other, *about, assumed)


async def _newer(session: Session, row: Mapping[str, Any]) -> dict[str, routing.Compiled]:
    """The configurations that came while the caller waited, as far as they were kept."""
    hashes = {attempt.snapshot_hash for attempt in _attempts(row)} - {""}
    found = {key: await snapshots.find(session, key) for key in hashes}
    return {key: routing.compile(each) for key, each in found.items() if each is not None}


def _attempts(row: Mapping[str, Any]) -> tuple[Attempt, ...]:
    return msgspec.json.decode(row["attempts"] or "[]", type=tuple[Attempt, ...])


def evidence_of(row: Mapping[str, Any], modes: dict[UUID, AvailabilityMode]) -> Evidence:
    """What a call was decided from, of a row with the columns ``EVIDENCE``.

    ``modes`` are the ``former_modes`` of its snapshot, if that has some.
    """
    attempts = _attempts(row)
    return Evidence(
        facts=msgspec.json.decode(row["facts"], type=CallFacts),
        instant=row["started_at"].timestamp(),
        seed=row["seed"],
        attempts=tuple(_with_modes(each, modes) for each in attempts) if modes else attempts,
        decision=msgspec.json.decode(row["decision"] or "null", type=Decision | None),
    )


def _with_modes(attempt: Attempt, modes: dict[UUID, AvailabilityMode]) -> Attempt:
    return (
        attempt if attempt.live is None else replace(attempt, live=replace(attempt.live, modes=modes))
    )


async def present_snapshot(db: Database, tenant_id: UUID) -> Snapshot:
    """The configuration as it is in the database now. Raises NotFound if the company is gone."""
    snapshot, _ = await present(db, tenant_id)
    return snapshot


async def present(db: Database, tenant_id: UUID) -> tuple[Snapshot, dict[UUID, AvailabilityMode]]:
    """Configuration and modes as they are in the database. Raises NotFound if the company is gone."""
    for configuration in await configurations(db, [tenant_id]):
        rows = configuration.rows
        return snapshots.build(configuration.tenant, rows), snapshots.modes(rows["employees"])
    raise NotFound


def _version(under: str | None) -> int | None:
    if under is None or under == NOW:
        return None
    if not under.isascii() or not under.isdecimal() or len(under) > 18:
        raise Invalid(snapshot=FieldError("Give the number of a version, or “now”."))
    return int(under)


async def _of_version(session: Session, version: int) -> Snapshot:
    found = await snapshots.of_version(session, version)
    if found is None:
        raise Invalid(snapshot=FieldError("No configuration with this version was kept."))
    return found
