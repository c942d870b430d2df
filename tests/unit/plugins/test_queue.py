"""Waiting in queues, in virtual time: who waits, who rings for whom, what is heard and recorded."""

import asyncio

import pytest

import plugins.queue
from core.contracts import Addressee, AddresseeKind, Dial, DialMode, Outcome, StepCode
from core.scenarios import Queue
from plugins.queue import service
from tests.unit.call.office import ANNA, Office, play
from tests.unit.call.world import answers, hangs_up, rings


def people(*who):
    return tuple(Addressee(AddresseeKind.EMPLOYEE, str(each)) for each in who)


def queued(*who, mode=DialMode.PARALLEL, ring_seconds=20, **queue):
    return Dial(people(*who), mode, ring_seconds, queue=Queue(**({"seconds": 300} | queue)))


def office(*steps, **settings):
    return Office(plugins.queue, steps=steps or (queued(ANNA),), **settings)


def codes(cdr, *wanted):
    return [step.code for step in cdr.steps if not wanted or step.code in wanted]


def rang_at(cdr):
    return [round(step.at - cdr.started_at, 2) for step in cdr.steps if step.code is StepCode.RINGING]


def of(cdr, code):
    return next(step for step in cdr.steps if step.code is code)


def test_who_is_free_rings_at_once_and_nobody_waits():
    world = office()
    world.phone(ANNA, rings(), answers(2), hangs_up(10))

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert cdr.outcome is Outcome.ANSWERED
    assert StepCode.QUEUED not in codes(cdr)
    assert service._companies == {}


@pytest.mark.spec("PRC-09", at="rule")
def test_who_calls_while_all_talk_waits_until_one_is_free():
    world = office()
    world.phone(ANNA, rings(), answers(2), hangs_up(30))

    async def scene():
        world.from_carrier()
        await asyncio.sleep(5)
        world.from_carrier()

    first, second = play(world, scene)
    assert (first.outcome, second.outcome) == (Outcome.ANSWERED, Outcome.ANSWERED)
    assert second.answered_at - first.ended_at == pytest.approx(2, abs=0.01), "rang at once"
    assert of(second, StepCode.QUEUED).data == {"place": 1}
    assert of(second, StepCode.LEFT_QUEUE).data == {"reason": "answered", "seconds": 27.0, "place": 1}
    assert service._companies == {}
