"""Who waits in queues now («Очередь»), of the live board."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tenants.db import Database, Session
from tenants.services import uses, visibility
from tenants.services.actor import Actor, require_scope
from tenants.tables import LiveCallState

__all__ = ["QueueView", "WaitingCall", "queues"]


class WaitingCall(Struct, frozen=True):
    """A caller who waits since he came to the queue, as the ``place``-th. ``state`` is ringing while
    phones ring for him."""

    call_id: UUID
    caller: str | None
    called: str
    place: int
    since: datetime
    state: LiveCallState


class QueueView(Struct, frozen=True):
    """A queue in which somebody waits: that of a branch, or of its off-hours. ``number`` tells the
    queues of one chain apart, from 0."""

    branch_id: UUID | None
    off_hours: bool
    number: int
    scenario_id: UUID | None
    scenario_name: str | None
    calls: tuple[WaitingCall, ...]


async def queues(db: Database, actor: Actor) -> list[QueueView]:
    """The queues in which somebody waits, as far as the calls are visible; callers in their order."""
    visible = visibility.live_calls(actor, 1)
    async with db.tenant(require_scope(actor, "calls:read")) as session:
        rows = await session.fetch(
            "SELECT c.* FROM (SELECT w.*,"
            " rank() OVER (PARTITION BY queue ORDER BY priority, queued_at, call_id) AS place"
            " FROM (SELECT DISTINCT ON (call_id) call_id, caller, called, queue, queued_at, priority,"
            "  state FROM live_calls WHERE queue IS NOT NULL ORDER BY call_id) AS w) AS c"
            f" WHERE {visible.sql} ORDER BY queue, place",
            *visible.args,
        )
        found: dict[str, list[WaitingCall]] = {}
        for row in rows:
            found.setdefault(row["queue"], []).append(
                WaitingCall(
                    call_id=row["call_id"],
                    caller=row["caller"],
                    called=row["called"],
                    place=row["place"],
                    since=row["queued_at"],
                    state=LiveCallState(row["state"]),
                )
            )
        return [await _view(session, name, tuple(waiting)) for name, waiting in found.items()]


async def _view(session: Session, name: str, waiting: tuple[WaitingCall, ...]) -> QueueView:
    """``name`` is what the plugin calls the queue: branch, chain, which of its queues."""
    branch, _, rest = name.partition("/")
    chain, _, number = rest.partition("/")
    branch_id = UUID(branch) if rest else None
    named = await uses.scenarios_naming(session, branch_id) if branch_id else []
    scenario = next(iter(named), None)
    return QueueView(
        branch_id=branch_id,
        off_hours=chain == "off_hours",
        number=int(number or 0),
        scenario_id=scenario.id if scenario else None,
        scenario_name=scenario.name if scenario else None,
        calls=waiting,
    )
