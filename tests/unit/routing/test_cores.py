"""The compiled core against its oracle: the same codes, the same answers, the same refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import _fastroute, _slowroute, routing
from core._slowroute import RouteResult
from core.routing import compiled
from tests.unit.routing.strategies import Case, cases

ROOT = Path(__file__).parents[3]
CORES = (_slowroute, _fastroute)
NOTHING = {
    "numbers": [],
    "scenarios": [],
    "employees": [],
    "terminals": [],
    "groups": [],
    "members": [],
}


def test_both_speak_of_the_same_codes():
    assert _fastroute.ALL_CODES == _slowroute.ALL_CODES


def test_the_compiled_core_is_used_where_it_is():
    assert compiled.make_table is _fastroute.Table


def test_without_a_compiler_the_oracle_takes_over():
    code = """
import sys
sys.modules["core._fastroute"] = None  # what an import that fails leaves behind
from core import _slowroute, routing
from core.routing import compiled
assert compiled.make_table is _slowroute.Table and compiled.digits is _slowroute.digits
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@settings(max_examples=500, deadline=None)
@given(case=cases())
def test_both_answer_alike(case: Case):
    slow, fast = (routing.compile(case.snapshot, core.Table) for core in CORES)
    for facts in case.calls:
        expected = routing.route(slow, facts, case.instant)
        assert routing.route(fast, facts, case.instant) == expected
    for step in case.steps:
        for facts in case.calls:
            arguments = (step, facts, case.live, case.instant, case.seed)
            assert routing.plan(fast, *arguments) == routing.plan(slow, *arguments)


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
        {"numbers": [(74951234567, 0)]},
        {"numbers": [(74951234567, -2)]},
        {"employees": [(1, 1, 0, 1)]},
        {"employees": [(1, 1, -1, 1)]},
        {"groups": [(1, 30, 0, 1)]},
        {"members": [0]},
        {"employees": [(1, 1, 0, 0)], "members": [1]},
    ],
    ids=str,
)
def test_rows_that_refer_to_nothing_are_refused(core, rows):
    with pytest.raises(IndexError):
        core.Table(**NOTHING | rows)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_what_route_returns(core):
    table = core.Table(
        **NOTHING | {"numbers": [(3, 1), (1, -1), (2, 0)], "scenarios": [(1, 5), (0, 6)]}
    )
    answers = {called: table.route(called, 0, 0.0) for called in (0, 1, 2, 3, 4)}
    assert answers == {
        0: RouteResult.NO_NUMBER,
        1: RouteResult.NO_SCENARIO,
        2: 5,
        3: RouteResult.DISABLED,
        4: RouteResult.NO_NUMBER,
    }


def _step(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little", signed=True) for number in numbers)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(
    ("step", "error"),
    [
        (b"", ValueError),
        (b"\0" * 13, ValueError),
        (_step(1, 60), ValueError),
        (_step(1, 60, 25, 0), ValueError),
        (_step(1, 60, 25, 0, 1), IndexError),
        (_step(1, 60, 25, 0, -1), IndexError),
        (_step(1, 60, 25, 1, 0), IndexError),
    ],
    ids=str,
)
def test_steps_that_are_none_are_refused(core, step, error):
    table = core.Table(**NOTHING | {"employees": [(1, 1, 0, 1)], "terminals": [(3, 25, 1)]})
    with pytest.raises(error):
        table.plan(step, b"\1", b"\0", -1, 0)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize(("registered", "calls"), [(b"", b"\0"), (b"\1", b""), (b"\1\1", b"\0\0")])
def test_live_state_of_another_configuration_is_refused(core, registered, calls):
    table = core.Table(**NOTHING | {"terminals": [(3, 25, 1)]})
    with pytest.raises(ValueError, match="another configuration"):
        table.plan(_step(1, 60, 25), registered, calls, -1, 0)


def test_tables_are_small():
    table = _fastroute.Table(**NOTHING | {"employees": [(1, 1, 0, 0)] * 100})
    assert table.size == 1600
