"""An employee's several telephones: which ring, what the others are told; those that come late."""

from tests.support.script import (
    answers,
    handled,
    hangs_up,
    hears,
    is_let_go,
    once,
    registers,
    rings_on,
    story,
    talks,
)
from tests.support.script_checks import (
    answered_by,
    happened,
    heard,
    never_happened,
    rang,
    steps,
)
from tests.support.script_handling import forwards, waiting

ELSEWHERE = "is told: Call completed elsewhere"
NOT_MAIN = {"main": False}
HERS = ("anna", "annas_mobile", "annas_cell")
THREE = {"anna": {"phones": {"annas_mobile": NOT_MAIN, "annas_cell": NOT_MAIN}}}
"""Of Anna's three telephones one is a main one."""

STORIES = (
    story(
        "In turn all telephones of Anna ring, and the others learn that one was taken up",
        handled(forwards("anna", "boris", order="sequential"), cards=THREE),
        caller=[talks("annas_mobile"), hangs_up()],
        anna=[rings_on()],
        annas_cell=[rings_on()],
        annas_mobile=[once("anna rings"), once("annas_cell rings"), answers()],
        boris=[answers()],
        then=[
            rang({*HERS}),
            answered_by("annas_mobile"),
            happened(f"anna {ELSEWHERE}"),
            happened(f"annas_cell {ELSEWHERE}"),
            heard("anna"),
        ],
        proves=["PRC-10"],
        trap=1,
    ),
    story(
        "At once only the main telephones ring",
        handled(forwards("anna", "boris"), cards=THREE),
        caller=[talks("boris"), hangs_up()],
        anna=[rings_on()],
        annas_cell=[answers()],
        annas_mobile=[answers()],
        boris=[once("anna rings"), answers()],
        then=[rang({"anna", "boris"}), answered_by("boris"), happened(f"anna {ELSEWHERE}")],
        proves=["PRC-11"],
        trap=1,
    ),
    story(
        "A telephone that is switched off does not ring in turn either",
        handled(
            forwards("anna", order="sequential"),
            cards={"anna": {"phones": {"annas_mobile": {"active": False}, "annas_cell": NOT_MAIN}}},
        ),
        caller=[talks("anna"), hangs_up()],
        anna=[once("annas_cell rings"), answers()],
        annas_cell=[rings_on()],
        annas_mobile=[answers()],
        then=[rang({"anna", "annas_cell"}), answered_by("anna"), happened(f"annas_cell {ELSEWHERE}")],
        proves=["PRC-10"],
    ),
    story(
        "Who gives up was answered nowhere, and no telephone is told so",
        handled(forwards("anna", order="sequential"), cards=THREE),
        caller=[*(once(f"{each} rings") for each in HERS), hangs_up()],
        anna=[rings_on()],
        annas_cell=[rings_on()],
        annas_mobile=[rings_on()],
        then=[
            rang({*HERS}),
            never_happened(*(f"{each} {ELSEWHERE}" for each in HERS)),
        ],
    ),
    # --- those that come late -----------------------------------------------------------------------
    story(
        "A telephone comes while somebody waits in the queue, and rings",
        handled(forwards("anna", queue=waiting())),
        caller=[hears("waiting"), talks("anna"), hangs_up()],
        anna=[once("caller hears waiting"), registers(), answers(after=0.3)],
        then=[
            rang("anna"),
            heard("caller", "anna"),
            steps("queued", "ringing", "answered", "left_queue"),
            answered_by("anna"),
        ],
        proves=["PRC-09"],
    ),
    story(
        "A telephone comes while others ring, and rings with them",
        handled(forwards("anna", "boris")),
        caller=[talks("anna"), hangs_up()],
        anna=[once("boris rings"), registers(), answers(after=0.3)],
        boris=[rings_on()],
        then=[
            rang("boris", "anna"),
            heard("caller", "anna"),
            answered_by("anna"),
            steps("not_rung", "ringing", "ringing", "answered"),
            happened(f"boris {ELSEWHERE}"),
        ],
    ),
    story(
        "Where one is tried after the other a telephone that comes late waits for its turn",
        handled(forwards("boris", "anna", order="sequential", each=2)),
        caller=[is_let_go()],
        anna=[once("boris rings"), registers(), answers()],
        boris=[rings_on()],
        then=[rang("boris"), steps("not_rung", "ringing", "leg_ended")],
        real=False,
    ),
)
