"""A call from INVITE to CDR, in virtual time: who is told what, and what the record says."""

import asyncio
from types import SimpleNamespace

import pytest

from core.call.leg import COMPLETED_ELSEWHERE
from core.contracts import Direction, HangUp, Outcome, Par, Seq, Skipped, SkipReason, StepCode
from core.errors import SunSimError
from core.metrics import REGISTRY
from core.sip.session import (
    Answered,
    Cancelled,
    Confirmed,
    Ended,
    Referred,
    Reoffer,
    ReofferAnswered,
)
from tests.support.virtual_time import run
from tests.unit.call.world import CANCELS, World, answers, hangs_up, refuses, ring, rings

ELSEWHERE = ("bye", (COMPLETED_ELSEWHERE,))
PLAIN_BYE = ("bye", ())


def codes(cdr):
    return [step.code for step in cdr.steps]


def test_answered_call_joins_both_and_ends_with_the_callee():
    world = World()
    phone = world.phone("a", rings(), answers(2), hangs_up(32))
    world.dial(ring("a"))
    cdr = run(world.run())
    assert world.caller.did == [("progress", 180), ("answer", b"joined phone"), PLAIN_BYE]
    assert phone.session.did == []
    assert cdr.outcome is Outcome.ANSWERED
    assert (cdr.sip_status, cdr.ended_by) == (200, "callee")
    assert round(cdr.answered_at - cdr.started_at) == 2
    assert round(cdr.ended_at - cdr.answered_at) == 30
    assert codes(cdr) == [StepCode.RINGING, StepCode.ANSWERED, StepCode.ENDED]
    assert cdr.answered_terminal_id == ring("a").terminal_id
    assert world.connected == ["a"]
    assert world.media.did[-1] == ("close",)


def test_caller_hangs_up_and_the_phone_gets_bye():
    world = World()
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run((10, Ended(True))))
    assert phone.session.did == [PLAIN_BYE]
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "caller")


def test_first_answer_wins_and_the_others_hear_that_it_was_answered_elsewhere():
    world = World()
    slow = world.phone("slow", rings(), answers(9))
    quick = world.phone("quick", rings(), answers(3, b"quick"), hangs_up(5))
    world.dial(Par((ring("slow"), ring("quick"))))
    cdr = run(world.run())
    assert ("answer", b"joined quick") in world.caller.did
    assert slow.session.did == [ELSEWHERE]
    assert quick.session.did == []
    dropped = [args for verb, *args in world.media.did if verb == "drop"]
    assert dropped == [["leg1"]]
    assert world.media.did.index(("connect", "leg2")) < world.media.did.index(("drop", "leg1"))
    assert [s.data.get("reason") for s in cdr.steps if s.code is StepCode.LEG_ENDED] == ["elsewhere"]


def test_two_answers_at_the_same_moment_leave_one_conversation():
    world = World()
    first = world.phone("a", answers(2, b"a"), hangs_up(60))
    second = world.phone("b", answers(2, b"b"), hangs_up(60))
    world.dial(Par((ring("a"), ring("b"))))
    cdr = run(world.run((5, Ended(True))))
    assert sorted([first.session.did, second.session.did]) == sorted([[PLAIN_BYE], [ELSEWHERE]])
    assert sum(verb == "answer" for verb, *_ in world.caller.did) == 1
    assert codes(cdr).count(StepCode.ANSWERED) == 1


@pytest.mark.parametrize(
    ("statuses", "expected", "outcome"),
    [
        ((486,), 486, Outcome.BUSY),
        ((603,), 486, Outcome.BUSY),
        ((486, 603), 486, Outcome.BUSY),
        ((486, 480), 480, Outcome.NO_ANSWER),
        ((404,), 480, Outcome.NO_ANSWER),
        ((500,), 480, Outcome.NO_ANSWER),
    ],
)
def test_callers_of_the_company_hear_busy_or_unavailable(statuses, expected, outcome):
    world = World()
    for number, status in enumerate(statuses):
        world.phone(f"p{number}", refuses(status))
    world.dial(Par(tuple(ring(f"p{number}") for number in range(len(statuses)))))
    cdr = run(world.run())
    assert world.caller.did == [("reject", expected)]
    assert (cdr.outcome, cdr.sip_status) == (outcome, expected)
    assert codes(cdr).count(StepCode.LEG_ENDED) == len(statuses)


