"""What a branch may say is held to what there is, block by block, before anything is stored."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from core.errors import Invalid
from core.ids import new_id
from core.scenarios import (
    EXTENSIONS,
    MENU,
    MESSAGE,
    QUEUE,
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    ExtensionBlock,
    KeyAction,
    MenuBlock,
    MenuKey,
    MessageBlock,
    PluginStep,
    Queue,
)
from tenants.services.scenario_blocks import BranchDraft, Known, verified

PERSON, MEDIA, MENU_ID, LIST, TAG, GONE = (new_id() for _ in range(6))
NONE: frozenset[UUID] = frozenset()
THERE = Known(
    employees=frozenset({PERSON}),
    groups=NONE,
    schedules=NONE,
    calendars=NONE,
    media=frozenset({MEDIA}),
    menus=frozenset({MENU_ID}),
    lists=frozenset({LIST}),
    tags=frozenset({TAG}),
    steps={MENU: MenuBlock, EXTENSIONS: ExtensionBlock, MESSAGE: MessageBlock, QUEUE: Dial},
    plugins=frozenset({"queue"}),
)


def wrong(step, there=THERE):
    """The places of what is wrong with a step, behind the step's own place."""
    try:
        verified({"default": BranchDraft(chain=Chain((step,)), name="x")}, there)
    except Invalid as error:
        return {place.removeprefix("default.chain.steps[0].") for place in error.errors}
    return set()


def plugin(name, **config):
    return PluginStep(name, {key: str(value) for key, value in config.items()})


def outside(number):
    return Addressee(AddresseeKind.EXTERNAL, number)


@pytest.mark.spec("MNU-03", at="rule")
@pytest.mark.parametrize(
    ("step", "places"),
    [
        (plugin(MENU, menu_id=MENU_ID, otherwise="hang_up"), set()),
        (plugin(MENU, menu_id=GONE), {"config.menu_id"}),
        (plugin(MENU, menu_id="main"), {"config"}),
        (plugin(MENU), {"config"}),
        (plugin(MENU, menu_id=MENU_ID, otherwise="never"), {"config"}),
        (plugin(EXTENSIONS, list_id=LIST, instruction=MEDIA), set()),
        (
            plugin(EXTENSIONS, list_id=GONE, instruction=GONE),
            {"config.list_id", "config.instruction"},
        ),
        (plugin("ivr.nonsense", menu_id=MENU_ID), {"name"}),
        (plugin(""), {"name"}),
    ],
)
def test_a_plugins_step_is_one_that_there_is_and_names_what_there_is(step, places):
    assert wrong(step) == places


def test_a_message_names_what_there_is():
    task = Executor(ExecutorKind.EMPLOYEE, str(GONE))
    block = {"greeting": str(GONE), "task": {"kind": task.kind.value, "ref": task.ref}}
    assert wrong(PluginStep(MESSAGE, block)) == {"config.greeting", "config.task"}
    fine = {"greeting": str(MEDIA), "task": {"kind": task.kind.value, "ref": str(PERSON)}}
    assert wrong(PluginStep(MESSAGE, fine)) == set()
    assert wrong(PluginStep(MESSAGE, fine), replace(THERE, steps={})) == {"name"}


@pytest.mark.parametrize("number", ["+493012345678", "8 809 123-45-67", "+7 701 123 45 67"])
def test_calls_are_not_forwarded_where_they_cost_extra(number):
    assert wrong(Dial((outside(number),))) == {"addressees"}


def test_who_are_called_at_once_are_named_once():
    twice = outside("+79161234567"), outside("8 (916) 123-45-67")
    assert wrong(Dial(twice, DialMode.PARALLEL)) == {"addressees"}
    assert wrong(Dial(twice, DialMode.SEQUENTIAL)) == set()
    assert wrong(Dial(twice[:1], DialMode.PARALLEL)) == set()


def waiting(**queue):
    anna = Addressee(AddresseeKind.EMPLOYEE, str(PERSON))
    return Dial((anna,), queue=Queue(**({"seconds": 60} | queue)))


ANYBODY = Executor(ExecutorKind.FIRST)


@pytest.mark.spec("PRC-09", at="rule")
@pytest.mark.parametrize(
    ("queue", "places"),
    [
        ({"media": MEDIA, "first": (TAG,), "most": 5, "place_seconds": 30}, set()),
        ({"seconds": 0}, {"queue.seconds"}),
        ({"seconds": 7201}, {"queue.seconds"}),
        ({"media": GONE}, {"queue.media"}),
        ({"first": (GONE,)}, {"queue.first"}),
        ({"first": (TAG, TAG)}, {"queue.first"}),
        ({"most": 0}, {"queue.most"}),
        ({"pause_seconds": 0}, {"queue.pause_seconds"}),
        ({"place_seconds": 1}, {"queue.place_seconds"}),
        ({"keys": (MenuKey("1", KeyAction.SKIP),)}, set()),
        ({"keys": (MenuKey("1", KeyAction.SKIP),) * 2}, {"queue.keys"}),
        ({"keys": (MenuKey("A", KeyAction.SKIP),)}, {"queue.keys"}),
        ({"keys": (MenuKey("1", KeyAction.CALLBACK, executor=ANYBODY),)}, set()),
        ({"keys": (MenuKey("1", KeyAction.MESSAGE, target=MEDIA, executor=ANYBODY),)}, set()),
        ({"keys": (MenuKey("1", KeyAction.CALLBACK),)}, {"queue.keys[0].executor"}),
        (
            {"keys": (MenuKey("1", KeyAction.CALLBACK, target=GONE, executor=ANYBODY),)},
            {"queue.keys[0].target"},
        ),
        ({"keys": (MenuKey("1", KeyAction.REPEAT),)}, {"queue.keys[0].action"}),
    ],
)
def test_the_settings_of_a_queue_are_possible_ones(queue, places):
    assert wrong(waiting(**queue)) == places


def test_a_contract_without_queues_has_none():
    assert wrong(waiting(), replace(THERE, plugins=NONE)) == {"queue"}
    assert wrong(replace(waiting(), queue=None), replace(THERE, plugins=NONE)) == set()


def test_a_queue_is_a_forwardings_and_no_step_of_its_own():
    """Or nobody would see whom it names."""
    assert wrong(PluginStep(QUEUE, {"addressees": []})) == {"name"}
