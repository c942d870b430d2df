"""Requests inside a dialog: order, glare, re-INVITE both ways, strangers (RFC 3261 §12, §14)."""

import pytest

from core.sip.session import Confirmed, Ended, Reoffer, ReofferAnswered, ReofferFailed
from tests.support.sip_world import (
    ANSWER,
    CARRIER,
    HERE,
    OFFER,
    STRANGER,
    Peer,
    World,
    inside,
    reply,
    whats,
)

NEW_OFFER = b"v=0\r\ns=again\r\n"


@pytest.fixture
def world(talking):
    """An inbound session that is confirmed."""
    return talking


def reinvite(world, peer, cseq=2, **given):
    given.setdefault("body", NEW_OFFER)
    return inside(world, peer, "INVITE", cseq=cseq, **given)


def test_a_reinvite_is_asked_of_the_owner_and_accepted(world, peer):
    contact = [("Contact", f"<sip:moved@{CARRIER[0]}:5099>")]
    assert whats(world.receive(reinvite(world, peer, headers=contact))) == [100]
    assert world.events == [Reoffer(NEW_OFFER)]
    world.session.accept(ANSWER)
    assert world.session.remote_sdp == NEW_OFFER
    assert whats(world.take()) == [100, 200]
    assert whats(world.advance(1.6)) == [200, 200]
    world.receive(inside(world, peer, "ACK", cseq=2))
    assert world.advance(5) == []
    assert world.events == [Reoffer(NEW_OFFER)]
    world.session.bye()  # the target moved with the Contact
    assert world.sent[-1].flow.remote == (CARRIER[0], 5099)
    assert world.sent[-1].message.uri == f"sip:moved@{CARRIER[0]}:5099"


def test_a_refused_reinvite_leaves_the_session_as_it_was(world, peer):
    world.receive(reinvite(world, peer))
    world.session.refuse(488)
    assert whats(world.take()) == [100, 488]
    assert world.session.remote_sdp == OFFER
    assert whats(world.receive(inside(world, peer, "BYE", cseq=3))) == [200]
    assert world.events[-1] == Ended(by_remote=True)


def test_a_lost_ack_of_a_reinvite_ends_the_session(world, peer):
    world.receive(reinvite(world, peer))
    world.session.accept(ANSWER)
    world.advance(32)
    assert world.sent[-1].what == "BYE"
    assert world.events[-1] == Ended(by_remote=False, cause=408, reason="No ACK")


def test_a_reinvite_without_an_offer_is_answered_in_the_ack(world, peer):
    world.receive(reinvite(world, peer, body=b""))
    assert world.events == [Reoffer(b"")]
    world.session.accept(OFFER)
    world.receive(inside(world, peer, "ACK", cseq=2, body=NEW_OFFER))
    assert world.events[1:] == [Confirmed(NEW_OFFER)]
    assert world.session.remote_sdp == NEW_OFFER


def test_a_second_reinvite_before_the_first_is_answered_is_500(world, peer):
    world.receive(reinvite(world, peer))
    (busy,) = world.receive(reinvite(world, peer, cseq=3))[1:]
    assert busy.what == 500
    assert 0 < int(busy.message.header("Retry-After")) <= 10


def test_a_bye_leaves_no_reinvite_unanswered(world, peer):
    invite = reinvite(world, peer)
    world.receive(invite)
    sent = world.receive(inside(world, peer, "BYE", cseq=3))
    assert sorted(whats(sent)) == [200, 487]


def test_nobody_listening_refuses_a_reinvite(world, peer):
    world.session.listener = None
    assert whats(world.receive(reinvite(world, peer))) == [100, 488]


def test_our_own_reinvite(world):
    world.session.reoffer(NEW_OFFER)
    (invite,) = world.take()
    assert invite.what == "INVITE"
    assert invite.message.body == NEW_OFFER
    assert invite.message.to_tag == "peer"
    (ack,) = world.receive(reply(invite, 200, body=ANSWER))
    assert ack.what == "ACK"
    assert ack.message.cseq == invite.message.cseq
    assert world.events == [ReofferAnswered(ANSWER)]
    assert world.session.remote_sdp == ANSWER
    (again,) = world.receive(reply(invite, 200, body=ANSWER))
    assert again.data == ack.data
    assert len(world.events) == 1


def test_our_reinvite_refused(world):
    world.session.reoffer(NEW_OFFER)
    world.receive(reply(world.take()[0], 488, reason="No"))
    assert world.events == [ReofferFailed(488, "No")]


def test_one_reinvite_of_ours_at_a_time(world):
    assert world.session.reoffer(NEW_OFFER)
    assert not world.session.reoffer(ANSWER)
    (invite,) = world.take()
    world.receive(reply(invite, 200, body=ANSWER))
    world.advance(0.1)
    assert world.events == [ReofferAnswered(ANSWER)]  # and no word of the other one
    assert world.session.reoffer(NEW_OFFER)


def test_no_reinvite_of_ours_while_theirs_waits(world, peer):
    world.receive(reinvite(world, peer))
    world.take()
    assert not world.session.reoffer(NEW_OFFER)
    assert world.take() == []


