"""Before the conversation: early media, forks, callers who offer nothing, hold, in virtual time."""

import pytest

from core.call.leg import COMPLETED_ELSEWHERE
from core.contracts import Direction, Outcome, Par, Seq, StepCode
from core.errors import MediaRefused
from core.sdp import SDES
from core.sip.session import (
    Cancelled,
    Confirmed,
    EarlyAnswer,
    Ended,
    Failed,
    Progress,
    Reoffer,
)
from tests.support.virtual_time import run
from tests.unit.call.world import World, answers, hangs_up, refuses, ring, rings


def sounds(after, body=b"tone", status=183):
    return (after, Progress(status, "", body))


def outgoing(*script):
    world = World(Direction.OUTGOING)
    world.phone("a", *script)
    world.dial(ring("a"))
    return world


def verbs(world):
    """What was asked of media since the call was opened, by verb and leg."""
    return [did[:2] for did in world.media.did if did[0] not in ("open", "close", "told")]


def test_the_carriers_sounds_are_let_through():
    world = outgoing(rings(0.5), sounds(1), answers(3, b"phone"), hangs_up(9))
    cdr = run(world.run())
    assert world.caller.did == [
        ("progress", 180),
        ("progress", 183, b"joined tone"),
        ("answer", b"joined phone"),
        ("bye", ()),
    ]
    assert verbs(world) == [("ring", "leg1"), ("connect", "leg1"), ("connect", "leg1")]
    assert world.media.did.count(("told",)) == 2
    assert cdr.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("status", [180, 183])
def test_ringing_after_early_media_is_not_told(status):
    world = outgoing(sounds(1, status=status), rings(2), sounds(3, b""), answers(4), hangs_up(9))
    run(world.run())
    assert [did for did in world.caller.did if did[0] == "progress"] == [
        ("progress", 183, b"joined tone")
    ]


def test_the_last_fork_that_describes_itself_is_heard_and_183_is_said_once():
    world = outgoing(sounds(1, b"one"), sounds(2, b"two"), answers(3, b"three"), hangs_up(9))
    run(world.run())
    assert [did for did in world.caller.did if did[0] == "progress"] == [
        ("progress", 183, b"joined one")
    ]
    assert verbs(world) == [("ring", "leg1"), *[("connect", "leg1")] * 3]


def test_an_announcement_and_then_the_refusal():
    world = outgoing(sounds(1), refuses(404, after=6))
    cdr = run(world.run())
    assert world.caller.did == [("progress", 183, b"joined tone"), ("reject", 404)]
    assert verbs(world)[-1] == ("drop", "leg1")
    assert cdr.answered_at is None


@pytest.mark.parametrize("direction", [Direction.INCOMING, Direction.INTERNAL])
def test_others_hear_our_own_ringing(direction):
    world = World(direction)
    world.phone("a", sounds(1), answers(2), hangs_up(5))
    world.dial(ring("a"))
    run(world.run())
    assert world.caller.did[:2] == [("progress", 180), ("answer", b"joined phone")]


def test_early_media_that_cannot_be_used_is_ringing():
    world = outgoing(sounds(1, b"video only"), answers(3), hangs_up(5))
    connect = world.media.connect

    async def choosy(leg, answer):
        if answer == b"video only":
            raise MediaRefused()
        return await connect(leg, answer)

    world.media.connect = choosy
    run(world.run())
    assert world.caller.did[:2] == [("progress", 180), ("answer", b"joined phone")]


def test_the_caller_leaves_while_it_is_joined_early():
    world = outgoing(sounds(1), answers(9))
    world.media.slow.add("connect")
    cdr = run(world.run((1.5, Cancelled(""))))
    assert cdr.outcome is Outcome.CANCELLED
    assert world.caller.did == [("reject", 487)]
    assert world.media.did[-1] == ("close",)


def test_hold_before_the_answer():
    world = outgoing(sounds(1), answers(5), hangs_up(9))
    run(world.run((3, Reoffer(b"hold"))))
    assert ("accept", b"answer to hold") in world.caller.did
    assert ("reoffer", None) in verbs(world)


def test_hold_that_the_media_server_refuses_before_the_answer():
    world = outgoing(sounds(1), answers(5), hangs_up(9))
    world.media.broken.add("reoffer")
    cdr = run(world.run((3, Reoffer(b"hold"))))
    assert ("refuse", 503) in world.caller.did
    assert cdr.outcome is Outcome.ANSWERED


