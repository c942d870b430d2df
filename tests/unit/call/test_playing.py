"""What callers hear of us before somebody speaks with them, in virtual time."""

import asyncio
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest

from core.contracts import HangUp, Options, Outcome, PluginStep, StepCode
from core.contributions import Next
from core.library import Prompt, media_id
from core.sip.session import Confirmed, Ended, Reoffer
from tests.support.virtual_time import run
from tests.unit.call.world import CANCELS, World, answers, hangs_up, refuses, ring, rings

GREETING, MELODY, FAREWELL = UUID(int=21), UUID(int=22), UUID(int=23)
RINGBACK = [("play", "ringback.wav", "again"), ("hush",)]


def world(**options):
    found = World()
    found.clips = {
        GREETING: Path("greeting.wav"),
        MELODY: Path("melody.wav"),
        FAREWELL: Path("farewell.wav"),
    }
    found.options = Options(**options)
    return found


def heard(world):
    return [did for did in world.media.did if did[0] in ("play", "hush")]


def codes(cdr):
    return [step.code for step in cdr.steps]


@pytest.mark.spec("OPT-01", at="rule")
def test_the_greeting_is_heard_before_anybody_rings():
    here = world(greeting=GREETING)
    phone = here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    cdr = run(here.run())
    assert here.caller.did[0] == ("answer", b"stub")
    assert [did[0] for did in here.caller.did] == ["answer", "bye"]
    assert heard(here) == [("play", "greeting.wav"), *RINGBACK]
    assert codes(cdr).index(StepCode.PLAYED) < codes(cdr).index(StepCode.RINGING)
    assert next(s for s in cdr.steps if s.code is StepCode.PLAYED).data == {"media": str(GREETING)}
    assert (cdr.outcome, cdr.answered_at - cdr.started_at) == (Outcome.ANSWERED, pytest.approx(5))
    assert phone.session.did == []


def test_the_tone_stops_when_the_parties_are_joined_not_before():
    here = world(greeting=GREETING)
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    run(here.run())
    verbs = [did[0] for did in here.media.did]
    assert verbs.index("connect") > verbs.index("ring")
    assert here.media.did.index(("hush",)) < len(verbs)


def test_who_is_answered_and_reaches_nobody_is_hung_up_on():
    here = world(greeting=GREETING)
    here.phone("a", rings(), refuses(486))
    here.dial(ring("a"))
    cdr = run(here.run())
    assert here.caller.did == [("answer", b"stub"), ("bye", ())]
    assert (cdr.outcome, cdr.sip_status, cdr.answered_at) == (Outcome.BUSY, 486, None)


def test_who_leaves_during_the_greeting_has_spoken_with_nobody():
    here = world(greeting=GREETING)
    here.phone("a", rings(), answers(2))
    here.dial(ring("a"))
    cdr = run(here.run((1, Ended(True, reason="enough"))))
    assert heard(here) == [("play", "greeting.wav")], "who is gone need not be hushed"
    assert (cdr.outcome, cdr.ended_by, cdr.answered_at) == (Outcome.CANCELLED, "caller", None)
    assert cdr.steps[-1].data["cause"] == "enough"
    assert here.phones["a"].session is None
    assert cdr.ended_at - cdr.started_at == pytest.approx(1)


def test_who_leaves_while_it_rings_after_the_greeting_ends_the_ringing():
    here = world(greeting=GREETING)
    phone = here.phone("a", rings(), answers(10))
    here.dial(ring("a"))
    cdr = run(here.run((5, Ended(True))))
    assert phone.session.did == [("bye", ())]
    assert cdr.outcome is Outcome.CANCELLED


@pytest.mark.spec("OPT-02", at="rule")
def test_the_melody_is_heard_before_the_answer():
    here = world(melody=MELODY)
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    run(here.run())
    assert [did[:2] for did in here.caller.did] == [
        ("progress", 183),
        ("answer", b"joined phone"),
        ("bye", ()),
    ]
    assert here.caller.did[0] == ("progress", 183, b"stub")
    assert heard(here) == [("play", "melody.wav", "again"), ("hush",)]


