"""The table of expansion in ``core._slowplan``, row by row, on both cores."""

from __future__ import annotations

import pytest

from core.contracts import Addressee, AddresseeKind, Dial, DialMode, Group
from core.ids import new_id

SEQUENTIAL, PARALLEL, LEAST_BUSY = DialMode.SEQUENTIAL, DialMode.PARALLEL, DialMode.LEAST_BUSY
IN_TURN = [SEQUENTIAL, LEAST_BUSY]


def extension(number):
    return Addressee(AddresseeKind.EXTENSION, number)


@pytest.fixture
def office(company):
    """Ann has a second telephone that is not main; Bob has one; the group rings both in turn."""
    company.employee("ann", 2, extension="101")
    company.change("ann-2", main=False)
    company.employee("bob", extension="102")
    company.group("sales", "ann", "bob", dial_mode=SEQUENTIAL, ring_seconds=20, extension="200")
    return company


def of(office, name):
    owner = office.employees.get(name) or office.groups[name]
    kind = AddresseeKind.EMPLOYEE if name in office.employees else AddresseeKind.GROUP
    return Addressee(kind, str(owner.id))


@pytest.mark.spec("PRC-08", "PRC-11", at="rule")
def test_an_employee_of_a_parallel_step(office):
    assert office.rings(of(office, "ann"), mode=PARALLEL, ring_seconds=40) == "ann-1:40"


@pytest.mark.spec("PRC-08", "PRC-10", at="rule")
@pytest.mark.parametrize("mode", IN_TURN)
def test_an_employee_of_a_step_in_turn(office, mode):
    rings = office.rings(of(office, "ann"), mode=mode, ring_seconds=40)
    assert rings == "(ann-1:25 | ann-2:25)"
    assert office.rings(of(office, "ann"), mode=mode, ring_seconds=15) == "(ann-1:15 | ann-2:15)"
    assert office.rings(of(office, "bob"), mode=mode, each_seconds=10) == "bob-1:10"


@pytest.mark.spec("GRP-04", "GRP-05", "PRC-08", at="rule")
@pytest.mark.parametrize("mode", list(DialMode))
def test_a_group_keeps_its_own_mode_and_time_in_every_step(office, mode):
    expected = "((ann-1:20 | ann-2:20) > bob-1:20)"
    assert office.rings(of(office, "sales"), mode=mode) == expected
    office.groups["sales"] = Group(
        office.groups["sales"].id, "sales", "200", PARALLEL, 20, office.groups["sales"].members
    )
    assert office.rings(of(office, "sales"), mode=mode) == "(ann-1:20 | bob-1:20)"


@pytest.mark.spec("GRP-05", "PRC-08", at="rule")
@pytest.mark.parametrize("mode", list(DialMode))
@pytest.mark.parametrize(("number", "owner"), [("101", "ann"), ("102", "bob"), ("200", "sales")])
def test_an_extension_becomes_what_its_owner_becomes(office, mode, number, owner):
    assert office.rings(extension(number), mode=mode) == office.rings(of(office, owner), mode=mode)


@pytest.mark.spec("PRC-08", at="rule")
def test_an_external_number_is_itself(office):
    outside = Addressee(AddresseeKind.EXTERNAL, "+78125550000")
    assert office.rings(outside, mode=PARALLEL, ring_seconds=40) == "+78125550000:40"
    for mode in IN_TURN:
        assert office.rings(outside, mode=mode, ring_seconds=40) == "+78125550000:25"


@pytest.mark.parametrize("kind", [kind for kind in AddresseeKind if kind is not AddresseeKind.EXTERNAL])
@pytest.mark.parametrize("mode", list(DialMode))
def test_who_is_gone_is_nobody_and_the_others_ring(office, kind, mode):
    gone = Addressee(kind, "999" if kind is AddresseeKind.EXTENSION else str(new_id()))
    assert office.reasons(gone, mode=mode) == {gone.ref: "unknown"}
    both = office.rings(gone, of(office, "bob"), mode=mode)
    assert both == office.rings(of(office, "bob"), mode=mode)


