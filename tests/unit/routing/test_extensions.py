"""Whom callers may dial, and what is recorded: rules of the owner, the list, the contract."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from core.contracts import Addressee, AddresseeKind, Chain, Dial, Direction, Options, Recording
from core.ids import new_id
from core.routing.extensions import dialable, dialled
from core.routing.recording import announcement, records


@pytest.fixture
def office(company):
    """Ann, Bob and their group have extensions; Ann and the group may be dialled from a menu."""
    company.employee("ann", extension="101", dialled_from_menu=True)
    company.employee("bob", extension="102")
    sales = company.group("sales", "ann", "bob", extension="200")
    company.groups["sales"] = replace(company.groups["sales"], dialled_from_menu=True)
    company.sales = sales
    return company


def extension(number):
    return Addressee(AddresseeKind.EXTENSION, number)


@pytest.mark.spec("EXT-03", at="rule")
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [(None, ("101", "200")), (("101", "999"), ("101",)), (("200", "102"), ("200",)), ((), ())],
)
def test_a_list_accepts_its_numbers_or_any_that_is_permitted(office, numbers, expected):
    compiled = office.compile()
    assert dialable(compiled, numbers) == expected
    for number in ("101", "102", "200", "999", "", "1"):
        found = dialled(compiled, number, numbers)
        assert found == (extension(number) if number in expected else None)


@pytest.mark.spec("EXT-04", "EXT-06", "EMP-13", "GRP-03", at="rule")
def test_trap_21_a_permission_that_is_taken_away_shrinks_every_list(office):
    for numbers in (None, ("101", "200")):
        assert dialable(office.compile(), numbers) == ("101", "200")
    office.employees["ann"] = replace(office.employees["ann"], dialled_from_menu=False)
    for numbers in (None, ("101", "200")):
        assert dialable(office.compile(), numbers) == ("200",)
    office.groups["sales"] = replace(office.groups["sales"], dialled_from_menu=False)
    assert dialable(office.compile()) == ()


@pytest.mark.spec("EXT-04", at="rule")
def test_a_short_number_moves_with_its_owner(office):
    bob = replace(office.employees["bob"], extension="101", dialled_from_menu=True)
    office.employees |= {"ann": replace(office.employees["ann"], extension="103"), "bob": bob}
    assert dialable(office.compile()) == ("101", "103", "200")
    assert office.rings(dialled(office.compile(), "101")) == "bob-1:60"


@pytest.mark.spec("EMP-13", at="rule")
def test_the_switch_is_of_no_concern_to_colleagues_and_scenarios(office):
    assert dialled(office.compile(), "102") is None
    assert office.rings(extension("102")) == "bob-1:60"


@pytest.mark.spec("GRP-05", "EXT-03", at="rule")
def test_a_group_that_is_dialled_rings_by_its_own_mode_and_time(office):
    assert office.rings(dialled(office.compile(), "200")) == "(ann-1:30 | bob-1:30)"


def recorded(service, employee, number, branch):
    """H-5, from the top."""
    if not service:
        return False
    if employee is not Recording.INHERIT:
        return employee is Recording.ON
    return number or branch


@pytest.mark.spec("SET-03", "OPT-06", "EMP-21", at="rule")
@pytest.mark.parametrize(
    ("service", "employee", "number", "branch"),
    list(itertools.product([False, True], Recording, [False, True], [False, True])),
)
def test_trap_23_what_is_recorded(office, service, employee, number, branch):
    office.settings["recording"] = service
    office.numbers.append(replace(office.number("+74951234567", None), records=number))
    office.employees["ann"] = replace(office.employees["ann"], recording=employee)
    facts = office.facts(number_id=office.numbers[-1].id)
    office.numbers = office.numbers[-1:]
    found = records(office.compile(), facts, Options(records=branch), office.employees["ann"].id)
    assert found is recorded(service, employee, number, branch)


@pytest.mark.spec("OPT-03", "OPT-04", at="rule")
def test_conversations_with_somebody_outside_go_by_number_and_branch(office):
    office.settings["recording"] = True
    compiled, facts = office.compile(), office.facts()
    assert records(compiled, facts, Options(records=True), None)
    assert not records(compiled, facts, Options(), None)


@pytest.mark.spec("OPT-04", "SET-04", "NUM-06", at="rule")
@pytest.mark.parametrize("who_announces", ["branch", "number"])
def test_callers_are_told_if_they_may_be_recorded(office, who_announces):
    general, own = new_id(), new_id()
    office.settings |= {"recording": True, "announcement": general}
    number = replace(office.number("+74951234567", None), announces=who_announces == "number")
    office.numbers = [number]
    facts = office.facts(number_id=number.id)
    warns = who_announces == "branch"

    def told(**options):
        chain = Chain((Dial((office.sales,)),), Options(warns=warns, **options))
        return announcement(office.compile(), facts, chain)

    assert told() is None  # nothing can be recorded
    assert told(records=True) == general
    assert told(records=True, warning=own) == own
    office.employees["bob"] = replace(office.employees["bob"], recording=Recording.ON)
    assert told() == general
    office.numbers = [replace(number, announces=False)]
    warns = False
    assert told() is None
    warns, office.settings["recording"] = True, False
    assert told(records=True) is None


@pytest.mark.spec("OPT-04", "NUM-06", at="rule")
@pytest.mark.parametrize("direction", Direction)
def test_only_callers_from_outside_are_told(office, direction):
    office.settings["recording"] = True
    number = replace(office.number("+74951234567", None), announces=True, records=True)
    office.numbers = [number]
    facts = replace(office.facts(number_id=number.id), direction=direction)
    chain = Chain((Dial((office.sales,)),), Options(warns=True, records=True))
    told = announcement(office.compile(), facts, chain)
    assert (told is not None) is (direction is Direction.INCOMING)
    assert records(office.compile(), facts, chain.options, None), "all the same"
