"""Ids to indices and rows to structs, compiled and plain; ``test_cores`` compares whole decisions."""

from __future__ import annotations

from array import array
from uuid import UUID

import pytest

from core._slowroute import Availability, Node, Reason
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Live,
    Par,
    Ring,
    Seq,
    Skipped,
    SkipReason,
)
from core.routing import translator
from core.routing._translator import Translator as Compiled
from core.routing.tables import SLOW, the_core
from tests.unit.routing.company import Company

UNAVAILABLE = AvailabilityMode.UNAVAILABLE
OUTSIDE = Addressee(AddresseeKind.EXTERNAL, "+79161112233")


@pytest.fixture
def made(company):
    """Two people with two lines each, and their translator."""
    company.employee("a", 2)
    company.employee("b", 2)
    return company, company.compile().translator


def numbers(*values: int) -> bytes:
    return array("i", values).tobytes()


def test_both_cores_have_their_own():
    slow, fast = (Company(core).compile().translator for core in (SLOW, the_core))
    assert type(slow) is translator.Translator
    assert type(fast) is Compiled


def test_live_state_by_index(made):
    company, translator = made
    phones = {address: terminal.id for address, terminal in company.terminals.items()}
    live = Live(
        registered=frozenset({phones["a-2"], phones["b-1"], UUID(int=9)}),
        calls={phones["a-1"]: 2, phones["b-2"]: 300, UUID(int=9): 1},
        talked={company.employees["b"].id: 86400 * 30, UUID(int=9): 7},
        modes={company.employees["b"].id: AvailabilityMode.AVAILABLE, UUID(int=9): UNAVAILABLE},
    )
    assert translator.state(live) == (
        b"\0\1\1\0",
        b"\2\0\0\xff",
        b"\1\2",
        numbers(0, 7 * 86400),
    )


@pytest.mark.parametrize("mode", AvailabilityMode)
def test_every_mode_has_its_code(made, mode):
    company, translator = made
    state = translator.state(Live(modes={company.employees["a"].id: mode}))
    assert state[2] == bytes([Availability[mode.name], Availability.SCHEDULE])


def test_ids_that_were_read_from_an_archive_are_the_same(made):
    company, translator = made
    again = UUID(str(company.terminals["a-2"].id))
    assert translator.state(Live(registered=frozenset({again})))[0] == b"\0\1\0\0"


def test_a_tree_of_everything(made):
    company, translator = made
    a, b = company.terminals["a-1"], company.terminals["b-2"]
    rows = (Node.SEQ, 2, Node.RING, 0, 20, Node.PAR, 2, Node.OUTSIDE, 1, 30, Node.RING, 3, 30)
    tree = Seq(
        (
            Ring("a-1", 20, a.id, a.employee_id),
            Par((Ring(OUTSIDE.ref, 30), Ring("b-2", 30, b.id, b.employee_id))),
        )
    )
    assert translator.tree(numbers(*rows), (OUTSIDE, OUTSIDE)) == tree
    assert translator.tree(b"", ()) is None


def test_a_terminal_rings_for_as_long_as_it_is_told_each_time(made):
    _, translator = made
    for seconds in (20, 20, 30, 20):
        assert translator.tree(numbers(Node.RING, 0, seconds), ()).seconds == seconds


def test_a_terminal_may_be_told_to_ring_for_no_time_at_all(made):
    _, translator = made
    assert translator.tree(numbers(Node.RING, 1, 0), ()).seconds == 0


def test_who_does_not_ring(made):
    company, translator = made
    terminal = company.terminals["b-1"]
    rows = numbers(2, 1, 1, Reason.BUSY, -1, 0, 0, Reason.OFF_HOURS, -1, -1, 1, Reason.UNKNOWN)
    first, second = Addressee(AddresseeKind.EXTENSION, "10"), OUTSIDE
    assert translator.skipped(rows, (first, second)) == (
        Skipped(terminal.id, terminal.employee_id, SkipReason.BUSY, second),
        Skipped(None, company.employees["a"].id, SkipReason.OFF_HOURS, first),
        Skipped(None, None, SkipReason.UNKNOWN, second),
    )
    assert translator.skipped(b"", ()) == ()


@pytest.mark.parametrize(
    "rows",
    [(Node.RING, 4, 1), (Node.RING, -1, 1), (Node.OUTSIDE, 1, 1), (Node.PAR, 2, 0, 0, 1), (Node.SEQ,)],
    ids=str,
)
def test_nothing_is_read_outside_the_rows(rows):
    company = Company(the_core)
    company.employee("a", 4)
    compiled = company.compile().translator
    with pytest.raises(IndexError):
        compiled.tree(numbers(*rows), (OUTSIDE,))
