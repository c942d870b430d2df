"""Who gets the task and who becomes the manager when nobody answered."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    MissedManager,
    Ring,
    TerminalKind,
)
from core.ids import new_id
from core.routing.responsible import default_manager, executor, missed_manager

SEQUENTIAL, PARALLEL, LEAST_BUSY = DialMode.SEQUENTIAL, DialMode.PARALLEL, DialMode.LEAST_BUSY
FIRST, LAST = Executor(ExecutorKind.FIRST), Executor(ExecutorKind.LAST)
MOBILE = "+79161234567"


def extension(number):
    return Addressee(AddresseeKind.EXTENSION, number)


def external(number):
    return Addressee(AddresseeKind.EXTERNAL, number)


@pytest.fixture
def office(company):
    """Ann, Bob, Cat and Dan; Cat and Dan are a group; Dan has a mobile telephone."""
    for number, name in enumerate(("ann", "bob", "cat", "dan"), 101):
        company.employee(name, 2, extension=str(number))
    company.change("dan-2", kind=TerminalKind.EXTERNAL, address=MOBILE)
    company.group("sales", "cat", "dan", extension="200")
    return company


def rung(office, *names):
    """These people rang, in this order, each on the first telephone."""
    return [
        Ring(f"{name}-1", 25, office.terminals[f"{name}-1"].id, office.employees[name].id)
        if name in office.employees
        else Ring(name, 25)
        for name in names
    ]


def step(office, *who, mode=SEQUENTIAL):
    return Dial(
        tuple(each if isinstance(each, Addressee) else office.addressee(each) for each in who), mode
    )


class TestExecutor:
    def chosen(self, office, kind, dial, *names, **facts):
        found = executor(office.compile(), kind, office.facts(**facts), dial, rung(office, *names))
        return office.name(found) if found else None

    @pytest.mark.spec("PRC-13", at="rule")
    @pytest.mark.parametrize("mode", [SEQUENTIAL, LEAST_BUSY])
    def test_in_turn_the_last_is_where_it_stopped(self, office, mode):
        dial = step(office, "ann", "sales", "bob", mode=mode)
        assert self.chosen(office, FIRST, dial, "ann", "cat", "dan") == "ann"
        assert self.chosen(office, LAST, dial, "ann", "cat", "dan") == "sales"
        assert self.chosen(office, LAST, dial, "ann") == "ann"
        assert self.chosen(office, LAST, dial) == "bob"

    @pytest.mark.spec("PRC-14", at="rule")
    def test_trap_11_at_once_the_list_decides_whatever_rang_when(self, office):
        dial = step(office, "bob", "sales", "ann", mode=PARALLEL)
        for order in (("ann", "bob"), ("cat", "ann", "bob"), ()):
            assert self.chosen(office, FIRST, dial, *order) == "bob"
            assert self.chosen(office, LAST, dial, *order) == "ann"

    @pytest.mark.spec("PRC-13", at="rule")
    def test_extensions_and_telephones_of_employees_are_their_owners(self, office):
        dial = step(
            office, external("+74990000000"), extension("200"), external(MOBILE), extension("999")
        )
        assert self.chosen(office, FIRST, dial) == "sales"
        assert self.chosen(office, LAST, dial, MOBILE) == "dan"

    @pytest.mark.spec("PRC-12", "PRC-13", at="rule")
    def test_somebody_who_is_named(self, office):
        bob = Executor(ExecutorKind.EMPLOYEE, str(office.employees["bob"].id))
        sales = Executor(ExecutorKind.GROUP, str(office.groups["sales"].id))
        assert self.chosen(office, bob, step(office, "ann")) == "bob"
        assert self.chosen(office, sales, None) == "sales"
        assert self.chosen(office, replace(bob, ref=str(new_id())), step(office, "ann")) is None

    @pytest.mark.spec("PRC-06", at="rule")
    def test_the_personal_manager(self, office):
        task = Executor(ExecutorKind.MANAGER)
        assert self.chosen(office, task, None, manager_id=office.employees["cat"].id) == "cat"
        assert self.chosen(office, task, None) is None

    @pytest.mark.parametrize("task", [FIRST, LAST])
    def test_a_list_of_strangers_has_nobody(self, office, task):
        assert self.chosen(office, task, step(office, external("+74990000000"))) is None
        assert self.chosen(office, task, None) is None


class TestManager:
    def chosen(self, office, choice, dial, *names, seed=0):
        office.settings["missed_manager"] = choice
        found = missed_manager(office.compile(), dial, rung(office, *names), seed, office.modes_by_id())
        return next((name for name, each in office.employees.items() if each.id == found), None)

    @pytest.mark.spec("PMA-03", at="rule")
    def test_the_four_choices(self, office):
        office.settings["default_manager"] = office.addressee("bob")
        dial = step(office, "ann", "sales")
        assert self.chosen(office, MissedManager.FIRST, dial, "ann", "cat") == "ann"
        assert self.chosen(office, MissedManager.LAST, dial, "ann") == "ann"
        assert self.chosen(office, MissedManager.DEFAULT, dial, "ann") == "bob"
        drawn = {self.chosen(office, MissedManager.RANDOM, dial, "ann", seed=seed) for seed in range(9)}
        assert drawn == {"ann", "cat", "dan"}

    @pytest.mark.spec("PMA-03", at="rule")
    def test_a_draw_is_the_same_when_it_is_replayed(self, office):
        dial = step(office, "ann", "bob", "sales")
        for seed in (0, 1, 2**63 - 1, random.Random(1).getrandbits(63)):
            draws = {self.chosen(office, MissedManager.RANDOM, dial, seed=seed) for _ in range(3)}
            assert len(draws) == 1

    @pytest.mark.spec("PMA-04", "AVL-11", at="rule")
    def test_trap_10_the_unavailable_are_removed_before_the_choice(self, office):
        def leave(name):
            office.modes[name] = AvailabilityMode.UNAVAILABLE

        dial = step(office, "ann", "bob", "sales", mode=PARALLEL)
        leave("ann")
        leave("dan")
        assert self.chosen(office, MissedManager.FIRST, dial) == "bob"
        assert self.chosen(office, MissedManager.LAST, dial) == "cat"
        drawn = {self.chosen(office, MissedManager.RANDOM, dial, seed=seed) for seed in range(9)}
        assert drawn == {"bob", "cat"}
        leave("bob")
        leave("cat")
        for choice in (MissedManager.FIRST, MissedManager.LAST, MissedManager.RANDOM):
            assert self.chosen(office, choice, dial) is None

    @pytest.mark.spec("PMA-05", at="rule")
    @pytest.mark.parametrize("order", [("dan", "cat", "ann"), ("ann", "cat", "dan"), ("cat",)])
    def test_trap_11_at_once_the_configured_order_decides(self, office, order):
        dial = step(office, "sales", "ann", mode=PARALLEL)
        assert self.chosen(office, MissedManager.FIRST, dial, *order) == "cat"
        assert self.chosen(office, MissedManager.LAST, dial, *order) == "ann"
        group = step(office, "ann", "sales")  # the group's telephones ring at once, in its turn
        assert self.chosen(office, MissedManager.LAST, group, "ann", "dan", "cat") == "dan"

    @pytest.mark.spec("PMA-03", at="rule")
    def test_in_turn_the_last_is_who_rang_last(self, office):
        office.groups["sales"] = replace(office.groups["sales"], dial_mode=SEQUENTIAL)
        dial = step(office, "ann", "sales", "bob")
        assert self.chosen(office, MissedManager.LAST, dial, "ann", "cat") == "cat"
        assert self.chosen(office, MissedManager.LAST, dial) is None  # nobody rang, nobody took part

    @pytest.mark.spec("PMA-06", at="rule")
    def test_trap_12_an_employees_telephone_counts_as_the_employee(self, office):
        dial = step(office, external("+74990000000"), external(MOBILE), "ann")
        assert self.chosen(office, MissedManager.FIRST, dial) == "dan"
        assert self.chosen(office, MissedManager.LAST, dial, "+74990000000", MOBILE) == "dan"

    @pytest.mark.spec("PMA-02", at="rule")
    def test_the_default_manager_may_be_whoever_has_an_extension(self, office):
        office.settings["default_manager"] = extension("102")
        assert default_manager(office.compile()) == office.employees["bob"].id
        bob, cat = office.employees["bob"], office.employees["cat"]
        office.employees |= {"bob": replace(bob, extension=None), "cat": replace(cat, extension="102")}
        assert default_manager(office.compile()) == cat.id
        for nobody in (extension("200"), extension("999"), office.addressee("sales"), None):
            office.settings["default_manager"] = nobody
            assert default_manager(office.compile()) is None

    @pytest.mark.spec("PRC-13", "PMA-03", at="rule")
    def test_trap_14_executors_and_managers_are_different_choices(self):
        executors = {kind.value for kind in ExecutorKind}
        assert executors == {"employee", "group", "first", "last", "manager"}
        assert {choice.value for choice in MissedManager} == {"first", "last", "random", "default"}
        assert not issubclass(MissedManager, ExecutorKind)