@pytest.mark.parametrize("status", [404, 486, 503, 603])
def test_own_people_hear_what_the_far_side_said(status):
    world = World(Direction.OUTGOING)
    world.phone("+7495", refuses(status))
    world.dial(ring("+7495"))
    run(world.run())
    assert world.caller.did == [("reject", status)]


def test_nobody_answers_in_time():
    world = World()
    phone = world.phone("a", rings())
    world.dial(ring("a", seconds=20))
    cdr = run(world.run())
    assert phone.session.did == [PLAIN_BYE]
    assert world.caller.did == [("progress", 180), ("reject", 480)]
    assert cdr.outcome is Outcome.NO_ANSWER
    assert round(cdr.ended_at - cdr.started_at) == 20


@pytest.mark.parametrize("tree", [ring("a", 20), Par((ring("a", 20), ring("b", 20)))])
def test_a_ring_as_long_as_its_step_is_no_reply(tree):
    world = World()
    world.phone("a", rings())
    world.phone("b", rings())
    world.dial(tree, seconds=20)
    cdr = run(world.run())
    ends = [step.data for step in cdr.steps if step.code is StepCode.LEG_ENDED]
    assert ends == [{"status": 408}] * (2 if isinstance(tree, Par) else 1)
    assert cdr.outcome is Outcome.NO_ANSWER


def test_the_time_until_the_caller_hears_something_is_measured():
    def measured():
        names = ("count", "sum")
        return [REGISTRY.get_sample_value(f"sunsim_call_setup_seconds_{name}") for name in names]

    before = measured()
    world = World()
    world.phone("a", rings(0.25), answers(2), hangs_up(9))
    world.dial(ring("a"))
    run(world.run())
    count, seconds = (after - was for after, was in zip(measured(), before, strict=True))
    assert (count, round(seconds, 3)) == (1, 0.25)


def test_sequential_rings_one_after_another():
    world = World()
    first, second = world.phone("a", rings()), world.phone("b", answers(5), hangs_up(6))
    world.dial(Seq((ring("a", 10), ring("b", 10))))
    cdr = run(world.run())
    assert first.session.did == [PLAIN_BYE]
    assert second.session.did == []
    assert round(cdr.answered_at - cdr.started_at) == 15


def test_the_step_has_its_own_time():
    world = World()
    phone = world.phone("a", rings())
    world.dial(ring("a", 100), seconds=30)
    cdr = run(world.run())
    assert round(cdr.ended_at - cdr.started_at) == 30
    assert phone.session.did == [PLAIN_BYE]


def test_a_phone_that_is_not_registered_leaves_its_trace():
    world = World()
    world.dial(ring("nobody"))
    world.skipped = (Skipped(ring("x").terminal_id, None, SkipReason.NOT_REGISTERED),)
    cdr = run(world.run())
    assert world.caller.did == [("reject", 480)]
    reasons = [step.data["reason"] for step in cdr.steps if step.code is StepCode.NOT_RUNG]
    assert reasons == ["not_registered", "not_registered"]


def test_the_chain_goes_on_after_a_step_that_nobody_answered():
    world = World()
    world.phone("a", refuses(486))
    world.phone("b", answers(1), hangs_up(3))
    world.dial(ring("a"))
    world.dial(ring("b"))
    assert run(world.run()).outcome is Outcome.ANSWERED


def test_the_chain_may_end_the_call():
    world = World()
    world.steps = (HangUp(603),)
    cdr = run(world.run())
    assert world.caller.did == [("reject", 603)]
    assert cdr.outcome is Outcome.REFUSED


