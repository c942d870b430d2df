"""A call whose media server dies: who talks is asked again, who rings when it answers."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from core.call.lasting import MediaMoving
from core.contracts import Options, Outcome, Par, PluginStep, StepCode
from core.contributions import Next
from core.errors import MediaUnavailable
from core.library import Prompt
from core.media.rtpengine import NoRoom
from core.media.session import RtpengineSession
from core.ports import Loudness
from core.recordings import RecordingKind
from core.sip.session import Ended, Reoffer, ReofferAnswered
from tests.support.virtual_time import run
from tests.unit.call.test_features import presses
from tests.unit.call.world import CANCELS, World, answers, hangs_up, ring, rings, said
from tests.unit.media.test_session import Client

BYE = ("bye", ())
LOST = ("bye", (("Reason", 'SIP;cause=503;text="Media lost"'),))


def talking(*later):
    """A world with a call that is answered after a second; ``later`` is the callee's script."""
    world = World()
    phone = world.phone("a", rings(), answers(1), *later)
    world.dial(ring("a"))
    return world, phone


def loses(world, after=0.0):
    return lambda: world.call.media_lost(after)


def moved(cdr):
    return [step.data["seconds"] for step in cdr.steps if step.code is StepCode.MEDIA_MOVED]


def verbs(world, *names):
    return [did for did in world.media.did if did[0] in names]


def test_both_sides_are_asked_and_the_call_goes_on():
    world, phone = talking(hangs_up(30))
    cdr = run(world.run((10, loses(world, after=0.5))))
    assert ("reoffer", b"new offer") in world.caller.did
    assert ("reoffer", b"new offer leg1") in phone.session.did
    assert verbs(world, "renew", "answered", "connect")[1:] == [
        ("renew", True),
        ("answered", None, b"yes to new offer"),
        ("connect", "leg1"),
    ]
    assert moved(cdr) == [0.6]
    assert world.moves == 1
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "callee")
    assert world.caller.did[-1] == BYE


@pytest.mark.parametrize("side", ["caller", "callee"])
@pytest.mark.parametrize("status", [488, 0])
def test_who_refuses_or_says_nothing_ends_the_call(side, status):
    world, phone = talking()

    def break_it():
        (world.caller if side == "caller" else phone.session).takes = [status]
        world.call.media_lost()

    cdr = run(world.run((10, break_it)))
    assert cdr.steps[-1].data["cause"] == "media_lost"
    assert moved(cdr) == []
    assert cdr.ended_at - cdr.answered_at < 9 + 8.1
    assert world.caller.did[-1] == phone.session.did[-1] == LOST


def test_a_phone_whose_own_offer_is_under_way_is_asked_once_more():
    world, phone = talking(hangs_up(30))

    def busy():
        phone.session.takes = [491, 491, 200]
        world.call.media_lost()

    cdr = run(world.run((10, busy)))
    assert phone.session.did.count(("reoffer", b"new offer leg1")) == 3
    assert len(moved(cdr)) == 1


def test_the_answer_to_another_offer_of_ours_is_not_taken_for_the_one_asked_for():
    """The session's own refresh is under way when the server is lost, and is answered first."""
    world, _ = talking(hangs_up(30))

    def busy():
        world.caller.takes = [491, 200]
        world.call.media_lost()
        asyncio.get_running_loop().call_later(0.05, world.caller.say, ReofferAnswered(b"refreshed"))

    run(world.run((10, busy)))
    assert verbs(world, "answered")[0] == ("answered", None, b"yes to new offer")


def test_the_answer_of_a_move_that_was_begun_anew_is_for_nobody():
    world, phone = talking(hangs_up(30))

    def again():
        world.caller.takes, phone.session.takes = [491, 200], [491, 200]
        world.call.media_lost()

    cdr = run(world.run((10, loses(world)), (10.05, again)))
    assert verbs(world, "answered") == [("answered", None, b"yes to new offer")]
    assert len(moved(cdr)) == 1


def test_a_bye_during_the_move_is_the_end():
    world, phone = talking()

    def goes():
        phone.session.takes = [0]
        world.call.media_lost()

    cdr = run(world.run((10, goes), (10.5, Ended(True))))
    assert (cdr.ended_by, phone.session.did[-1]) == ("caller", BYE)
    assert moved(cdr) == []


