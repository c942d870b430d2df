"""Session timers in virtual time: who refreshes, when, how, and what silence leads to (RFC 4028)."""

import pytest

from core.sip.session import Answered, Ended, ReofferAnswered
from core.sip.session_timer import Interval
from tests.support.sip_world import ANSWER, OFFER, World, inside, reply, whats

UPDATING = ("Allow", "INVITE, ACK, BYE, UPDATE")
MOVED = b"v=0\r\no=moved\r\n"


def knows(expires=None, *more):
    headers = [("Supported", "timer"), UPDATING, *more]
    return [*headers, ("Session-Expires", expires)] if expires else headers


def answered(peer, headers, interval=None):
    """A caller with these headers whom we answered; the 200."""
    world = World(interval=interval)
    world.receive(peer.invite(headers=headers))
    world.session.answer(ANSWER)
    ok = world.sent[-1].message
    world.receive(inside(world, peer, "ACK"))
    world.events.clear()
    world.take()
    return world, ok


def called(*headers, body=ANSWER):
    """Somebody whom we called and who answers with these headers."""
    world = World()
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 200, body=body, headers=headers))
    world.events.clear()
    world.take()
    return world, session, invite


# --- the terms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "said", "required"),
    [
        ([], None, []),
        (knows(), "1800;refresher=uas", []),
        (knows("600"), "600;refresher=uas", []),
        (knows("600;refresher=uac"), "600;refresher=uac", ["timer"]),
        (knows("7200;refresher=uas"), "1800;refresher=uas", []),
        (knows("7200", ("Min-SE", "3600")), "3600;refresher=uas", []),
        ([("Session-Expires", "300;refresher=uac")], "300;refresher=uas", []),  # a proxy's wish
        ([("Session-Expires", "60")], "90;refresher=uas", []),
        ([("x", "600"), ("k", "timer")], "600;refresher=uas", []),
    ],
)
def test_what_we_agree_to(peer, headers, said, required):
    _, ok = answered(peer, headers)
    assert ok.header("Session-Expires") == said
    assert ok.headers("Require") == required


def test_too_short_an_interval_is_422(peer):
    world = World()
    (refused,) = world.receive(peer.invite(headers=knows("89")))
    assert (refused.what, refused.message.header("Min-SE")) == (422, "90")
    assert not world.invites


def test_what_we_ask():
    world = World(interval=Interval(1200, 120))
    world.invite()
    invite = world.sent[0].message
    assert invite.headers("Supported") == ["100rel", "timer"]
    assert (invite.header("Session-Expires"), invite.header("Min-SE")) == ("1200", "120")


def test_whoever_wants_a_longer_interval_gets_it():
    world = World()
    world.invite()
    sent = world.receive(reply(world.sent[0], 422, headers=[("Min-SE", "3600")]))
    assert whats(sent) == ["ACK", "INVITE"]
    again = sent[1].message
    assert (again.cseq, again.body) == (2, OFFER)
    assert (again.header("Session-Expires"), again.header("Min-SE")) == ("3600", "3600")
    world.receive(reply(sent[1], 200, body=ANSWER))
    assert world.events == [Answered(ANSWER)]


def test_422_again_is_a_refusal():
    world = World()
    world.invite()
    sent = world.receive(reply(world.sent[0], 422, headers=[("Min-SE", "3600")]))
    world.receive(reply(sent[1], 422, headers=[("Min-SE", "7200")]))
    assert [e.status for e in world.events] == [422]


def test_who_says_nothing_has_no_timer(peer):
    world, _ = answered(peer, [])
    assert world.advance(4000) == []
    world, *_ = called()
    assert world.advance(4000) == []


# --- we refresh -------------------------------------------------------------------------------------


def test_we_refresh_by_update_at_half_of_the_interval(peer):
    world, _ = answered(peer, knows("600"))
    assert world.advance(299) == []
    (update,) = world.advance(1.05)
    message = update.message
    assert (message.method, message.body) == ("UPDATE", b"")
    assert message.header("Session-Expires") == "600;refresher=uac"
    assert message.header("Contact")
    world.receive(reply(update, 200, headers=[("Session-Expires", "400;refresher=uac")]))
    assert world.advance(199) == []
    assert whats(world.advance(1.05)) == ["UPDATE"]
    assert world.events == []


def test_silence_at_our_refresh_ends_the_session(peer):
    world, _ = answered(peer, knows("600"))
    sent = world.advance(300 + 32.1)
    assert whats(sent)[-1] == "BYE"
    assert world.events == [Ended(by_remote=False, cause=408, reason="Request Timeout")]


def test_a_lost_dialog_ends_the_session(peer):
    world, _ = answered(peer, knows("600"))
    (update,) = world.advance(300.05)
    assert whats(world.receive(reply(update, 481, reason="Gone"))) == ["BYE"]
    assert world.events == [Ended(by_remote=False, cause=481, reason="Gone")]


@pytest.mark.parametrize("refusal", [501, 405])
def test_who_does_not_know_update_is_reinvited(peer, refusal):
    world, _ = answered(peer, knows("600"))
    (update,) = world.advance(300.05)
    world.receive(reply(update, refusal))
    (invite,) = world.advance(0.1)
    assert (invite.what, invite.message.body) == ("INVITE", ANSWER)


def test_the_refresh_by_reinvite_repeats_what_was_said():
    allow = ("Allow", "INVITE, ACK, BYE")
    world, session, _ = called(("Session-Expires", "600;refresher=uac"), allow)
    (invite,) = world.advance(300.05)
    assert (invite.what, invite.message.body) == ("INVITE", OFFER)
    assert invite.message.header("Session-Expires") == "600;refresher=uac"
    headers = [("Session-Expires", "600;refresher=uac")]
    assert whats(world.receive(reply(invite, 200, body=ANSWER, headers=headers))) == ["ACK"]
    assert world.events == []  # nothing new
    (invite,) = world.advance(300.05)
    world.receive(reply(invite, 200, body=MOVED, headers=headers))
    assert world.events == [ReofferAnswered(MOVED)]
    assert session.remote_sdp == MOVED