def test_glare_theirs_gets_491_and_ours_is_tried_again(world, peer):
    world.session.reoffer(NEW_OFFER)
    (ours,) = world.take()
    theirs = reinvite(world, peer)
    assert whats(world.receive(theirs)) == [100, 491]
    world.receive(peer.same("ACK", theirs))
    world.receive(reply(ours, 491))
    assert whats(world.receive(reinvite(world, peer, cseq=3))) == [100]  # theirs may come now
    assert world.events == [Reoffer(NEW_OFFER)]
    world.session.accept(ANSWER)
    world.receive(inside(world, peer, "ACK", cseq=3))
    world.take()
    sent = world.advance(3)  # they own the Call-ID, so we wait 2 s at most
    assert whats(sent)[:1] == ["INVITE"]
    assert sent[0].message.cseq > ours.message.cseq
    world.receive(reply(sent[0], 200, body=ANSWER))
    assert world.events[-1] == ReofferAnswered(ANSWER)


@pytest.mark.parametrize("status", [408, 481])
def test_a_reinvite_that_finds_the_dialog_dead_ends_the_session(world, status):
    world.session.reoffer(NEW_OFFER)
    sent = world.receive(reply(world.take()[0], status, reason="gone"))
    assert whats(sent) == ["ACK", "BYE"]
    assert world.events == [Ended(by_remote=False, cause=status, reason="gone")]


def test_a_reinvite_that_nobody_answers_ends_the_session(world):
    world.session.reoffer(NEW_OFFER)
    world.advance(32.05)
    assert world.sent[-1].what == "BYE"
    assert world.events == [Ended(by_remote=False, cause=408, reason="Request Timeout")]


def test_a_reinvite_after_our_bye_is_481(world, peer):
    world.session.bye()
    assert whats(world.receive(reinvite(world, peer)))[-1] == 481


def test_an_older_request_is_500(world, peer):
    world.receive(inside(world, peer, "OPTIONS", cseq=9))
    assert whats(world.receive(inside(world, peer, "BYE", cseq=5))) == [500]
    assert whats(world.receive(inside(world, peer, "BYE", cseq=10))) == [200]


def test_options_in_a_dialog_is_200(world, peer):
    (ok,) = world.receive(inside(world, peer, "OPTIONS", cseq=2))
    assert ok.what == 200
    assert "BYE" in ok.message.headers("Allow")


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH"])
def test_methods_that_we_lack_are_405(world, peer, method):
    (refused,) = world.receive(inside(world, peer, method, cseq=2))
    assert refused.what == 405
    assert "INVITE" in refused.message.headers("Allow")


def test_another_call_or_tag_is_481(world, peer):
    other = Peer()
    assert whats(world.receive(inside(world, other, "BYE", cseq=2))) == [481]
    peer.tag = "other"
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2))) == [481]
    assert world.events == []


def test_a_request_after_the_end_is_481(world, peer):
    world.receive(inside(world, peer, "BYE", cseq=2))
    assert whats(world.receive(inside(world, peer, "INVITE", cseq=3))) == [481]


@pytest.mark.parametrize("method", ["BYE", "INVITE", "OPTIONS"])
def test_a_stranger_who_knows_everything_is_not_heard(world, peer, method):
    assert world.receive(inside(world, peer, method, cseq=2), source=STRANGER) == []
    assert world.events == []
    assert world.stats.dropped["hijack"] == 1
    assert whats(world.receive(inside(world, peer, "BYE", cseq=3))) == [200]


def test_the_remote_target_may_speak_though_it_was_not_heard_before():
    world, peer = World(), Peer()
    contact = [("Contact", "<sip:media@198.51.100.44>")]
    world.receive(peer.request("INVITE", f"sip:+7495@{HERE[0]}", body=OFFER, headers=contact))
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"), source=("198.51.100.44", 5060))
    assert world.events == [Confirmed()]
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2), ("198.51.100.44", 5060))) == [200]


def test_a_proxy_may_speak_from_the_address_that_it_recorded():
    world, peer = World(), Peer()
    world.receive(peer.invite(headers=[("Record-Route", "<sip:203.0.113.77;transport=tcp;lr>")]))
    world.session.answer(ANSWER)
    world.session.dialog.pinned = True  # as a phone's is: our own requests stay where it was heard
    world.receive(inside(world, peer, "ACK"), source=("203.0.113.77", 5060))
    assert world.events == [Confirmed()]
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2), ("203.0.113.77", 5060))) == [200]


@pytest.mark.parametrize("contact", ["<sip:peer@x y>", "<sip:p\u00a0@x>", "nonsense <", None])
def test_where_a_contact_leads_nowhere_the_far_side_is_reached_where_it_was_heard(contact):
    world, peer = World(), Peer()
    headers = [("Contact", contact)] if contact else []
    world.receive(peer.request("INVITE", f"sip:+7495@{HERE[0]}", body=OFFER, headers=headers))
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    world.session.bye()
    assert world.sent[-1].what == "BYE"
    assert world.sent[-1].flow.remote == CARRIER
    assert world.sent[-1].message.uri == f"sip:{peer.user}@{CARRIER[0]}"


def test_a_route_that_cannot_be_written_as_a_target_is_left_as_it_is():
    world, peer = World(), Peer()
    world.receive(peer.invite(headers=[("Record-Route", "<sip:strict router>")]))
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    world.session.bye()
    assert world.sent[-1].message.uri == f"sip:peer@{CARRIER[0]}:5060"