def test_caller_cancels_while_phones_ring():
    world = World()
    phones = [world.phone("a", rings()), world.phone("b", rings())]
    world.dial(Par((ring("a"), ring("b"))))
    cdr = run(world.run((4, CANCELS)))
    assert [phone.session.did for phone in phones] == [[PLAIN_BYE], [PLAIN_BYE]]
    assert (cdr.outcome, cdr.sip_status, cdr.ended_by) == (Outcome.CANCELLED, 487, "caller")
    assert world.media.did[-1] == ("close",)
    assert {s.data["reason"] for s in cdr.steps if s.code is StepCode.LEG_ENDED} == {"caller_left"}


def test_caller_cancels_while_the_answer_is_being_joined():
    world = World()
    world.media.slow.add("connect")
    phone = world.phone("a", answers(2))
    world.dial(ring("a"))
    cdr = run(world.run((2.5, CANCELS)))
    assert phone.session.did == [PLAIN_BYE]
    assert not any(verb == "answer" for verb, *_ in world.caller.did)
    assert cdr.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("verb", ["open", "ring", "connect"])
def test_without_media_nobody_is_answered(verb):
    world = World()
    world.media.broken.add(verb)
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run())
    final = [did for did in world.caller.did if did[0] != "progress"]
    assert final == [("reject", 503)]  # a BYE before the answer would have said 480
    assert cdr.outcome is Outcome.FAILED
    assert phone.session is None or phone.session.did == [PLAIN_BYE]
    assert world.media.did[-1] == ("close",)


def test_a_conversation_survives_that_a_losers_media_cannot_be_dropped():
    world = World()
    world.media.broken.add("drop")
    world.phone("slow", rings())
    world.phone("quick", answers(1), hangs_up(31))
    world.dial(Par((ring("slow"), ring("quick"))))
    cdr = run(world.run())
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "callee")
    assert round(cdr.ended_at - cdr.answered_at) == 30


def test_a_refused_call_has_a_record():
    world = World()
    world.refusal = type("Refused", (SunSimError,), {"code": "no", "sip_status": 403})("no")
    cdr = run(world.run())
    assert world.caller.did == [("reject", 403)]
    assert (cdr.outcome, cdr.sip_status) == (Outcome.REFUSED, 403)
    assert world.media.did == [("close",)]


def test_a_fault_of_ours_ends_the_call_and_is_recorded():
    world = World()
    world.refusal = ZeroDivisionError()
    cdr = run(world.run())
    assert world.caller.did == [("reject", 500)]
    assert cdr.outcome is Outcome.FAILED


def test_a_step_that_is_cancelled_by_nobody_of_ours_ends_the_call_and_is_recorded():
    world = World()
    world.refusal = asyncio.CancelledError()
    cdr = run(world.run())
    assert world.caller.did == [("reject", 500)]
    assert world.media.did == [("close",)]
    assert cdr.outcome is Outcome.FAILED


def test_a_fault_during_the_conversation_ends_it_as_one_that_was_held():
    world = World()
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))

    def broken():
        raise ZeroDivisionError

    cdr = run(world.run((5, Referred(SimpleNamespace(decline=broken)))))
    assert [verb for verb, *_ in (phone.session.did[-1], world.caller.did[-1])] == ["bye", "bye"]
    assert (cdr.outcome, cdr.sip_status, cdr.ended_by) == (Outcome.ANSWERED, 200, "system")


def test_shutdown_says_bye_to_both():
    world = World()
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run((20, lambda: world.call.leave("shutdown"))))
    stopped = ("bye", (("Reason", 'SIP;cause=503;text="Service stopped"'),))
    assert phone.session.did == [stopped]
    assert world.caller.did[-1] == stopped
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "system")


def test_shutdown_refuses_who_still_waits():
    world = World()
    phone = world.phone("a", rings())
    world.dial(ring("a"))
    cdr = run(world.run((2, lambda: world.call.leave("shutdown"))))
    assert phone.session.did == [PLAIN_BYE]
    assert world.caller.did == [("progress", 180), ("reject", 503)]
    assert (cdr.outcome, cdr.ended_by) == (Outcome.FAILED, "system")
    assert [s.data["reason"] for s in cdr.steps if s.code is StepCode.LEG_ENDED] == ["shutdown"]


