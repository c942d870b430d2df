"""A consultation by feature code (*2): the client hears music while the employee asks a colleague."""

from tests.support.script import (
    MUSIC,
    answers,
    calls,
    declines,
    dials_extension,
    handled,
    hangs_up,
    hears,
    is_let_go,
    is_recorded,
    once,
    presses,
    rings_on,
    story,
    talks,
    waits,
)
from tests.support.script_checks import (
    ended,
    happened,
    heard,
    never_happened,
    rang,
    recorded,
    steps,
    without_steps,
)
from tests.support.script_handling import forwards

ASKS = [answers(), talks("caller"), dials_extension("boris", code="*2")]
"""Anna's part, until Boris rings."""
WAITS = [talks("anna"), hears(MUSIC)]
"""The caller's, meanwhile."""
ANSWERS = [once(f"caller hears {MUSIC}"), answers()]
"""Boris', once that was to be heard."""
AGAIN = [hears("anna"), once("anna hears caller", times=2)]
"""The caller's, with Anna as before."""
BACK = [hears("caller"), once("caller hears anna", times=2)]


def consulted(title, caller, anna, boris, *then, **more):
    """Anna asks Boris by her keys."""
    handling = more.pop("handling", None) or handled(forwards("anna"), cards={"boris": {}})
    parts = {"caller": caller, "anna": anna, "boris": boris}
    return story(title, handling, then=then, **parts, **more)


STORIES = (
    consulted(
        "Boris takes the caller over when Anna hangs up, and is recorded with him",
        [talks("anna"), hears(MUSIC), talks("boris"), is_recorded(), hangs_up()],
        [answers(), talks("caller"), is_recorded(1), *ASKS[2:], talks("boris"), hangs_up()],
        [*ANSWERS, hears("anna", "caller")],
        heard("caller", "anna", MUSIC, "boris"),
        heard("boris", "anna", "caller"),
        rang("anna", "boris"),
        steps("answered", "recording", "transfer", "joined", "recording"),
        ended("answered", by="caller"),
        recorded(("caller",), ("anna", "boris")),
        handling=handled(forwards("anna"), cards={"boris": {}}, records=True),
    ),
    consulted(
        "Anna passes the caller on by a second code",
        [*WAITS, talks("boris"), hangs_up()],
        [*ASKS, talks("boris"), presses("*1"), is_let_go(200)],
        [answers(), hears("anna", "caller")],
        heard("caller", "anna", MUSIC, "boris"),
        happened("boris hears anna", "boris hears caller"),
        steps("transfer", "joined"),
    ),
    consulted(
        "Boris does not want to be asked, and Anna has the caller back",
        [*WAITS, hears("anna"), is_let_go(200)],
        [*ASKS, *BACK, hangs_up()],
        [once(f"caller hears {MUSIC}"), declines(603)],
        heard("caller", "anna", MUSIC, "anna"),
        rang("anna", "boris"),
        steps("transfer", "transfer_failed"),
        ended("answered", by="callee"),
    ),
    consulted(
        "Boris hears what it is about and hangs up: Anna has the caller back",
        [*WAITS, *AGAIN, hangs_up()],
        [*ASKS, talks("boris"), *BACK, is_let_go(200)],
        [*ANSWERS, talks("anna"), hangs_up()],
        heard("caller", "anna", MUSIC, "anna"),
        heard("boris", "anna"),
        ended("answered", by="caller"),
        without_steps("joined"),
    ),
    consulted(
        "Anna returns to the caller by the same code",
        [*WAITS, *AGAIN, hangs_up()],
        [*ASKS, talks("boris"), presses("*2"), *BACK, is_let_go(200)],
        [*ANSWERS, talks("anna"), is_let_go(200)],
        heard("caller", "anna", MUSIC, "anna"),
        heard("boris", "anna"),
        ended("answered", by="caller"),
    ),
    consulted(
        "Boris talks with Vera: he does not ring, and Anna has the caller back",
        [once("boris hears vera"), waits(0.1), calls(), *WAITS, hears("anna"), hangs_up()],
        [*ASKS, *BACK, is_let_go(200)],
        [calls("vera"), talks("vera"), once("caller hangs up"), hangs_up()],
        rang("vera", "anna"),
        heard("caller", "anna", MUSIC, "anna"),
        steps("transfer", "not_rung", "transfer_failed", call=1),
        vera=[answers()],
        real=False,  # it is over too soon to be heard
    ),
    consulted(
        "The caller hangs up while Anna asks Boris: all is over",
        [*WAITS, once("boris hears anna"), once("anna hears boris"), hangs_up()],
        [*ASKS, talks("boris"), is_let_go(200)],
        [*ANSWERS, talks("anna"), is_let_go(200)],
        heard("boris", "anna"),
        heard("caller", "anna", MUSIC),
        ended("answered", by="caller"),
    ),
    consulted(
        "The caller hangs up while Boris rings: he rings no more",
        [*WAITS, once("boris rings"), hangs_up()],
        [*ASKS, is_let_go(200)],
        [rings_on()],
        heard("boris"),
        ended("answered", by="caller"),
        never_happened("boris is told: Call completed elsewhere"),
    ),
    consulted(
        "Anna hangs up while Boris rings: she has passed the caller on without asking",
        [*WAITS, talks("boris"), hangs_up()],
        [*ASKS, once("boris rings"), once(f"caller hears {MUSIC}"), hangs_up()],
        [once("anna hangs up"), answers(after=1)],
        heard("caller", "anna", MUSIC, "boris"),
        steps("transfer", "joined"),
        ended("answered", by="caller"),
    ),
)
