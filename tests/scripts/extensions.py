"""Extension dialling: as one dials, with the number sign, by permission; what follows failure."""

from tests.support.script import (
    answers,
    declines,
    dials_extension,
    handled,
    hangs_up,
    hears,
    is_let_go,
    presses,
    story,
    talks,
)
from tests.support.script_checks import answered_by, ended, heard, rang
from tests.support.script_handling import asks, dialling, forwards, voice_menu

ALL = dialling(wrong="wrong", idle=5)


def unreached(title, *acts, rings=(), then="next", **more):
    """What follows if the extension is not reached, or none is dialled: the same for both (MNU-06)."""
    ending = [talks("boris"), hangs_up()] if then == "next" else [is_let_go(200)]
    checks = (
        [rang(*rings, "boris"), answered_by("boris")]
        if then == "next"
        else [
            rang(*rings),
            ended("no_answer", by="system"),
        ]
    )
    return story(
        title,
        handled(asks(dialling(idle=2), otherwise=then), forwards("boris")),
        caller=[hears("list"), *acts, *ending],
        boris=[answers()],
        then=checks,
        proves=["MNU-06"],
        trap=22,
        **more,
    )


STORIES = (
    story(
        "An extension that can be nothing else needs no end key",
        handled(asks(ALL)),
        caller=[hears("list"), dials_extension("anna"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "list", "anna"), rang("anna"), answered_by("anna")],
        proves=["MNU-05", "EXT-03", "EXT-05"],
    ),
    story(
        "An extension is ended with the number sign",
        handled(asks(ALL)),
        caller=[hears("list"), dials_extension("anna"), presses("#"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "list", "anna"), rang("anna")],
        proves=["MNU-05"],
    ),
    story(
        "The extension of a group rings its members",
        handled(
            asks(ALL),
            groups={"sales": {"members": ("anna",), "dialled_from_menu": True}},
        ),
        caller=[hears("list"), dials_extension("sales"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[rang("anna"), answered_by("anna")],
        proves=["EXT-03", "EXT-04"],
    ),
    story(
        "A key of a menu leads to dialling",
        handled(asks(voice_menu("main", "menu", {"7": ALL}, idle=5))),
        caller=[
            *(hears("menu"), presses("7"), hears("list"), dials_extension("anna")),
            *(talks("anna"), hangs_up()),
        ],
        anna=[answers()],
        then=[heard("caller", "menu", "list", "anna"), rang("anna")],
        proves=["IVR-14", "EXT-05"],
    ),
    story(
        "A wrong extension is said to be wrong, and the next try counts",
        handled(asks(ALL)),
        caller=[
            *(hears("list"), presses("0"), hears("wrong"), dials_extension("anna")),
            *(talks("anna"), hangs_up()),
        ],
        anna=[answers()],
        then=[heard("caller", "list", "wrong", "anna"), rang("anna")],
        proves=["EXT-01"],
    ),
    story(
        "Silence has the instruction of a list repeated",
        handled(asks(dialling(repeat=1, idle=2)), forwards("anna")),
        caller=[hears("list", "list"), talks("anna"), hangs_up()],
        anna=[answers()],
        then=[heard("caller", "list", "list", "anna")],
        proves=["EXT-02"],
    ),
    story(
        "Without the owner's permission an extension cannot be dialled, though the list allows any",
        handled(
            asks(ALL, otherwise="hang_up"),
            cards={"anna": {"dialled_from_menu": False}, "boris": {}},
        ),
        caller=[
            *(hears("list"), dials_extension("anna"), hears("wrong"), dials_extension("boris")),
            *(talks("boris"), hangs_up()),
        ],
        anna=[answers()],
        boris=[answers()],
        then=[rang("boris"), heard("caller", "list", "wrong", "boris")],
        proves=["EXT-04", "EXT-06"],
        trap=21,
    ),
    story(
        "A list of its own numbers takes no others",
        handled(asks(dialling(wrong="wrong", numbers=("boris",), idle=5)), cards={"anna": {}}),
        caller=[
            *(hears("list"), dials_extension("anna"), hears("wrong"), dials_extension("boris")),
            *(talks("boris"), hangs_up()),
        ],
        anna=[answers()],
        boris=[answers()],
        then=[rang("boris"), answered_by("boris")],
        proves=["EXT-03"],
    ),
    unreached("No key is pressed and the next block follows"),
    unreached(
        "The extension is not reached and the next block follows",
        dials_extension("anna"),
        rings=("anna",),
        anna=[declines(486)],
    ),
    unreached("No key is pressed and the call ends", then="hang_up"),
    unreached(
        "The extension is not reached and the call ends",
        dials_extension("anna"),
        rings=("anna",),
        then="hang_up",
        anna=[declines(480)],
    ),
)
