"""A language for calls: what everybody does, and what must come of it.

    story(
        "A key leads to Anna",
        handled(asks(voice_menu("main", says="menu", keys={"1": "anna"}))),
        caller=[hears("menu"), presses("1"), talks("anna"), hangs_up()],
        anna=[answers(after=0.3)],
        then=[heard("caller", "menu", "anna"), rang("anna"), answered_by("anna")],
        proves=["IVR-10"],
    )

Everybody has a name: ``caller``, ``another`` and ``third`` call from outside; ``anna``, ``boris``,
``vera`` and ``gleb`` are employees, each with a telephone if the story has a part for it;
``outside`` and ``mobile`` are numbers that the carrier reaches. Anna has further telephones
(``FURTHER``). ``program`` is no telephone: it asks for something over the API. A part is a list of
acts, done in order while the others do theirs. Each act waits for what it needs; none of them knows a
clock but ``waits`` and ``after``.

What is heard has a name, too: each media (``SOUNDS``) and each voice is a tone of its own. The name of
a person is heard when two talk with each other, ``ringback`` is our ringback tone.

The same story is played with real SIP and RTP (``script_real``) and in virtual time
(``script_virtual``).
"""

from dataclasses import dataclass, field

from tests.support.script_handling import Handling, handled

__all__ = ["Act", "Story", "handled", "story"]

EMPLOYEES = {"anna": "Анна", "boris": "Борис", "vera": "Вера", "gleb": "Глеб"}
CALLERS = ("caller", "another", "third")
OUTSIDE = ("outside", "mobile")
FURTHER = {"annas_mobile": ("anna", "mobile"), "annas_cell": ("anna", "external")}
"""Whose further telephones these are, and of which kind."""
PROGRAM = "program"
MUSIC = "music.morning_coffee"
"""What the library lets one hear who is held."""
LOOPING = frozenset({"ringback", "melody", "waiting", MUSIC})
"""What is heard again and again counts once."""

_LOW, _STEP = 500, 60
_NAMES = (
    *(
        "greeting",
        "menu",
        "second",
        "wrong",
        "news",
        "list",
        "melody",
        "farewell",
        "warning",
        "waiting",
    ),
    *("message", "long", "long, the rest", "closed", "other", "early", "beep"),
    *(*CALLERS, *EMPLOYEES, *OUTSIDE, *FURTHER),
)
TONES = {"ringback": 425, **{name: _LOW + number * _STEP for number, name in enumerate(_NAMES)}}
"""Hertz of each media and each voice."""

SOUNDS = {
    name: ((name, 0.9), (None, 0.4))
    for name in _NAMES[: _NAMES.index("beep")]
    if name != "long, the rest"
} | {
    "farewell": (("farewell", 1.6), (None, 0.4)),  # what is heard last is the first to be cut
    "closed": (("closed", 1.6), (None, 0.4)),
    "melody": (("melody", 1.2),),
    "waiting": (("waiting", 1.2),),
    "long": (("long", 0.9), (None, 20.0), ("long, the rest", 0.9), (None, 0.4)),
}
"""What each media is made of: tones and silence, with seconds. ``long`` is there to be interrupted."""


@dataclass(frozen=True)
class Act:
    """One thing that somebody does."""

    verb: str
    args: tuple = ()

    def __str__(self):
        return f"{self.verb}({', '.join(map(repr, self.args))})"


# --- what everybody can do ----------------------------------------------------------------------


def hears(*names):
    """Waits until these are heard, in this order."""
    return Act("hears", names)


def talks(name):
    """Waits until both hear each other."""
    return Act("talks", (name,))


def presses(keys, by="events"):
    """Presses keys: by ``events`` (RFC 4733), ``info`` (SIP INFO) or ``tones`` (in the voice)."""
    return Act("presses", (keys, by))


def dials_extension(name, code=""):
    """Presses the extension of an employee or a group, maybe after a feature code."""
    return Act("dials_extension", (name, code))


def says(name):
    """From now on one hears this of him."""
    return Act("says", (name,))


def waits(seconds):
    return Act("waits", (seconds,))


def is_recorded(seconds=1.5):
    """Waits until so much of a conversation, or twice as much of a message, was recorded since."""
    return Act("is_recorded", (seconds,))


