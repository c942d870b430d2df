"""What is recorded, who is heard in which channel, and messages that callers leave."""

from core.contracts import Recording
from tests.support.script import (
    answers,
    declines,
    falls_silent,
    handled,
    hangs_up,
    hears,
    is_let_go,
    is_recorded,
    once,
    pauses_recording,
    presses,
    resumes_recording,
    says,
    story,
    talks,
    transfers,
    waits,
)
from tests.support.script_checks import (
    ended,
    happened,
    heard,
    nobody_rang,
    rang,
    recorded,
    steps,
    tasks,
    without_steps,
)
from tests.support.script_handling import asks, forwards, message, takes_message, voice_menu

TALK = {"caller": [talks("anna"), waits(1), hangs_up()], "anna": [answers()]}
RECORDED_TALK = {"caller": [talks("anna"), is_recorded(), hangs_up()], "anna": [answers()]}
RECORDED = {"records": True}
SPEAKS = [hears("message"), is_recorded(1)]


def switched(title, *sides, card=None, company="usual", **options):
    """The switches of recording (H-5)."""
    cards = {"anna": {"recording": card}} if card else {}
    return story(
        title,
        handled(forwards("anna"), cards=cards, company=company, **options),
        then=[recorded(*sides)],
        proves=["SET-03", "EMP-21", "OPT-06", "NUM-06"],
        trap=23,
        **(RECORDED_TALK if sides else TALK),
    )


def paused(title, pauses, goes_on, **parts):
    """While the recording pauses the caller says the news."""
    return story(
        title,
        handled(forwards("anna"), records=True),
        caller=[
            *(talks("anna"), once(pauses), says("news"), once("anna hears news"), waits(0.5)),
            *(says("other"), once("anna hears other"), once(goes_on, times=1 + (pauses == goes_on))),
            *(is_recorded(), hangs_up()),
        ],
        then=[
            happened("anna hears news", "anna hears other"),
            recorded(("caller", "other"), ("anna",)),
            steps("recording", "not_recording", "recording"),
        ],
        **parts,
    )


def left(title, *acts, said=True, handling=None, whose="anna", then=(), proves=("PRC-03", "PRC-04")):
    """A message is left, or none."""
    checks = [recorded(("caller",), kind="message"), tasks(("message", whose))]
    nothing = [recorded(), tasks()]
    return story(
        title,
        handling or handled(message("message", task="anna")),
        caller=[*acts],
        then=[*(checks if said else nothing), *then],
        proves=proves,
    )


STORIES = (
    story(
        "The client is heard on the left and the employee on the right",
        handled(forwards("anna"), records=True),
        then=[recorded(("caller",), ("anna",)), steps("answered", "recording")],
        proves=["OPT-03"],
        **RECORDED_TALK,
    ),
    story(
        "Callers are told before anybody rings that they may be recorded",
        handled(forwards("anna"), records=True, warns=True, warning="warning", greeting="greeting"),
        then=[heard("caller", "greeting", "warning", "anna"), recorded(("caller",), ("anna",))],
        proves=["OPT-04"],
        **RECORDED_TALK,
    ),
    story(
        "Who is passed on is recorded with both, one after the other",
        handled(forwards("anna"), records=True, cards={"boris": {}}),
        caller=[talks("anna"), talks("boris"), is_recorded(), hangs_up()],
        anna=[answers(), talks("caller"), is_recorded(1), transfers("boris"), is_let_go(200)],
        boris=[answers()],
        then=[recorded(("caller",), ("anna", "boris")), rang("anna", "boris")],
    ),
    switched("The employee's own switch: off", card=Recording.OFF, records=True),
    switched("The employee's own switch: on", ("caller",), ("anna",), card=Recording.ON),
    switched("Without a wish nothing is recorded"),
    story(
        "Without the service nothing is recorded, and nobody is told otherwise",
        handled(forwards("anna"), company="other", records=True, warns=True, warning="warning"),
        then=[recorded(), heard("caller", "anna"), without_steps("recording")],
        proves=["OPT-06"],
        trap=23,
        **TALK,
    ),
    switched("The number's switch: on", ("caller",), ("anna",), number=RECORDED),
    switched(
        "The number's switch and the branch's: recorded once",
        *(("caller",), ("anna",)),
        number=RECORDED,
        records=True,
    ),
    switched("The employee's switch goes before the number's", card=Recording.OFF, number=RECORDED),
    switched("Without the service the number's switch is none", company="other", number=RECORDED),
    story(
        "A number announces what it records",
        handled(forwards("anna"), number={**RECORDED, "announces": True}, warning="warning"),
        then=[heard("caller", "warning", "anna"), recorded(("caller",), ("anna",))],
        proves=["NUM-06"],
        **RECORDED_TALK,
    ),
    story(
        "A number that records need not say so",
        handled(forwards("anna"), number=RECORDED, warning="warning"),
        then=[heard("caller", "anna"), recorded(("caller",), ("anna",))],
        proves=["NUM-06"],
        **RECORDED_TALK,
    ),
    story(
        "A number announces nothing where nothing is recorded",
        handled(forwards("anna"), number={"announces": True}, warning="warning"),
        then=[heard("caller", "anna"), recorded()],
        proves=["NUM-06"],
        **TALK,
    ),
    # --- pauses -------------------------------------------------------------------------------------
    paused(
        "A program pauses a recording: what is said meanwhile is not in it",
        "the recording pauses",
        "the recording goes on",
        anna=[answers()],
        program=[
            *(once("anna hears caller"), is_recorded(), pauses_recording()),
            *(once("anna hears other"), resumes_recording()),
        ],
    ),
    paused(
        "Anna pauses the recording by a feature code and goes on by the same",
        "anna pressed *3",
        "anna pressed *3",
        anna=[
            *(answers(), talks("caller"), is_recorded(), presses("*3", by="info")),
            *(once("anna hears other"), presses("*3", by="info")),
        ],
        lacks={"anna": "events"},
    ),
    # --- messages -----------------------------------------------------------------------------------
    left(
        "A voice message until the number sign",
        *(*SPEAKS, presses("#"), hears("message.saved"), is_let_go(200)),
        then=[nobody_rang(), ended("no_answer", by="system")],
    ),
    left("A voice message until the caller falls silent", *SPEAKS, falls_silent(), is_let_go(200)),
    left(
        "A voice message of who hangs up", *SPEAKS, hangs_up(), then=[ended("cancelled", by="caller")]
    ),
    left(
        "Who says nothing leaves no message",
        *(falls_silent(), hears("message"), is_let_go(200)),
        said=False,
    ),
    left(
        "A key leads to a voice message",
        *(hears("menu"), presses("6"), *SPEAKS, presses("#"), is_let_go(200)),
        handling=handled(
            asks(voice_menu("main", "menu", {"6": takes_message("message", "anna")}, idle=9))
        ),
        proves=("IVR-15",),
    ),
    story(
        "The net takes a message",
        handled(forwards("anna"), net=[message("message", task="last")]),
        caller=[*SPEAKS, presses("#"), is_let_go(200)],
        anna=[declines(486)],
        then=[recorded(("caller",), kind="message"), tasks(("message", "anna")), rang("anna")],
        proves=["INS-04"],
    ),
)