@pytest.mark.spec("OPT-02", at="rule")
def test_after_a_greeting_the_melody_is_heard_in_place_of_the_tone():
    here = world(greeting=GREETING, melody=MELODY)
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    run(here.run())
    assert heard(here) == [("play", "greeting.wav"), ("play", "melody.wav", "again"), ("hush",)]


def test_a_caller_who_offered_nothing_hears_the_melody_once_it_is_answered():
    here = world(melody=MELODY)
    here.caller.remote_sdp = b""
    here.phone("a", rings(), refuses(486))
    here.dial(ring("a"))
    run(here.run())
    assert heard(here) == []


@pytest.mark.spec("ACC-09", at="rule")
def test_the_ready_made_library_is_played_by_id_and_by_name():
    here = world(greeting=media_id(Prompt.GREETING))

    async def waiting(call):
        await call.play(Prompt.QUEUE_PLACE, 21)
        await call.play(Prompt.BEEP)
        return Next.CONTINUE

    here.plugin["waiting"] = waiting
    here.steps += (PluginStep("waiting"),)
    cdr = run(here.run())
    names = ("greeting", "queue.place", "number.20", "number.1", "beep")
    assert heard(here) == [("play", f"{name}.wav") for name in names]
    played = [step.data["media"] for step in cdr.steps if step.code is StepCode.PLAYED]
    prompts = (Prompt.GREETING, Prompt.QUEUE_PLACE, Prompt.BEEP)
    assert played == [str(media_id(prompt)) for prompt in prompts], "a sentence is one entry"


def test_where_nobody_can_ring_no_tone_says_so():
    here = world(greeting=GREETING)
    here.dial(None)
    run(here.run())
    assert heard(here) == [("play", "greeting.wav")]


@pytest.mark.spec("PRC-12", at="rule")
def test_the_farewell_is_heard_before_the_end():
    here = world()
    here.phone("a", rings(), refuses(486))
    here.dial(ring("a"))
    here.steps += (HangUp(media=FAREWELL),)
    cdr = run(here.run())
    assert heard(here) == [("play", "farewell.wav")]
    assert [did[0] for did in here.caller.did] == ["progress", "answer", "bye"]
    assert cdr.ended_at - cdr.started_at == pytest.approx(1 + 3)


def test_a_media_that_is_gone_costs_nobody_a_call():
    here = world(greeting=UUID(int=99), melody=UUID(int=98))
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    cdr = run(here.run())
    assert heard(here) == []
    assert [did[0] for did in here.caller.did] == ["progress", "answer", "bye"]
    assert StepCode.PLAYED not in codes(cdr)


def test_a_clip_that_cannot_be_played_is_passed_over():
    here = world(greeting=GREETING, melody=MELODY)
    here.media.refused.add("play")
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    cdr = run(here.run())
    assert cdr.outcome is Outcome.ANSWERED
    assert ("hush",) not in here.media.did
    assert cdr.ringing_at - cdr.started_at < 1


def test_a_new_offer_of_who_is_greeted_is_answered():
    here = world(greeting=GREETING)
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    cdr = run(here.run((1, Reoffer(b"hold")), (4, Reoffer(b"resume"))))
    accepted = [did for did in here.caller.did if did[0] == "accept"]
    assert accepted == [("accept", b"answer to hold"), ("accept", b"answer to resume")]
    assert cdr.outcome is Outcome.ANSWERED


def test_an_offer_that_comes_with_the_answer_of_a_phone_is_not_lost():
    here = world(greeting=GREETING)
    here.media.slow.add("reoffer")
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    run(here.run((4.9, Reoffer(b"hold"))))
    assert ("accept", b"answer to hold") in here.caller.did


