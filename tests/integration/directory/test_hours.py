"""Working time from the tables to a call's decision, on a real database."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from core import routing
from core.contracts import Addressee, AddresseeKind, CallFacts, Dial, Direction, Live
from core.ids import new_id
from tests.support.database import add_tenant
from tests.support.waiting import until

NOON, NIGHT = "2026-11-23 12:00", "2026-11-23 03:00"
WEEK = msgspec.json.encode([[[540, 1080]]] * 5 + [[]] * 2).decode()
VACATION = msgspec.json.encode(
    [{"kind": "unavailable", "start": "2026-11-23T00:00:00", "end": "2026-11-24T00:00:00"}]
).decode()
HOLIDAY = msgspec.json.encode([{"date": "2026-11-23", "working": False}]).decode()


def instant(at):
    return datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/Moscow")).timestamp()


def reason(directory, company, at):
    """Why the employee's line does not ring, or ``None``."""
    snapshot = directory.snapshot(company.id)
    step = Dial((Addressee(AddresseeKind.EMPLOYEE, str(company.employee_id)),))
    facts = CallFacts(new_id(), company.id, Direction.INCOMING, None, company.e164)
    live = Live(registered=frozenset([company.terminal_id]))
    plan = routing.plan(routing.compile(snapshot), step, facts, live, instant(at), 0)
    mine = [s for s in plan.skipped if s.terminal_id in (None, company.terminal_id)]
    return mine[0].reason.value if mine else None


async def test_hours_reach_calls_within_a_moment(database, directory, company):
    assert reason(directory, company, NIGHT) is None
    async with database.tenant(company.id) as session:
        schedule = await session.fetchval(
            "INSERT INTO schedules (id, tenant_id, name, week) VALUES ($1, $2, '', $3) RETURNING id",
            *(new_id(), company.id, WEEK),
        )
        await session.execute("UPDATE employees SET schedule_id = $1, mode = 'schedule'", schedule)
    await until(lambda: reason(directory, company, NIGHT) == "off_hours")
    assert reason(directory, company, NOON) is None
    async with database.tenant(company.id) as session:
        calendar = await session.fetchval(
            "INSERT INTO calendars (id, tenant_id, name, days) VALUES ($1, $2, 'Год', $3) RETURNING id",
            *(new_id(), company.id, HOLIDAY),
        )
        await session.execute("UPDATE employees SET calendar_id = $1", calendar)
    await until(lambda: reason(directory, company, NOON) == "off_hours")
    async with database.tenant(company.id) as session:
        await session.execute(
            "UPDATE employees SET calendar_id = NULL, schedule_id = NULL, extra_periods = $1", VACATION
        )
    await until(lambda: reason(directory, company, NOON) == "extra_unavailable")
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE employees SET extra_periods = '[]'")
        await session.execute("UPDATE terminals SET schedule_id = $1", schedule)
    await until(lambda: reason(directory, company, NIGHT) == "terminal_off_hours")
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE schedules SET week = '[[],[],[],[],[],[],[]]'")
    await until(lambda: reason(directory, company, NOON) == "terminal_off_hours")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("schedules", "week", "[[[540, 2881]], [], [], [], [], [], []]"),
        ("schedules", "week", "{}"),
        ("calendars", "days", '[{"date": "2026-11-23", "working": true, "like": 7}]'),
        (
            "employees",
            "extra_periods",
            '[{"kind": "available", "start": "2026-11-23T00:00:00Z", "end": "2026-11-24T00:00:00Z"}]',
        ),
    ],
)
async def test_hours_that_make_no_sense_leave_calls_as_they_were(
    database, directory, company, table, column, value
):
    async with database.tenant(company.id) as session:
        if table != "employees":
            await session.execute(
                f"INSERT INTO {table} (id, tenant_id, name) VALUES ($1, $2, 'x')", new_id(), company.id
            )
    with capture_logs() as logs:
        async with database.tenant(company.id) as session:
            await session.execute(f"UPDATE {table} SET {column} = $1", value)
            await session.execute("UPDATE employees SET name = 'Новый'")
        await until(lambda: any(line["event"] == "tenant_unreadable" for line in logs))
    assert directory.snapshot(company.id).employees[0].name == "Иванов"
    assert reason(directory, company, NIGHT) is None


async def test_a_schedule_that_is_used_cannot_be_deleted(database, company):
    async with database.tenant(company.id) as session:
        schedule = await session.fetchval(
            "INSERT INTO schedules (id, tenant_id, name) VALUES ($1, $2, 'Офис') RETURNING id",
            *(new_id(), company.id),
        )
        await session.execute("UPDATE employees SET schedule_id = $1", schedule)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.tenant(company.id) as session:
            await session.execute("DELETE FROM schedules WHERE id = $1", schedule)


async def test_hours_of_another_company_are_refused(database, company):
    other = await add_tenant(database, "Василёк")
    async with database.tenant(other) as session:
        calendar = await session.fetchval(
            "INSERT INTO calendars (id, tenant_id, name) VALUES ($1, $2, 'Их') RETURNING id",
            *(new_id(), other),
        )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.tenant(company.id) as session:
            await session.execute("UPDATE employees SET calendar_id = $1", calendar)