def once(fact, times=1):
    """Waits until something is so of somebody: ``anna rings``, ``caller hears menu``."""
    return Act("once", (fact, times))


def falls_silent():
    """Says nothing from now on."""
    return Act("falls_silent")


def hangs_up():
    return Act("hangs_up")


def is_let_go(status=None):
    """Waits for the other side's end of it; ``status`` is what an unanswered caller is told."""
    return Act("is_let_go", (status,))


def calls(whom=None):
    """Calls the company's number (as callers do of themselves), or a colleague, or what is dialled; a
    colleague after a feature code is ``*8 anna``."""
    return Act("calls", (whom,))


# --- what a program asks for over the API -------------------------------------------------------


def connects(who, to):
    """An employee is to be connected with somebody: first the one rings, then the other."""
    return Act("connects", (who, to))


def pauses_recording():
    """What is said from now on is left out."""
    return Act("pauses", (True,))


def resumes_recording():
    return Act("pauses", (False,))


# --- what those do who are called ---------------------------------------------------------------


def registers():
    """The telephone was not there before. What comes before this is done by who waits for it."""
    return Act("registers")


def answers(after=0.0):
    return Act("answers", (after,))


def declines(status=486, after=0.0):
    return Act("declines", (status, after))


def redirects(to, after=0.0):
    """Answers 302: a colleague's extension, or ``outside``."""
    return Act("redirects", (to, after))


def keeps_silent():
    """The telephone gives no sign of life."""
    return Act("keeps_silent")


def rings_on():
    """Nobody takes it up."""
    return Act("rings_on")


def sounds_early(name="early"):
    """Is heard before it answers: 183 with a body."""
    return Act("sounds_early", (name,))


def holds():
    return Act("holds")


def resumes():
    return Act("resumes")


def transfers(to):
    """Passes on whom one talks with, and hears no more of it (REFER)."""
    return Act("transfers", (to,))


def consults(name):
    """Calls somebody with the other one on hold, and talks."""
    return Act("consults", (name,))


def brings_together():
    """Connects the other one with who was consulted (REFER with Replaces)."""
    return Act("brings_together")


# --- stories ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """One story; ``parts`` are acts by name, ``then`` what is checked of its ``Result``."""

    title: str
    handling: Handling
    parts: dict
    then: tuple
    proves: tuple = ()
    trap: int | None = None
    real: bool = True
    virtual: bool = True
    lacks: dict = field(default_factory=dict)
    beside: dict = field(default_factory=dict)  # what is done without a telephone

    @property
    def employees(self):
        """Who of the company has a part or is named."""
        owners = {FURTHER[name][0] for name in self.parts if name in FURTHER}
        named = {*self.parts, *self.handling.named, *owners}
        return tuple(name for name in EMPLOYEES if name in named)

    @property
    def late(self):
        """Whose telephones are not there from the beginning."""
        return frozenset(self.beside) - {PROGRAM}

    @property
    def recorded(self):
        """Whether somebody wants to hear what was recorded."""
        return any(getattr(check, "recordings", False) for check in self.then)

    @property
    def prompts(self):
        """Entries of the library that somebody listens for."""
        acts = [act for part in self.parts.values() for act in part if act.verb == "hears"]
        return tuple({name for act in acts for name in act.args if "." in name})

    @property
    def id(self):
        """The title as it stands in the report."""
        text = f"trap {self.trap} {self.title}" if self.trap else self.title
        return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def story(title, handling, *, then, proves=(), trap=None, real=True, virtual=True, only=None, **parts):
    """A story. ``lacks``: {"caller": "events"} says what somebody's telephone does not know."""
    lacks = parts.pop("lacks", {})
    unknown = set(parts) - {*EMPLOYEES, *CALLERS, *OUTSIDE, *FURTHER, PROGRAM}
    assert not unknown, f"nobody is called {unknown}"
    acts = {name: tuple(part) for name, part in parts.items()}
    beside = {PROGRAM: acts.pop(PROGRAM)} if PROGRAM in acts else {}
    for name, part in acts.items():
        if registers() in part:
            begins = part.index(registers()) + 1
            beside[name], acts[name] = part[:begins], part[begins:]
    proofs = tuple(proves)
    return Story(title, handling, acts, tuple(then), proofs, trap, real, virtual, lacks, beside)
