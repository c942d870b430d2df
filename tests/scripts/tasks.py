"""What calls leave to be done: tasks, and whose they are; callers who want to be called back."""

from tests.support.script import (
    answers,
    declines,
    handled,
    hangs_up,
    hears,
    is_let_go,
    once,
    presses,
    rings_on,
    story,
    talks,
)
from tests.support.script_checks import answered_by, ended, heard, rang, steps, tasks
from tests.support.script_handling import asks, ends, forwards, notes_callback, voice_menu


def left(title, executor, whose, *names, order="sequential", **more):
    """Nobody answers: the task of the failure step is of …"""
    acts = {name: [declines(486)] for name in names}
    return story(
        title,
        handled(forwards(*names, order=order), ends(task=executor)),
        caller=[is_let_go()],
        then=[tasks(("missed", whose)), ended("no_answer", by="system")],
        **acts,
        **more,
    )


STORIES = (
    left("In turn: a task of the first addressee", "first", "anna", "anna", "boris", proves=["PRC-13"]),
    left("In turn: a task of who was the last", "last", "boris", "anna", "boris", proves=["PRC-13"]),
    left("A task of somebody who is named", "anna", "anna", "boris", proves=["PRC-12"]),
    left(
        "At once: the first in the list, whoever rang when",
        "first",
        "boris",
        *("boris", "anna", "vera"),
        order="parallel",
        proves=["PRC-14"],
        trap=11,
    ),
    left(
        "At once: the last in the list, whoever rang when",
        "last",
        "vera",
        *("boris", "anna", "vera"),
        order="parallel",
        proves=["PRC-14"],
        trap=11,
    ),
    story(
        "Without a wish there is no task",
        handled(forwards("anna"), ends()),
        caller=[is_let_go()],
        anna=[declines(486)],
        then=[tasks()],
        proves=["PRC-12"],
    ),
    story(
        "Who is answered leaves no task",
        handled(forwards("anna"), ends(task="first")),
        caller=[talks("anna"), hangs_up()],
        anna=[answers()],
        then=[tasks(), answered_by("anna")],
    ),
    story(
        "Who gives up before the failure step was missed too",
        handled(forwards("anna"), ends(task="first")),
        caller=[once("anna rings"), hangs_up()],
        anna=[rings_on()],
        then=[tasks(("missed", "anna")), ended("cancelled", by="caller")],
        proves=["PRC-12"],
    ),
    story(
        "The personal manager has a task of the manager's own failure action",
        handled(
            forwards("anna", manager=ends("closed", task="manager")),
            ends(task="first"),
            contacts={"caller": {"manager": "vera"}},
        ),
        caller=[hears("closed"), is_let_go(200)],
        anna=[answers()],
        vera=[declines(486)],
        then=[rang("vera"), tasks(("missed", "vera"))],
        proves=["PRC-06"],
        trap=15,
    ),
    story(
        "The net leaves its task",
        handled(forwards("anna"), net=[forwards("boris"), ends("farewell", task="last")]),
        caller=[hears("farewell"), is_let_go(200)],
        anna=[declines(486)],
        boris=[declines(486)],
        then=[rang("anna", "boris"), tasks(("missed", "boris")), heard("caller", "farewell")],
        proves=["INS-06"],
    ),
    story(
        "A key asks to be called back",
        handled(asks(voice_menu("main", "menu", {"8": notes_callback("anna")}, idle=5))),
        caller=[hears("menu"), presses("8"), hears("callback.accepted"), is_let_go(200)],
        then=[heard("caller", "menu", "callback.accepted"), tasks(("callback", "anna"))],
        proves=["IVR-16"],
    ),
    story(
        "Who was rung has missed what another answered",
        handled(forwards("anna", "boris")),
        caller=[talks("boris"), hangs_up()],
        anna=[rings_on()],
        boris=[once("anna rings"), answers()],
        then=[rang({"anna", "boris"}), answered_by("boris"), steps("ringing", "leg_ended")],
        trap=25,
    ),
)