def test_a_conversation_has_a_limit():
    world = World()
    world.limit = 600
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run())
    assert phone.session.did == [PLAIN_BYE]
    assert world.caller.did[-1] == PLAIN_BYE
    assert round(cdr.ended_at - cdr.answered_at) == 600


def test_hold_is_answered_and_the_call_goes_on():
    world = World()
    phone = world.phone("a", answers(1), (4, Reoffer(b"hold")), (7, Reoffer(b"")))
    world.dial(ring("a"))
    cdr = run(world.run((5, Reoffer(b"hold")), (9, Ended(True))))
    assert phone.session.did[:2] == [("accept", b"answer to hold"), ("accept", b"sent before")]
    assert ("accept", b"answer to hold") in world.caller.did
    assert [args for verb, *args in world.media.did if verb == "reoffer"] == [["leg1"], [None]]
    assert round(cdr.ended_at - cdr.started_at) == 9


def test_an_offer_that_comes_as_the_one_before_is_answered_is_answered_too():
    world = World()
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))

    def accept(sdp):
        phone.session.did.append(("accept", sdp))
        if len(phone.session.did) == 1:
            asyncio.get_running_loop().call_soon(phone.session.say, Reoffer(b"resume"))

    def holds():
        phone.session.accept = accept
        phone.session.say(Reoffer(b"hold"))

    run(world.run((3, holds), (9, Ended(True))))
    assert [did[1] for did in phone.session.did[:2]] == [b"answer to hold", b"answer to resume"]


def test_an_answer_to_what_we_repeated_is_followed():
    world = World()
    world.phone("a", answers(1), (4, Reoffer(b"")), (5, Confirmed(b"moved")))
    world.dial(ring("a"))
    run(world.run((3, Confirmed()), (6, ReofferAnswered(b"elsewhere")), (9, Ended(True))))
    followed = [args for verb, *args in world.media.did if verb == "answered"]
    assert followed == [["leg1", b"moved"], [None, b"elsewhere"]]


def test_a_transfer_is_declined_and_the_call_goes_on():
    said = []
    world = World()
    world.phone("a", answers(1))
    world.dial(ring("a"))
    wish = SimpleNamespace(decline=lambda: said.append("no"))
    cdr = run(world.run((3, Referred(wish)), (9, Ended(True))))
    assert said == ["no"]
    assert round(cdr.ended_at - cdr.started_at) == 9


def test_who_leaves_while_its_answer_waits_for_a_prack_ends_the_call():
    world = World()
    phone = world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run((3, Cancelled("No PRACK")), (60, Ended(True))))
    assert cdr.ended_by == "caller"
    assert round(cdr.ended_at - cdr.started_at) == 3
    assert phone.session.did == [PLAIN_BYE]


def test_an_offer_that_media_refuses_is_refused_and_the_call_goes_on():
    world = World()
    world.media.broken.add("reoffer")
    world.phone("a", answers(1))
    world.dial(ring("a"))
    cdr = run(world.run((5, Reoffer(b"video only")), (9, Ended(True))))
    assert ("refuse", 503) in world.caller.did
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "caller")


@pytest.mark.parametrize(
    "sdp", [b"", b"rubbish", b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 0 RTP/AVP 8\r\n"]
)
def test_an_answer_without_audio_does_not_silence_the_others(sdp):
    world = World()
    mute = world.phone("a", (1, Answered(sdp)))
    good = world.phone("b", answers(3), hangs_up(5))
    world.dial(Par((ring("a"), ring("b"))))
    cdr = run(world.run())
    assert cdr.outcome is Outcome.ANSWERED
    assert ("answer", b"joined phone") in world.caller.did
    assert mute.session.did[0] == ("bye", ())
    assert good.session.did == []
    assert 488 in [step.data.get("status") for step in cdr.steps if step.code is StepCode.LEG_ENDED]
