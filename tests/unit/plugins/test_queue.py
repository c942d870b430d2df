"""Waiting in queues, in virtual time: who waits, who rings for whom, what is heard and recorded."""

import asyncio
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

import plugins.queue
from core import routing
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Contact,
    ContactKind,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    HangUp,
    Line,
    Media,
    Outcome,
    StepCode,
    TaskKind,
)
from core.routing import Evidence
from core.scenarios import KeyAction, ManagerFirst, MenuKey, Queue
from core.sip.session import Cancelled, Ended, Failed
from core.testing import MemorySounds
from plugins.queue import service
from tests.unit.call.office import ANNA, BORIS, LOGIN, TENANT, Office, play
from tests.unit.call.world import answers, hangs_up, refuses, rings

SOON = 0.2  # seconds, within which whoever becomes free is offered the first caller
SONG = UUID(int=60)
VIP, PARTNER = UUID(int=61), UUID(int=62)


def people(*who):
    return tuple(Addressee(AddresseeKind.EMPLOYEE, str(each)) for each in who)


def queued(*who, mode=DialMode.PARALLEL, ring_seconds=20, manager=None, **queue):
    settings = Queue(**({"seconds": 300} | queue))
    return Dial(people(*who), mode, ring_seconds, manager=manager, queue=settings)


def office(*steps, **more):
    return Office(plugins.queue, steps=steps or (queued(ANNA),), **more)


def codes(cdr, *wanted):
    return [step.code for step in cdr.steps if not wanted or step.code in wanted]


def of(cdr, code):
    return next(step for step in cdr.steps if step.code is code)


def left(cdr):
    return of(cdr, StepCode.LEFT_QUEUE).data


def rang(cdr, who=None):
    found = [step for step in cdr.steps if step.code is StepCode.RINGING]
    return [round(s.at - cdr.started_at, 2) for s in found if who in (None, s.employee_id)]


def line_of(who):
    return Line(LOGIN[who], TENANT, who, UUID(int=who.int + 100), {})


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert service._companies == {}
    assert service.WAITING._value.get() == 0


def test_who_is_free_rings_at_once_and_nobody_waits():
    world = office()
    world.phone(ANNA, rings(), answers(2), hangs_up(10))

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert cdr.outcome is Outcome.ANSWERED
    assert StepCode.QUEUED not in codes(cdr)


@pytest.mark.spec("PRC-09", at="rule")
def test_who_calls_while_all_talk_waits_until_one_is_free():
    world = office()
    world.phone(ANNA, rings(), answers(2), hangs_up(30))

    async def scene():
        world.from_carrier()
        await asyncio.sleep(5)
        caller = world.from_carrier()
        await asyncio.sleep(1)
        assert caller.did[-1][0] == "answer"
        assert set(world.board.calls.values()) == {"answered", "waiting"}

    first, second = play(world, scene)
    assert (first.outcome, second.outcome) == (Outcome.ANSWERED, Outcome.ANSWERED)
    assert second.answered_at - first.ended_at - 2 < SOON
    assert of(second, StepCode.QUEUED).data == {"place": 1}
    assert left(second) == {"reason": "answered", "seconds": 27.0, "place": 1}
    assert first.sip_status == second.sip_status == 200


@pytest.mark.parametrize("how", ["mode", "phone", "schedule", "hours"])
def test_whoever_becomes_free_rings_at_once(how):
    """By a mode, a phone that registers, a changed configuration; by the clock at the full minute."""
    world = office()
    phone = [rings(), answers(2), hangs_up(10)]
    if how == "mode":
        world.phone(ANNA, *phone)
        world.switch(ANNA, AvailabilityMode.UNAVAILABLE)
    elif how == "schedule":
        world.phone(BORIS, *phone)

    async def scene():
        world.from_carrier()
        await asyncio.sleep(30)
        if how == "mode":
            world.switch(ANNA, AvailabilityMode.SCHEDULE)
        elif how == "schedule":  # Anna's terminal is given to Boris' phone
            terminals = tuple(replace(t, address=LOGIN[BORIS]) for t in world.snapshot.terminals[:1])
            world.snapshot = replace(world.snapshot, hash="h2", terminals=terminals)
            world.directory.put(world.snapshot)
        else:
            world.phone(ANNA, *phone)
            if how == "phone":
                world.switchboard.moment.line_registered(line_of(ANNA), 0, 60, "", "")

    (cdr,) = play(world, scene)
    when = 60 if how == "hours" else 30
    assert rang(cdr) == [pytest.approx(when, abs=SOON)]
    assert cdr.outcome is Outcome.ANSWERED
    assert [attempt.snapshot_hash for attempt in cdr.attempts][-1] == (
        "h2" if how == "schedule" else ""
    )