def test_an_answer_waits_until_the_hold_before_it_is_done():
    world = outgoing(rings(), answers(3), hangs_up(9))
    world.media.slow.add("reoffer")
    run(world.run((2.5, Reoffer(b"hold"))))
    assert verbs(world)[1:3] == [("reoffer", None), ("connect", "leg1")]
    assert [did[0] for did in world.caller.did] == ["progress", "accept", "answer", "bye"]


def test_whom_we_call_may_change_its_mind_before_it_answers():
    world = outgoing(sounds(1), (2, Reoffer(b"moved")), answers(5), hangs_up(9))
    run(world.run())
    assert ("reoffer", "leg1") in verbs(world)
    assert world.phones["a"].session.did[0] == ("accept", b"answer to moved")


# --- a caller who offers nothing --------------------------------------------------------------------


def silent(*script):
    world = World()
    world.caller.remote_sdp = b""
    world.phone("a", *script)
    world.dial(ring("a"))
    return world


def test_our_offer_is_in_the_200_and_the_answer_in_the_ack():
    world = silent(rings(), answers(2), hangs_up(9))
    cdr = run(world.run((3, Confirmed(b"caller"))))
    assert world.caller.did == [("progress", 180, b"our offer"), ("answer", b"our offer"), ("bye", ())]
    assert world.media.did[:3] == [("offer",), ("ring", "leg1"), ("told",)]
    assert verbs(world)[2:4] == [("answered", None), ("connect", "leg1")]
    assert cdr.outcome is Outcome.ANSWERED
    assert round(cdr.answered_at - cdr.started_at) == 3


def test_the_answer_in_the_prack_is_all_it_takes():
    world = silent(rings(), answers(4), hangs_up(9))
    cdr = run(world.run((2, EarlyAnswer(b"caller")), (5, Confirmed())))
    assert verbs(world)[2:4] == [("answered", None), ("connect", "leg1")]
    assert round(cdr.answered_at - cdr.started_at) == 4


def test_the_answer_in_the_prack_while_somebody_answers():
    world = silent(rings(), answers(2), hangs_up(9))
    world.media.slow.add("answered")
    cdr = run(world.run((1.5, EarlyAnswer(b"caller")), (5, Confirmed())))
    assert [did for did in verbs(world) if did[0] == "answered"] == [("answered", None)]
    assert cdr.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("event", [Confirmed(), Confirmed(b"nonsense")])
def test_without_a_usable_answer_both_are_released(event):
    world = silent(answers(2))
    if event.sdp:
        world.media.broken.add("answered")
    cdr = run(world.run((3, event)))
    assert world.caller.did[-1] == ("bye", ())
    assert world.phones["a"].session.did == [("bye", ())]
    assert cdr.answered_at is None


AUDIO = b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 8\r\n"
KEYED = (
    AUDIO.replace(b"AVP", b"SAVP") + b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"
)


@pytest.mark.parametrize(("answer", "talks"), [(KEYED, True), (AUDIO, False)])
def test_who_must_encrypt_and_does_not_is_not_heard(answer, talks):
    world = silent(answers(2), hangs_up(9))
    world.profile = SDES
    cdr = run(world.run((3, Confirmed(answer))))
    assert (cdr.answered_at is not None) == talks
    assert world.media.did[0] == ("offer",)


@pytest.mark.parametrize("event", [Ended(False, 408, "No ACK"), Cancelled("")])
def test_a_caller_that_is_gone_before_its_ack(event):
    world = silent(answers(2))
    cdr = run(world.run((34, event)))
    assert world.phones["a"].session.did == [("bye", ())]
    assert (cdr.outcome, cdr.ended_by) == (Outcome.CANCELLED, "caller")
    assert cdr.answered_at is None


def test_a_call_that_is_ended_before_the_ack_was_not_answered():
    world = silent(answers(2))
    cdr = run(world.run((3, lambda: world.call.leave("shutdown"))))
    assert world.caller.did[-1][0] == world.phones["a"].session.did[-1][0] == "bye"
    assert (cdr.outcome, cdr.sip_status, cdr.answered_at) == (Outcome.FAILED, 503, None)


