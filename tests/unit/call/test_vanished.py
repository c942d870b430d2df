"""Silence and what comes of it, in virtual time."""

import asyncio

import pytest

from core.call.vanished import VanishedSweep
from core.contracts import Outcome
from core.errors import MediaUnavailable
from core.sip.session import Ended
from tests.support.virtual_time import run
from tests.unit.call.world import World, answers, hangs_up, ring

GONE = Ended(by_remote=False, cause=408, reason="vanished")


def play(packets, seconds=300, limit=60, calls=1):
    """A talk of so many seconds; ``packets(now)`` is what came from each party until then."""
    worlds = [World() for _ in range(calls)]
    phones = [world.phone("a", answers(1), hangs_up(seconds)) for world in worlds]

    async def scene():
        loop = asyncio.get_running_loop()
        for world in worlds:
            world.dial(ring("a"))

            async def received(world=world):
                world.media.did.append(("received", loop.time()))
                return packets(loop.time())

            world.media.received = received
        sweep = VanishedSweep(lambda: [world.call for world in worlds if hasattr(world, "call")], limit)
        sweep.start()
        cdrs = await asyncio.gather(*(world.run() for world in worlds))
        await sweep.stop()
        return cdrs

    return worlds, phones, run(scene())


def probes(session):
    return session.did.count(("probe",))


def test_who_sends_is_never_asked():
    (world,), (phone,), _ = play(lambda now: {None: int(now), "leg1": int(now)})
    assert probes(world.caller) == probes(phone.session) == 0


def test_who_falls_silent_is_asked_after_that_time():
    (world,), (phone,), _ = play(lambda now: {None: int(now), "leg1": min(int(now), 100)}, seconds=199)
    assert probes(world.caller) == 0
    assert probes(phone.session) == 1


def test_who_answers_is_asked_again_but_not_often():
    _, (phone,), _ = play(lambda now: {None: int(now), "leg1": 7}, seconds=600, limit=10)
    assert 10 <= probes(phone.session) <= 15


def test_a_party_that_need_not_send_is_left_alone():
    (world,), (phone,), _ = play(lambda now: {None: int(now)})
    assert probes(world.caller) == probes(phone.session) == 0


def test_silence_during_a_hold_does_not_count_afterwards():
    def packets(now):
        return {None: int(now)} if 50 < now < 200 else {None: int(now), "leg1": min(int(now), 50)}

    _, (phone,), _ = play(packets, seconds=220)
    assert probes(phone.session) == 0


def test_a_media_server_that_does_not_answer_says_nothing_of_phones():
    def packets(now):
        raise MediaUnavailable()

    (world,), (phone,), _ = play(packets)
    assert probes(world.caller) == probes(phone.session) == 0


def test_many_calls_are_looked_at_in_turn():
    worlds, _, _ = play(lambda now: {None: int(now)}, calls=50, seconds=100)
    times = sorted(did[1] for world in worlds for did in world.media.did if did[0] == "received")
    assert len(times) <= 50 * 4
    assert max(times.count(time) for time in times) == 1


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_telephone_that_is_gone_ends_the_call(side):
    world = World()
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))
    says = (world.caller if side == "caller" else phone).say if side == "caller" else None

    def gone():
        (says or phone.session.say)(GONE)

    cdr = run(world.run((50, gone)))
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "system")
    assert cdr.steps[-1].data["cause"] == "vanished"
    assert ("bye", ()) in world.caller.did
    assert ("bye", ()) in phone.session.did