@pytest.mark.spec("PRC-08", at="rule")
def test_all_kinds_mixed_in_one_list_ring_in_its_order(office):
    outside = Addressee(AddresseeKind.EXTERNAL, "+78125550000")
    mixed = (extension("102"), outside, of(office, "sales"), of(office, "ann"))
    assert office.rings(*mixed, mode=SEQUENTIAL, ring_seconds=200) == (
        "(bob-1:25 > +78125550000:25 > (ann-1:20 | ann-2:20) > bob-1:20 > (ann-1:25 | ann-2:25))"
    )
    assert office.rings(*mixed, mode=PARALLEL) == "(bob-1:60 | +78125550000:60 | ann-1:20 | ann-2:20)"


@pytest.mark.parametrize("again", ["ann", "101", "sales"])
def test_who_is_reached_twice_in_a_parallel_step_rings_once(office, again):
    second = extension("101") if again == "101" else of(office, again)
    rings = office.rings(of(office, "ann"), second, mode=PARALLEL)
    assert rings.count("ann-1") == 1
    assert rings.startswith("ann-1:60") or rings.startswith("(ann-1:60")


@pytest.mark.parametrize("mode", IN_TURN)
def test_who_is_reached_twice_in_turn_is_tried_twice(office, mode):
    rings = office.rings(of(office, "ann"), extension("101"), mode=mode)
    assert rings == "((ann-1:25 | ann-2:25) > (ann-1:25 | ann-2:25))"


@pytest.mark.spec("EMP-08", at="rule")
@pytest.mark.parametrize("mode", list(DialMode))
def test_own_times_of_terminals_count_only_where_they_ring_in_turn(company, mode):
    for name, own in (("turn", SEQUENTIAL), ("once", PARALLEL)):
        company.employee(name, 2, dial_mode=own)
        company.change(f"{name}-1", ring_seconds=7)
    longest = 60 if mode is PARALLEL else 25
    assert company.rings(of(company, "turn"), mode=mode) == "(turn-1:7 > turn-2:25)"
    assert company.rings(of(company, "once"), mode=mode) == f"(once-1:{longest} | once-2:{longest})"


def traps_of_a_group(company, group_mode):
    person = company.employee("a", 3)
    for terminal in ("a-2", "a-3"):
        company.change(terminal, main=False)
    return person, company.group("sales", "a", dial_mode=group_mode)


@pytest.mark.spec("PRC-10", "PRC-11", "GRP-08", "EMP-15", at="rule")
def test_trap_1_parallel_rings_main_terminals_sequential_all_active_ones(company):
    person, _ = traps_of_a_group(company, PARALLEL)
    assert company.rings(person, mode=PARALLEL) == "a-1:60"
    assert company.rings(person, mode=SEQUENTIAL) == "(a-1:25 | a-2:25 | a-3:25)"


@pytest.mark.spec("GRP-04", "GRP-08", "EMP-15", at="rule")
def test_trap_2_inside_a_group_its_own_mode_chooses_the_terminals(company):
    _, group = traps_of_a_group(company, PARALLEL)
    assert company.rings(group, mode=SEQUENTIAL) == "a-1:30"
    company.groups["sales"] = Group(
        company.groups["sales"].id, "sales", None, SEQUENTIAL, 30, company.groups["sales"].members
    )
    assert company.rings(group, mode=PARALLEL) == "(a-1:30 | a-2:30 | a-3:30)"


@pytest.mark.parametrize(
    ("mode", "group_mode", "weighed"),
    [
        (PARALLEL, PARALLEL, set()),
        (SEQUENTIAL, PARALLEL, set()),
        (PARALLEL, LEAST_BUSY, {"ann", "bob"}),
        (LEAST_BUSY, PARALLEL, {"ann", "bob", "cat"}),
    ],
)
def test_talk_time_is_asked_of_those_whose_order_depends_on_it(company, mode, group_mode, weighed):
    for name in ("ann", "bob", "cat"):
        company.employee(name)
    group = company.group("sales", "ann", "bob", dial_mode=group_mode)
    outside = Addressee(AddresseeKind.EXTERNAL, "+78125550000")
    step = Dial((group, company.addressee("cat"), outside, extension("999")), mode)
    found = set(company.compile().weighed(step))
    assert found == {company.employees[name].id for name in weighed}
