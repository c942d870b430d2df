"""Consumers of the outbox: exactly one effect, over failures, crashes and several workers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from core.contributions import OutboxConsumer, Owned
from core.errors import Unavailable
from core.events import CallEnded, CallStarted, Event
from tenants import outbox, tables
from tenants.callstore import DatabaseCallStore
from tenants.crosstenant import outbox as events
from tenants.engine import current_session
from tenants.outbox import Outbox
from tests.integration.directory.conftest import call_of
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]
EFFECT = "INSERT INTO schedules (tenant_id, name) VALUES ($1, $2)"


@pytest.fixture
async def company(make_company):
    return await make_company(plugins=("counter", "other"))


@pytest.fixture
async def save(database, tmp_path, company):
    store = DatabaseCallStore(database, tmp_path)

    async def save_call(whose=company) -> UUID:
        cdr = call_of(whose)
        await store.save(cdr)
        return cdr.call_id

    yield save_call
    await store.close()


async def count(tenant, event) -> None:
    """An effect on a table: a row for each call."""
    assert isinstance(event, CallEnded)
    await current_session().execute(EFFECT, tenant.id, str(event.cdr.call_id))


def consumer(handle=count, name="counter.calls", events=(CallEnded,)) -> Owned[OutboxConsumer]:
    return Owned(name.partition(".")[0], OutboxConsumer(name, events, handle))


async def effects(database, company) -> list[str]:
    async with database.tenant(company.id):
        rows = await tables.Schedule.select(tables.Schedule.name)
    return sorted(row["name"] for row in rows)


async def test_one_effect_for_each_event(database, listener, save, company):
    calls = sorted([str(await save()) for _ in range(3)])
    box = Outbox(database, [consumer()], listener)
    await box.drain()
    await box.drain()
    await Outbox(database, [consumer()], listener).drain()  # after a restart
    assert await effects(database, company) == calls


async def test_several_workers_at_once(database, listener, save, company):
    calls = sorted([str(await save()) for _ in range(20)])
    await asyncio.gather(*(Outbox(database, [consumer()], listener).drain() for _ in range(3)))
    assert await effects(database, company) == calls


async def test_a_handler_that_raises_leaves_nothing_and_is_tried_again(
    database, listener, save, company
):
    call = str(await save())
    attempts = []

    async def fails_twice(tenant, event):
        await count(tenant, event)
        attempts.append(event.id)
        if len(attempts) < 3:
            raise RuntimeError("not yet")

    box = Outbox(database, [consumer(fails_twice)], listener)
    await box.drain()
    assert await effects(database, company) == []
    async with asyncio.timeout(60):
        while len(attempts) < 3:
            await box.drain()
            await asyncio.sleep(0.1)
    assert await effects(database, company) == [call]
    assert len(set(attempts)) == 1


async def test_one_failing_consumer_or_event_does_not_stop_the_others(
    database, listener, save, company, make_company
):
    other = await make_company(2, "Лютик", plugins=("counter",))
    calls, others = sorted([str(await save()) for _ in range(2)]), str(await save(other))

    async def broken(tenant, event):
        raise RuntimeError("always")

    async def only_for_some(tenant, event):
        if tenant.id == company.id:
            raise RuntimeError("not for you")
        await count(tenant, event)

    box = Outbox(
        database,
        [consumer(broken, "other.broken"), consumer(only_for_some, "counter.some"), consumer()],
        listener,
    )
    async with asyncio.timeout(60):
        await box.drain()
    assert await effects(database, company) == calls
    assert await effects(database, other) == [others, others]


async def test_a_contract_without_the_plugin_has_no_effect_now_or_later(
    database, listener, save, company
):
    async with database.tenant(company.id):
        await tables.Contract.update(plugins=["other"], force=True)
    await save()
    await Outbox(database, [consumer()], listener).drain()
    async with database.tenant(company.id):
        await tables.Contract.update(plugins=["counter"], force=True)
    await Outbox(database, [consumer()], listener).drain()
    assert await effects(database, company) == []


async def test_only_events_of_its_types_and_their_kinds(database, listener, save, company):
    seen: list[str] = []

    def note(name):
        async def handle(tenant, event):
            seen.append(f"{name} {type(event).__name__}")

        return handle

    await save()
    await Outbox(
        database,
        [
            consumer(note("started"), "counter.started", (CallStarted,)),
            consumer(note("all"), "counter.all", (Event,)),
        ],
        listener,
    ).drain()
    assert seen == ["all CallEnded"]


CRASHING = """
import asyncio, os, sys
from functools import partial
from pathlib import Path
from core.contributions import OutboxConsumer, Owned
from core.events import CallEnded
from core.settings import DataSettings
from tenants.db import Database
from tenants.engine import current_session
from tenants.listener import Listener
from tenants.outbox import Outbox

async def crash(tenant, event):
    await current_session().execute(
        "INSERT INTO schedules (tenant_id, name) VALUES ($1, $2)", tenant.id, str(event.cdr.call_id))
    os.kill(os.getpid(), 9)

async def main():
    database = await Database.open(DataSettings(dir=Path(sys.argv[1]), dsn=sys.argv[2]))
    owned = Owned("counter", OutboxConsumer("counter.calls", (CallEnded,), crash))
    await Outbox(database, [owned], Listener(database.listen_connection)).drain()

