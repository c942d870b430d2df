"""How long people have talked today, from the records of calls: what a process knows at its start."""

from __future__ import annotations

from datetime import UTC, datetime

from core.call.talktime import TalkTime
from core.contracts import Direction
from core.ids import new_id
from core.routing.zones import day
from tenants.callstore import DatabaseCallStore
from tenants.crosstenant import talk_times
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
