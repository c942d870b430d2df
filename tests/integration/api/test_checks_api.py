"""The scenario check over the API."""

from __future__ import annotations

from core.contracts import TerminalKind
from tests.integration.api.test_api import check_problem
from tests.support.api import World

KINDS = [kind.value for kind in TerminalKind]


async def test_what_is_wrong_is_told_in_the_language_that_was_asked_for(world: World):
    token, me = world.ours.token, world.ours.ids["employee_id"]
    for path in ("/check", f"/scenarios/{world.ours.ids['scenario_id']}/check"):
        answer = await world.call("GET", path, token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["findings"] == []
    card = (await world.call("GET", f"/employees/{me}", token)).json()
    silent = {"version": card["version"], "terminals": {kind: {"active": False} for kind in KINDS}}
    assert (await world.call("PATCH", f"/employees/{me}", token, json=silent)).status_code == 200
    english = (await world.call("GET", "/check", token)).json()
    finding = english["findings"][0]
    assert (finding["code"], finding["severity"]) == ("nobody_ever", "error")
    assert finding["text"].endswith("nobody can ever answer")
    assert finding["witness"]["called"] in finding["numbers"]
    assert [(gap["spans"][0]["start"], gap["spans"][0]["end"]) for gap in english["gaps"]] == [
        (english["start"], english["end"])
    ] * len(english["gaps"])
    russian = await world.call("GET", "/check", token, headers={"Accept-Language": "ru"})
    assert russian.json()["findings"][0]["text"].endswith("никогда некому ответить")


async def test_a_deletion_says_what_it_leaves_to_those_who_may_read_scenarios(world: World):
    blind = await world.token(world.ours, "scenarios:write")
    left = []
    for token in (world.ours.token, blind):
        made = (await world.call("POST", "/scenarios", world.ours.token, json={"name": "x"})).json()
        gone = await world.call("DELETE", f"/scenarios/{made['id']}", token)
        left.append((made["check"]["all"], gone.status_code, gone.json()))
    (found, *seen), (_, *unseen) = left
    assert seen == [200, {"check": {"findings": [], "all": found - 1, "url": "/api/v1/check"}}]
    assert unseen == [200, {}]


async def test_a_scenario_that_is_not_theirs_and_a_token_that_reaches_less_far(world: World):
    path = f"/scenarios/{world.theirs.ids['scenario_id']}/check"
    assert (await world.call("GET", path, world.ours.token)).status_code == 404
    narrow = await world.token(world.ours, "calls:read")
    check_problem(await world.call("GET", "/check", narrow), 403, "insufficient_scope")