def test_an_offer_of_a_phone_meanwhile_may_come_again():
    world, phone = talking(hangs_up(30))
    phones = []

    def asks():
        phones.append(phone.session)
        phone.session.say(Reoffer(b"hold"))

    run(world.run((10, loses(world, after=1)), (10.5, asks)))
    assert ("refuse", MediaMoving.sip_status) in phone.session.did


def test_who_rings_is_asked_when_it_answers():
    world = World()
    phone = world.phone("a", rings(), answers(20), hangs_up(40))
    world.dial(ring("a"))
    cdr = run(world.run((10, loses(world))))
    assert ("reoffer", b"new offer leg1") in phone.session.did
    assert [did[0] for did in world.caller.did] == ["progress", "answer", "bye"]
    assert ("answer", b"joined yes to new offer leg1") in world.caller.did
    assert verbs(world, "renew", "ring again", "connect") == [
        ("renew", False),
        ("ring again", "leg1"),
        ("connect", "leg1"),
    ]
    assert moved(cdr) == [0.0]
    assert cdr.outcome is Outcome.ANSWERED


def test_a_loser_of_the_lost_server_is_not_dropped_at_the_new_one():
    world = World()
    world.phone("a", rings(), answers(20), hangs_up(40))
    world.phone("b", rings())
    world.dial(Par((ring("a"), ring("b"))))
    run(world.run((10, loses(world))))
    assert verbs(world, "drop") == []


def test_a_server_that_is_not_there_yet_is_waited_for():
    world, _ = talking(hangs_up(30))

    def gone():
        world.media.broken.add("renew")
        world.call.media_lost()

    cdr = run(world.run((10, gone), (13, world.media.broken.clear)))
    assert 3 <= moved(cdr)[0] < 3.5


def test_without_any_server_the_call_ends():
    world, phone = talking()

    def gone():
        world.media.broken.add("renew")
        world.call.media_lost()

    cdr = run(world.run((10, gone)))
    assert cdr.steps[-1].data["cause"] == "media_lost"
    assert phone.session.did[-1] == LOST


def test_a_second_loss_during_the_move_begins_it_anew():
    world, _ = talking(hangs_up(30))
    cdr = run(world.run((10, loses(world)), (10.05, loses(world))))
    assert len(verbs(world, "renew")) == 2
    assert len(moved(cdr)) == 1


def test_a_fault_during_the_move_ends_the_call():
    world, phone = talking()

    async def broken(leg, answer):
        raise ZeroDivisionError

    world.media.answered = broken
    cdr = run(world.run((10, loses(world))))
    assert cdr.steps[-1].data["cause"] == "media_lost"
    assert phone.session.did[-1] == LOST


def test_who_answers_after_the_move_and_takes_no_new_offer_is_unavailable():
    world = World()
    phone = world.phone("a", rings(), answers(20))
    world.dial(ring("a"))

    def mute():
        phone.session.takes = [0]
        world.call.media_lost()

    cdr = run(world.run((10, mute)))
    assert (cdr.sip_status, cdr.outcome) == (480, Outcome.NO_ANSWER)
    assert cdr.steps[-1].data["cause"] == "offer_refused"
    assert phone.session.did[-1] == BYE


class Engine(Client):
    """An rtpengine that ``refuses`` the next offers to one of these tags."""

    refuses = ()

    async def request(self, command, arguments):
        if command == "offer" and arguments["to-tag"] in self.refuses:
            self.refuses = ()
            raise MediaUnavailable()
        return await super().request(command, arguments)


def relayed():
    """As ``talking``, with the audio of a real media session."""
    engine = Engine()
    world, phone = talking(hangs_up(30))
    world.media = RtpengineSession("call", lambda: engine)
    world.caller.remote_sdp = said(b"caller")
    return world, phone, engine


def test_the_caller_may_be_asked_twice_before_it_answers():
    world, _, _ = relayed()
    cdr = run(world.run((10, loses(world)), (10.05, loses(world))))
    assert [did[0] for did in world.caller.did].count("reoffer") == 2
    assert len(moved(cdr)) == 1
    assert (cdr.ended_by, cdr.outcome) == ("callee", Outcome.ANSWERED)


