"""How long people have talked today, from the records of calls: what a process knows at its start."""

from __future__ import annotations

from datetime import UTC, datetime

from core.call.talktime import TalkTime
from core.contracts import CallStep, Direction, StepCode
from core.ids import new_id
from core.routing.zones import day
from tenants.callstore import DatabaseCallStore
from tenants.crosstenant.talktime import talk_times
from tests.integration.directory.conftest import call_of

NOON = datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()  # in Moscow


async def test_it_survives_a_restart(database, directory, company, make_company, tmp_path):
    midnight, _ = day("Europe/Moscow", NOON)
    other = await make_company(2, "Лютик")
    anna, boris = company.employee_id, new_id()
    store = DatabaseCallStore(database, tmp_path)

    async def talked(of, start, end, answered_by, caller=None):
        times = {"started_at": start - 5, "answered_at": start, "ended_at": end}
        await store.save(
            call_of(of, **times, answered_employee_id=answered_by, caller_employee_id=caller)
        )

    await talked(company, NOON - 100, NOON - 40, anna)
    await talked(company, NOON - 900, NOON - 880, anna, boris)
    await talked(company, midnight - 60, midnight + 7, boris)  # of this only what is of today
    await talked(company, midnight - 900, midnight - 60, boris)
    await talked(company, NOON - 30, NOON - 29, boris, boris)  # one telephone of his calls the other
    await talked(other, NOON - 10, NOON, other.employee_id)
    await store.save(call_of(company, started_at=NOON - 5, ended_at=NOON, direction=Direction.INCOMING))
    await store.close()

    assert directory.timezones()[company.id] == "Europe/Moscow"
    since = dict.fromkeys((company.id, other.id), datetime.fromtimestamp(midnight, UTC))
    talk = TalkTime(lambda tenant: directory.timezones()[tenant])
    talk.load(await talk_times(database, since), NOON)
    assert talk.of(company.id, [anna, boris], NOON) == {anna: 80, boris: 28}
    assert talk.of(other.id, [other.employee_id, anna], NOON) == {other.employee_id: 10}
    assert talk.of(company.id, [anna, boris], midnight + 86_400) == {}


async def test_of_a_call_that_is_passed_on_everybody_has_the_seconds_of_his_own(
    database, directory, company, tmp_path
):
    midnight, _ = day("Europe/Moscow", NOON)
    anna, boris, vera = company.employee_id, new_id(), new_id()
    store = DatabaseCallStore(database, tmp_path)

    async def talked(start, *log, answered_by, caller=None):
        steps = tuple(CallStep(start + after, code, None, who) for after, code, who in log)
        times = {"started_at": start - 5, "answered_at": start, "ended_at": steps[-1].at}
        people = {"answered_employee_id": answered_by, "caller_employee_id": caller}
        await store.save(call_of(company, **times, **people, steps=steps))

    await talked(  # Anna passes a client on to Boris, who passes her back; Vera does not take her
        NOON - 1000,
        (0, StepCode.ANSWERED, anna),
        (10, StepCode.TRANSFER, anna),
        (12, StepCode.RINGING, boris),
        (20, StepCode.JOINED, boris),
        (50, StepCode.TRANSFER, boris),
        (60, StepCode.JOINED, anna),
        (70, StepCode.TRANSFER, anna),
        (80, StepCode.TRANSFER_FAILED, anna),
        (100, StepCode.ENDED, None),
        answered_by=anna,
    )
    await talked(  # Boris, who called Anna, talks all the while, at last with somebody outside
        NOON - 500,
        (0, StepCode.ANSWERED, anna),
        (100, StepCode.TRANSFER, anna),
        (100, StepCode.JOINED, None),
        (300, StepCode.ENDED, None),
        answered_by=anna,
        caller=boris,
    )
    await talked(  # Vera goes on at another telephone of hers; what was yesterday does not count
        midnight - 60,
        (0, StepCode.ANSWERED, anna),
        (30, StepCode.TRANSFER, anna),
        (50, StepCode.JOINED, vera),
        (70, StepCode.JOINED, vera),
        (90, StepCode.ENDED, None),
        answered_by=anna,
    )
    await talked(  # Anna asks Boris about a client and goes on with him herself
        NOON - 100,
        (0, StepCode.ANSWERED, anna),
        (10, StepCode.TRANSFER, anna),
        (20, StepCode.CONSULTED, boris),
        (25, StepCode.RESUMED, anna),
        (30, StepCode.ENDED, None),
        answered_by=anna,
    )
    await store.close()

    talk = TalkTime(lambda tenant: directory.timezones()[tenant])
    talk.load(await talk_times(database, {company.id: datetime.fromtimestamp(midnight, UTC)}), NOON)
    assert talk.of(company.id, [anna, boris, vera], NOON) == {
        anna: 20 + 40 + 100 + 30,
        boris: 40 + 300 + 5,
        vera: 30,
    }
