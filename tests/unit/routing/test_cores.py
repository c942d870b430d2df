"""The compiled core against its oracle: the same codes, the same answers, the same refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import _fastroute, _slowroute, routing
from core._slowroute import Filter, RouteResult, WhyNot
from core.contracts import Dial, DialMode
from core.routing import tables
from tests.unit.routing.strategies import Case, cases

ROOT = Path(__file__).parents[3]
CORES = (_slowroute, _fastroute)
PARTS = 4
"""Of the proof: what Hypothesis keeps in mind of the examples before slows down the next ones."""
EXAMPLES = int(os.environ.get("SUNSIM_EXAMPLES", "500"))


def nothing(core, **rows):
    """The arguments of a company without anything, but for these rows."""
    names = "numbers scenarios branches values employees terminals periods groups members"
    return {
        "zones": [core.Zone([], [0])],
        "hours": core.Hours([[[]] * 7], [[(0, 0)]]),
        **{name: [] for name in names.split()},
        **rows,
    }


def person(terminals=(0, 0), zone=0, schedule=-1, calendar=-1, periods=(0, 0)):
    return (1, *terminals, zone, schedule, calendar, *periods)


def test_both_speak_of_the_same_codes():
    assert _fastroute.ALL_CODES == _slowroute.ALL_CODES


def test_the_compiled_core_is_used_where_it_is():
    assert tables.the_core.Table is _fastroute.Table
    assert _fastroute.__file__.startswith(os.environ.get("SUNSIM_SANITIZED", ""))


def test_without_a_compiler_the_oracle_takes_over():
    code = """