asyncio.run(main())
"""


def crash_between_effect_and_note(settings) -> int:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CRASHING, str(settings.dir), settings.dsn]
    return subprocess.run(command, env=environment, check=False).returncode


async def test_a_crash_between_effect_and_note(database, listener, save, company, data_settings):
    call = str(await save())
    assert crash_between_effect_and_note(data_settings) == -9
    assert await effects(database, company) == []
    await Outbox(database, [consumer()], listener).drain()
    assert await effects(database, company) == [call]


async def test_it_runs_by_itself_and_over_a_stopped_database(
    database, listener, save, company, postgres, monkeypatch
):
    monkeypatch.setattr(outbox, "POLL_SECONDS", 100.0)  # so it is the notices that wake it
    running = asyncio.create_task(Outbox(database, [consumer()], listener).run())
    look = partial(effects, database, company)
    try:
        await asyncio.sleep(0.2)
        await save()
        await eventually(look, len)
        postgres.embedded.stop()
        await asyncio.sleep(0.5)
        postgres.embedded.start()
        await save()
        await eventually(look, lambda found: len(found) == 2)
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_consumer_that_always_fails_rests(database, listener, save, company, monkeypatch):
    monkeypatch.setattr(outbox, "REST_SECONDS", 0.01)
    attempts = []

    async def broken(tenant, event):
        attempts.append(event.id)
        raise RuntimeError("always")

    for _ in range(outbox.FAILURES_IN_A_ROW + 5):
        await save()
    box = Outbox(database, [consumer(broken)], listener)
    assert await box._consumers[0].work()
    assert len(attempts) == outbox.FAILURES_IN_A_ROW


async def test_a_lost_database_is_not_the_consumers_fault(database, listener, save, company):
    await save()

    async def cut(tenant, event):
        raise Unavailable

    box = Outbox(database, [consumer(cut)], listener)
    with pytest.raises(Unavailable):
        await box.drain()
    assert not box._consumers[0]._failed


async def test_a_late_commit_is_not_missed(database, listener, save, company):
    """An event whose transaction began before the last look and committed after it."""
    box = Outbox(database, [consumer()], listener)
    await box.drain()
    call = await save()
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE outbox SET created_at = now() - interval '5 minutes'")
    await box.drain()
    assert await effects(database, company) == [str(call)]


async def test_old_events_are_forgotten_when_everybody_is_done(database, listener, save, company):
    await save()
    fails = True

    async def sometimes(tenant, event):
        if fails:
            raise RuntimeError("not yet")

    box = Outbox(database, [consumer(), consumer(sometimes, "other.late")], listener)
    await box.drain()

    async def left() -> int:
        await box.purge()
        async with database.tenant(company.id):
            return await tables.Outbox.count()

    assert await left() == 1
    async with database.tenant(company.id) as session:
        await session.execute(
            "UPDATE outbox SET created_at = $1",
            datetime.now(UTC) - timedelta(days=outbox.KEPT_DAYS + 1),
        )
    assert await left() == 1  # one consumer is not done
    fails = False
    box = Outbox(database, [consumer(), consumer(sometimes, "other.late")], listener)
    await box.drain()
    assert await left() == 0
    async with database.tenant(company.id):
        assert await tables.OutboxDone.count() == 0


async def test_what_another_worker_has_done_holds_up_nobody(database, listener, save, company):
    await save()
    fails = True

    async def sometimes(tenant, event):
        if fails:
            raise RuntimeError("not yet")

    box, other = (Outbox(database, [consumer(sometimes)], listener) for _ in range(2))
    await box.drain()
    mine = box._consumers[0]
    (failed,) = mine._failed.values()
    assert mine._since <= failed.created_at
    fails = False
    await other.drain()
    failed.retry_at = 0.0
    failed.created_at -= timedelta(days=2)  # long ago
    await box.drain()
    assert not mine._failed
    assert datetime.now(UTC) - mine._since < timedelta(hours=1)


async def test_however_many_old_events_there_are_they_go(
    database, listener, save, company, monkeypatch
):
    monkeypatch.setattr(events, "BATCH", 2)
    kept = await save()

    async def sometimes(tenant, event):
        if event.cdr.call_id == kept:
            raise RuntimeError("never")

    for _ in range(6):
        await save()
    box = Outbox(database, [consumer(sometimes)], listener)
    await box.drain()
    async with database.tenant(company.id) as session:
        await session.execute(
            "UPDATE outbox SET created_at = $1",  # all at one moment
            datetime.now(UTC) - timedelta(days=outbox.KEPT_DAYS + 1),
        )
    await box.purge()
    async with database.tenant(company.id) as session:
        rows = await session.fetch("SELECT body #>> '{cdr,call_id}' AS call FROM outbox")
    assert [row["call"] for row in rows] == [str(kept)]


async def test_old_events_that_cannot_go_are_told(database, listener, monkeypatch):
    monkeypatch.setattr(outbox, "PURGE_SECONDS", 0.01)
    tried = asyncio.Event()

    async def slow(*_):
        if failing:
            failing.clear()
            raise asyncpg.QueryCanceledError
        tried.set()

    failing = [True]
    monkeypatch.setattr(outbox, "forget_events", slow)
    with capture_logs() as logs:
        running = asyncio.create_task(Outbox(database, [], listener)._purge_always())
        async with asyncio.timeout(10):
            await tried.wait()
        running.cancel()
    assert {"event": "outbox_not_purged", "error": "QueryCanceledError", "log_level": "warning"} in logs


async def test_a_body_that_cannot_be_read_does_not_stop_the_rest(database, listener, save, company):
    await save()
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE outbox SET body = '{}'")
    call = await save()
    await Outbox(database, [consumer()], listener).drain()
    assert await effects(database, company) == [str(call)]