def test_a_caller_without_an_offer_hears_no_early_media_before_its_answer():
    world = silent(sounds(1), answers(2), hangs_up(5))
    world.direction = Direction.OUTGOING
    run(world.run((3, Confirmed(b"caller"))))
    assert [did for did in verbs(world) if did[0] == "connect"] == [("connect", "leg1")]


# --- redirected -------------------------------------------------------------------------------------


def moved(after, *contacts, status=302):
    return (after, Failed(status, "Moved", {"Contact": contacts}))


def test_a_phone_that_sends_the_call_on_makes_another_ring():
    world = World()
    world.phone("a", moved(1, "b"))
    world.phone("b", rings(0.5), answers(2), hangs_up(9))
    world.dial(ring("a"))
    cdr = run(world.run())
    assert cdr.outcome is Outcome.ANSWERED
    assert world.connected == ["b"]
    assert cdr.answered_terminal_id == ring("a").terminal_id  # the terminal that was called


def test_its_people_hear_that_the_colleague_is_busy_to_whom_a_phone_sent_the_call():
    world = World(Direction.INTERNAL)
    world.phone("a", moved(1, "b"))
    world.phone("b", refuses(486))
    world.dial(ring("a"))
    cdr = run(world.run())
    assert (cdr.outcome, cdr.sip_status) == (Outcome.BUSY, 486)


def test_the_phones_of_a_colleague_ring_in_turn_for_a_call_that_was_sent_on_too():
    world = World()
    world.phone("a", moved(1, "b"))
    world.phone("b", rings(), refuses(486, 3))
    world.phone("c", rings(), answers(2), hangs_up(9))
    world.elsewhere = Seq((ring("b"), ring("c")))
    world.dial(ring("a"))
    cdr = run(world.run())
    rung = [round(s.at - cdr.started_at) for s in cdr.steps if s.code is StepCode.RINGING]
    assert rung == [0, 1, 4]
    assert world.connected == ["c"]


def ends_of_legs(cdr):
    return [
        (step.address, step.data.get("status") or step.data["reason"])
        for step in cdr.steps
        if step.code is StepCode.LEG_ENDED
    ]


def test_a_ring_whose_phone_sent_the_call_on_is_noted_as_over_once():
    world = World()
    world.phone("a", moved(1, "b"))
    world.phone("b", rings())
    world.dial(ring("a", 10))
    cdr = run(world.run())
    assert ends_of_legs(cdr) == [("a", 302), ("b", 408)]
    assert round(cdr.ended_at - cdr.started_at) == 10


def test_who_answers_first_of_those_to_whom_a_line_sent_the_call_ends_the_others():
    world = World()
    world.phone("a", moved(1, "b"))
    world.phone("b", rings(), answers(6))
    world.phone("c", rings(), answers(3), hangs_up(9))
    world.dial(Par((ring("a"), ring("c"))))
    cdr = run(world.run())
    assert world.connected == ["c"]
    assert ends_of_legs(cdr) == [("a", 302), ("b", "elsewhere")]
    assert world.phones["b"].session.did[-1] == ("bye", (COMPLETED_ELSEWHERE,))


def test_a_caller_who_leaves_ends_what_rings_elsewhere():
    world = World()
    world.phone("a", moved(1, "b"))
    world.phone("b", rings())
    world.dial(ring("a"))
    cdr = run(world.run((5, Cancelled(""))))
    assert ends_of_legs(cdr) == [("a", 302), ("b", "caller_left")]
    assert world.phones["b"].session.did == [("bye", ())]


def test_who_is_called_there_cannot_send_the_call_on():
    world = World()
    world.phone("a", moved(1, "b"))
    world.phone("b", moved(1, "a"))
    world.dial(ring("a"))
    cdr = run(world.run())
    assert (cdr.outcome, cdr.sip_status) == (Outcome.NO_ANSWER, 480)
    assert [did for did in verbs(world) if did[0] == "ring"] == [("ring", "leg1"), ("ring", "leg2")]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("status", [300, 301, 302, 305, 380])
def test_nowhere_to_go_is_unavailable(direction, status):
    world = World(direction)
    world.phone("a", moved(1, "nobody", status=status))
    world.dial(ring("a"))
    assert run(world.run()).sip_status == 480
