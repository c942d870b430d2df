"""Block «Голосовое меню»: what keys do, how silence and mistakes are dealt with, how keys arrive."""

from core.contracts import DialMode
from tests.support.script import (
    answers,
    declines,
    handled,
    hangs_up,
    hears,
    is_let_go,
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
    never_heard,
    nobody_rang,
    pressed,
    rang,
    steps,
)
from tests.support.script_handling import REPEATS, SKIPS, asks, forwards, plays, voice_menu

SECOND = voice_menu("second", "second", {"1": "boris", "2": "vera"}, level=2, idle=5)


def main(keys, **more):
    return voice_menu("main", "menu", keys, **{"wrong": "wrong", "idle": 5, **more})


def leads(key, name, *, says, proves, by="events", lacks=None, groups=None):
    """A key leads to somebody, however it is pressed."""
    return story(
        f"A key leads to {says}",
        handled(asks(main({key: name})), forwards("gleb"), groups=groups),
        caller=[hears("menu"), presses(key, by), talks("anna"), hangs_up()],
        anna=[answers(after=0.3)],
        then=[
            heard("caller", "menu", "anna"),
            rang("anna"),
            pressed(key),
            steps("played", "pressed", "ringing", "answered"),
            answered_by("anna"),
        ],
        proves=proves,
        lacks=lacks or {},
    )


