"""What comes in the same turn of the loop, or a turn or two later: nobody is left on a dead line."""

import asyncio

import pytest

from core.contracts import Outcome, Par, Seq, StepCode
from core.sip._wire import WireError
from core.sip.session import Answered, Ended, Failed
from tests.support.virtual_time import run
from tests.unit.call.world import CANCELS, World, answers, hangs_up, ring, rings, said

TURNS = range(12)
TREES = {
    "ring": ring("a"),
    "parallel": Par((ring("a"), ring("b"))),
    "nested": Par((Seq((Par((ring("a"), ring("b"))), ring("c"))), ring("d"))),
}


def after(turns, act):
    """``act`` so many turns of the loop later."""

    def turn(left=turns):
        if left:
            asyncio.get_running_loop().call_soon(turn, left - 1)
        else:
            act()

    return turn


def office(tree):
    world = World()
    for name in "abcd":
        world.phone(name, rings())
    world.dial(TREES[tree], seconds=10)
    return world


def leaves(caller):
    """As a session does: CANCEL before the answer, BYE after it."""
    answered = any(verb == "answer" for verb, *_ in caller.did)
    caller.say(Ended(True) if answered else CANCELS)


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("turns", TURNS)
def test_the_caller_leaves_while_an_answer_is_on_its_way(tree, turns):
    world = office(tree)

    def answer():
        world.phones["a"].session.say(Answered(said(b"a")))

    cdr = run(world.run((2, answer), (2, after(turns, lambda: leaves(world.caller)))))
    for phone in world.phones.values():
        assert phone.session is None or len(phone.session.did) == 1
    assert (cdr.outcome is Outcome.ANSWERED) == (cdr.answered_at is not None)
    answered = any(verb == "answer" for verb, *_ in world.caller.did)
    assert answered == (cdr.answered_at is not None)


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("turns", TURNS)
def test_somebody_answers_when_the_time_is_over(tree, turns):
    world = office(tree)
    # The step began in the turn in which the clock stood at nothing, so both fall together.
    scene = after(turns, lambda: world.phones["a"].session.say(Answered(said(b"a"))))

    def later():
        session = world.phones["a"].session
        if not session.did:
            session.say(Ended(True))

    cdr = run(world.run((10, scene), (60, later)))
    answered = any(verb == "answer" for verb, *_ in world.caller.did)
    assert (cdr.outcome is Outcome.ANSWERED) == answered
    assert bool(world.phones["a"].session.did) != answered
    for name in "bcd":
        session = world.phones[name].session
        assert session is None or session.did


def test_a_phone_that_answers_and_hangs_up_at_once_ends_the_call():
    world = World()
    world.phone("a", answers(2), hangs_up(2))
    world.dial(ring("a"))
    cdr = run(world.run((90, Ended(True))))
    assert cdr.ended_by == "callee"
    assert round(cdr.ended_at - cdr.started_at) == 2


def test_a_leg_whose_invite_cannot_be_written_does_not_silence_the_others():
    world = World()
    world.phone("a", answers(2), hangs_up(9))

    class Unwritable:
        session = None

        def ring(self, sdp, listener):
            raise WireError("CR in a header")

    world.phones["b"] = Unwritable()
    world.dial(Par((ring("b"), ring("a"))))
    cdr = run(world.run())
    assert cdr.outcome is Outcome.ANSWERED
    assert [s.data for s in cdr.steps if s.code is StepCode.LEG_ENDED] == [{"status": 500}]


def sent_on(answered, turns, opened):
    """b sends the call on to x and y, whose media takes its time; d answers, or nobody in time, and the
    caller leaves so many turns later."""
    world = World()
    for name in "abdxy":
        world.phone(name, rings())
    world.elsewhere = Par((ring("x"), ring("y")))
    world.dial(Par((Seq((Par((ring("a"), ring("b"))),)), ring("d"))), seconds=10)
    there, takes = asyncio.Event(), world.media.ring

    async def slow(leg, profile):
        if leg in ("leg4", "leg5"):
            await there.wait()
        return await takes(leg, profile)

    world.media.ring = slow

    def end():
        if answered:
            world.phones["d"].session.say(Answered(said(b"d")))
        after(turns, lambda: leaves(world.caller))()
        after(opened, there.set)()

    elsewhere = Failed(302, "Moved", {"Contact": ("x",)})
    script = (2, lambda: world.phones["b"].session.say(elsewhere)), (3 if answered else 10, end)

    async def whole():
        await world.run(*script)
        await asyncio.sleep(1)

    run(whole())
    return [phone.session for phone in (world.phones["x"], world.phones["y"]) if phone.session]


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "too late"])
@pytest.mark.parametrize("turns", TURNS)
def test_nobody_rings_on_to_whom_a_call_was_sent_that_is_over(answered, turns):
    for opened in TURNS:
        assert all(session.did for session in sent_on(answered, turns, opened))