import sys
sys.modules["core._fastroute"] = None  # what an import that fails leaves behind
from core import _slowroute, routing
from core.routing import tables
assert tables.the_core.Table is _slowroute.Table
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def same_answers(case: Case) -> None:
    """Whoever calls, for whatever step: the two decide alike, the steps of the decision included.

    Each step is also asked for in the other modes: a company costs far more to draw than to ask.
    """
    slow, fast = (routing.compile(case.snapshot, core) for core in (tables.SLOW, tables.the_core))
    for facts in case.calls:
        expected = routing.route(slow, facts, case.instant)
        assert routing.route(fast, facts, case.instant) == expected
        decided = expected.chain.all_steps if expected else ()
        for step in (*case.steps, *(step for step in decided if isinstance(step, Dial))):
            for asked in (step, *(replace(step, mode=mode) for mode in DialMode)):
                arguments = (asked, facts, case.live, case.instant, case.seed)
                assert routing.plan(fast, *arguments) == routing.plan(slow, *arguments)


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases())
def test_both_answer_alike(case: Case):
    same_answers(case)


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
@settings(max_examples=20_000 // PARTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_both_answer_alike_in_twenty_thousand_companies(part: int, case: Case):
    same_answers(case)


@settings(max_examples=300)
@given(text=st.one_of(st.none(), st.text(max_size=20), st.from_regex(r"\+[0-9]{0,17}", fullmatch=True)))
def test_digits_alike(text):
    assert _fastroute.digits(text) == _slowroute.digits(text)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_digits_of_what_is_a_number(core):
    assert core.digits("+74951234567") == 74951234567
    assert core.digits("+7") == 7
    assert core.digits("+999999999999999") == 999_999_999_999_999
    assert [core.digits(text) for text in (None, "", "+", "7495", "+7x", "+1234567890123456")] == [
        0
    ] * 6


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(
    "rows",
    [
        {"zones": []},
        {"numbers": [(74951234567, 0)]},
        {"numbers": [(74951234567, -2)]},
        {"scenarios": [(1, 0, 1)]},
        {"scenarios": [(1, 0, -1)]},
        {"branches": [(0, 0, 1, -1, -1, 0)]},
        {"branches": [(0, 0, 0, 1, -1, 0)]},
        {"branches": [(0, 0, 0, -1, 1, 0)]},
        {"employees": [person(terminals=(0, 1))]},
        {"employees": [person(terminals=(-1, 1))]},
        {"employees": [person(zone=1)]},
        {"employees": [person(zone=-1)]},
        {"employees": [person(schedule=1)]},
        {"employees": [person(calendar=-2)]},
        {"employees": [person(periods=(0, 1))]},
        {"terminals": [(3, 25, 1, 1)]},
        {"groups": [(1, 30, 0, 1)]},
        {"members": [0]},
        {"employees": [person()], "members": [1]},
    ],
    ids=str,
)
def test_rows_that_refer_to_nothing_are_refused(core, rows):
    with pytest.raises(IndexError):
        core.Table(**nothing(core, **rows))


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(
    ("schedules", "calendars"),
    [([[[]] * 6], []), ([[[0]] * 7], []), ([], [[(1, 8)]]), ([], [[(1, -1)]])],
    ids=str,
)
def test_hours_that_are_none_are_refused(core, schedules, calendars):
    with pytest.raises(ValueError):
        core.Hours(schedules, calendars)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(
    ("instants", "offsets"), [([], []), ([5], [0]), ([5, 5], [0, 1, 2]), ([9, 5], [0, 1, 2])], ids=str
)
def test_zones_that_are_none_are_refused(core, instants, offsets):
    with pytest.raises(ValueError, match="offset"):
        core.Zone(instants, offsets)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_what_route_returns(core):
    table = core.Table(
        **nothing(
            core,
            numbers=[(3, 1), (1, -1), (2, 0), (4, 2), (5, 3)],
            scenarios=[(1, 0, 1), (0, 1, 1), (1, 1, 1), (1, 2, 2)],
            branches=[
                (Filter.NONE, 0, 0, -1, -1, 0),
                (Filter.NONE, 0, 0, 0, -1, 0),
                (Filter.TAGS, 0, 1, -1, -1, 0),
                (Filter.NONE, 0, 0, 0, -1, 1),
            ],
            values=[7],
        )
    )
    answers = {called: table.route(called, b"", b"", 0.0) for called in range(7)}
    assert answers == {
        0: (RouteResult.NO_NUMBER, b""),
        1: (RouteResult.NO_SCENARIO, b""),
        2: (0, b""),
        3: (RouteResult.DISABLED, b""),
        4: (RouteResult.CLOSED, _numbers(1, WhyNot.CLOSED)),
        5: (2 * 3 + 1, _numbers(2, WhyNot.TAGS)),
        6: (RouteResult.NO_NUMBER, b""),
    }
    assert table.route(5, _numbers(8, 7), b"", 0.0) == (2 * 2, b"")


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_facts_of_the_caller_are_whole_numbers(core):
    table = core.Table(
        **nothing(core, numbers=[(1, 0)], scenarios=[(1, 0, 1)], branches=[(1, 0, 0, -1, -1, 0)])
    )
    for facts in ((b"123", b""), (b"", b"12345")):
        with pytest.raises(ValueError):
            table.route(1, *facts, 0.0)


def _numbers(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little", signed=True) for number in numbers)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(
    ("step", "error"),
    [
        (b"", ValueError),
        (b"\0" * 13, ValueError),
        (_numbers(1, 60), ValueError),
        (_numbers(1, 60, 25, 0), ValueError),
        (_numbers(1, 60, 25, 0, 1), IndexError),
        (_numbers(1, 60, 25, 0, -1), IndexError),
        (_numbers(1, 60, 25, 1, 0), IndexError),
    ],
    ids=str,
)
def test_steps_that_are_none_are_refused(core, step, error):
    table = core.Table(
        **nothing(core, employees=[person(terminals=(0, 1))], terminals=[(3, 25, 1, -1)])
    )
    with pytest.raises(error):
        table.plan(step, b"\1", b"\0", b"\1", bytes(4), -1, 0.0, 0)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(
    ("registered", "calls", "modes", "talked"),
    [
        (b"", b"\0", b"\1", bytes(4)),
        (b"\1\1", b"\0", b"\1", bytes(4)),
        (b"\1", b"", b"\1", bytes(4)),
        (b"\1", b"\0\0", b"\1", bytes(4)),
        (b"\1", b"\0", b"", bytes(4)),
        (b"\1", b"\0", b"\1\1", bytes(4)),
        (b"\1", b"\0", b"\1", b""),
        (b"\1", b"\0", b"\1", bytes(3)),
        (b"\1", b"\0", b"\1", bytes(8)),
    ],
)
def test_live_state_of_another_configuration_is_refused(core, registered, calls, modes, talked):
    table = core.Table(**nothing(core, terminals=[(3, 25, 1, -1)], employees=[person((0, 1))]))
    step = _numbers(1, 60, 25, 0, 0)
    assert table.plan(step, b"\1", b"\0", b"\1", bytes(4), -1, 0.0, 0) == (_numbers(0, 0, 60), b"")
    with pytest.raises(ValueError, match="another configuration"):
        table.plan(step, registered, calls, modes, talked, -1, 0.0, 0)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_a_mode_is_one_of_three(core):
    """0 is «Недоступен», 2 «Доступен»; a schedule without hours is always closed."""
    closed = person((0, 1), schedule=0)
    table = core.Table(**nothing(core, terminals=[(3, 25, 1, -1)], employees=[closed]))
    step, rings = _numbers(1, 60, 25, 0, 0), _numbers(0, 0, 60)
    plans = [table.plan(step, b"\1", b"\0", bytes([mode]), bytes(4), -1, 0.0, 0) for mode in range(3)]
    assert plans == [(b"", _numbers(-1, 0, 0, 0)), (b"", _numbers(-1, 0, 0, 9)), (rings, b"")]


def test_tables_are_small():
    empty = _fastroute.Table(**nothing(_fastroute)).size
    hundred = _fastroute.Table(**nothing(_fastroute, employees=[person()] * 100)).size
    assert hundred - empty == 3200
