"""Provisional answers with PRACK, on either side (RFC 3262), in virtual time."""

import pytest

from core.sip._wire import build_response, parse
from core.sip.session import (
    Answered,
    Cancelled,
    Confirmed,
    EarlyAnswer,
    Ended,
    Failed,
    Progress,
    Reoffer,
)
from tests.support.sip_world import ANSWER, CARRIER, OFFER, World, inside, reply, theirs, whats

LATER = b"v=0\r\no=later\r\n"
REQUIRED = [("Require", "100rel")]
SUPPORTED = [("Supported", "timer, 100REL")]


@pytest.fixture
def world():
    return World()


def prack(world, peer, provisional, cseq=2, **given):
    rack = f"{provisional.message.header('RSeq')} 1 INVITE"
    headers = [("RAck", given.pop("rack", rack))]
    return inside(world, peer, "PRACK", cseq=cseq, headers=headers, **given)


# --- we are called --------------------------------------------------------------------------------


def test_who_requires_it_gets_every_provisional_answer_reliably(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(180)
    ringing = world.sent[-1]
    assert ringing.message.headers("Require") == ["100rel"]
    assert [s.at for s in world.advance(8)] == [0.5, 1.5, 3.5, 7.5]
    assert whats(world.receive(prack(world, peer, ringing))) == [200]
    assert world.advance(40) == []
    world.session.answer(ANSWER)
    assert world.sent[-1].what == 200
    assert "Require" not in world.sent[-1].message.names()


def test_numbers_grow_and_one_waits_for_the_other(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(180)
    world.session.progress(183, ANSWER)
    ringing = world.sent[-1]
    assert whats(world.take()) == [100, 180]
    ok, early = world.receive(prack(world, peer, ringing))
    assert (ok.what, early.what) == (200, 183)
    assert early.message.body == ANSWER
    assert int(early.message.header("RSeq")) == int(ringing.message.header("RSeq")) + 1
    assert whats(world.receive(prack(world, peer, early, cseq=3))) == [200]


def test_who_can_gets_early_media_reliably_and_plain_ringing_as_ever(world, peer):
    world.receive(peer.invite(headers=SUPPORTED))
    world.session.progress(180)
    assert world.sent[-1].message.header("RSeq") is None
    world.session.progress(183, ANSWER)
    assert world.sent[-1].message.header("RSeq") is not None


def test_who_cannot_gets_early_media_unreliably(world, peer):
    world.receive(peer.invite())
    world.session.progress(183, ANSWER)
    assert world.sent[-1].message.header("RSeq") is None
    assert world.advance(5) == []


def test_without_a_prack_the_invite_is_refused(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(180)
    sent = world.advance(32.1)
    assert (sent[-1].what, sent[-1].message.reason) == (500, "No PRACK")
    assert world.events == [Cancelled("No PRACK")]
    assert not world.agent.sessions


def test_the_answer_waits_for_the_prack_of_early_media(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(183, ANSWER)
    early = world.sent[-1]
    world.session.answer(ANSWER)
    assert whats(world.take()) == [100, 183]
    ok, answer = world.receive(prack(world, peer, early))
    assert (ok.message.header("CSeq"), answer.message.header("CSeq")) == ("2 PRACK", "1 INVITE")
    assert answer.message.body == ANSWER
    world.receive(inside(world, peer, "ACK"))
    assert world.events == [Confirmed()]


def test_who_leaves_while_the_answer_waits_has_cancelled(world, peer):
    invite = peer.invite(headers=REQUIRED)
    world.receive(invite)
    world.session.progress(183, ANSWER)
    world.session.answer(ANSWER)
    assert whats(world.receive(peer.same("CANCEL", invite))) == [200, 487]
    assert world.events == [Cancelled("")]
    world.receive(peer.same("ACK", invite, to_tag=world.session.tag))
    assert world.advance(5) == []


def test_the_answer_does_not_wait_for_the_prack_of_mere_ringing(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(180)
    ringing = world.sent[-1]
    world.session.answer(ANSWER)
    assert world.sent[-1].what == 200
    assert set(whats(world.advance(4))) == {200}  # ringing is not said again
    assert whats(world.receive(prack(world, peer, ringing))) == [200]
    world.receive(inside(world, peer, "ACK"))
    assert world.advance(5) == []


def test_a_refusal_does_not_wait(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(183, ANSWER)
    world.session.reject(486)
    assert world.sent[-1].what == 486
    assert set(whats(world.advance(3))) == {486}


@pytest.mark.parametrize("rack", ["1 1 INVITE", "x 1 INVITE", "", "1 1", "99999999999 1 INVITE"])
def test_a_prack_for_nothing_that_waits_is_481(world, peer, rack):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(180)
    ringing = world.sent[-1]
    assert whats(world.receive(prack(world, peer, ringing, rack=rack))) == [481]
    assert whats(world.receive(prack(world, peer, ringing, cseq=3))) == [200]
    assert whats(world.receive(prack(world, peer, ringing, cseq=4))) == [481]  # once


def test_a_repeated_prack_gets_its_200_again(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(180)
    data = prack(world, peer, world.sent[-1])
    assert whats(world.receive(data)) == whats(world.receive(data)) == [200]


def test_a_prack_may_bring_another_offer(world, peer):
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(183, ANSWER)
    assert world.receive(prack(world, peer, world.sent[-1], body=LATER)) == []
    assert world.events == [Reoffer(LATER)]
    world.session.accept(b"v=0\r\no=other\r\n")
    ok = world.sent[-1]
    assert (ok.what, ok.message.header("CSeq")) == (200, "2 PRACK")
    assert ok.message.body == b"v=0\r\no=other\r\n"
    world.session.answer(ANSWER)
    assert world.sent[-1].message.body == b""  # all was said before


def test_an_invite_without_an_offer_may_be_offered_something_while_it_rings(world, peer):
    world.receive(peer.invite(body=b"", headers=REQUIRED))
    world.session.progress(180, OFFER)
    ringing = world.sent[-1]
    assert ringing.message.body == OFFER
    assert whats(world.receive(prack(world, peer, ringing, body=ANSWER))) == [200]
    assert world.events == [EarlyAnswer(ANSWER)]
    assert world.session.remote_sdp == ANSWER
    world.session.answer(OFFER)
    assert world.sent[-1].message.body == b""
    world.receive(inside(world, peer, "ACK"))
    assert world.events[1:] == [Confirmed()]


def test_an_offer_is_made_reliably_or_in_the_answer(world, peer):
    world.receive(peer.invite(body=b""))
    world.session.progress(180, OFFER)
    assert world.sent[-1].message.body == b""
    world.session.answer(OFFER)
    assert world.sent[-1].message.body == OFFER


def test_a_prack_that_owes_the_answer_and_brings_none_ends_the_call(world, peer):
    world.receive(peer.invite(body=b"", headers=REQUIRED))
    world.session.progress(180, OFFER)
    assert whats(world.receive(prack(world, peer, world.sent[-1]))) == [400, 500]
    assert world.events == [Cancelled("No PRACK")]


# --- we call --------------------------------------------------------------------------------------


def reliable(invite, number, tag="there", status=183, **given):
    headers = [("Require", "100rel"), ("RSeq", str(number))]
    return reply(invite, status, tag, headers=headers, **given)


def test_we_say_that_we_can(world):
    world.invite()
    assert world.sent[0].message.headers("Supported") == ["100rel", "timer"]


def test_a_reliable_answer_gets_one_prack_however_often_it_comes(world):
    world.invite()
    invite = world.sent[0]
    (prack,) = world.receive(reliable(invite, 7, body=ANSWER, contact="<sip:far@198.51.100.9>"))
    message = prack.message
    assert (message.method, message.header("RAck")) == ("PRACK", "7 1 INVITE")
    assert (message.cseq, message.to_tag) == (2, "there")
    assert message.uri == "sip:far@198.51.100.9"
    assert prack.flow.remote == ("198.51.100.9", 5060)
    assert world.receive(reliable(invite, 7, body=ANSWER)) == []
    assert world.events == [Progress(183, "x", ANSWER)]
    assert whats(world.advance(0.6)) == ["PRACK"]  # until its 200 comes
    world.receive(reply(prack, 200))
    assert world.advance(5) == []


def test_a_number_alone_asks_for_no_prack(world):
    world.invite()
    assert world.receive(reply(world.sent[0], 183, headers=[("RSeq", "7")], body=ANSWER)) == []
    assert world.events == [Progress(183, "x", ANSWER)]


def test_the_answer_says_anew_where_its_dialog_is_reached(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reliable(invite, 7))
    route = [("Record-Route", "<sip:198.51.100.3;lr>")]
    moved = reply(invite, 200, contact="<sip:moved@198.51.100.9>", headers=route, body=ANSWER)
    (ack,) = world.receive(moved)
    assert (ack.message.uri, ack.flow.remote[0]) == ("sip:moved@198.51.100.9", "198.51.100.3")
    session.bye()
    assert world.sent[-1].message.headers("Route") == ["<sip:198.51.100.3;lr>"]


def vague(invite, status):
    """An answer that does not say where the far side is."""
    return build_response(invite.message, status, "x", [], b"", "there", None)


def test_a_prack_goes_where_the_reliable_answer_says_not_the_one_before(world):
    world.invite()
    invite = world.sent[0]
    world.receive(vague(invite, 180))
    route = ("Record-Route", "<sip:198.51.100.3;lr>")
    headers = [route, ("Require", "100rel"), ("RSeq", "7")]
    (prack,) = world.receive(reply(invite, 183, headers=headers, contact="<sip:far@198.51.100.9>"))
    assert (prack.message.uri, prack.flow.remote[0]) == ("sip:far@198.51.100.9", "198.51.100.3")
    assert prack.message.headers("Route") == ["<sip:198.51.100.3;lr>"]


def test_an_answer_that_does_not_say_where_takes_nothing_back(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 180, contact="<sip:far@198.51.100.9>"))
    world.receive(vague(invite, 183))
    dialog = session.dialog_of(parse(theirs(session, invite, "UPDATE")))
    assert dialog.target == "sip:far@198.51.100.9"


def test_what_is_out_of_order_waits_for_what_is_missing(world):
    world.invite()
    invite = world.sent[0]
    world.receive(reliable(invite, 7, status=180))
    assert world.receive(reliable(invite, 9)) == []
    assert whats(world.receive(reliable(invite, 8))) == ["PRACK"]
    assert whats(world.receive(reliable(invite, 9))) == ["PRACK"]
    assert [e.status for e in world.events] == [180, 183, 183]


def test_each_fork_counts_for_itself_and_the_answer_goes_on_with_its_dialog(world):
    session = world.invite()
    invite = world.sent[0]
    first = world.receive(reliable(invite, 7, "one", body=ANSWER))
    other = world.receive(reliable(invite, 100, "two", body=LATER))
    assert [s.message.header("RAck") for s in first + other] == ["7 1 INVITE", "100 1 INVITE"]
    assert session.remote_sdp == LATER
    for prack in first + other:
        world.receive(reply(prack, 200, prack.message.to_tag))
    (ack,) = world.receive(reply(invite, 200, "one", body=b"v=0\r\no=ignored\r\n"))
    assert ack.message.cseq == 1
    assert world.events[-1] == Answered(ANSWER)  # what came reliably was the answer
    session.bye()
    assert world.sent[-1].message.cseq == 3  # after its PRACK


def test_a_prack_that_nobody_answers_does_not_end_the_call(world):
    world.invite()
    invite = world.sent[0]
    world.receive(reliable(invite, 7))
    world.advance(33)
    world.receive(reply(invite, 200, body=ANSWER))
    assert world.events[-1] == Answered(ANSWER)


def test_after_cancel_nothing_is_acknowledged_any_more(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 180))
    session.cancel()
    assert world.receive(reliable(invite, 7)) == []
    world.receive(reply(invite, 487, reason="Gone"))
    assert world.events[-1] == Failed(487, "Gone")


# --- forks without it -----------------------------------------------------------------------------


def test_the_early_media_of_the_fork_that_described_itself_last_is_told_once(world):
    session = world.invite()
    invite = world.sent[0]
    for tag, body in (("one", ANSWER), ("two", LATER), ("one", ANSWER), ("two", LATER)):
        world.receive(reply(invite, 183, tag, body=body))
    assert [e.sdp for e in world.events] == [ANSWER, LATER, b"", b""]
    world.receive(reply(invite, 200, "three", body=OFFER))
    assert world.events[-1] == Answered(OFFER)
    assert session.remote_sdp == OFFER


def test_an_answer_without_a_body_means_the_early_media_of_its_own_fork(world):
    world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 183, "one", body=ANSWER))
    world.receive(reply(invite, 183, "two", body=LATER))
    world.receive(reply(invite, 200, "one"))
    assert world.events[-1] == Answered(ANSWER)


def test_both_sides_of_a_call_between_two_of_us():
    """Our PRACK is what our other side waits for: two agents, one network."""
    caller, callee = World(), World()
    session = caller.invite(headers=[("Require", "100rel")])
    (invite,) = caller.take()
    callee.receive(invite.data)
    callee.session.progress(183, ANSWER)
    early = callee.take()[-1]
    (prack,) = caller.receive(early.data)
    (ok,) = callee.receive(prack.data, source=CARRIER)
    caller.receive(ok.data)
    assert caller.advance(5) == callee.advance(5) == []
    callee.session.answer(ANSWER)
    caller.take()
    (ack,) = caller.receive(callee.take()[-1].data)
    callee.receive(ack.data)
    assert callee.events == [Confirmed()]
    session.bye()
    callee.receive(caller.sent[-1].data)
    assert callee.events[-1] == Ended(by_remote=True)
