"""The language of stories: its checks say what is wrong, its ear tells tones apart."""

from array import array

import pytest

from core.contracts import CallStep, StepCode
from core.media.tones import tone
from tests.scripts import everything
from tests.support.ear import Ear
from tests.support.script import TONES, answers, handled, hangs_up, hears, story, talks
from tests.support.script_checks import (
    answered_by,
    ended,
    happened,
    heard,
    never_heard,
    pressed,
    rang,
    recorded,
    steps,
    tasks,
    told,
    without_steps,
)
from tests.support.script_handling import forwards
from tests.support.script_play import Record, Result, StoryFailed
from tests.support.script_virtual import run


def record():
    taken = (
        CallStep(1.0, StepCode.PRESSED, data={"key": "5"}),
        CallStep(1.0, StepCode.RINGING, address="a"),
        CallStep(2.0, StepCode.ANSWERED, address="a"),
        CallStep(3.0, StepCode.TASK_ASKED, data={"task": "missed", "ref": "a"}),
    )
    names = {"a": "anna"}.get
    made = Record.made("answered", "caller", 200, taken, names)
    return Record(made.outcome, "caller", 200, "anna", taken, names, (("conversation", None),))


RESULT = Result(
    heard={"caller": ["menu", "melody", "anna"]},
    facts=["anna rings", "boris rings", "anna answers"],
    ended={"caller": 200},
    calls=[record()],
)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (heard("caller", "menu", "anna"), heard("caller", "anna", "menu")),
        (heard("caller", "menu", "melody", "anna"), heard("caller", "melody", "menu", "anna")),
        (never_heard("caller", "wrong"), never_heard("caller", "menu")),
        (rang("anna", "boris"), rang("boris", "anna")),
        (rang({"boris", "anna"}), rang({"boris", "anna"}, "vera")),
        (rang({"boris", "anna"}), rang("anna")),
        (answered_by("anna"), answered_by("boris")),
        (ended("answered", by="caller"), ended("answered", by="callee")),
        (ended("answered"), ended("busy")),
        (told("caller", 200), told("caller", 486)),
        (steps("ringing", "answered"), steps("answered", "ringing")),
        (without_steps("played"), without_steps("ringing")),
        (pressed("5"), pressed("")),
        (tasks(("missed", "anna")), tasks()),
        (recorded(("caller",)), recorded()),
        (happened("anna rings", "anna answers"), happened("anna answers", "anna rings")),
        (answered_by("anna"), answered_by("anna", call=1)),
    ],
)
def test_a_check_says_what_is_wrong(right, wrong):
    assert right(RESULT) is None
    assert wrong(RESULT)


@pytest.mark.parametrize(
    "caller", [[hears("menu"), hangs_up()], [talks("boris"), hangs_up()]], ids=["media", "person"]
)
def test_who_waits_in_vain_fails(caller):
    told_otherwise = story(
        "…",
        handled(forwards("anna", seconds=5)),
        caller=caller,
        anna=[answers(), hears("caller"), hangs_up()],
        then=[],
    )
    with pytest.raises(StoryFailed, match="anna answers"):
        run(told_otherwise)


def test_stories_have_names_of_their_own():
    names = [each.id for each in everything()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_the_ear_tells_tones_apart_and_what_is_said_again(pause):
    found = []
    ear = Ear(TONES, found.append)
    names = ["menu", "second", "caller", "third", "third"]
    for name in names:
        sound = tone(TONES[name], 0.7) + array("h", bytes(2 * int(8000 * pause)))
        for at in range(0, len(sound), 160):
            ear.hear(sound[at : at + 160])
    assert found == (names if pause else names[:-1])


def test_the_ear_hears_neither_silence_nor_what_it_does_not_know():
    found = []
    ear = Ear(TONES, found.append)
    ear.hear(array("h", bytes(8000)))
    ear.hear(tone(3000, 1.0))
    ear.hear(array("h", map(sum, zip(tone(700, 0.5), tone(1210, 0.5), strict=True))))
    assert found == []
    assert len(set(TONES.values())) == len(TONES)
