"""Extension dialling lists over the API."""

from __future__ import annotations

import pytest

from tests.integration.api.test_api import check_problem
from tests.support.api import World


@pytest.mark.spec("EXT-01", at="rule")
async def test_a_list_is_made_changed_and_deleted(world: World):
    token = world.ours.token
    made = await world.call("POST", "/extension-lists", token, json={"name": "Все"})
    assert made.status_code == 201, made.text
    there = made.json()
    path = f"/extension-lists/{there['id']}"
    assert made.headers["location"] == f"/api/v1{path}"
    assert (there["numbers"], there["instruction"], there["idle_seconds"]) == (None, None, 15)
    assert there.pop("check")["findings"] == []
    assert (await world.call("GET", path, token)).json() == there
    wrong = {"version": 1, "repeat_seconds": 15, "numbers": ["99999"]}
    problem = check_problem(await world.call("PATCH", path, token, json=wrong), 422, "invalid")
    assert {each["field"] for each in problem["errors"]} == {"repeat_seconds", "numbers[0]"}
    changed = await world.call("PATCH", path, token, json={"version": 1, "idle_seconds": 20})
    assert (changed.json()["idle_seconds"], changed.json()["version"]) == (20, 2)
    gone = await world.call("DELETE", path, token)
    assert (gone.status_code, gone.json()["check"]["findings"]) == (200, [])
    check_problem(await world.call("GET", path, token), 404, "not_found")
