"""UPDATE before and after the answer, and offers that get into each other's way (RFC 3311)."""

import pytest

from core.sip.session import Confirmed, Progress, Reoffer, ReofferAnswered
from tests.support.sip_world import (
    ANSWER,
    CARRIER,
    OFFER,
    STRANGER,
    Peer,
    World,
    inside,
    reply,
    theirs,
    whats,
)

HOLD = b"v=0\r\no=hold\r\n"
REQUIRED = [("Require", "100rel")]
MOVED = [("Contact", f"<sip:moved@{CARRIER[0]}:5099>")]


@pytest.fixture
def world(peer):
    """A caller who has our answer already, by a reliable 183."""
    world = World()
    world.receive(peer.invite(headers=REQUIRED))
    world.session.progress(183, ANSWER)
    number = world.sent[-1].message.header("RSeq")
    world.receive(inside(world, peer, "PRACK", cseq=2, headers=[("RAck", f"{number} 1 INVITE")]))
    world.take()
    return world


def update(world, peer, cseq, body=HOLD, **given):
    return inside(world, peer, "UPDATE", cseq=cseq, body=body, **given)


def test_hold_before_the_answer(world, peer):
    assert world.receive(update(world, peer, 3)) == []
    assert world.events == [Reoffer(HOLD)]
    world.session.accept(b"v=0\r\no=held\r\n")
    (ok,) = world.take()
    assert (ok.what, ok.message.body) == (200, b"v=0\r\no=held\r\n")
    assert ok.message.header("Contact")
    assert world.session.remote_sdp == HOLD
    world.session.answer(ANSWER)
    assert world.take()[0].message.body == b""  # said already, and it would not be true any more
    world.receive(inside(world, peer, "ACK"))
    assert world.events[1:] == [Confirmed()]


def test_an_update_repeated_by_the_network_is_asked_once(world, peer):
    data = update(world, peer, 3)
    world.receive(data)
    assert world.receive(data) == []
    world.session.accept(ANSWER)
    assert whats(world.receive(data)) == [200]
    assert world.events == [Reoffer(HOLD)]


def test_before_our_answer_another_offer_is_too_early(peer):
    world = World()
    world.receive(peer.invite())
    world.session.progress(180)
    (refused,) = world.receive(update(world, peer, 2))
    assert refused.what == 500
    assert 1 <= int(refused.message.header("Retry-After")) <= 10


def test_while_our_own_offer_waits_theirs_is_491(peer):
    world = World()
    world.receive(peer.invite(body=b"", headers=REQUIRED))
    world.session.progress(180, OFFER)
    assert whats(world.receive(update(world, peer, 2))) == [491]


def test_an_offer_in_our_200_waits_for_its_ack(peer):
    world = World()
    world.receive(peer.invite(body=b""))
    world.session.answer(OFFER)
    assert whats(world.receive(update(world, peer, 2))) == [491]
    world.receive(inside(world, peer, "ACK", body=ANSWER))
    assert world.receive(update(world, peer, 3)) == []
    assert world.events == [Confirmed(ANSWER), Reoffer(HOLD)]


def test_in_a_conversation(talking, peer):
    assert talking.receive(update(talking, peer, 2, headers=MOVED)) == []
    assert talking.events == [Reoffer(HOLD)]
    (busy,) = talking.receive(update(talking, peer, 3))
    assert busy.what == 500
    talking.session.accept(ANSWER)
    assert talking.advance(40)[:1] == []  # no ACK is awaited
    talking.session.bye()
    assert talking.sent[-1].flow.remote == (CARRIER[0], 5099)


def test_without_a_body_it_moves_the_target_and_nobody_is_asked(talking, peer):
    (ok,) = talking.receive(update(talking, peer, 2, body=b"", headers=MOVED))
    assert ok.what == 200
    assert ok.message.header("Contact")
    assert talking.events == []
    talking.session.bye()
    assert talking.sent[-1].message.uri == f"sip:moved@{CARRIER[0]}:5099"


def test_a_refused_update_changes_nothing(talking, peer):
    talking.receive(update(talking, peer, 2, headers=MOVED))
    talking.session.refuse(488)
    assert whats(talking.take()) == [488]
    assert talking.session.remote_sdp == OFFER
    talking.session.bye()
    assert talking.sent[-1].flow.remote == CARRIER


def test_while_we_reinvite_theirs_is_491(talking, peer):
    talking.session.reoffer(HOLD)
    (ours,) = talking.take()
    assert whats(talking.receive(update(talking, peer, 2))) == [491]
    talking.receive(reply(ours, 200, body=ANSWER))
    assert talking.events == [ReofferAnswered(ANSWER)]
    assert talking.receive(update(talking, peer, 3)) == []


def test_another_kind_of_body_is_415(talking, peer):
    data = update(talking, peer, 2).replace(b"application/sdp", b"application/xml")
    (refused,) = talking.receive(data)
    assert (refused.what, refused.message.header("Accept")) == (415, "application/sdp")


def test_after_our_bye_it_is_481(talking, peer):
    talking.session.bye()
    assert whats(talking.receive(update(talking, peer, 2)))[-1] == 481


def test_a_bye_leaves_no_update_unanswered(talking, peer):
    talking.receive(update(talking, peer, 2))
    assert sorted(whats(talking.receive(inside(talking, peer, "BYE", cseq=3)))) == [200, 487]


@pytest.mark.parametrize("method", ["UPDATE", "PRACK", "INFO", "REFER", "NOTIFY"])
def test_strangers_are_not_heard_and_others_dialogs_are_481(talking, peer, method):
    assert talking.receive(inside(talking, peer, method, cseq=2), source=STRANGER) == []
    assert talking.stats.dropped["hijack"] == 1
    assert whats(talking.receive(inside(talking, Peer(), method, cseq=2))) == [481]
    assert talking.events == []


@pytest.mark.parametrize("method", ["UPDATE", "PRACK", "INFO", "NOTIFY"])
def test_out_of_a_dialog_it_is_481(talking, method):
    assert whats(talking.receive(Peer().request(method, "sip:x@192.0.2.1"))) == [481]


# --- whom we call -----------------------------------------------------------------------------------


def early(world, tag="there"):
    """A far side that answered our offer reliably."""
    session = world.invite()
    invite = world.sent[0]
    headers = [("Require", "100rel"), ("RSeq", "9")]
    (prack,) = world.receive(reply(invite, 183, tag, headers=headers, body=ANSWER))
    world.receive(reply(prack, 200, tag))
    world.take()
    return session, invite


def test_whom_we_call_may_update_before_it_answers():
    world = World()
    session, invite = early(world)
    world.receive(theirs(session, invite, "UPDATE", body=HOLD))
    assert world.events == [Progress(183, "x", ANSWER), Reoffer(HOLD)]
    session.accept(OFFER)
    assert whats(world.take()) == [200]
    world.receive(reply(invite, 200))
    assert session.remote_sdp == HOLD
    assert world.events[-1].sdp == HOLD


def test_before_it_answered_our_offer_it_may_not():
    world = World()
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 183, body=ANSWER))  # not reliably: that was no answer
    assert whats(world.receive(theirs(session, invite, "UPDATE", body=HOLD))) == [491]
    assert whats(world.receive(theirs(session, invite, "UPDATE", cseq=2))) == [200]


def test_a_fork_that_we_never_heard_of_is_481():
    world = World()
    session, invite = early(world)
    stray = theirs(session, invite, "UPDATE", tag="nobody", body=HOLD)
    assert whats(world.receive(stray)) == [481]
    assert whats(world.receive(theirs(session, invite, "BYE"))) == [481]  # it may only refuse
