"""What calls leave behind: tasks of the right executor, and who becomes the caller's manager."""

from __future__ import annotations

import asyncio
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from core import routing
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Chain,
    Contact,
    ContactKind,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    HangUp,
    ManagerFirst,
    MissedManager,
    Outcome,
    PluginStep,
    StepCode,
    TaskKind,
    TaskRequest,
)
from core.contributions import Next, StepType
from core.ids import new_id
from core.numbers import normalize
from core.routing.responsible import missed_manager
from core.scenarios import Queue
from core.sip.session import Cancelled, Ended
from plugins import queue
from tests.unit.call.office import ANNA, BORIS, LOGIN, TENANT, Office, play, plugin
from tests.unit.call.world import answers, hangs_up, refuses, rings

CALLER = "+79161112233"
FIRST, LAST = Executor(ExecutorKind.FIRST), Executor(ExecutorKind.LAST)
MANAGER = Executor(ExecutorKind.MANAGER)


def to(who):
    return Addressee(AddresseeKind.EMPLOYEE, str(who))


def dial(*who, mode=DialMode.SEQUENTIAL, **more):
    return Dial(tuple(map(to, who)), mode, **more)


def task(who, kind=TaskKind.MISSED):
    return TaskRequest(kind, to(who))


def calls(office, *, leaves=None, act=None):
    """A carrier's call into the office; its record. ``leaves`` is when the caller gives up."""

    async def scene():
        session = office.from_carrier()
        if leaves is not None:
            asyncio.get_running_loop().call_later(leaves, lambda: session.say(gone(session)))

    (cdr,) = play(office, act or scene)
    return cdr


def gone(session):
    """What is heard of a caller who hangs up, before or after we have answered him."""
    answered = any(did[0] == "answer" for did in session.did)
    return Ended(True) if answered else Cancelled("")


def settle(office, **changes):
    office.snapshot = replace(office.snapshot, **changes)
    office.directory.put(office.snapshot)


def busy(*who, **how):
    office = Office(steps=how.pop("steps"), **how)
    for each in who:
        office.phone(each, rings(), refuses(486, 2))
    return office


@pytest.mark.spec("PRC-12", "PRC-13", "TSK-04", at="rule")
@pytest.mark.parametrize(("wanted", "executor"), [(FIRST, ANNA), (LAST, BORIS)])
def test_a_call_that_nobody_answers_asks_for_the_task_of_the_failure_step(wanted, executor):
    cdr = calls(busy(ANNA, BORIS, steps=(dial(ANNA, BORIS), HangUp(task=wanted))))
    assert cdr.outcome is Outcome.NO_ANSWER
    assert cdr.tasks == (task(executor),)
    asked = [step.data for step in cdr.steps if step.code is StepCode.TASK_ASKED]
    assert asked == [{"task": "missed", "kind": "employee", "ref": str(executor)}]


@pytest.mark.spec("PRC-12", at="rule")
def test_without_a_wish_or_with_an_answer_there_is_no_task():
    assert calls(busy(ANNA, steps=(dial(ANNA), HangUp()))).tasks == ()
    office = Office(steps=(dial(ANNA), HangUp(task=FIRST)))
    office.phone(ANNA, answers(1), hangs_up(5))
    cdr = calls(office)
    assert (cdr.outcome, cdr.tasks, cdr.missed_manager) == (Outcome.ANSWERED, (), None)


def test_a_caller_who_gives_up_was_missed_too():
    """«Адресат, на котором остановился» is where the dialling was then."""
    for seconds, stopped in ((1, ANNA), (3, BORIS)):
        office = busy(ANNA, BORIS, steps=(dial(ANNA, BORIS), HangUp(task=LAST)))
        cdr = calls(office, leaves=seconds)
        assert (cdr.outcome, cdr.tasks) == (Outcome.CANCELLED, (task(stopped),))


def test_who_gives_up_before_the_net_leaves_the_nets_task_and_only_one():
    net = Chain((dial(ANNA),), net=(dial(BORIS), HangUp(task=LAST)))
    for seconds, stopped in ((1, ANNA), (3, BORIS), (None, BORIS)):
        office = busy(ANNA, BORIS, steps=())
        branch = office.snapshot.scenarios[0].default
        scenario = replace(office.snapshot.scenarios[0], default=replace(branch, chain=net))
        settle(office, scenarios=(scenario,))
        assert calls(office, leaves=seconds).tasks == (task(stopped),)


@pytest.mark.parametrize("online", [True, False])
def test_who_gives_up_in_a_queue_was_missed_whether_anybody_rang_or_not(online):
    waits = dial(ANNA, BORIS, queue=Queue(60))
    office = Office(queue, steps=(waits, HangUp(task=LAST)))
    if online:
        office.phone(ANNA, rings(), refuses(486, 2))
    settle(office, missed_manager=MissedManager.FIRST)
    cdr = calls(office, leaves=3)
    assert cdr.outcome is Outcome.CANCELLED
    assert cdr.tasks == (task(ANNA if online else BORIS),)
    assert cdr.missed_manager == ANNA


