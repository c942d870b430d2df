"""Schedules and calendars over the API."""

from __future__ import annotations

import pytest

from tests.integration.api.test_api import check_problem
from tests.support.api import World

DAY = [{"start": 540, "end": 780}, {"start": 840, "end": 1080}]


@pytest.mark.spec("SCH-02", "SCH-04", at="rule")
async def test_a_schedule_is_made_changed_used_and_deleted(world: World):
    token = world.ours.token
    sent = {"name": "Смены", "days": [DAY, *([[]] * 6)]}
    made = await world.call("POST", "/schedules", token, json=sent)
    assert made.status_code == 201, made.text
    schedule = made.json()
    path = f"/schedules/{schedule['id']}"
    assert made.headers["location"] == f"/api/v1{path}"
    assert schedule.pop("check")["findings"] == []
    assert schedule["days"] == sent["days"]
    assert (await world.call("GET", path, token)).json() == schedule
    change = {"version": schedule["version"], "days": [[]] * 7}
    assert (await world.call("PATCH", path, token, json=change)).json()["days"] == [[]] * 7
    check_problem(await world.call("PATCH", path, token, json=change), 409, "conflict")
    for wrong in ([[]] * 6, [[{"start": 1, "end": 1}], *([[]] * 6)], [[{"start": 1}], *([[]] * 6)]):
        answer = await world.call("PATCH", path, token, json={"version": 2, "days": wrong})
        assert check_problem(answer, 422, "invalid")["errors"][0]["field"].startswith("days")
    gone = await world.call("DELETE", path, token)
    assert (gone.status_code, gone.json()["check"]["findings"]) == (200, [])
    check_problem(await world.call("GET", path, token), 404, "not_found")


async def test_the_default_ones_stay(world: World):
    for path in ("/schedules", "/calendars"):
        listed = (await world.call("GET", path, world.ours.token)).json()["items"]
        assert listed[0]["is_default"]
        refused = await world.call("DELETE", f"{path}/{listed[0]['id']}", world.ours.token)
        check_problem(refused, 409, "conflict")


@pytest.mark.spec("CAL-03", "CAL-06", "ACC-05", at="rule")
async def test_a_calendar_is_made_of_official_days_and_ones_own(world: World):
    token = world.ours.token
    years = (await world.call("GET", "/calendars/official", token)).json()["items"]
    of_2026 = next(each for each in years if each["year"] == 2026)
    assert of_2026["published"]
    assert {"date": "2026-12-31", "working": False, "like": None} in of_2026["days"]
    sent = {"name": "Касса", "official_years": [2026]}
    calendar = (await world.call("POST", "/calendars", token, json=sent)).json()
    assert calendar["days"] == of_2026["days"]
    path = f"/calendars/{calendar['id']}"
    marked = {"version": 1, "first": "2026-12-31", "last": "2026-12-31", "type": "working", "like": 0}
    answer = await world.call("POST", f"{path}/days", token, json=marked)
    assert answer.json()["days"][-1] == {"date": "2026-12-31", "working": True, "like": 0}
    load = {"version": 2, "year": 2027}
    answer = (await world.call("POST", f"{path}/official", token, json=load)).json()
    assert answer["official_years"] == [2026, 2027]
    answer = await world.call("POST", f"{path}/official", token, json={"version": 3, "year": 1990})
    check_problem(answer, 422, "invalid")
    gone = await world.call("DELETE", path, token)
    assert (gone.status_code, gone.json()["check"]["findings"]) == (200, [])