def test_another_media_server_says_a_greeting_from_the_beginning_and_goes_on_with_music():
    here = world(greeting=GREETING, melody=MELODY)
    here.phone("a", rings(), answers(10), hangs_up(20))
    here.dial(ring("a"))

    def lost():
        here.call.media_lost()

    run(here.run((1, lost), (6, lost)))
    assert heard(here) == [
        ("play", "greeting.wav"),
        ("play", "greeting.wav"),
        ("play", "melody.wav", "again"),
        ("play", "melody.wav", "again"),
        ("hush",),
    ]


def test_who_cancels_while_the_music_stops_leaves_nobody_on_the_line():
    here = world(melody=MELODY)
    here.media.slow.add("hush")
    phone = here.phone("a", rings(), answers(2))
    here.dial(ring("a"))
    cdr = run(here.run((2.5, CANCELS)))
    assert phone.session.did == [("bye", ())]
    assert (cdr.outcome, cdr.answered_at) == (Outcome.CANCELLED, None)


@pytest.mark.parametrize("sdp", [b"", b"v=0"])
def test_a_caller_without_an_offer_whose_answer_is_none_is_hung_up_on(sdp):
    here = world(greeting=GREETING)
    here.caller.remote_sdp = b""
    here.media.refused.add("answered")
    cdr = run(here.run((1, Confirmed(sdp))))
    assert [did[0] for did in here.caller.did] == ["answer", "bye"]
    assert cdr.outcome is not Outcome.ANSWERED


def test_who_is_hung_up_on_from_outside_before_his_ack_is_told():
    here = world(greeting=GREETING)
    here.caller.remote_sdp = b""
    run(here.run((1, lambda: here.call.leave("hung_up", status=603))))
    assert [did[0] for did in here.caller.did] == ["answer", "bye"]


def test_who_leaves_before_he_says_what_he_speaks_has_left():
    here = world(greeting=GREETING)
    here.caller.remote_sdp = b""
    cdr = run(here.run((1, Ended(True, reason="changed my mind"))))
    assert (cdr.outcome, cdr.ended_by) == (Outcome.CANCELLED, "caller")


def test_an_offer_during_the_joining_is_answered_after_it():
    here = world(greeting=GREETING)
    here.media.slow.add("connect")
    here.phone("a", rings(), answers(2), hangs_up(20))
    here.dial(ring("a"))
    run(here.run((5.5, Reoffer(b"hold"))))
    verbs = [did[0] for did in here.media.did]
    assert verbs.index("reoffer") > verbs.index("connect")
    assert ("accept", b"answer to hold") in here.caller.did


def test_who_leaves_while_the_losers_are_dropped_was_answered():
    here = world(greeting=GREETING)
    here.media.slow.add("drop")
    here.phone("a", rings(), answers(2))
    here.phone("b", rings())
    here.dial(here.both("a", "b"))
    cdr = run(here.run((5.5, Ended(True))))
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "caller")
    assert here.phones["a"].session.did == [("bye", ())]


def test_a_step_that_minds_no_cancellation_rings_nobody_for_who_is_gone():
    here = world()
    phone = here.phone("a", rings(), answers(2))

    async def stubborn(call):
        with suppress(asyncio.CancelledError):
            await call.play(GREETING)
        await call.dial(here.steps[1])

    here.plugin["stubborn"] = stubborn
    here.steps = (PluginStep("stubborn"),)
    here.dial(ring("a"))
    cdr = run(here.run((1, Ended(True))))
    assert phone.session is None
    assert (cdr.outcome, cdr.ended_by) == (Outcome.CANCELLED, "caller")


def test_who_leaves_while_the_audio_moves_is_let_go_at_once():
    here = world(greeting=GREETING)
    here.caller.takes = [0]
    here.phone("a", rings())
    here.dial(ring("a"))
    cdr = run(here.run((3.5, lambda: here.call.media_lost()), (4, Ended(True))))  # noqa: PLW0108
    assert cdr.ended_at - cdr.started_at == pytest.approx(4, abs=0.1)
