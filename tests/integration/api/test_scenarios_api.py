"""Groups and scenarios over the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenants.services import numbering
from tenants.services.actor import operator
from tests.integration.api.test_api import check_problem
from tests.support.api import World

PLAN = Path(__file__).parents[2] / "golden" / "numbering"


def forward(kind: str, ref: str, **more) -> dict:
    step = {"type": "dial", "addressees": [{"kind": kind, "ref": ref}], **more}
    return {"steps": [step]}


@pytest.mark.spec("SCN-02", "FLT-11", "NUM-02", at="rule")
async def test_a_scenario_is_made_changed_and_given_to_a_number(world: World):
    token, me = world.ours.token, world.ours.ids["employee_id"]
    petersburg = {"name": "Питер", "filter": {"type": "regions", "regions": [78]}}
    petersburg["chain"] = forward("employee", me, mode="sequential")
    sent = {"name": "Продажи", "branches": [petersburg]}
    made = await world.call("POST", "/scenarios", token, json=sent)
    assert made.status_code == 201, made.text
    scenario = made.json()
    path = f"/scenarios/{scenario['id']}"
    assert made.headers["location"] == f"/api/v1{path}"
    assert scenario["branches"][0]["chain"]["steps"][0]["mode"] == "sequential"

    moscow = petersburg | {"name": "Москва", "filter": {"type": "regions", "regions": [77]}}
    change = {"version": 1, "branches": [moscow, *scenario["branches"]]}
    changed = (await world.call("PATCH", path, token, json=change)).json()
    assert changed.pop("check")["findings"] == []
    assert [branch["name"] for branch in changed["branches"]] == ["Питер", "Москва"]
    assert changed["branches"][0] == scenario["branches"][0]
    assert (await world.call("GET", path, token)).json() == changed
    check_problem(await world.call("PATCH", path, token, json=change), 409, "conflict")

    number_id = world.ours.ids["number_id"]
    number = (await world.call("GET", f"/numbers/{number_id}", token)).json()
    chosen = {"version": number["version"], "scenario_id": scenario["id"]}
    answer = await world.call("PATCH", f"/numbers/{number_id}", token, json=chosen)
    assert answer.json()["scenario_name"] == "Продажи"
    refused = await world.call("DELETE", path, token)
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["code"] == "in_use"
    assert problem["uses"] == [{"kind": "number", "id": number_id, "name": number["e164"]}]
    assert number["e164"] in problem["detail"]


@pytest.mark.spec("FLT-04", at="rule")
async def test_a_filter_takes_schedule_and_calendar_from_their_lists(world: World):
    token, theirs = world.ours.token, world.theirs.token
    lists = {"schedule_id": "/schedules", "calendar_id": "/calendars"}
    (scenario,) = (await world.call("GET", "/scenarios", token)).json()["items"]
    path, number = f"/scenarios/{scenario['id']}", scenario["version"]
    moscow = {"name": "Москва", "filter": {"type": "regions", "regions": [77]}}
    moscow["chain"] = forward("employee", world.ours.ids["employee_id"])
    for field, listed in lists.items():
        (own, *_), (other, *_) = [
            (await world.call("GET", listed, each)).json()["items"] for each in (token, theirs)
        ]
        refused = {"version": number, "branches": [moscow | {field: other["id"]}]}
        answer = await world.call("PATCH", path, token, json=refused)
        assert check_problem(answer, 422, "invalid")["errors"][0]["field"] == f"branches[0].{field}"
        moscow[field] = own["id"]
    change = {"version": number, "branches": [moscow]}
    (branch,) = (await world.call("PATCH", path, token, json=change)).json()["branches"]
    assert {field: branch[field] for field in lists} == {field: moscow[field] for field in lists}


async def test_every_save_tells_what_the_check_finds_since(world: World):
    token, me = world.ours.token, world.ours.ids["employee_id"]
    (scenario,) = (await world.call("GET", "/scenarios", token)).json()["items"]
    path = f"/scenarios/{scenario['id']}"
    assert "check" not in scenario

    async def saved(path: str, token: str = token, **changes) -> dict:
        found = (await world.call("GET", path, token)).json()
        body = {"version": found["version"], **changes}
        return (await world.call("PATCH", path, token, json=body)).json()

    everybody = {"filter": {"type": "regions", "regions": [77]}, "chain": forward("employee", me)}
    twice = [everybody | {"name": name} for name in ("Москва", "Столица")]
    check = (await saved(path, branches=twice))["check"]
    (finding,) = check["findings"]
    assert (finding["code"], check["all"], check["url"]) == ("branch_covered", 1, "/api/v1/check")
    assert "Столица" in finding["text"]
    assert (await saved(path, name="Другое имя"))["check"] == check | {"findings": []}

    week = [[]] * 5 + [[{"start": 540, "end": 1080}]] * 2
    made = await world.call("POST", "/schedules", token, json={"name": "Выходные", "days": week})
    assert made.json()["check"]["findings"] == []
    schedule_id = made.json()["id"]
    check = (await saved(f"/employees/{me}", schedule_id=schedule_id, mode="schedule"))["check"]
    assert {each["code"] for each in check["findings"]} == {"nobody_at_times"}
    check = (await saved(f"/schedules/{schedule_id}", days=[[]] * 7))["check"]
    assert "nobody_ever" in {each["code"] for each in check["findings"]}
    blind = await world.token(world.ours, "hours:read", "hours:write")
    assert "check" not in await saved(f"/schedules/{schedule_id}", blind, days=week)


async def test_its_versions_and_the_configurations_to_replay_calls_under(world: World):
    token, me = world.ours.token, world.ours.ids["employee_id"]
    call_id = await world.ended(world.ours.company)  # it keeps the present configuration
    (scenario,) = (await world.call("GET", "/scenarios", token)).json()["items"]
    path, number = f"/scenarios/{scenario['id']}", scenario["version"]
    (first,) = (await world.call("GET", f"{path}/versions", token)).json()["items"]
    assert (first["version"], first["created_by"]) == (number, None)
    chain = forward("employee", me, ring_seconds=33)
    change = {"version": number, "default": {"chain": chain}}
    await world.call("PATCH", path, token, json=change)
    await world.ended(world.ours.company)
    second, before = (await world.call("GET", f"{path}/versions", token)).json()["items"]
    assert (second["version"], before) == (number + 1, first)
    assert second["snapshot"] > before["snapshot"]
    for edition, seconds in ((before, None), (second, 33)):
        query = f"/calls/{call_id}/decision?snapshot={edition['snapshot']}"
        found = (await world.call("GET", query, token)).json()
        assert found["scenario_version"] == edition["version"]
        assert (f"{seconds} s" in found["steps"][0]["text"]) == (seconds is not None)
    check_problem(await world.call("GET", f"/scenarios/{me}/versions", token), 404, "not_found")


async def test_what_is_wrong_in_a_scenario_is_named_by_its_place(world: World):
    (scenario,) = (await world.call("GET", "/scenarios", world.ours.token)).json()["items"]
    path = f"/scenarios/{scenario['id']}"
    theirs = world.theirs.ids["employee_id"]
    for chain, field in (
        (forward("employee", theirs), "default.chain.steps[0].addressees"),
        ({"steps": [{"type": "sing"}]}, "default.chain.steps[0].type"),
        ({"steps": [{"type": "dial"}]}, "default.chain.steps[0].addressees"),
    ):
        change = {"version": 1, "default": {"chain": chain}}
        answer = await world.call("PATCH", path, world.ours.token, json=change)
        problem = check_problem(answer, 422, "invalid")
        assert [each["field"] for each in problem["errors"]] == [field]
    assert (await world.call("GET", path, world.ours.token)).json() == scenario


@pytest.mark.spec("GRP-02", "GRP-09", at="rule")
async def test_a_group_is_made_changed_and_deleted(world: World):
    token, me = world.ours.token, world.ours.ids["employee_id"]
    card = {"name": "Борис Кузнецов", "extension": "102"}
    boris = (await world.call("POST", "/employees", token, json=card)).json()["id"]
    sent = {"name": "Склад", "extension": "300", "members": [boris, me], "ring_seconds": 20}
    group = (await world.call("POST", "/groups", token, json=sent)).json()
    assert group["members"] == [boris, me]
    path = f"/groups/{group['id']}"
    change = {"version": 1, "members": [me], "dial_mode": "least_busy"}
    assert (await world.call("PATCH", path, token, json=change)).json()["members"] == [me]
    employee = (await world.call("GET", f"/employees/{me}", token)).json()
    assert employee["groups"] == [group["id"]]
    answer = await world.call(
        "PATCH", path, token, json={"version": 2, "members": [world.theirs.ids["employee_id"]]}
    )
    check_problem(answer, 422, "invalid")
    gone = await world.call("DELETE", path, token)
    assert (gone.status_code, gone.json()["check"]["findings"]) == (200, [])
    check_problem(await world.call("GET", path, token), 404, "not_found")


@pytest.mark.spec("EMP-08", "EMP-15", "EMP-19", at="rule")
async def test_a_card_has_telephones_and_periods(world: World):
    path = f"/employees/{world.ours.ids['employee_id']}"
    card = (await world.call("GET", path, world.ours.token)).json()
    vacation = {"kind": "unavailable", "start": "2026-12-01T00:00", "end": "2026-12-15T00:00"}
    change = {
        "version": card["version"],
        "terminals": {"web": {"main": False, "ring_seconds": 5}},
        "extra_periods": [vacation],
        "schedule_id": world.ours.ids["schedule_id"],
        "calendar_id": world.ours.ids["calendar_id"],
    }
    changed = (await world.call("PATCH", path, world.ours.token, json=change)).json()
    web = next(each for each in changed["terminals"] if each["kind"] == "web")
    assert (web["main"], web["ring_seconds"], web["channels"]) == (False, 5, 1)
    assert changed["extra_periods"] == [vacation]
    assert changed["schedule_id"] == change["schedule_id"]
    for wrong in (
        {"terminals": {"web": {"mane": False}}},
        {"terminals": {"fax": {}}},
        {"extra_periods": [vacation | {"start": "2026-12-01T00:00:00Z"}]},
        {"extra_periods": [vacation | {"end": "2026-11-01T00:00"}]},
        {"schedule_id": world.theirs.ids["schedule_id"]},
    ):
        sent = wrong | {"version": changed["version"]}
        answer = await world.call("PATCH", path, world.ours.token, json=sent)
        problem = check_problem(answer, 422, "invalid")
        assert problem["errors"][0]["field"].startswith(next(iter(wrong)))


@pytest.mark.spec("FLT-07", at="rule")
async def test_regions_are_listed_and_it_is_said_that_those_of_mobiles_are_unknown(world: World):
    told = (await world.call("GET", "/regions", world.ours.token)).json()
    assert len(told["items"]) == 89
    assert {"code": 78, "name": "Санкт-Петербург"} in told["items"]
    assert told["mobiles_known"] is False
    await numbering.load(world.database, operator(), PLAN)
    told = (await world.call("GET", "/regions", world.ours.token)).json()
    assert told["mobiles_known"] is True
