"""Records of calls reach the database exactly once, whatever happens to it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager

import asyncpg
import msgspec
import pytest

from core.contracts import Attempt, CallStep, Dial, Live, StepCode
from core.events import CallEnded
from core.ids import new_id
from tenants import callstore, tables
from tenants.callstore import DatabaseCallStore, encode
from tenants.journal import Journal
from tenants.listener import CALLS, LIVE
from tests.integration.directory.conftest import call_of
from tests.support.waiting import until


@pytest.fixture
async def store(database, tmp_path):
    opened = DatabaseCallStore(database, tmp_path)
    opened.start()
    yield opened
    await opened.close()


async def counts(database, company) -> tuple[int, int, int]:
    async with database.tenant(company.id):
        return (
            await tables.Call.count(),
            await tables.CallStep.count(),
            await tables.Outbox.count(),
        )


@contextmanager
def stopped(postgres):
    """The database server is down in here."""
    postgres.embedded.stop()
    try:
        yield
    finally:
        postgres.embedded.start()


async def test_a_record_with_its_steps_and_its_event(store, database, company):
    live = Live(frozenset({company.terminal_id}), {company.terminal_id: 1})
    cdr = call_of(
        company,
        caller_name='О\'Брайен "<b>"',
        seed=2**63 - 1,
        attempts=(
            Attempt(1_795_000_000.1234567, Dial(()), live),
            Attempt(1_795_000_001.7654321),
        ),
    )
    await store.save(cdr)
    async with database.tenant(company.id):
        call = await tables.Call.select().first()
        steps = await tables.CallStep.select().order_by(tables.CallStep.seq)
        event = await tables.Outbox.select().first()
    assert call["id"] == cdr.call_id
    assert call["started_at"].timestamp() == pytest.approx(cdr.started_at)
    assert call["answered_at"] is None
    assert (call["caller_name"], call["seed"]) == (cdr.caller_name, cdr.seed)
    assert msgspec.json.decode(call["attempts"], type=tuple[Attempt, ...]) == cdr.attempts
    assert call["decision"] is None
    assert [step["code"] for step in steps] == ["arrived", "ended"]
    assert msgspec.json.decode(steps[1]["data"]) == {"by": "caller"}
    ended = msgspec.json.decode(event["body"], type=CallEnded)
    assert (ended.id, ended.tenant_id, ended.cdr) == (event["id"], company.id, cdr)
    assert not store.pending


async def test_the_same_record_twice(store, database, company, tmp_path):
    cdr = call_of(company)
    await asyncio.gather(store.save(cdr), store.save(cdr))
    await store.save(msgspec.structs.replace(cdr, called="+79999999999"))
    assert await counts(database, company) == (1, 2, 1)
    assert not (tmp_path / "journal").exists()


async def test_calls_of_many_companies_at_once(store, database, make_company):
    ours, theirs = await make_company(1), await make_company(2)
    cdrs = [call_of(company) for company in (ours, theirs, ours, ours, theirs)]
    await asyncio.gather(*(store.save(cdr) for cdr in cdrs))
    assert await counts(database, ours) == (3, 6, 3)
    assert await counts(database, theirs) == (2, 4, 2)


async def test_a_refused_record_takes_no_other_along(store, database, make_company, tmp_path):
    ours, theirs = await make_company(1), await make_company(2)
    await store.save(call_of(ours))  # so that the next ones go together
    bad = call_of(ours, tenant_id=new_id())
    await asyncio.gather(*(store.save(cdr) for cdr in (call_of(ours), bad, call_of(theirs))))
    await until(lambda: not store.pending, 30)
    assert await counts(database, ours) == (2, 4, 2)
    assert await counts(database, theirs) == (1, 2, 1)
    assert (tmp_path / "journal" / "rejected").stat().st_size > 0


async def test_no_batch_reaches_past_its_company(database, make_company):
    ours, theirs = await make_company(1), await make_company(2)
    cdr = call_of(theirs)
    batch = b'[{"event_id":"%b","cdr":%b}]' % (str(new_id()).encode(), encode(cdr))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.each_tenant("store_calls", {ours.id: batch.decode()})
    assert await counts(database, theirs) == (0, 0, 0)


async def test_a_company_that_was_set_before_stays_set(database, make_company):
    ours, theirs = await make_company(1), await make_company(2)
    async with database.tenant(ours.id) as session:
        await session.execute("SELECT store_calls($1, $2)", [theirs.id], ["[]"])
        assert await session.fetchval("SELECT current_setting('app.tenant_id')") == str(ours.id)


async def test_the_history_is_told(store, database, company, listener):
    with listener.subscribe(LIVE, company.id) as subscription:
        await store.save(call_of(company))
        async with asyncio.timeout(5):
            assert CALLS in [notice.kind for notice in await subscription.take()]


async def test_a_stopped_database_loses_nothing_and_doubles_nothing(store, database, postgres, company):
    before = call_of(company)
    await store.save(before)
    with stopped(postgres):
        async with asyncio.timeout(10):
            for cdr in [before, *(call_of(company) for _ in range(20))]:
                await store.save(cdr)
        assert store.pending
    await until(lambda: not store.pending)
    assert await counts(database, company) == (21, 42, 21)


async def test_a_new_process_replays_what_the_old_one_left(database, tmp_path, postgres, company):
    first = DatabaseCallStore(database, tmp_path)
    with stopped(postgres):
        await first.save(call_of(company))
        await first.close()
    second = DatabaseCallStore(database, tmp_path)
    second.start()
    await until(lambda: not second.pending)
    await second.close()
    assert await counts(database, company) == (1, 2, 1)


async def test_a_server_that_hangs_delays_nobody_for_long(
    store, database, postgres, company, monkeypatch
):
    monkeypatch.setattr(callstore, "SAVE_SECONDS", 0.3)
    journalled: list[bytes] = []
    append = Journal.append
    monkeypatch.setattr(
        Journal, "append", lambda self, record: (journalled.append(record), append(self, record))[1]
    )
    await store.save(call_of(company))  # warms a connection, which then hangs
    async with database.tenant(company.id) as session:
        backend = await session.fetchval("SELECT pg_backend_pid()")
    os.kill(backend, signal.SIGSTOP)
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(*(store.save(call_of(company)) for _ in range(3)))
        assert journalled
    finally:
        os.kill(backend, signal.SIGCONT)
    await until(lambda: not store.pending)
    assert await counts(database, company) == (4, 8, 4)


async def test_cancelling_the_call_does_not_cancel_its_record(store, database, company):
    saving = asyncio.create_task(store.save(call_of(company)))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    await store.close()
    assert await counts(database, company) == (1, 2, 1)


async def test_a_record_that_can_never_be_stored_blocks_no_other(
    store, database, postgres, company, tmp_path
):
    with stopped(postgres):
        await store.save(call_of(company))
        await store.save(call_of(company, tenant_id=new_id()))
        await store.save(call_of(company))
    await until(lambda: not store.pending)
    assert await counts(database, company) == (2, 4, 2)
    assert (tmp_path / "journal" / "rejected").stat().st_size > 0


async def test_database_and_disk_gone(store, database, postgres, company, monkeypatch):
    async def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    with stopped(postgres):
        await store.save(call_of(company))
        assert store.pending
    await until(lambda: not store.pending)
    assert await counts(database, company) == (1, 2, 1)


@pytest.mark.parametrize("name", ["nul \0 here", "half \ud800 pair", "back\\u0000slash", "\0"])
async def test_hostile_names_are_stored(store, database, company, name):
    await store.save(
        call_of(company, caller_name=name, steps=(CallStep(1.0, StepCode.ENDED, data={"cause": name}),))
    )
    assert await counts(database, company) == (1, 1, 1)
    assert not store.pending


def test_clean_records_are_not_touched(company):
    cdr = call_of(company, caller_name="Ёж 🦔 \\ \" '")
    assert encode(cdr) == msgspec.json.encode(cdr)


async def test_a_clock_that_was_set_back(store, database, company):
    cdr = call_of(company)
    await store.save(msgspec.structs.replace(cdr, ended_at=cdr.started_at - 100))
    assert await counts(database, company) == (1, 2, 1)
