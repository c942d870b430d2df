"""How long everybody has talked today, as the records of calls say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from core.call.talktime import TURNING, turns
from core.contracts import StepCode
from tenants.db import Database

__all__ = ["talk_times"]

_TALKED = f"""
WITH talked AS (
    SELECT c.*, day.since, EXISTS (
        SELECT FROM call_steps s
        WHERE s.tenant_id = c.tenant_id AND s.call_id = c.id
        AND s.code IN ('{StepCode.JOINED}', '{StepCode.CONSULTED}')
    ) AS passed_on
    FROM unnest($1::uuid[], $2::timestamptz[]) AS day (tenant_id, since)
    JOIN calls c ON c.tenant_id = day.tenant_id AND c.answered_at IS NOT NULL
        AND c.started_at > day.since - interval '1 day' AND c.ended_at > day.since
)
"""

_TALKED_THROUGHOUT = f"""
{_TALKED}
SELECT c.tenant_id, e.id AS employee_id,
    sum(extract(epoch FROM c.ended_at - greatest(c.answered_at, c.since)))::float8 AS seconds
FROM talked c CROSS JOIN LATERAL (
    SELECT c.answered_employee_id AS id UNION SELECT c.caller_employee_id
) AS e
WHERE NOT c.passed_on AND e.id IS NOT NULL GROUP BY c.tenant_id, e.id
"""

_TALKED_IN_TURN = f"""
{_TALKED}
SELECT c.id, c.tenant_id, c.caller_employee_id, s.code, s.employee_id,
    extract(epoch FROM s.at)::float8 AS at, extract(epoch FROM c.since)::float8 AS since
FROM talked c JOIN call_steps s ON s.tenant_id = c.tenant_id AND s.call_id = c.id AND s.code = ANY ($3)
WHERE c.passed_on ORDER BY c.id, s.seq
"""


async def talk_times(
    database: Database, since: Mapping[UUID, datetime]
) -> list[tuple[UUID, UUID, float]]:
    """Tenant, employee, and the seconds of the conversations after an instant of each tenant's; an
    employee may come several times. Calls that were passed on are told by their logs, turn by turn."""
    days = list(since), list(since.values())
    async with database.directory() as session:
        throughout = await session.fetch(_TALKED_THROUGHOUT, *days)
        in_turn = await session.fetch(_TALKED_IN_TURN, *days, TURNING)
    times = [(row["tenant_id"], row["employee_id"], row["seconds"]) for row in throughout]
    for _, log in groupby(in_turn, key=itemgetter("id")):
        steps = list(log)
        call = steps[0]
        said = ((step["at"], StepCode(step["code"]), step["employee_id"]) for step in steps)
        times.extend(
            (call["tenant_id"], turn.employee_id, max(turn.until - max(turn.since, call["since"]), 0.0))
            for turn in turns(call["caller_employee_id"], said)
        )
    return times
