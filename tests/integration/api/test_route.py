"""«Проверить звонок» and the decisions of past calls over the API."""

from __future__ import annotations

from tests.support.api import World


async def test_a_call_is_tried_in_the_readers_language(world: World):
    number = world.ours.company.activated.numbers[0].e164
    body = {"called": number, "caller": "8 916 111-22-33", "at": "2026-12-31T18:00"}
    answer = await world.call("POST", "/route/dry-run", world.ours.token, json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["called"], found["caller"]) == (number, "+79161112233")
    assert found["at"] == "2026-12-31T15:00:00Z"
    assert found["text"].startswith("Scenario “По умолчанию”")
    assert [node["kind"] for node in found["steps"][0]["rings"]].count("ring") >= 3
    russian = await world.call(
        *("POST", "/route/dry-run", world.ours.token), json=body, headers={"Accept-Language": "ru"}
    )
    assert russian.json()["text"].startswith("Сценарий «По умолчанию»")


async def test_what_is_wrong_is_a_problem_by_field(world: World):
    number = world.ours.company.activated.numbers[0].e164
    for body, field in (
        ({"called": world.theirs.company.activated.numbers[0].e164}, "called"),
        ({"called": number, "at": "31.12.2026"}, "at"),
        ({"called": number, "caller": "Bob"}, "caller"),
        ({"called": number, "live": {"999": {"busy": True}}}, "live"),
        ({"called": number, "when": "now"}, ""),
    ):
        answer = await world.call("POST", "/route/dry-run", world.ours.token, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problems = answer.json()["errors"]
        assert field in ("", *(each["field"] for each in problems))


async def test_a_past_call_is_decided_again(world: World):
    path = f"/calls/{world.ours.ids['call_id']}/decision"
    answer = await world.call("GET", path, world.ours.token)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["text"].startswith("Scenario “По умолчанию”")
    now = await world.call("GET", f"{path}?snapshot=now", world.ours.token)
    assert now.json()["scenario_id"] == found["scenario_id"]
    same = await world.call("GET", f"{path}?snapshot={found['snapshot_version']}", world.ours.token)
    assert same.status_code == 200
    for wrong in ("soon", "999999"):
        refused = await world.call("GET", f"{path}?snapshot={wrong}", world.ours.token)
        assert [each["field"] for each in refused.json()["errors"]] == ["snapshot"]
