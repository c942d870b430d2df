"""Callers who hang up, at every stage: nobody keeps ringing, nothing is left, the record says when."""

from tests.support.script import (
    answers,
    handled,
    hangs_up,
    hears,
    once,
    presses,
    rings_on,
    story,
    talks,
    waits,
)
from tests.support.script_checks import (
    answered_by,
    ended,
    heard,
    nobody_rang,
    rang,
    steps,
    without_steps,
)
from tests.support.script_handling import asks, dialling, ends, forwards, voice_menu

STORIES = (
    story(
        "Before anybody rings",
        handled(forwards("anna")),
        caller=[hangs_up()],
        anna=[rings_on()],
        then=[ended("cancelled", by="caller"), heard("anna")],
    ),
    story(
        "In the greeting",
        handled(forwards("anna"), greeting="long"),
        caller=[hears("long"), hangs_up()],
        anna=[rings_on()],
        then=[nobody_rang(), ended("cancelled", by="caller"), steps("played", "ended")],
    ),
    story(
        "In the menu's instruction",
        handled(asks(voice_menu("main", "long", {"1": "anna"})), forwards("anna")),
        caller=[hears("long"), hangs_up()],
        anna=[rings_on()],
        then=[nobody_rang(), ended("cancelled", by="caller")],
    ),
    story(
        "While the menu waits for a key",
        handled(asks(voice_menu("main", "menu", {"1": "anna"}, idle=60)), forwards("anna")),
        caller=[hears("menu"), waits(1.5), hangs_up()],
        anna=[rings_on()],
        then=[nobody_rang(), ended("cancelled", by="caller")],
    ),
    story(
        "In the middle of an extension",
        handled(asks(dialling(idle=60)), cards={"anna": {}}),
        caller=[hears("list"), presses("1"), hangs_up()],
        anna=[rings_on()],
        then=[nobody_rang(), ended("cancelled", by="caller")],
    ),
    story(
        "While a telephone rings",
        handled(forwards("anna", "boris")),
        caller=[once("anna rings"), once("boris rings"), hangs_up()],
        anna=[rings_on()],
        boris=[rings_on()],
        then=[rang({"anna", "boris"}), ended("cancelled", by="caller"), without_steps("answered")],
    ),
    story(
        "While the melody plays",
        handled(forwards("anna"), melody="melody"),
        caller=[hears("melody"), hangs_up()],
        anna=[rings_on()],
        then=[rang("anna"), ended("cancelled", by="caller")],
    ),
    story(
        "While somebody rings after a menu",
        handled(asks(voice_menu("main", "menu", {"1": "anna"}, idle=9))),
        caller=[hears("menu"), presses("1"), once("anna rings"), hangs_up()],
        anna=[rings_on()],
        then=[rang("anna"), ended("cancelled", by="caller"), without_steps("answered")],
    ),
    story(
        "In conversation",
        handled(forwards("anna")),
        caller=[talks("anna"), hangs_up()],
        anna=[answers()],
        then=[ended("answered", by="caller"), answered_by("anna")],
    ),
    story(
        "In the farewell",
        handled(forwards("anna"), ends("long")),
        caller=[hears("long"), hangs_up()],
        then=[nobody_rang(), ended("cancelled", by="caller")],
    ),
)