def test_a_refusal_of_the_refresh_is_tried_again_until_the_end(peer):
    world, _ = answered(peer, knows("600"))
    (update,) = world.advance(300.05)
    world.receive(reply(update, 500))
    assert world.advance(9) == []
    (again,) = world.advance(1.1)
    assert again.what == "UPDATE"
    while world.clock.seconds < 560:
        world.receive(reply(again, 500))
        again = world.advance(10.05)[0]
    world.receive(reply(again, 500))
    sent = world.advance(20)
    assert whats(sent)[0] == "BYE"
    assert world.events == [Ended(by_remote=False, cause=408, reason="Session Expired")]


def test_422_to_our_refresh_makes_the_interval_longer(peer):
    world, _ = answered(peer, knows("600"))
    (update,) = world.advance(300.05)
    world.receive(reply(update, 422, headers=[("Min-SE", "900")]))
    (again,) = world.advance(0.1)
    assert again.message.header("Session-Expires") == "900;refresher=uac"


def test_a_200_without_terms_ends_the_timer(peer):
    world, _ = answered(peer, knows("600"))
    (update,) = world.advance(300.05)
    world.receive(reply(update, 200))
    assert world.advance(4000) == []


def test_an_answer_to_our_offer_without_terms_ends_it_too(peer):
    world, _ = answered(peer, knows("600;refresher=uac"))
    world.session.reoffer(MOVED)
    world.receive(reply(world.take()[0], 200, body=OFFER))
    assert world.advance(4000)[:1] == []


def test_while_an_offer_is_under_way_the_refresh_waits(peer):
    world, _ = answered(peer, [("Supported", "timer"), ("Session-Expires", "600")])
    world.advance(295)
    world.receive(inside(world, peer, "INVITE", cseq=2, body=MOVED))
    assert whats(world.take()) == [100]
    assert world.advance(20) == []
    world.session.refuse(488)
    assert "INVITE" in whats(world.advance(11))


# --- they refresh -----------------------------------------------------------------------------------


def test_a_peer_that_refreshes_keeps_the_session(peer):
    world, _ = answered(peer, knows("600;refresher=uac"))
    for cseq in (2, 3, 4):
        assert world.advance(500) == []
        headers = knows("600;refresher=uac")
        (ok,) = world.receive(inside(world, peer, "UPDATE", cseq=cseq, headers=headers))
        assert ok.message.header("Session-Expires") == "600;refresher=uac"
    assert world.events == []


def test_a_peer_that_falls_silent_gets_a_bye(peer):
    world, _ = answered(peer, knows("600;refresher=uac"))
    assert world.advance(567.9) == []
    (bye,) = world.advance(0.2)
    assert bye.what == "BYE"
    assert world.events == [Ended(by_remote=False, cause=408, reason="Session Expired")]


def test_a_short_interval_ends_a_third_before(peer):
    world, _ = answered(peer, knows("90;refresher=uac"))
    assert world.advance(59.9) == []
    assert whats(world.advance(0.2)) == ["BYE"]


def test_whom_we_called_may_refresh():
    world, _, _ = called(("Session-Expires", "600;refresher=uas"), ("Require", "timer"))
    assert world.advance(567) == []
    assert whats(world.advance(2))[:1] == ["BYE"]


def test_their_reinvite_is_a_refresh_too(peer):
    world, _ = answered(peer, knows("600;refresher=uac"))
    world.advance(500)
    headers = knows("600;refresher=uac")
    world.receive(inside(world, peer, "INVITE", cseq=2, body=OFFER, headers=headers))
    world.session.accept(ANSWER)
    assert world.sent[-1].message.header("Session-Expires") == "600;refresher=uac"
    world.receive(inside(world, peer, "ACK", cseq=2))
    world.take()
    assert world.advance(500) == []
    assert whats(world.advance(70))[:1] == ["BYE"]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_their_refresh_may_not_be_too_frequent(peer, method):
    world, _ = answered(peer, knows("600"))
    data = inside(world, peer, method, cseq=2, headers=knows("30"), body=OFFER)
    refused = world.receive(data)[-1]
    assert (refused.what, refused.message.header("Min-SE")) == (422, "90")
    assert world.events == []


def test_our_own_offer_is_a_refresh_and_may_be_told_to_be_a_longer_one(peer):
    world, _ = answered(peer, knows("600"))
    world.session.reoffer(MOVED)
    (ours,) = world.take()
    assert ours.message.header("Session-Expires") == "600;refresher=uac"
    _, again = world.receive(reply(ours, 422, headers=[("Min-SE", "900")]))
    assert again.message.header("Session-Expires") == "900;refresher=uac"
    terms = [("Session-Expires", "900;refresher=uac")]
    world.receive(reply(again, 200, body=OFFER, headers=terms))
    assert world.events == [ReofferAnswered(OFFER)]
    assert world.advance(449) == []
    assert whats(world.advance(1.1)) == ["UPDATE"]


def test_an_ended_session_leaves_no_timer(peer):
    world, _ = answered(peer, knows("600"))
    world.receive(inside(world, peer, "BYE", cseq=2))
    world.advance(40)
    assert len(world.wheel) == 0
    world, session, _ = called(("Session-Expires", "600;refresher=uas"))
    session.bye()
    world.receive(reply(world.sent[-1], 200))
    world.advance(40)
    assert len(world.wheel) == 0