def test_who_gives_up_behind_others_who_wait_was_missed():
    office = Office(queue, steps=(dial(ANNA, queue=Queue(60)), HangUp(task=LAST)))
    office.phone(ANNA, answers(1), hangs_up(30))

    async def scene():
        for number in (1, 3):
            office.from_carrier(caller=f"+7916000000{number}")
            await asyncio.sleep(5)
        waiting = office.from_carrier(caller="+79160000002")
        await asyncio.sleep(5)
        waiting.say(gone(waiting))

    (left,) = [cdr for cdr in play(office, scene) if cdr.outcome is Outcome.CANCELLED]
    assert StepCode.RINGING not in [step.code for step in left.steps]
    assert left.tasks == (task(ANNA),)


def test_a_second_round_of_the_same_list_goes_on_where_the_first_one_stopped():
    """Nobody of the second round can ring any more; who rang last was of the first one."""

    async def again(call, config):
        office.endpoint.phones.clear()
        await call.dial(dial(ANNA, BORIS))

    office = asking(again, steps=(dial(ANNA, BORIS), PluginStep("tester.ask"), HangUp(task=LAST)))
    office.endpoint.phones.pop(LOGIN[BORIS])
    assert calls(office).tasks == (task(ANNA),)


def test_who_gives_up_before_anybody_was_to_ring_was_not_missed():
    async def waits(call, config):
        await call.key()

    office = asking(waits, steps=(PluginStep("tester.ask"), dial(ANNA), HangUp(task=FIRST)))
    cdr = calls(office, leaves=2)
    assert (cdr.outcome, cdr.tasks, cdr.missed_manager) == (Outcome.CANCELLED, (), None)


@pytest.mark.spec("PRC-06", at="rule")
def test_trap_15_the_managers_own_failure_action_is_not_the_common_one():
    otherwise = HangUp(task=None)
    steps = (dial(ANNA, manager=ManagerFirst(10, otherwise)), HangUp(task=FIRST))
    office = busy(ANNA, BORIS, steps=steps)
    office.directory.contacts[TENANT, CALLER] = Contact(ContactKind.BUSINESS, manager_id=BORIS)
    cdr = calls(office)
    assert cdr.tasks == (task(BORIS),)
    rang = {step.employee_id for step in cdr.steps if step.code is StepCode.RINGING}
    assert rang == {BORIS}
    office = busy(ANNA, BORIS, steps=(dial(ANNA, manager=ManagerFirst(10)), HangUp(task=FIRST)))
    office.directory.contacts[TENANT, CALLER] = Contact(ContactKind.BUSINESS, manager_id=BORIS)
    assert calls(office).tasks == (task(ANNA),)  # the general queue, and its failure


def test_the_task_of_a_pure_menu_number_and_one_that_nobody_can_have():
    named = Executor(ExecutorKind.EMPLOYEE, str(BORIS))
    assert calls(Office(steps=(HangUp(task=named),))).tasks == (task(BORIS),)
    assert calls(Office(steps=(HangUp(task=MANAGER),))).tasks == (TaskRequest(TaskKind.MISSED),)
    gone = Executor(ExecutorKind.EMPLOYEE, "gone")
    assert calls(Office(steps=(HangUp(task=gone),))).tasks == (TaskRequest(TaskKind.MISSED),)


class Nothing(Struct, frozen=True):
    pass


def asking(run, *, steps):
    step = StepType("tester.ask", "Ask", Nothing, run)
    office = Office(plugin(register_step_types=lambda: [step]), steps=steps)
    office.phone(ANNA, rings(), refuses(486, 2))
    office.phone(BORIS, rings(), refuses(486, 2))
    return office


def test_a_plugin_asks_for_tasks_of_whoever_is_dialled_next_or_was_last():
    said = UUID(int=99)

    async def ask(call, config):
        call.request_task(TaskKind.MESSAGE, LAST, recording=said)
        call.hang_up()
        return Next.END

    before = asking(ask, steps=(PluginStep("tester.ask"), dial(ANNA, BORIS), HangUp(task=FIRST)))
    after = asking(ask, steps=(dial(ANNA, BORIS), PluginStep("tester.ask"), HangUp(task=FIRST)))
    wanted = TaskRequest(TaskKind.MESSAGE, to(BORIS), said)
    assert calls(before).tasks == (wanted,)
    assert calls(after).tasks == (wanted,)  # and none for the call that was missed besides


def test_who_wants_to_be_called_back_and_hangs_up_is_not_missed_besides():
    async def ask(call, config):
        call.request_task(TaskKind.CALLBACK, FIRST)
        await call.key()

    office = asking(ask, steps=(dial(ANNA), PluginStep("tester.ask"), HangUp(task=FIRST)))
    assert calls(office, leaves=5).tasks == (task(ANNA, TaskKind.CALLBACK),)


