"""Who rings, in which order, for how long; and who does not and why."""

from __future__ import annotations

import pytest

from core import routing
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Dial,
    DialMode,
    Employee,
    TerminalKind,
)
from core.ids import new_id
from tests.unit.routing.company import NUMBER, text

SEQUENTIAL, PARALLEL, LEAST_BUSY = DialMode.SEQUENTIAL, DialMode.PARALLEL, DialMode.LEAST_BUSY


def extension(number: str) -> Addressee:
    return Addressee(AddresseeKind.EXTENSION, number)


def external(number: str) -> Addressee:
    return Addressee(AddresseeKind.EXTERNAL, number)


def test_active_terminals_ring_at_once(company):
    assert company.rings(company.employee("ivanov", 3)) == "(ivanov-1:60 | ivanov-2:60 | ivanov-3:60)"


def test_one_terminal_needs_no_tree(company):
    assert company.rings(company.employee("ivanov")) == "ivanov-1:60"


@pytest.mark.parametrize(
    ("mode", "expected"), [(PARALLEL, "a-1:60"), (SEQUENTIAL, "(a-1:25 | a-2:25 | a-3:25)")]
)
def test_parallel_rings_main_terminals_sequential_rings_all(company, mode, expected):
    ivanov = company.employee("a", 3)
    company.change("a-2", main=False)
    company.change("a-3", main=False)
    assert company.rings(ivanov, mode=mode) == expected
    reasons = {"a-2": "not_main", "a-3": "not_main"} if mode is PARALLEL else {}
    assert company.reasons(ivanov, mode=mode) == reasons


def test_group_mode_decides_which_terminals_ring(company):
    company.employee("a", 2)
    company.change("a-2", main=False)
    group = company.group("sales", "a", dial_mode=PARALLEL)
    assert company.rings(group, mode=SEQUENTIAL) == "a-1:30"


def test_own_sequential_mode_uses_each_terminals_time(company):
    ivanov = company.employee("a", 2, dial_mode=SEQUENTIAL)
    company.change("a-1", ring_seconds=10)
    company.change("a-2", ring_seconds=90)
    assert company.rings(ivanov) == "(a-1:10 > a-2:60)"


def test_addressees_in_turn(company):
    a, b = company.employee("a", 2), company.employee("b", dial_mode=SEQUENTIAL)
    assert company.rings(a, b, mode=SEQUENTIAL) == "((a-1:25 | a-2:25) > b-1:25)"
    assert company.rings(b, a, mode=LEAST_BUSY) == "(b-1:25 > (a-1:25 | a-2:25))"


def test_sequential_group_inside_a_parallel_step(company):
    a = company.employee("a")
    company.employee("b")
    company.employee("c", 2)
    group = company.group("sales", "b", "c", dial_mode=SEQUENTIAL, ring_seconds=20)
    assert company.rings(a, group) == "(a-1:60 | (b-1:20 > (c-1:20 | c-2:20)))"


def test_time_of_the_group_is_bounded_by_the_step(company):
    company.employee("a")
    group = company.group("sales", "a", ring_seconds=90)
    assert company.rings(group, ring_seconds=40) == "a-1:40"


def test_branchings_of_one_kind_are_merged(company):
    company.employee("a", 2)
    company.employee("b", 2)
    group = company.group("all", "a", "b", ring_seconds=60)
    assert company.rings(group, company.employee("c")) == "(a-1:60 | a-2:60 | b-1:60 | b-2:60 | c-1:60)"
    alone = company.group("one", "b", dial_mode=SEQUENTIAL, ring_seconds=15)
    assert company.rings(alone, company.employee("d")) == "(b-1:15 | b-2:15 | d-1:60)"


def test_unregistered_line_is_skipped_with_its_reason(company):
    ivanov = company.employee("a", 3)
    company.unregistered = {"a-1", "a-3"}
    assert company.rings(ivanov) == "a-2:60"
    assert company.reasons(ivanov) == {"a-1": "not_registered", "a-3": "not_registered"}


def test_nobody_can_ring(company):
    ivanov = company.employee("a", 2)
    company.unregistered = {"a-1", "a-2"}
    assert company.dial([ivanov]).root is None