def test_a_callee_whom_the_server_cannot_offer_at_once_is_offered_a_moment_later():
    world, phone, engine = relayed()

    def fails_once():
        engine.refuses = ("leg1",)
        world.call.media_lost()

    cdr = run(world.run((10, fails_once)))
    assert [did[0] for did in phone.session.did].count("reoffer") == 1
    assert len(moved(cdr)) == 1
    assert cdr.ended_by == "callee"


def test_a_verb_that_met_the_dying_server_is_said_again():
    world = World()
    world.phone("a", rings(), answers(5), hangs_up(30))
    world.dial(ring("a"))
    world.media.broken.add("connect")

    async def found():
        world.media.broken.clear()
        world.call.media_lost()

    def later():
        asyncio.get_running_loop().create_task(found())

    cdr = run(world.run((6.5, later)))
    assert cdr.outcome is Outcome.ANSWERED


def test_a_caller_who_leaves_while_the_audio_moves():
    world = World()
    phone = world.phone("a", rings())
    world.dial(ring("a"))
    cdr = run(world.run((10, loses(world, after=5)), (11, CANCELS)))
    assert cdr.outcome is Outcome.CANCELLED
    assert phone.session.did == [BYE]


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_one_who_hangs_up_while_he_is_asked_to_move_has_ended_the_call(who):
    world, phone = talking()
    leaves = {
        "caller": lambda: world.caller.say(Ended(True)),
        "callee": lambda: phone.session.say(Ended(True)),
    }
    cdr = run(world.run((10, loses(world)), (10.05, leaves[who])))
    assert (cdr.ended_by, "cause" in cdr.steps[-1].data) == (who, False)
    assert cdr.ended_at - cdr.started_at == pytest.approx(10.05, abs=0.5)


async def test_before_the_media_is_open_nothing_can_be_lost():
    world = World()
    world.media.broken.add("open")
    cdr = await asyncio.wait_for(world.run((0, loses(world))), 10)
    assert cdr.steps[-1].data["cause"] == MediaUnavailable.code


def test_for_a_server_to_take_the_call_nobody_waits():
    world = World()
    world.media.broken.add("ring")
    world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run())
    assert world.caller.did[-1] == ("reject", 503)
    assert cdr.ended_at - cdr.started_at < 0.1


def test_who_answers_while_the_server_is_full_is_joined_when_there_is_room():
    world, _ = talking(hangs_up(30))
    full = iter((True, True))
    connect = world.media.connect

    async def connected(leg, answer=b""):
        if next(full, False):
            raise NoRoom()
        return await connect(leg, answer)

    world.media.connect = connected
    cdr = run(world.run())
    assert cdr.outcome is Outcome.ANSWERED


def test_a_server_that_stays_full_ends_the_call():
    world, phone = talking(hangs_up(30))

    async def full(leg, answer=b""):
        raise NoRoom()

    world.media.connect = full
    run(world.run())
    assert world.caller.did[-1] == ("reject", 503)
    assert phone.session.did[-1][0] == "bye"


MUSIC = ("play", "music.wav", "again", "caller")
TONE = ("play", "ringback.wav", "again")


def consulting(*script):
    """As ``talking``; the employee consults 123, whose script this is, while the caller waits."""
    world, phone = talking()
    world.phone("123", rings(), *script)
    return world, phone, presses(world, "leg1", "*2123", 5)


def after_the_loss(world):
    did = world.media.did
    lost = max(at for at, each in enumerate(did) if each[0] == "renew")
    return [each for each in did[lost:] if each[0] in ("renew", "connect", "waits", "play")]


@pytest.mark.parametrize("rings_yet", [False, True], ids=["they talk", "it rings"])
def test_who_is_parked_hears_his_music_at_the_other_server(rings_yet):
    world, phone, keys = consulting(answers(20 if rings_yet else 3, b"b"), hangs_up(60))
    leaves = (40, lambda: phone.session.say(Ended(True)))
    cdr = run(world.run(*keys, (15, loses(world)), leaves))
    back = [("waits", "caller"), MUSIC]
    talks = [TONE, *back, ("connect", "leg2")] if rings_yet else [("connect", "leg2"), *back]
    joined = [("connect", "leg2")]
    assert after_the_loss(world) == [("renew", True), *talks, *joined]
    assert world.caller.did.count(("reoffer", b"new offer caller")) == 1
    assert len(moved(cdr)) == 1
    assert world.talks[-1] == ["+79160000000", "123"]
    assert cdr.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("status", [488, 0], ids=["refuses", "says nothing"])
