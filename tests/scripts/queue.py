"""The service «Очередь»: callers who wait until somebody is free."""

from core.contracts import AvailabilityMode
from tests.support.script import (
    answers,
    calls,
    declines,
    handled,
    hangs_up,
    hears,
    is_let_go,
    once,
    presses,
    story,
    talks,
)
from tests.support.script_checks import answered_by, ended, happened, heard, nobody_rang, rang, steps
from tests.support.script_handling import SKIPS, ends, forwards, waiting

TALKING = [talks("anna"), once("another hears waiting"), hangs_up()]
WAITING = [once("anna hears caller"), calls(), hears("waiting")]

STORIES = (
    story(
        "Two callers and one employee: the second one waits for her",
        handled(forwards("anna", queue=waiting())),
        caller=TALKING,
        another=[*WAITING, talks("anna"), hangs_up()],
        anna=[answers()],
        then=[
            rang("anna", "anna"),
            happened("another hears waiting", "caller hangs up", "another hears anna"),
            answered_by("anna"),
            answered_by("anna", call=1),
            heard("another", "anna"),
            steps("queued", "answered", "left_queue", call=1),
        ],
        proves=["PRC-09"],
    ),
    story(
        "Who gives up while waiting is in the history",
        handled(forwards("anna", queue=waiting())),
        caller=[talks("anna"), once("another hangs up"), hangs_up()],
        another=[*WAITING, hangs_up()],
        anna=[answers()],
        then=[
            rang("anna"),
            steps("queued", "left_queue", call=1),
            ended("cancelled", by="caller", call=1),
        ],
        proves=["PRC-09"],
    ),
    story(
        "Who has waited long enough goes on",
        handled(forwards("anna", queue=waiting(seconds=2)), ends("farewell")),
        caller=[talks("anna"), once("another hears farewell"), hangs_up()],
        another=[*WAITING, hears("farewell"), is_let_go(200)],
        anna=[answers()],
        then=[
            rang("anna"),
            heard("another", "waiting", "farewell"),
            ended("no_answer", by="system", call=1),
        ],
        proves=["PRC-09"],
    ),
    story(
        "A key leads out of the queue",
        handled(forwards("anna", queue=waiting(keys={"1": SKIPS})), forwards("boris")),
        caller=[talks("anna"), once("another hears boris"), hangs_up()],
        another=[*WAITING, presses("1"), talks("boris"), hangs_up()],
        anna=[answers()],
        boris=[answers()],
        then=[rang("anna", "boris"), answered_by("boris", call=1)],
    ),
    story(
        "Who came first is served first",
        handled(forwards("anna", queue=waiting())),
        caller=[talks("anna"), once("third hears waiting"), hangs_up()],
        another=[*WAITING, talks("anna"), hangs_up()],
        third=[once("another hears waiting"), calls(), hears("waiting"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[
            rang("anna", "anna", "anna"),
            happened("another hears waiting", "third hears waiting", "another hears anna"),
            happened("another hangs up", "third hears anna"),
        ],
        proves=["PRC-09"],
    ),
    story(
        "Who has the tag goes before who came first",
        handled(
            forwards("anna", queue=waiting(first=("vip",))),
            contacts={"third": {"tags": ("vip",)}},
        ),
        caller=[talks("anna"), once("third hears waiting"), hangs_up()],
        another=[*WAITING, talks("anna"), hangs_up()],
        third=[once("another hears waiting"), calls(), hears("waiting"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[
            happened("another hears waiting", "third hears waiting", "third hears anna"),
            happened("third hangs up", "another hears anna"),
        ],
    ),
    story(
        "Nobody has a telephone: the caller waits and gives up",
        handled(forwards("anna", queue=waiting())),
        caller=[hears("waiting"), hangs_up()],
        then=[nobody_rang(), ended("cancelled", by="caller"), steps("queued", "left_queue")],
    ),
    story(
        "Who finds the queue full does not wait",
        handled(forwards("anna", queue=waiting(most=1)), ends("closed")),
        caller=[talks("anna"), once("third hears closed"), hangs_up()],
        another=[*WAITING, talks("anna"), hangs_up()],
        third=[once("another hears waiting"), calls(), hears("closed"), is_let_go(200)],
        anna=[answers()],
        then=[heard("third", "closed"), answered_by("anna", call=1), ended("no_answer", call=2)],
    ),
    story(
        "Two callers wait for one who becomes free: she rings for the first of them only",
        handled(forwards("anna", queue=waiting())),
        boris=[calls("anna"), talks("anna"), once("another hears waiting"), hangs_up()],
        caller=[once("boris hears anna"), calls(), hears("waiting"), talks("anna"), hangs_up()],
        another=[once("caller hears waiting"), calls(), hears("waiting"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[
            rang("anna", "anna", "anna"),
            happened("caller hears anna", "caller hangs up", "another hears anna"),
            answered_by("anna", call=1),
            answered_by("anna", call=2),
        ],
    ),
    story(
        "Who declines is rung again for the same caller after a pause",
        handled(forwards("anna", "boris", queue=waiting(seconds=3, pause_seconds=1))),
        caller=[hears("waiting"), is_let_go()],
        anna=[declines(486)],
        then=[steps("ringing", "leg_ended", "queued", "ringing", "leg_ended", "left_queue")],
    ),
    story(
        "Nobody of the first list comes: the safety net has a queue of its own",
        handled(
            forwards("anna", queue=waiting(seconds=1)),
            net=(forwards("boris", queue=waiting()),),
            cards={"anna": {"mode": AvailabilityMode.UNAVAILABLE}},
        ),
        caller=[hears("waiting"), talks("boris"), hangs_up()],
        boris=[answers()],
        then=[rang("boris"), answered_by("boris"), steps("queued", "left_queue", "ringing")],
        proves=["PRC-15", "INS-05"],
    ),
)