def test_two_callers_race_for_one_free_employee():
    world = office(queued(ANNA, BORIS))
    world.phone(ANNA, rings(), answers(2), hangs_up(30))
    world.phone(BORIS, rings(), answers(2), hangs_up(40))

    async def scene():
        for _ in range(4):
            world.from_carrier()
            await asyncio.sleep(3)

    cdrs = play(world, scene)
    cdrs.sort(key=lambda cdr: cdr.started_at)
    assert [cdr.outcome for cdr in cdrs] == [Outcome.ANSWERED] * 4
    third, fourth = cdrs[2:]
    assert third.answered_at < fourth.answered_at
    assert len(rang(third)) == len(rang(fourth)) == 1, "each rang one phone, once"


@pytest.mark.parametrize("mode", [DialMode.SEQUENTIAL, DialMode.PARALLEL])
def test_hundreds_of_callers_are_served_in_the_order_in_which_they_came(mode):
    world = office(queued(ANNA, BORIS, seconds=7200, mode=mode), max_calls=1000)
    for who, seconds in ((ANNA, 11), (BORIS, 17)):
        world.phone(who, rings(), answers(1), hangs_up(seconds))

    async def scene():
        for _ in range(200):
            world.from_carrier()
            await asyncio.sleep(0.01)

    cdrs = play(world, scene)
    assert len(cdrs) == 200
    assert {cdr.outcome for cdr in cdrs} == {Outcome.ANSWERED}
    began = sorted(cdrs, key=lambda cdr: cdr.answered_at)
    assert began == sorted(cdrs, key=lambda cdr: cdr.started_at)
    ends = {ANNA: [], BORIS: []}
    for cdr in began:
        ends[cdr.answered_employee_id].append((cdr.answered_at, cdr.ended_at))
    for talks in ends.values():
        gaps = [later[0] - before[1] for before, later in pairwise(talks)]
        # Who rings at once with somebody who answers is free for the next one a second later.
        longest = 2 if mode is DialMode.PARALLEL else 1
        assert all(1 <= gap < longest + SOON for gap in gaps), "one after another, without a pause"


def test_tags_go_before_others_in_their_order():
    world = office(queued(ANNA, first=(VIP, PARTNER), seconds=3000))
    world.phone(ANNA, rings(), answers(1), hangs_up(60))
    tags = {"+79160000001": (), "+79160000002": (PARTNER,), "+79160000003": (VIP, PARTNER)}
    for number, own in tags.items():
        world.directory.contacts[TENANT, number] = Contact(ContactKind.BUSINESS, frozenset(own))

    async def scene():
        for number in ("+79160000001", *tags, *tags):
            world.from_carrier(caller=number)
            await asyncio.sleep(1)

    cdrs = sorted(play(world, scene), key=lambda cdr: cdr.answered_at)
    assert [cdr.caller[-1] for cdr in cdrs] == ["1", "3", "3", "2", "2", "1", "1"]
    assert [cdr.started_at for cdr in cdrs[1:3]] == sorted(cdr.started_at for cdr in cdrs[1:3])


def test_who_declines_is_left_in_peace_for_a_while():
    world = office(queued(ANNA, BORIS, pause_seconds=15, seconds=60))
    world.phone(ANNA, rings(), refuses(603, 1))
    world.phone(BORIS, rings(), refuses(486, 2))

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert rang(cdr, ANNA) == [pytest.approx(n, abs=0.1) for n in (0, 17, 34, 51)]
    assert rang(cdr, BORIS) == rang(cdr, ANNA)
    assert left(cdr)["reason"] == "time"
    assert cdr.outcome is Outcome.BUSY, "as without a queue"


def test_in_turn_the_second_rings_after_the_first_declined():
    world = office(queued(ANNA, BORIS, mode=DialMode.SEQUENTIAL))
    world.phone(ANNA, rings(), refuses(603, 1))
    world.phone(BORIS, rings(), answers(2), hangs_up(10))

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert (rang(cdr, ANNA), rang(cdr, BORIS)) == ([0.0], [1.0])
    assert StepCode.QUEUED not in codes(cdr)