# --- calls out ----------------------------------------------------------------------------------


def calls_out(office, number="89160000001"):
    async def scene():
        office.from_line(ANNA, number)

    return calls(office, act=scene)


@pytest.mark.spec("SET-06", "TSK-04", at="rule")
def test_a_client_who_is_not_reached_is_a_task_of_who_called_where_the_company_wants_it():
    for wanted in (False, True):
        office = Office()
        office.phone("+79160000001", rings(), refuses(486, 2))
        settle(office, outgoing_tasks=wanted)
        expected = (task(ANNA, TaskKind.OUTGOING),) if wanted else ()
        assert calls_out(office).tasks == expected
    office = Office()
    settle(office, outgoing_tasks=True)
    office.phone("+79160000001", answers(1), hangs_up(3))
    assert calls_out(office).tasks == ()


def test_neither_colleagues_nor_the_ambulance_nor_what_is_not_allowed_are_clients():
    for number in ("102", "103", "+4930123456"):
        office = Office()
        office.phone(number, rings(), refuses(486, 1))
        office.phone(BORIS, rings(), refuses(486, 1))
        settle(office, outgoing_tasks=True)
        if number == "103":
            office.phone("103", rings(), refuses(503, 1))
        assert calls_out(office, number).tasks == ()


# --- the manager --------------------------------------------------------------------------------


def missed(choice, *who, mode=DialMode.SEQUENTIAL, leaves=None, change=()):
    office = busy(ANNA, BORIS, steps=(dial(*who, mode=mode), HangUp()))
    for each in change:
        office.switch(each, AvailabilityMode.UNAVAILABLE)
    settle(office, missed_manager=choice)
    return calls(office, leaves=leaves), office


@pytest.mark.spec("PMA-03", at="rule")
def test_a_missed_call_says_who_becomes_the_manager():
    assert missed(MissedManager.FIRST, ANNA, BORIS)[0].missed_manager == ANNA
    assert missed(MissedManager.LAST, ANNA, BORIS)[0].missed_manager == BORIS
    assert missed(MissedManager.LAST, ANNA, BORIS, leaves=1)[0].missed_manager == ANNA
    assert missed(MissedManager.DEFAULT, ANNA, BORIS)[0].missed_manager is None


@pytest.mark.spec("PMA-04", at="rule")
def test_trap_10_who_is_unavailable_is_removed_before_the_choice():
    for choice in (MissedManager.FIRST, MissedManager.LAST, MissedManager.RANDOM):
        assert missed(choice, ANNA, BORIS, change=(ANNA,))[0].missed_manager == BORIS


@pytest.mark.spec("PMA-05", at="rule")
def test_trap_11_at_once_the_list_counts_and_not_who_rang_when():
    for choice, chosen in ((MissedManager.FIRST, BORIS), (MissedManager.LAST, ANNA)):
        cdr, _ = missed(choice, BORIS, ANNA, mode=DialMode.PARALLEL)
        assert cdr.missed_manager == chosen


@pytest.mark.spec("PMA-06", at="rule")
@pytest.mark.parametrize("written", ["89160000002", "+7 916 000-00-02", "79160000002"])
def test_trap_12_the_telephone_of_an_employee_is_the_employee(written):
    outside = Addressee(AddresseeKind.EXTERNAL, normalize(written))
    office = busy(ANNA, steps=(Dial((outside,)), HangUp(task=FIRST)))
    office.external(BORIS, "+79160000002")
    settle(office, missed_manager=MissedManager.FIRST)
    office.phone("+79160000002", rings(), refuses(486, 1))
    cdr = calls(office)
    assert (cdr.missed_manager, cdr.tasks) == (BORIS, (task(BORIS),))


def test_the_random_choice_is_drawn_from_the_calls_seed():
    cdr, office = missed(MissedManager.RANDOM, ANNA, BORIS)
    compiled = routing.compile(office.snapshot)
    again = missed_manager(compiled, dial(ANNA, BORIS), (), cdr.seed)
    assert cdr.missed_manager == again


def test_trap_14_tasks_and_managers_are_chosen_by_words_of_their_own():
    for word, kind in (("random", ExecutorKind), ("manager", MissedManager)):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(word, kind)


def test_an_employee_who_does_not_come_has_not_missed_the_client():
    for comes in (True, False):
        office = Office()
        settle(office, outgoing_tasks=True)
        office.phone(ANNA, rings(), answers(2) if comes else refuses(486, 2))
        office.phone(CALLER, rings(), refuses(486, 2))

        async def scene(office=office):
            assert office.switchboard.call_for(TENANT, new_id(), ANNA, CALLER)

        expected = (task(ANNA, TaskKind.OUTGOING),) if comes else ()
        assert calls(office, act=scene).tasks == expected