STORIES = (
    leads("1", "anna", says="an employee", proves=["IVR-10", "MNU-03"]),
    leads(
        "2",
        "sales",
        says="a group",
        proves=["IVR-11"],
        groups={"sales": {"members": ("anna",), "dial_mode": DialMode.PARALLEL}},
    ),
    leads("9", "extension of anna", says="an extension", proves=["IVR-13"]),
    leads("#", "anna", says="an employee by the number sign", proves=["IVR-06"]),
    leads(
        "0",
        "anna",
        says="an employee by a key in an INFO",
        proves=["IVR-06"],
        by="info",
        lacks={"caller": "events"},
    ),
    leads(
        "4",
        "anna",
        says="an employee by the tones of a key",
        proves=["IVR-06"],
        by="tones",
        lacks={"caller": "events"},
    ),
    story(
        "A key leads to a number outside",
        handled(asks(main({"3": "outside"}))),
        caller=[hears("menu"), presses("3"), talks("outside"), hangs_up()],
        outside=[answers(after=0.3)],
        then=[heard("caller", "menu", "outside"), rang("outside"), answered_by("outside")],
        proves=["IVR-12"],
    ),
    story(
        "A key plays information, and the menu goes on",
        handled(asks(main({"5": plays("news"), "1": "anna"}))),
        caller=[
            hears("menu"),
            presses("5"),
            hears("news"),
            presses("1"),
            talks("anna"),
            hangs_up(),
        ],
        anna=[answers()],
        then=[heard("caller", "menu", "news", "anna"), pressed("51")],
        proves=["IVR-08", "MED-08"],
    ),
    story(
        "Two levels deep to Boris",
        handled(asks(main({"2": SECOND})), greeting="greeting"),
        caller=[
            hears("greeting", "menu"),
            presses("2"),
            hears("second"),
            presses("1"),
            talks("boris"),
            hangs_up(),
        ],
        boris=[answers(after=0.3)],
        then=[
            heard("caller", "greeting", "menu", "second", "boris"),
            pressed("21"),
            rang("boris"),
            answered_by("boris"),
        ],
        proves=["IVR-09", "IVR-17", "MNU-02", "IVR-20"],
    ),
    story(
        "A wrong key on the second level is answered with its own instruction",
        handled(
            asks(
                main(
                    {
                        "2": voice_menu(
                            "second", "second", {"1": "boris"}, level=2, wrong="wrong", idle=9
                        )
                    }
                )
            )
        ),
        caller=[
            *(hears("menu"), presses("2"), hears("second"), presses("7"), hears("wrong", "second")),
            *(presses("1"), talks("boris"), hangs_up()),
        ],
        boris=[answers()],
        then=[heard("caller", "menu", "second", "wrong", "second", "boris"), pressed("271")],
        proves=["IVR-03", "IVR-09"],
    ),
    story(
        "A wrong key is said to be wrong, and the instruction begins anew",
        handled(asks(main({"1": "anna"}))),
        caller=[
            hears("menu"),
            presses("8"),
            hears("wrong", "menu"),
            presses("1"),
            talks("anna"),
            hangs_up(),
        ],
        anna=[answers()],
        then=[heard("caller", "menu", "wrong", "menu", "anna"), pressed("81")],
        proves=["IVR-03"],
    ),
    story(
        "A key cuts off what is heard",
        handled(asks(voice_menu("main", "long", {"1": "anna"}, idle=5))),
        caller=[hears("long"), presses("1"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "long", "anna"), never_heard("caller", "long, the rest")],
        proves=["IVR-10"],
    ),
    story(
        "The instruction is repeated on demand",
        handled(asks(main({"0": REPEATS, "1": "anna"}))),
        caller=[
            hears("menu"),
            waits(1.5),
            presses("0"),
            hears("menu"),
            presses("1"),
            talks("anna"),
            hangs_up(),
        ],
        anna=[answers()],
        then=[pressed("01"), answered_by("anna"), never_heard("caller", "wrong")],
        proves=["IVR-07"],
    ),
    story(
        "Silence has the instruction repeated, and then the next block follows",
        handled(asks(main({"1": "boris"}, repeat=1, idle=2)), forwards("anna")),
        caller=[hears("menu", "menu"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "menu", "menu", "anna"), pressed(""), rang("anna")],
        proves=["IVR-04", "IVR-05", "MNU-04"],
    ),
    story(
        "Without a time to repeat the instruction is heard once",
        handled(asks(main({"1": "boris"}, idle=2)), forwards("anna")),
        caller=[hears("menu"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "menu", "anna"), rang("anna")],
        proves=["IVR-04"],
    ),
    story(
        "Silence ends the call where the block says so",
        handled(asks(main({"1": "anna"}, idle=1), otherwise="hang_up"), forwards("boris")),
        caller=[hears("menu"), is_let_go(200)],
        anna=[answers()],
        boris=[answers()],
        then=[heard("caller", "menu"), nobody_rang(), ended("no_answer", by="system")],
        proves=["MNU-04"],
    ),
    story(
        "The menu is skipped by a key",
        handled(asks(main({"0": SKIPS}), otherwise="hang_up"), forwards("anna")),
        caller=[hears("menu"), presses("0"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "menu", "anna"), pressed("0"), answered_by("anna")],
        proves=["IVR-18"],
    ),
    story(
        "A menu that is off is passed over",
        handled(asks(main({"1": "boris"}, enabled=False)), forwards("anna")),
        caller=[talks("anna"), hangs_up()],
        anna=[answers(after=0.3)],
        then=[heard("caller", "anna"), rang("anna")],
        proves=["IVR-19"],
    ),
    story(
        "Whom a key leads to declines, and the next block follows",
        handled(asks(main({"1": "anna"})), forwards("boris")),
        caller=[hears("menu"), presses("1"), talks("boris"), hangs_up()],
        anna=[declines(603)],
        boris=[answers()],
        then=[rang("anna", "boris"), answered_by("boris")],
        proves=["MNU-04"],
    ),
    story(
        "Whom a key leads to declines, and the call ends where the block says so",
        handled(asks(main({"1": "anna"}), otherwise="hang_up"), forwards("boris")),
        caller=[hears("menu"), presses("1"), is_let_go(200)],
        anna=[declines(486)],
        boris=[answers()],
        then=[rang("anna"), ended("no_answer", by="system")],
        proves=["MNU-04"],
    ),
    story(
        "Keys that are pressed in the greeting are not meant for the menu",
        handled(asks(main({"1": "boris", "2": "anna"})), greeting="greeting"),
        caller=[
            hears("greeting"),
            presses("1"),
            hears("menu"),
            presses("2"),
            talks("anna"),
            hangs_up(),
        ],
        anna=[answers()],
        boris=[rings_on()],
        then=[heard("caller", "greeting", "menu", "anna"), rang("anna"), pressed("2")],
        proves=["MNU-02"],
    ),
)