def test_external_terminal_rings_without_registration(company):
    ivanov = company.employee("a", 2)
    company.change("a-2", kind=TerminalKind.EXTERNAL, address="+79161234567")
    company.unregistered = {"a-1", "a-2"}
    plan = company.dial([ivanov])
    assert plan.root.address == "+79161234567"
    assert plan.root.terminal_id == company.employees["a"].terminals[1]


def test_external_number_of_the_list_rings_as_nobodys_terminal(company):
    plan = company.dial([external("+79161234567")], mode=SEQUENTIAL)
    assert (plan.root.address, plan.root.seconds) == ("+79161234567", 25)
    assert plan.root.terminal_id is plan.root.employee_id is None


def test_inactive_terminals_and_those_without_an_address_are_skipped(company):
    ivanov = company.employee("a", 2)
    company.change("a-1", active=False)
    company.change("a-2", address="")
    assert company.rings(ivanov) == "-"
    assert set(company.reasons(ivanov).values()) == {"inactive"}


@pytest.mark.spec("EMP-09", "EMP-10", "EMP-11", at="rule")
@pytest.mark.parametrize(
    ("channels", "talking", "rings"), [(1, 0, True), (1, 1, False), (3, 2, True), (3, 3, False)]
)
def test_a_terminal_is_busy_when_its_channels_are_taken(company, channels, talking, rings):
    ivanov = company.employee("a")
    company.change("a-1", channels=channels)
    company.calls = {"a-1": talking}
    assert company.rings(ivanov) == ("a-1:60" if rings else "-")
    assert company.reasons(ivanov) == ({} if rings else {"a-1": "busy"})


def test_more_calls_than_a_byte_holds_are_still_busy(company):
    ivanov = company.employee("a")
    company.change("a-1", channels=3)
    company.calls = {"a-1": 257}  # 1, if only a byte were looked at
    assert company.reasons(ivanov) == {"a-1": "busy"}


@pytest.mark.parametrize("mode", list(DialMode))
def test_unavailable_employee_is_not_dialled_by_whatever_way(company, mode):
    ivanov = company.employee("a", 3, mode=AvailabilityMode.UNAVAILABLE, extension="101")
    group = company.group("sales", "a", dial_mode=mode)
    for way in (ivanov, group, extension("101")):
        assert company.rings(way, mode=mode) == "-"
        assert company.reasons(way, mode=mode) == {"a": "unavailable"}


@pytest.mark.parametrize("mode", [AvailabilityMode.SCHEDULE, AvailabilityMode.AVAILABLE])
def test_other_modes_ring(company, mode):
    assert company.rings(company.employee("a", mode=mode)) == "a-1:60"


def test_extension_reaches_its_owner(company):
    company.employee("a", extension="101")
    company.employee("b")
    company.group("sales", "a", "b", extension="200", ring_seconds=15)
    assert company.rings(extension("101")) == "a-1:60"
    assert company.rings(extension("200")) == "(a-1:15 | b-1:15)"


def test_what_cannot_be_found_is_named(company):
    gone = Addressee(AddresseeKind.EMPLOYEE, str(new_id()))
    odd = Addressee(AddresseeKind.GROUP, "no id")
    assert company.rings(gone, odd, extension("999")) == "-"
    assert company.reasons(gone, odd, extension("999")) == {
        gone.ref: "unknown",
        "no id": "unknown",
        "999": "unknown",
    }


ABROAD, PREMIUM, KAZAKHSTAN = "+493012345678", "+78091234567", "+77011234567"


def test_our_own_numbers_do_not_ring(company):
    company.number(NUMBER, None)
    company.employee("a", 2)
    company.change("a-2", kind=TerminalKind.EXTERNAL, address=NUMBER)
    everybody = (external(NUMBER), company.addressee("a"))
    assert company.rings(*everybody) == "a-1:60"
    assert company.reasons(*everybody) == {NUMBER: "own_number", "a-2": "own_number"}


