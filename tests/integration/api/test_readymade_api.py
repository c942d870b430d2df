"""The ready-made library over the API."""

from __future__ import annotations

import pytest

from core.library import Prompt, media_id
from tests.integration.api.test_api import check_problem
from tests.support.api import World


@pytest.mark.spec("ACC-09", at="rule")
async def test_the_library_is_listed_in_the_reader_s_language_and_played(world: World):
    listed = (await world.call("GET", "/media/library", world.ours.token)).json()["items"]
    theirs = (await world.call("GET", "/media/library", world.theirs.token)).json()["items"]
    assert listed == theirs, "ids are the same for all companies"
    (music,) = (each for each in listed if each["name"] == "music.morning_coffee")
    assert (music["kind"], music["title"]) == ("music", "Music: Morning coffee")
    assert "CC BY-SA" in music["credit"]
    path = f"/media/library/{media_id(Prompt.GOODBYE)}/sound"
    heard = await world.call("GET", path, world.ours.token)
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.content[:4] == b"RIFF"
    russian = await world.call(
        "GET", "/media/library", world.ours.token, headers={"Accept-Language": "ru"}
    )
    titles = {each["name"]: each["title"] for each in russian.json()["items"]}
    assert titles["goodbye"] == "До свидания"
    for nothing in (media_id("number.3"), media_id("nothing")):
        answer = await world.call("GET", f"/media/library/{nothing}/sound", world.ours.token)
        check_problem(answer, 404, "not_found")


async def test_a_setting_names_it_and_nothing_that_is_not_there(world: World):
    token = world.ours.token
    now = (await world.call("GET", "/settings", token)).json()
    sent = {"version": now["version"], "announcement": str(media_id(Prompt.ANNOUNCEMENT))}
    changed = await world.call("PATCH", "/settings", token, json=sent)
    assert changed.status_code == 200, changed.text
    assert changed.json()["announcement"] == sent["announcement"]
    wrong = sent | {"version": now["version"] + 1, "announcement": str(media_id("number.3"))}
    answer = await world.call("PATCH", "/settings", token, json=wrong)
    assert check_problem(answer, 422, "invalid")["errors"][0]["field"] == "announcement"