def test_who_becomes_free_while_others_ring_rings_as_well():
    world = office(queued(ANNA, BORIS, seconds=100))
    world.phone(ANNA, rings())
    world.phone(BORIS, rings(), answers(2), hangs_up(10))
    world.switch(BORIS, AvailabilityMode.UNAVAILABLE)

    async def scene():
        caller = world.from_carrier()
        await asyncio.sleep(5)
        world.switch(BORIS, AvailabilityMode.SCHEDULE)
        await asyncio.sleep(1)
        assert not any(did[0] == "bye" for did in caller.did)

    (cdr,) = play(world, scene)
    assert rang(cdr, ANNA) == [0.0]
    assert rang(cdr, BORIS) == [pytest.approx(5, abs=SOON)]
    assert cdr.answered_employee_id == BORIS


@pytest.mark.spec("PRC-12", at="rule")
def test_after_the_time_the_next_block_follows():
    world = office(queued(ANNA, seconds=45), HangUp())

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert left(cdr) == {"reason": "time", "seconds": 45.0, "place": 1}
    assert cdr.ended_at - cdr.started_at == pytest.approx(45, abs=0.1)
    assert (cdr.outcome, cdr.ended_by) == (Outcome.NO_ANSWER, "system")


def test_a_conversation_is_not_ended_by_the_queues_time():
    world = office(queued(ANNA, seconds=10))

    async def scene():
        world.from_carrier()
        await asyncio.sleep(5)
        world.phone(ANNA, rings(), answers(3), hangs_up(60))
        world.switch(ANNA, AvailabilityMode.SCHEDULE)

    (cdr,) = play(world, scene)
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "callee")
    assert cdr.ended_at - cdr.answered_at == pytest.approx(57)


def test_a_phone_that_rings_when_the_time_is_over_rings_no_more():
    world = office(queued(ANNA, seconds=10))
    phones = []

    async def scene():
        world.from_carrier()
        await asyncio.sleep(5)
        phones.append(world.phone(ANNA, rings()))
        world.switch(ANNA, AvailabilityMode.SCHEDULE)

    (cdr,) = play(world, scene)
    assert phones[0].session.did[-1][0] == "bye"
    assert cdr.ended_at - cdr.started_at == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("at", [0.05, 0.5, 1.5, 2.0, 3, 16.9, 17.05, 18.9, 19.1, 40])
def test_who_hangs_up_at_any_moment_leaves_nothing_behind(at):
    world = office(queued(ANNA, seconds=30))
    world.phone(ANNA, rings(), refuses(603, 2))

    async def scene():
        caller = world.from_carrier()
        await asyncio.sleep(at)
        caller.say(Ended(True))
        await asyncio.sleep(5)
        assert service._companies == {}
        assert len(world.switchboard.moment.watchers) == 0

    (cdr,) = play(world, scene)
    waited = [each for each in cdr.steps if each.code is StepCode.LEFT_QUEUE]
    if at > 30:
        assert waited[0].data["reason"] == "time"
    elif at > 2:
        assert cdr.outcome is Outcome.CANCELLED
        assert waited[0].data == {
            "reason": "hung_up",
            "seconds": pytest.approx(at - 2, abs=0.1),
            "place": 1,
        }
    else:
        assert waited == []


def test_a_full_queue_takes_nobody():
    world = office(queued(ANNA, most=2, seconds=60), HangUp(486))

    async def scene():
        for _ in range(4):
            world.from_carrier()
            await asyncio.sleep(1)

    cdrs = sorted(play(world, scene), key=lambda cdr: cdr.started_at)
    assert [left(cdr)["reason"] for cdr in cdrs] == ["time", "time", "full", "full"]
    assert [of(cdr, StepCode.QUEUED).data["place"] for cdr in cdrs[:2]] == [1, 2]
    assert [cdr.sip_status for cdr in cdrs[2:]] == [486, 486]


def test_a_conversation_that_ends_late_parts_nobody_who_waits():
    world = office(queued(ANNA, BORIS))
    world.phone(ANNA, rings(), answers(1), hangs_up(10))
    world.phone(BORIS, rings(), answers(2), hangs_up(16))

    async def scene():
        for at, until in ((0, 2), (2, 11), (11, 13), (13, 18.5), (18.5, 18.5)):
            world.from_carrier()
            await asyncio.sleep(until - at)

    cdrs = sorted(play(world, scene), key=lambda cdr: cdr.started_at)
    assert [rang(cdr, BORIS) for cdr in cdrs[3:]] == [[5.0], []], "he rings for who waits longest"
    assert rang(cdrs[4], ANNA) == [2.5]


