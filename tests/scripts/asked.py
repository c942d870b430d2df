"""Click-to-call: a program asks, the employee's telephone rings first, then the client's."""

from core.contracts import Recording
from tests.support.script import (
    answers,
    connects,
    declines,
    handled,
    hangs_up,
    hears,
    is_let_go,
    is_recorded,
    once,
    rings_on,
    story,
    talks,
)
from tests.support.script_checks import (
    answered_by,
    ended,
    happened,
    heard,
    rang,
    recorded,
    steps,
    without_steps,
)
from tests.support.script_handling import forwards

ASKED = {"program": [connects("anna", "outside")]}

STORIES = (
    story(
        "Anna is connected with a client, and it is recorded",
        handled(forwards("vera"), cards={"anna": {"recording": Recording.ON}}),
        anna=[answers(after=0.3), talks("outside"), is_recorded(), hangs_up()],
        outside=[once("anna hears ringback"), answers()],
        then=[
            rang("anna", "outside"),
            happened("anna answers", "outside rings", "anna hears outside"),
            heard("outside", "anna"),
            recorded(("outside",), ("anna",)),
            steps("ringing", "taken_up", "ringing", "answered", "recording"),
            answered_by("outside"),
            ended("answered", by="caller"),
        ],
        **ASKED,
    ),
    story(
        "Anna does not want the call that a program asked for, and the client is left in peace",
        handled(forwards("vera")),
        anna=[declines(486, after=0.3)],
        outside=[answers()],
        then=[rang("anna"), ended("busy"), without_steps("taken_up", "answered")],
        **ASKED,
    ),
    story(
        "The client whom a program has called is busy, and Anna is let go",
        handled(forwards("vera")),
        anna=[answers(), is_let_go(200)],
        outside=[declines(486, after=0.5)],
        then=[rang("anna", "outside"), ended("busy"), steps("taken_up", "ringing", "leg_ended")],
        **ASKED,
    ),
    story(
        "Anna gives up before the client answers",
        handled(forwards("vera")),
        anna=[answers(), hears("ringback"), hangs_up()],
        outside=[rings_on()],
        then=[rang("anna", "outside"), ended("cancelled", by="caller"), heard("outside")],
        **ASKED,
    ),
    story(
        "A program connects Anna with Boris by his extension, and he ends it",
        handled(forwards("vera"), cards={"boris": {}}),
        program=[connects("anna", "boris")],
        anna=[answers(), talks("boris"), is_let_go(200)],
        boris=[answers(after=0.3), talks("anna"), hangs_up()],
        then=[rang("anna", "boris"), answered_by("boris"), ended("answered", by="callee")],
    ),
)