def test_a_parked_phone_that_takes_no_offer_ends_nobodys_conversation(status):
    world, phone, keys = consulting(answers(3, b"b"), hangs_up(60))

    def mute():
        world.caller.takes = [status, 200]
        world.call.media_lost()

    leaves = (40, lambda: phone.session.say(Ended(True)))
    cdr = run(world.run(*keys, (15, mute), leaves))
    assert after_the_loss(world)[1:] == [
        ("connect", "leg2"),
        ("connect", "caller"),  # he is asked once more
        ("connect", "leg2"),
    ]
    assert world.caller.did.count(("reoffer", b"new offer caller")) == 2
    assert moved(cdr)[0] < 1, "who talks does not wait for who does not"
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "callee")


def test_a_server_that_dies_while_a_parked_phone_is_asked():
    world, phone, keys = consulting(answers(3, b"b"), hangs_up(60))
    leaves = (40, lambda: phone.session.say(Ended(True)))
    cdr = run(world.run(*keys, (15, loses(world)), (15.25, loses(world)), leaves))
    assert after_the_loss(world)[1:4] == [("connect", "leg2"), ("waits", "caller"), MUSIC]
    assert cdr.outcome is Outcome.ANSWERED


def steps(world, *does):
    """A chain of a step of a plugin that does this."""

    async def plugin(call):
        for verb in does:
            await verb(call)
        return Next.CONTINUE

    world.plugin["plugin"] = plugin
    world.steps = (PluginStep("plugin"),)


PROMPT = UUID(int=31)


def test_a_menu_is_said_from_the_beginning_and_hears_keys():
    world = World()
    world.clips[PROMPT] = Path("menu.wav")
    keys = []

    async def menu(call):
        await call.play(PROMPT)
        keys.append(await call.key())

    steps(world, menu)
    presses_5 = (8, lambda: world.media.on_key(None, "5", 100))
    cdr = run(world.run((2, loses(world)), presses_5))
    assert verbs(world, "play", "renew") == [
        ("play", "menu.wav"),
        ("renew", True),
        ("play", "menu.wav"),
    ]
    assert ("reoffer", b"new offer") in world.caller.did
    assert (keys, len(moved(cdr))) == (["5"], 1)


def test_who_waits_in_a_queue_hears_its_music_and_his_place_again():
    world = World()
    world.clips[PROMPT] = Path("waiting.wav")

    async def queue(call):
        await call.music(PROMPT)
        await call.play(Prompt.QUEUE_PLACE, 21)
        await asyncio.sleep(10)

    steps(world, queue)
    run(world.run((4, loses(world)), (15, loses(world))))
    music = ("play", "waiting.wav", "again")
    lost = ("renew", True)
    place, twenty, one = (("play", f"{name}.wav") for name in ("queue.place", "number.20", "number.1"))
    assert verbs(world, "play", "renew") == [
        *(music, place, twenty, lost),
        *(twenty, one, music),
        *(lost, music),
    ]


def test_who_is_told_that_he_is_recorded_is_told_all_of_it():
    world, _ = talking(hangs_up(30))
    world.clips[PROMPT] = Path("warning.wav")
    world.options = Options(records=True, warning=PROMPT)
    cdr = run(world.run((2, loses(world))))
    assert verbs(world, "play", "record")[:2] == [("play", "warning.wav")] * 2
    assert [recording.kind for recording in cdr.recordings] == [RecordingKind.CONVERSATION]


def test_a_message_goes_on_at_the_other_server():
    """The caller spoke for 20 s; that the new server has heard nothing yet is no silence of his."""
    world = World()
    world.media.heard = Loudness(20.0, 1_800_000_000 + 23)

    async def message(call):
        await call.record_message(silence=6)

    steps(world, message)

    def lost():
        world.media.heard = Loudness()
        world.call.media_lost(2)

    cdr = run(world.run((24, lost)))
    (made,) = cdr.recordings
    assert len(made.parts) == 2
    assert made.parts[1].ended_at - made.parts[1].started_at == pytest.approx(6.5, abs=0.6)