def test_a_key_leads_out_of_the_queue_also_while_a_phone_rings():
    keys = (MenuKey("1", KeyAction.SKIP),)
    world = office(queued(ANNA, keys=keys), Dial(people(BORIS)))
    world.phone(BORIS, rings(), answers(2), hangs_up(30))
    pressed = iter((3.0, 8.0))

    async def scene():
        for ringing in (False, True):
            world.from_carrier()
            call_id = list(world.media.sessions)[-1]
            await asyncio.sleep(next(pressed))
            if ringing:
                world.phone(ANNA, rings())
                world.switch(ANNA, AvailabilityMode.SCHEDULE)
                await asyncio.sleep(1)
            world.media.sessions[call_id].on_key(None, "5", 100)  # means nothing
            world.media.sessions[call_id].on_key(None, "1", 100)
            await asyncio.sleep(40)

    for cdr in play(world, scene):
        assert left(cdr)["reason"] == "key"
        assert cdr.answered_employee_id == BORIS
        assert [s.data["key"] for s in cdr.steps if s.code is StepCode.PRESSED] == ["5", "1"]


def test_keys_of_a_conversation_lead_nowhere():
    world = office(queued(ANNA, keys=(MenuKey("1", KeyAction.SKIP),)))

    async def scene():
        world.from_carrier()
        await asyncio.sleep(3)
        world.phone(ANNA, rings(), answers(1), hangs_up(30))
        world.switch(ANNA, AvailabilityMode.SCHEDULE)
        await asyncio.sleep(10)
        (media,) = world.media.sessions.values()
        media.on_key(None, "1", 100)

    (cdr,) = play(world, scene)
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "callee")
    assert left(cdr)["reason"] == "answered"


def test_a_long_wait_makes_no_long_record():
    world = office(queued(ANNA, seconds=1500, pause_seconds=1))
    world.phone(ANNA, rings(), refuses(603, 1))
    world.switch(BORIS, AvailabilityMode.UNAVAILABLE)

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert cdr.ended_at - cdr.started_at == pytest.approx(1501, abs=2)
    assert len(cdr.attempts) == 200
    assert len(cdr.steps) < 1010
    assert codes(cdr)[-2:] == [StepCode.LEFT_QUEUE, StepCode.ENDED]


def test_who_does_not_ring_is_said_once():
    world = office(queued(ANNA, BORIS, seconds=600))
    world.phone(ANNA, rings(), refuses(603, 1))  # Boris has no phone

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    silent = [step.employee_id for step in cdr.steps if step.code is StepCode.NOT_RUNG]
    assert silent == [BORIS]