def test_numbers_that_cost_extra_do_not_ring(company):
    company.employee("a", 2)
    company.change("a-2", kind=TerminalKind.EXTERNAL, address=ABROAD)
    dear = [external(number) for number in (ABROAD, PREMIUM, KAZAKHSTAN)]
    everybody = (*dear, company.addressee("a"), external("+79161234567"))
    assert company.rings(*everybody, mode=SEQUENTIAL) == "(a-1:25 > +79161234567:25)"
    numbers = (ABROAD, PREMIUM, KAZAKHSTAN, "a-2")
    assert company.reasons(*everybody) == dict.fromkeys(numbers, "not_allowed")


MOBILE, OTHER = "+79161234567", "+79261234567"


def handled(company, *addressees, mode=PARALLEL):
    """The plan of the only step of a scenario."""
    scenario = company.scenario(Dial(addressees, mode))
    company.number(NUMBER, scenario)
    compiled = company.compile()
    (step,) = company.route().chain.steps
    plan = text(routing.plan(compiled, step, company.facts(), company.live(), 0.0, 7).root)
    assert company.rings(*addressees, mode=mode) == plan, "of a step of no scenario, too"
    return plan


def mobile(company, name, number=MOBILE, terminals=1):
    person = company.employee(name, terminals)
    company.change(f"{name}-{terminals}", kind=TerminalKind.EXTERNAL, address=number)
    return person


def test_a_number_that_is_reached_twice_at_once_rings_once(company):
    ivanov = mobile(company, "a", terminals=2)
    again = (external(MOBILE), external(MOBILE), external(OTHER))
    assert handled(company, ivanov, *again) == f"(a-1:60 | {MOBILE}:60 | {OTHER}:60)"


def test_it_rings_where_it_is_reached_first_and_the_tree_stays_simple(company):
    mobile(company, "a")
    mobile(company, "b")
    company.employee("c")
    team = company.group("team", "a", "c", "b", dial_mode=SEQUENTIAL, ring_seconds=20)
    assert handled(company, external(MOBILE), team) == f"({MOBILE}:60 | c-1:20)"


def test_two_employees_with_one_number_ring_once_at_once(company):
    both = mobile(company, "a"), mobile(company, "b")
    assert handled(company, *both) == f"{MOBILE}:60"


def test_in_turn_a_number_may_be_tried_twice(company):
    plan = handled(company, external(MOBILE), mobile(company, "a"), mode=SEQUENTIAL)
    assert plan == f"({MOBILE}:25 > {MOBILE}:25)"


def test_who_cannot_be_called_leaves_his_number_to_the_list(company):
    ivanov = mobile(company, "a")
    company.modes["a"] = AvailabilityMode.UNAVAILABLE
    assert handled(company, ivanov, external(MOBILE)) == f"{MOBILE}:60"


def test_a_telephone_that_is_off_is_told_as_such_whatever_its_number(company):
    ivanov = company.employee("a")
    company.change("a-1", kind=TerminalKind.EXTERNAL, address=ABROAD, active=False)
    assert company.reasons(ivanov) == {"a-1": "inactive"}


def test_employee_without_terminals_and_group_without_members_are_named(company):
    ivanov = company.employee("a", terminals=0)
    empty = company.group("empty")
    assert company.reasons(ivanov, empty) == {"a": "no_terminals", empty.ref: "no_terminals"}


def test_employee_reached_twice_in_parallel_rings_once(company):
    a = company.employee("a", extension="101")
    company.employee("b")
    group = company.group("sales", "b", "a", ring_seconds=60)
    assert company.rings(group, a, extension("101")) == "(b-1:60 | a-1:60)"


def test_employee_listed_twice_in_turn_is_tried_twice(company):
    a, b = company.employee("a"), company.employee("b")
    assert company.rings(a, b, a, mode=SEQUENTIAL) == "(a-1:25 > b-1:25 > a-1:25)"


def test_the_phone_that_calls_does_not_ring(company):
    company.employee("a", 2)
    group = company.group("sales", "a")
    assert company.rings(group, caller="a-1") == "a-2:30"
    assert company.reasons(group, caller="a-1") == {"a-1": "caller"}


def test_terminals_follow_the_card(company):
    ivanov = company.employee("a", 3)
    employee = company.employees["a"]
    company.employees["a"] = Employee(
        employee.id, employee.name, terminals=(new_id(), *reversed(employee.terminals))
    )
    assert company.rings(ivanov) == "(a-3:60 | a-2:60 | a-1:60)"
