"""Block «Опции»: greeting, melody in place of the ringback tone; and how a call ends."""

from tests.support.script import (
    answers,
    declines,
    handled,
    hangs_up,
    hears,
    is_let_go,
    once,
    rings_on,
    story,
    talks,
)
from tests.support.script_checks import (
    answered_by,
    ended,
    heard,
    nobody_rang,
    rang,
    steps,
    told,
)
from tests.support.script_handling import ends, forwards

STORIES = (
    story(
        "A greeting, then the melody, then Anna",
        handled(forwards("anna"), greeting="greeting", melody="melody"),
        caller=[hears("greeting", "melody"), talks("anna"), hangs_up()],
        anna=[once("caller hears melody"), answers()],
        then=[
            heard("caller", "greeting", "melody", "anna"),
            heard("anna", "caller"),
            steps("played", "ringing", "answered"),
            answered_by("anna"),
            ended("answered", by="caller"),
        ],
        proves=["OPT-01", "OPT-02"],
    ),
    story(
        "Who was greeted hears the ringback tone where there is no melody",
        handled(forwards("anna"), greeting="greeting"),
        caller=[hears("greeting", "ringback"), talks("anna"), hangs_up()],
        anna=[once("caller hears ringback"), answers()],
        then=[heard("caller", "greeting", "ringback", "anna"), answered_by("anna")],
    ),
    story(
        "A melody before the answer: the caller is not answered for it",
        handled(forwards("anna"), melody="melody"),
        caller=[hears("melody"), is_let_go(486)],
        anna=[once("caller hears melody"), declines(486)],
        then=[heard("caller", "melody"), told("caller", 486), ended("busy")],
        proves=["OPT-02"],
    ),
    story(
        "Without options nothing is heard but Anna",
        handled(forwards("anna")),
        caller=[talks("anna"), hangs_up()],
        anna=[answers(after=0.3)],
        then=[heard("caller", "anna"), heard("anna", "caller"), ended("answered", by="caller")],
    ),
    story(
        "Anna hangs up first",
        handled(forwards("anna"), greeting="greeting"),
        caller=[hears("greeting", "anna"), is_let_go(200)],
        anna=[answers(), hears("caller"), once("caller hears anna"), hangs_up()],
        then=[answered_by("anna"), ended("answered", by="callee")],
    ),
    story(
        "Nobody is there, and the caller hears a farewell",
        handled(forwards("anna", seconds=2), ends("farewell")),
        caller=[hears("farewell"), is_let_go(200)],
        anna=[declines(486)],
        then=[rang("anna"), heard("caller", "farewell"), ended("no_answer", by="system")],
        proves=["PRC-12"],
    ),
    story(
        "Nobody answers in time, and the caller hears a farewell after the melody",
        handled(forwards("anna", seconds=2), ends("farewell"), melody="melody"),
        caller=[hears("melody", "farewell"), is_let_go(200)],
        anna=[rings_on()],
        then=[rang("anna"), heard("caller", "melody", "farewell"), ended("no_answer", by="system")],
        proves=["PRC-12"],
    ),
    story(
        "A number that only says something",
        handled(ends("news")),
        caller=[hears("news"), is_let_go(200)],
        then=[heard("caller", "news"), nobody_rang(), ended("no_answer", by="system")],
        proves=["PRC-02", "PRC-01"],
    ),
    story(
        "A number that ends calls at once",
        handled(ends()),
        caller=[is_let_go(480)],
        then=[heard("caller"), nobody_rang(), told("caller", 480)],
        proves=["PRC-01"],
    ),
)
