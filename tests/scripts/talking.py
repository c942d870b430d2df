"""During a conversation: hold, transfers; calls of the company's own people."""

from tests.support.script import (
    MUSIC,
    answers,
    brings_together,
    calls,
    consults,
    declines,
    handled,
    hangs_up,
    hears,
    holds,
    is_let_go,
    once,
    resumes,
    sounds_early,
    story,
    talks,
    transfers,
    waits,
)
from tests.support.script_checks import answered_by, ended, happened, heard, rang, steps
from tests.support.script_handling import forwards

STORIES = (
    story(
        "Anna holds the caller, who hears music until she is back",
        handled(forwards("anna")),
        caller=[talks("anna"), hears(MUSIC, "anna"), hangs_up()],
        anna=[answers(), talks("caller"), holds(), once(f"caller hears {MUSIC}"), resumes()],
        then=[
            heard("caller", "anna", MUSIC, "anna"),
            steps("answered", "held", "resumed"),
            ended("answered", by="caller"),
        ],
    ),
    story(
        "Anna passes the caller on to Boris, blind",
        handled(forwards("anna"), cards={"boris": {}}),
        caller=[talks("anna"), talks("boris"), hangs_up()],
        anna=[answers(), talks("caller"), transfers("boris"), is_let_go(200)],
        boris=[answers(after=0.5)],
        then=[
            heard("caller", "anna", "boris"),
            rang("anna", "boris"),
            steps("answered", "transfer"),
            ended("answered"),
        ],
    ),
    story(
        "Boris does not want the caller, and Anna has him back",
        handled(forwards("anna"), cards={"boris": {}}),
        caller=[talks("anna"), once("boris rings"), hears("anna"), is_let_go(200)],
        anna=[
            *(answers(), talks("caller"), transfers("boris"), hears("caller")),
            *(once("caller hears anna", times=2), hangs_up()),
        ],
        boris=[declines(486, after=1.5)],
        then=[rang("anna", "boris"), heard("caller", "anna", "anna"), ended("answered", by="callee")],
    ),
    story(
        "Anna asks Boris first and then brings both together",
        handled(forwards("anna"), cards={"boris": {}}),
        caller=[talks("anna"), hears(MUSIC), talks("boris"), hangs_up()],
        anna=[
            *(answers(), talks("caller"), consults("boris")),
            *(once(f"caller hears {MUSIC}"), brings_together(), is_let_go(200)),
        ],
        boris=[answers(), hears("anna", "caller")],
        then=[heard("caller", "anna", MUSIC, "boris"), heard("boris", "anna", "caller")],
        virtual=False,
    ),
    story(
        "Anna calls Boris",
        handled(forwards("vera")),
        anna=[calls("boris"), talks("boris"), hangs_up()],
        boris=[answers(after=0.3)],
        then=[
            rang("boris"),
            heard("anna", "boris"),
            answered_by("boris"),
            ended("answered", by="caller"),
        ],
    ),
    story(
        "Boris is busy for Anna, who is told so",
        handled(forwards("vera")),
        anna=[calls("boris"), is_let_go(486)],
        boris=[declines(486)],
        then=[rang("boris"), ended("busy")],
    ),
    story(
        "Anna calls outside and hears the carrier before the answer",
        handled(forwards("vera")),
        anna=[calls("outside"), hears("early"), talks("outside"), hangs_up()],
        outside=[sounds_early(), once("anna hears early"), answers()],
        then=[heard("anna", "early", "outside"), answered_by("outside")],
    ),
    story(
        "Outside hangs up first",
        handled(forwards("vera")),
        anna=[calls("outside"), talks("outside"), is_let_go(200)],
        outside=[answers(), talks("anna"), hangs_up()],
        then=[ended("answered", by="callee"), happened("outside rings", "anna hears outside")],
    ),
    story(
        "Anna gives up before Boris answers",
        handled(forwards("vera")),
        anna=[calls("boris"), once("boris rings"), waits(0.2), hangs_up()],
        boris=[waits(600)],
        then=[rang("boris"), ended("cancelled", by="caller")],
    ),
)
