"""Keys of a call: who hears of them and how, and what waits for a menu."""

import asyncio

import pytest

from core.sip.session import Digit
from tests.support.virtual_time import run
from tests.unit.call.world import World, answers, hangs_up, ring

INFO = Digit("5", 160)


def world(*, caller_by_info=False, callee_by_info=False):
    made = World()
    made.caller.by_info = caller_by_info
    phone = made.phone("a", answers(1), hangs_up(30))
    ring_before = phone.ring

    def ring_it(sdp, listener):
        session = ring_before(sdp, listener)
        session.by_info = callee_by_info
        return session

    phone.ring = ring_it
    made.dial(ring("a"))
    return made, phone


def pressed(made):
    return [did for did in made.media.did if did[0] == "press"]


def digits(session):
    return [did for did in session.did if did[0] == "digit"]


def test_info_of_either_side_is_played_to_the_other():
    made, phone = world()
    run(made.run((10, INFO), (11, lambda: phone.session.say(Digit("#", 100)))))
    assert pressed(made) == [("press", None, "5"), ("press", "leg1", "#")]


def test_a_side_that_knows_info_alone_gets_the_others_keys_so():
    made, phone = world(callee_by_info=True)
    run(made.run((10, lambda: made.media.on_key(None, "7", 100)), (11, INFO)))
    assert ("by info", "leg1") in made.media.did
    assert digits(phone.session) == [("digit", "7"), ("digit", "5")]
    assert pressed(made) == []


def test_a_caller_that_knows_info_alone():
    made, _ = world(caller_by_info=True)
    run(made.run((10, lambda: made.media.on_key("leg1", "7", 100))))
    assert ("by info", None) in made.media.did
    assert digits(made.caller) == [("digit", "7")]


def test_what_was_played_for_a_side_does_not_come_back():
    made, phone = world(callee_by_info=False)
    phone_says = lambda: phone.session.say(INFO)  # noqa: E731
    run(made.run((10, phone_says), (10.2, lambda: made.media.on_key("leg1", "5", 160))))
    assert digits(made.caller) == []
    assert pressed(made) == [("press", "leg1", "5")]


def test_the_callers_keys_wait_for_a_menu():
    made, _ = world()
    got = []

    async def scene():
        async def menu():
            got.append(await made.call.verbs.key())
            made.call.verbs.forget_keys()
            got.append(await made.call.verbs.key())

        loop = asyncio.get_running_loop()
        waiting = []
        loop.call_later(0.2, lambda: waiting.append(loop.create_task(menu())))
        for seconds, key in ((0.1, "1"), (0.5, "3"), (20, "4")):
            loop.call_later(seconds, lambda key=key: made.media.on_key(None, key, 100))
        return await made.run()

    run(scene())
    assert got == ["1", "3"]


@pytest.mark.parametrize("count", [100])
def test_of_too_many_keys_the_last_ones_are_kept(count):
    made, _ = world()

    def press():
        for number in range(count):
            made.media.on_key(None, str(number % 10), 100)

    async def scene():
        asyncio.get_running_loop().call_later(5, press)
        await made.run()
        return await made.call.verbs.key()

    assert run(scene()) == str((count - 64) % 10)
