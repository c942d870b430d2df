"""Commands to calls: executed once by whoever has the call, or never."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest

from core.errors import Unavailable
from core.ids import new_id
from tenants.callcommands import Answer, CommandExecutor, Connect, HangUp, ask
from tenants.crosstenant.calls import purge_commands


class Calls:
    """Has the calls in ``here``, by company; notes who hung up which."""

    def __init__(self, **here) -> None:
        self.here = here
        self.ended: list[tuple] = []

    def hang_up(self, tenant_id, call_id, who) -> bool:
        if self.here.get(str(call_id)) != tenant_id:
            return False
        self.ended.append((call_id, who))
        return True

    def call_for(self, tenant_id, call_id, employee_id, number) -> bool:
        self.ended.append((call_id, number))
        return True


@pytest.fixture
async def executor_of(database, listener):
    running = []

    def start(calls: Calls) -> CommandExecutor:
        executor = CommandExecutor(database, listener, calls)
        executor.start()
        running.append(executor)
        return executor

    yield start
    for executor in running:
        await executor.close()


async def rows(database) -> int:
    async with database.directory() as session:
        return await session.fetchval("SELECT count(*) FROM call_commands")


async def test_the_process_that_has_the_call_ends_it(database, executor_of, company):
    call_id = new_id()
    calls, others = Calls(**{str(call_id): company.id}), Calls()
    executor_of(others)
    executor_of(calls)
    assert await ask(database, company.id, HangUp(call_id, "Анна"), seconds=30) is Answer.DONE
    assert (calls.ended, others.ended) == ([(call_id, "Анна")], [])
    assert await rows(database) == 0


async def test_nobody_has_the_call(database, executor_of, company):
    calls = Calls()
    executor_of(calls)
    with pytest.raises(Unavailable):
        await ask(database, company.id, HangUp(new_id()), seconds=0.3)
    assert await rows(database) == 0


async def test_another_companys_call_is_left_alone(database, executor_of, make_company):
    ours, theirs = await make_company(1), await make_company(2)
    call_id = new_id()
    calls = Calls(**{str(call_id): theirs.id})
    executor_of(calls)
    with pytest.raises(Unavailable):
        await ask(database, ours.id, HangUp(call_id), seconds=0.3)
    assert calls.ended == []


async def test_what_was_given_up_is_never_done(database, executor_of, listener, company):
    call_id = new_id()
    with pytest.raises(Unavailable):
        await ask(database, company.id, HangUp(call_id), seconds=0.1)
    calls = Calls(**{str(call_id): company.id})
    executor_of(calls)
    another = new_id()
    calls.here[str(another)] = company.id
    await ask(database, company.id, HangUp(another), seconds=30)  # so the first one's turn is over
    assert [done for done, _ in calls.ended] == [another]


async def test_a_command_that_waits_is_found_by_a_process_that_starts(database, executor_of, company):
    call_id = new_id()
    asking = asyncio.create_task(ask(database, company.id, HangUp(call_id), seconds=30))
    while not await rows(database):
        await asyncio.sleep(0.01)
    executor = executor_of(Calls(**{str(call_id): company.id}))
    await executor._obey(None)  # what it does when it (again) listens
    assert await asking is Answer.DONE


async def test_rows_of_askers_that_died_are_removed(database, company):
    async with database.tenant(company.id) as session:
        for age in ("1 second", "1 hour"):
            await session.execute(
                "INSERT INTO call_commands (id, tenant_id, body, expires_at)"
                f" VALUES ($1, $2, '{{}}', now() - interval '{age}')",
                new_id(),
                company.id,
            )
    await purge_commands(database)
    assert await rows(database) == 1


class Shaky:
    """A database whose sessions of companies fail from ``first`` to ``last``, counted."""

    def __init__(self, database, first, last) -> None:
        self.database, self.first, self.last, self.count = database, first, last, 0

    def tenant(self, tenant_id):
        self.count += 1
        if self.first <= self.count <= self.last:
            raise Unavailable
        return self.database.tenant(tenant_id)


async def test_a_database_that_is_away_for_a_moment_makes_no_done_command_a_failed_one(
    database, executor_of, company
):
    call_id = new_id()
    executor_of(calls := Calls(**{str(call_id): company.id}))
    shaky = Shaky(database, 2, 4)  # the row is written, then three looks at it fail
    assert await ask(shaky, company.id, HangUp(call_id), seconds=30) is Answer.DONE
    assert shaky.count > 4
    assert len(calls.ended) == 1


async def test_what_was_done_is_not_done_again_if_its_answer_was_lost(database, listener, company):
    calls = Calls()
    executor = CommandExecutor(database, listener, calls)
    command_id = new_id()
    body = msgspec.json.encode(Connect(new_id(), new_id(), "101")).decode()
    for _ in range(2):  # the first transaction is undone, as by a connection that is lost at its end
        with suppress(ZeroDivisionError):
            async with database.tenant(company.id) as session:
                await executor._execute(session, company.id, command_id, body)
                raise ZeroDivisionError
    assert len(calls.ended) == 1