def test_a_replay_sees_who_rang_at_every_attempt():
    world = office(queued(ANNA, BORIS, mode=DialMode.SEQUENTIAL, seconds=40))
    for who in (ANNA, BORIS):
        world.phone(who, rings(), refuses(603, 1))

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    evidence = Evidence(cdr.facts, cdr.started_at, cdr.seed, cdr.attempts)
    path = routing.replay(routing.compile(world.snapshot), evidence)
    said = [stage.plan.root.employee_id for stage in path.stages]
    seen = [step.employee_id for step in cdr.steps if step.code is StepCode.RINGING]
    assert said == seen == [ANNA, BORIS] * (len(seen) // 2)
    assert len(seen) >= 4


@pytest.mark.spec("PRC-05", at="rule")
@pytest.mark.spec("PRC-06", at="rule")
def test_the_personal_manager_rings_first_and_then_the_queue_is_joined():
    """Trap 15: not reached, the caller goes on to the general queue."""
    world = office(queued(ANNA, manager=ManagerFirst(10)))
    world.phone(BORIS, rings())
    contact = Contact(ContactKind.BUSINESS, manager_id=BORIS)
    world.directory.contacts[TENANT, "+79161112233"] = contact

    async def scene():
        world.from_carrier(caller="+79160000001")
        await asyncio.sleep(1)
        world.from_carrier()
        await asyncio.sleep(20)
        world.phone(ANNA, rings(), answers(1), hangs_up(10))
        world.switch(ANNA, AvailabilityMode.SCHEDULE)

    other, managed = sorted(play(world, scene), key=lambda cdr: cdr.started_at)
    assert rang(managed, BORIS) == [0.0]
    assert of(managed, StepCode.QUEUED).data == {"place": 2}, "one line for both"
    assert other.answered_at < managed.answered_at


def test_without_the_plugin_it_rings_as_without_a_queue():
    world = Office(steps=(queued(ANNA), HangUp()))

    async def scene():
        world.from_carrier()

    (cdr,) = play(world, scene)
    assert cdr.ended_at - cdr.started_at < 1
    assert StepCode.QUEUED not in codes(cdr)


def test_the_music_goes_on_while_a_phone_rings_and_ends_with_the_answer():
    sounds = MemorySounds({"song": Path("song.wav")}, Path("ringback.wav"))
    world = office(queued(ANNA, media=SONG, seconds=100), sounds=sounds)
    world.snapshot = replace(world.snapshot, media=(Media(SONG, "Песня", "song"),))
    world.directory.put(world.snapshot)

    async def scene():
        world.from_carrier()
        await asyncio.sleep(5)
        world.phone(ANNA, rings(), refuses(603, 3))
        world.switch(ANNA, AvailabilityMode.SCHEDULE)
        await asyncio.sleep(10)
        world.phone(ANNA, rings(), answers(3), hangs_up(30))

    (cdr,) = play(world, scene)
    (media,) = world.media.sessions.values()
    heard = [verb for verb in media.verbs if verb.partition(" ")[0] in ("play", "hush", "connect")]
    assert heard == ["play song.wav", "connect leg2", "hush"]
    assert codes(cdr).count(StepCode.PLAYED) == 1


def test_without_a_media_it_is_the_librarys():
    world = office(queued(ANNA, seconds=20), sounds=MemorySounds())

    async def scene():
        world.from_carrier()

    play(world, scene)
    (media,) = world.media.sessions.values()
    heard = [verb for verb in media.verbs if verb.partition(" ")[0] in ("play", "hush")]
    assert heard == ["play music.morning_coffee.wav", "hush"]


def test_who_waits_is_told_when_the_service_stops():
    world = office(queued(ANNA, seconds=600))

    async def scene():
        caller = world.from_carrier()
        await asyncio.sleep(5)
        world.switchboard.drain()
        refused = world.from_carrier()
        assert refused.did == [("reject", 503)], "nobody new"
        await asyncio.sleep(60)
        assert caller.did[-1][0] == "answer", "who waits goes on waiting"
        await world.switchboard.stop()

    (cdr,) = play(world, scene)
    assert left(cdr) == {"reason": "hung_up", "seconds": 65.0, "place": 1}
    assert cdr.outcome is not Outcome.ANSWERED


@pytest.mark.spec("IVR-16", at="rule")
def test_a_key_asks_to_be_called_back():
    executor = Executor(ExecutorKind.FIRST)
    keys = (MenuKey("1", KeyAction.CALLBACK, executor=executor),)
    world = office(queued(ANNA, keys=keys), Dial(people(BORIS)), sounds=MemorySounds())

    async def scene():
        for caller in ("+79161112233", "anonymous"):
            world.from_carrier(caller=caller)
            await asyncio.sleep(5)
            list(world.media.sessions.values())[-1].on_key(None, "1", 100)
            await asyncio.sleep(1)

    asked, hidden = sorted(play(world, scene), key=lambda cdr: cdr.started_at)
    (task,) = asked.tasks
    assert task.kind is TaskKind.CALLBACK
    assert task.executor == Addressee(AddresseeKind.EMPLOYEE, str(ANNA))
    assert (left(asked)["reason"], asked.ended_by) == ("key", "system")
    heard = [verb for verb in world.media.sessions[asked.call_id].verbs if verb[:4] == "play"]
    assert heard[-1] == "play callback.accepted.wav"
    assert left(hidden)["reason"] == "time", "nobody can be called back without a number"


def test_callers_are_told_their_place_and_the_music_goes_on():
    world = office(queued(ANNA, place_seconds=30, seconds=100), sounds=MemorySounds())

    async def scene():
        first = world.from_carrier()
        await asyncio.sleep(1)
        world.from_carrier()
        await asyncio.sleep(40)
        first.say(Ended(True))

    _, second = sorted(play(world, scene), key=lambda cdr: cdr.started_at)
    heard = [v[5:-4] for v in world.media.sessions[second.call_id].verbs if v[:4] == "play"]
    music = "music.morning_coffee"
    place = ["queue.place", "number.2"]
    assert heard[:1] == [music]
    said = [name for name in heard if name != music and not name.startswith("queue.place.")]
    assert said == [*place, *place, "queue.next", "queue.next"]
    assert heard.count(music) == 1 + 4
    times = [s.at - second.started_at for s in second.steps if s.code is StepCode.PLAYED]
    assert times == [pytest.approx(n, abs=0.1) for n in (0, 30, 60, 90)]


def test_whoever_becomes_free_does_not_wait_for_the_end_of_an_announcement():
    world = office(queued(ANNA, place_seconds=30, seconds=100), sounds=MemorySounds())

    async def scene():
        world.from_carrier()
        await asyncio.sleep(0.5)  # while he is told his place
        world.phone(ANNA, rings(), answers(2), hangs_up(10))
        world.switch(ANNA, AvailabilityMode.SCHEDULE)

    (cdr,) = play(world, scene)
    assert rang(cdr) == [pytest.approx(0.5, abs=SOON)]


@pytest.mark.spec("IVR-15", at="rule")
def test_a_key_leads_to_a_voice_message():
    keys = (MenuKey("1", KeyAction.MESSAGE, executor=Executor(ExecutorKind.FIRST)),)
    world = office(queued(ANNA, keys=keys), Dial(people(BORIS)), sounds=MemorySounds())

    async def scene():
        world.from_carrier()
        await asyncio.sleep(5)
        (media,) = world.media.sessions.values()
        media.on_key(None, "1", 100)
        await asyncio.sleep(10)
        media.on_key(None, "#", 100)

    (cdr,) = play(world, scene)
    (media,) = world.media.sessions.values()
    heard = [verb[5:-4] for verb in media.verbs if verb[:4] == "play"]
    assert heard[:3] == ["music.morning_coffee", "message.leave", "beep"]
    assert heard.count("music.morning_coffee") == 1, "no music behind the message"
    assert (left(cdr)["reason"], cdr.ended_by) == ("key", "system")
    assert rang(cdr, BORIS) == []


@pytest.mark.parametrize("turns", range(9))
def test_a_caller_who_hangs_up_ends_no_other_call(turns):
    """He is gone and not yet out of the queue when somebody is offered to him beside those who ring."""
    world = office(queued(ANNA, BORIS, ring_seconds=100))
    for who in (ANNA, BORIS):
        world.phone(who, rings())
    world.switch(BORIS, AvailabilityMode.UNAVAILABLE)

    async def scene():
        first = world.from_carrier()  # for whom Anna rings
        await asyncio.sleep(3)
        second = world.from_carrier(caller="+79160000002")
        await asyncio.sleep(3)
        world.switch(BORIS, AvailabilityMode.SCHEDULE)  # who rings for the second one
        await asyncio.sleep(3)
        world.endpoint.phones[LOGIN[BORIS]].session.say(Failed(486, "Busy"))
        for _ in range(turns):
            await asyncio.sleep(0)
        first.say(Cancelled(""))
        await asyncio.sleep(5)
        assert second.did[-1][0] == "answer", "he waits as before"
        second.say(Ended(True))

    cdrs = {cdr.caller: cdr for cdr in play(world, scene)}
    assert cdrs["+79160000002"].ended_by == "caller"


def test_a_key_that_comes_while_somebody_is_being_joined_is_no_order():
    keys = (MenuKey("1", KeyAction.MESSAGE, executor=Executor(ExecutorKind.LAST)),)
    world = office(queued(ANNA, keys=keys), sounds=MemorySounds())
    world.phone(ANNA, rings(), answers(2), hangs_up(10))

    async def scene():
        first = world.from_carrier()
        await asyncio.sleep(5)
        second = world.from_carrier(caller="+79160000002")
        await asyncio.sleep(5)
        media = list(world.media.sessions.values())[-1]
        joined = media.connect

        async def connect(*arguments):
            await asyncio.sleep(0.02)
            return await joined(*arguments)

        media.connect = connect
        first.say(Ended(True))  # Anna is free, rings for the second one, and answers
        await asyncio.sleep(2.01)
        media.on_key(None, "1", 100)
        await asyncio.sleep(1)
        assert second.did[-1][0] == "answer"

    cdrs = {cdr.caller: cdr for cdr in play(world, scene)}
    assert cdrs["+79160000002"].outcome is Outcome.ANSWERED


def test_phones_that_rang_in_vain_are_forgotten():
    world = office(queued(ANNA, seconds=7200, pause_seconds=1, ring_seconds=5))
    world.phone(ANNA, refuses(486, 0.5))

    async def scene():
        caller = world.from_carrier()
        await asyncio.sleep(600)
        (call,) = world.switchboard._calls.values()
        assert len(call._state.legs.named) < 4
        caller.say(Ended(True))

    (cdr,) = play(world, scene)
    assert len(rang(cdr)) > 50
