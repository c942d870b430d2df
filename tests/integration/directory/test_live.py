"""The live board: batched, isolated, and right again after every kind of loss."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec import structs

from core.contracts import CallFacts, Direction, Line
from core.ids import new_id
from tenants.listener import LIVE
from tenants.live import BEAT_SECONDS, DatabaseLiveBoard, live_calls, live_lines
from tenants.services import queues
from tenants.services.actor import Actor, Role
from tenants.tables import LiveCallState
from tests.support.waiting import eventually, until

NOW = time.time()


def facts_of(company, **changes) -> CallFacts:
    return structs.replace(
        CallFacts(new_id(), company.id, Direction.INCOMING, "+79031112233", company.e164), **changes
    )


def line_of(company) -> Line:
    return Line(company.login, company.id, company.employee_id, company.terminal_id, {})


@pytest.fixture
async def board(database, listener):
    opened = DatabaseLiveBoard(database, listener)
    opened.start()
    yield opened
    await opened.close()


async def test_a_call_from_ring_to_end(board, database, company):
    async def calls():
        return await live_calls(database, company.id)

    facts, colleague = facts_of(company), new_id()
    board.call_started(facts, NOW)
    [call] = await eventually(calls, len)
    assert (call.call_id, call.state, call.employee_id) == (facts.call_id, LiveCallState.STARTED, None)
    board.call_ringing(facts, NOW + 1, [company.employee_id, colleague])
    ringing = await eventually(calls, lambda found: len(found) == 2)
    assert {call.employee_id for call in ringing} == {company.employee_id, colleague}
    assert {call.state for call in ringing} == {LiveCallState.RINGING}
    board.call_answered(facts, NOW + 2, colleague, company.terminal_id)
    [call] = await eventually(calls, lambda found: len(found) == 1)
    assert (call.state, call.employee_id) == (LiveCallState.TALKING, colleague)
    assert call.terminal_id == company.terminal_id
    assert call.started_at.timestamp() == pytest.approx(NOW)
    assert call.answered_at.timestamp() == pytest.approx(NOW + 2)
    board.call_ended(facts)
    await eventually(calls, lambda found: not found)


async def test_the_employee_who_calls_is_a_party(board, database, company):
    facts = facts_of(
        company,
        direction=Direction.INTERNAL,
        employee_id=company.employee_id,
        terminal_id=company.terminal_id,
    )
    colleague, phone = new_id(), new_id()
    board.call_started(facts, NOW)
    board.call_answered(facts, NOW, colleague, phone)
    found = await eventually(lambda: live_calls(database, company.id), len)
    assert {(call.employee_id, call.terminal_id) for call in found} == {
        (company.employee_id, company.terminal_id),
        (colleague, phone),
    }


async def test_a_line_comes_is_renewed_and_goes(board, database, company, listener):
    async def lines():
        return await live_lines(database, company.id)

    line = line_of(company)
    with listener.subscribe(LIVE, company.id) as subscription:
        board.line_registered(line, NOW, NOW + 3600, "Phone/1", "udp:192.0.2.1:5060")
        [present] = await eventually(lines, len)
        assert (present.terminal_id, present.user_agent) == (company.terminal_id, "Phone/1")
        async with asyncio.timeout(60):
            await subscription.take()  # it may come later than the row is seen
        board.line_registered(line, NOW + 30, NOW + 7200, "Phone/1", "udp:192.0.2.1:5060")
        renewed = await eventually(lines, lambda found: found[0].expires_at > present.expires_at)
        assert renewed[0].registered_at == present.registered_at
        with pytest.raises(TimeoutError):  # a renewal is no news
            async with asyncio.timeout(0.3):
                await subscription.take()
        board.line_unregistered(line, NOW + 40)
        async with asyncio.timeout(60):
            [notice] = await subscription.take()
    assert (notice.tenant_id, notice.kind) == (company.id, "live_lines")
    assert await lines() == []


async def test_a_registration_that_ran_out_is_not_shown(board, database, company):
    board.line_registered(line_of(company), NOW - 100, NOW - 1, "Phone/1", "udp")

    async def stored():
        async with database.tenant(company.id) as session:
            return await session.fetchval("SELECT count(*) FROM live_lines")

    await eventually(stored, bool)
    assert await live_lines(database, company.id) == []


async def test_tenants_are_isolated(board, database, company, make_company):
    other = await make_company(2)
    board.call_started(facts_of(company), NOW)
    board.call_started(facts_of(other), NOW)
    board.line_registered(line_of(other), NOW, NOW + 3600, "", "")
    await eventually(lambda: live_calls(database, other.id), len)
    await eventually(lambda: live_calls(database, company.id), len)
    assert len(await live_calls(database, company.id)) == 1
    assert await live_lines(database, company.id) == []
    assert len(await live_lines(database, other.id)) == 1


async def test_changes_of_one_beat_are_one_transaction(board, database, company, monkeypatch):
    await until(lambda: board._cleaned)
    opened: list[object] = []
    tenant = database.tenant
    monkeypatch.setattr(database, "tenant", lambda key: (opened.append(key), tenant(key))[1])
    for _ in range(100):
        facts = facts_of(company)
        board.call_started(facts, NOW)
        board.call_ringing(facts, NOW, [company.employee_id])
    board.line_registered(line_of(company), NOW, NOW + 3600, "", "")
    await until(lambda: opened)
    await asyncio.sleep(2 * BEAT_SECONDS)
    monkeypatch.undo()
    await eventually(lambda: live_calls(database, company.id), lambda found: len(found) == 100)
    assert opened == [company.id]


async def test_a_fresh_process_removes_what_the_last_one_left(database, listener, company):
    first = DatabaseLiveBoard(database, listener)
    first.start()
    first.call_started(facts_of(company), NOW)
    await eventually(lambda: live_calls(database, company.id), len)
    for task in first._tasks:  # killed: it takes nothing off the board
        task.cancel()
    second = DatabaseLiveBoard(database, listener)
    second.start()
    await eventually(lambda: live_calls(database, company.id), lambda found: not found)
    await second.close()


async def test_the_board_is_empty_after_an_orderly_end(database, listener, company):
    board = DatabaseLiveBoard(database, listener)
    board.start()
    board.call_started(facts_of(company), NOW)
    await eventually(lambda: live_calls(database, company.id), len)
    await board.close()
    assert await live_calls(database, company.id) == []


async def test_everything_is_written_again_after_the_database_was_away(
    board, database, postgres, company
):
    ended, stays, fresh = facts_of(company), facts_of(company), facts_of(company)
    board.call_started(ended, NOW)
    board.call_started(stays, NOW)
    await eventually(lambda: live_calls(database, company.id), lambda found: len(found) == 2)
    postgres.embedded.stop()
    try:
        board.call_ended(ended)
        board.call_started(fresh, NOW)
        await asyncio.sleep(0.3)
    finally:
        postgres.embedded.start()
    found = await eventually(
        lambda: live_calls(database, company.id),
        lambda found: {call.call_id for call in found} == {stays.call_id, fresh.call_id},
        15,
    )
    assert len(found) == 2


async def test_unlogged_tables_emptied_by_a_crash_are_filled_again(board, database, postgres, company):
    facts = facts_of(company)
    board.call_started(facts, NOW)
    await eventually(lambda: live_calls(database, company.id), len)
    async with database.tenant(company.id) as session:  # as crash recovery does
        await session.execute("DELETE FROM live_calls")
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
    [call] = await eventually(lambda: live_calls(database, company.id), len)
    assert call.call_id == facts.call_id


@pytest.mark.spec("PRC-09", at="rule")
async def test_who_waits_in_which_queue_is_seen_in_order(board, database, company):
    branch = new_id()
    sales, support = f"{branch}/open/0", f"{branch}/off_hours/1"
    late, vip, first, ringing, other = (facts_of(company) for _ in range(5))
    admin = Actor(company.id, Role.ADMINISTRATOR, None, company.employee_id, "")
    for facts in (late, vip, first, ringing, other):
        board.call_started(facts, NOW)
    board.call_queued(late, NOW + 3, sales, 1)
    board.call_queued(first, NOW + 1, sales, 1)
    board.call_queued(vip, NOW + 4, sales, 0)
    board.call_queued(ringing, NOW + 2, sales, 1)
    board.call_ringing(ringing, NOW, [company.employee_id, new_id()])
    board.call_queued(other, NOW, support, 0)

    async def seen(actor=admin):
        found = await queues.queues(database, actor)
        return {each.number: [call.call_id for call in each.calls] for each in found}

    ordered = [facts.call_id for facts in (vip, first, ringing, late)]
    await eventually(seen, lambda found: found == {0: ordered, 1: [other.call_id]})
    (by_day, by_night) = sorted(await queues.queues(database, admin), key=lambda each: each.number)
    assert (by_day.branch_id, by_day.off_hours, by_night.off_hours) == (branch, False, True)
    assert [call.place for call in by_day.calls] == [1, 2, 3, 4]
    assert by_day.calls[0].since.timestamp() == pytest.approx(NOW + 4)
    assert by_day.calls[2].state is LiveCallState.RINGING
    employee = Actor(company.id, Role.EMPLOYEE, None, company.employee_id, "")
    assert await seen(employee) == {0: [ringing.call_id]}, "whom he may see, at the place that it has"
    board.call_left_queue(vip)
    board.call_ended(other)
    await eventually(seen, lambda found: found == {0: ordered[1:]})
    present = await live_calls(database, company.id)
    states = {call.call_id: call.state for call in present}
    assert (states[vip.call_id], states[late.call_id]) == ("started", "waiting")


async def test_a_call_that_rang_in_vain_rings_nobody(board, database, company):
    facts, queued, talking = (facts_of(company) for _ in range(3))
    for each in (facts, queued, talking):
        board.call_queued(each, NOW, "q", 0) if each is not facts else board.call_started(each, NOW)
        board.call_ringing(each, NOW, [company.employee_id])
    board.call_rang_out(facts)
    board.call_answered(talking, NOW, company.employee_id, None)
    board.call_left_queue(queued)
    board.call_left_queue(talking)

    async def seen():
        present = await live_calls(database, company.id)
        return {call.call_id: (call.state, call.employee_id) for call in present}

    expected = {
        facts.call_id: ("started", None),
        queued.call_id: ("started", None),
        talking.call_id: ("talking", company.employee_id),
    }
    await eventually(seen, lambda found: found == expected)
