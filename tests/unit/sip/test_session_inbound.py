"""Sessions that come to us, in virtual time: CANCEL, lost ACK, races (RFC 3261 §9, §13, §15)."""

import pytest

from core.sip._wire import WireError
from core.sip.identity import FromTrunk
from core.sip.session import Cancelled, Confirmed, Ended, WrongSide
from tests.support.sip_world import ANSWER, CARRIER, HERE, STRANGER, TRUNK, World, inside, whats


@pytest.fixture
def world():
    return World()


def answered(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    world.take()


def test_a_whole_call(world, peer):
    world.receive(peer.invite())
    session, origin = world.invites[0]
    assert origin == FromTrunk(TRUNK)
    assert session.remote_sdp.startswith(b"v=0")
    session.progress(180)
    session.progress(183, ANSWER)
    session.answer(ANSWER)
    assert whats(world.sent) == [100, 180, 183, 200]
    tags = {s.message.to_tag for s in world.sent[1:]}
    assert tags == {session.tag}
    assert world.sent[0].message.to_tag == ""
    ok = world.sent[-1].message
    assert ok.header("Contact") == f"<sip:{HERE[0]}:5060>"
    assert ok.header("Content-Type") == "application/sdp"
    assert ok.body == ANSWER
    world.receive(inside(world, peer, "ACK"))
    assert world.events == [Confirmed()]
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2))) == [200]
    assert world.events == [Confirmed(), Ended(by_remote=True)]
    world.advance(40)
    assert not world.agent.sessions
    assert len(world.wheel) == 0


def test_nobody_learns_what_software_this_is(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.invite()
    for sent in world.sent:
        assert sent.message.header("Server") is None
        assert sent.message.header("User-Agent") is None
        assert b"sunsim" not in sent.data.lower()


def test_cancel_gets_200_and_the_invite_487(world, peer):
    invite = peer.invite()
    world.receive(invite)
    world.session.progress(180)
    reason = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
    sent = world.receive(peer.same("CANCEL", invite, headers=[reason]))
    assert [(s.what, s.message.header("CSeq")) for s in sent] == [
        (200, "1 CANCEL"),
        (487, "1 INVITE"),
    ]
    assert {s.message.to_tag for s in sent} == {world.session.tag}
    assert world.events == [Cancelled("Call completed elsewhere")]
    world.receive(peer.same("ACK", invite, to_tag=world.session.tag))
    assert world.advance(4) == []
    assert not world.agent.sessions


def test_repeated_cancel_gets_its_200_again(world, peer):
    invite = peer.invite()
    cancel = peer.same("CANCEL", invite)
    world.receive(invite)
    world.receive(cancel)
    assert whats(world.receive(cancel)) == [200]
    assert len(world.events) == 1


def test_cancel_after_the_answer_changes_nothing(world, peer):
    invite = peer.invite()
    world.receive(invite)
    world.session.answer(ANSWER)
    (sent,) = world.receive(peer.same("CANCEL", invite))
    assert sent.what == 200
    assert sent.message.to_tag == world.session.tag  # as in the answer to the INVITE (§9.2)
    assert world.events == []
    world.receive(inside(world, peer, "ACK"))
    assert world.events == [Confirmed()]


def test_answer_after_the_cancel_does_nothing(world, peer):
    invite = peer.invite()
    world.receive(invite)
    world.receive(peer.same("CANCEL", invite))
    world.take()
    world.session.answer(ANSWER)
    world.session.progress(180)
    world.session.reject(486)
    world.session.bye()
    assert world.take() == []


def test_cancel_of_an_unknown_call_is_481(world, peer):
    sent = world.receive(peer.same("CANCEL", peer.invite()))
    assert whats(sent) == [481]


def test_a_stranger_cannot_cancel(world, peer):
    invite = peer.invite()
    world.receive(invite)
    assert world.receive(peer.same("CANCEL", invite), source=STRANGER) == []
    assert world.events == []


def test_without_an_ack_the_session_gets_a_bye_and_ends(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    sent = world.advance(32)
    assert [s.at for s in sent if s.what == 200] == [
        0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5,
    ]  # fmt: skip
    assert [(s.what, s.at) for s in sent[-1:]] == [("BYE", 32.0)]
    assert world.events == [Ended(by_remote=False, cause=408, reason="No ACK")]
    world.advance(33)
    assert not world.agent.sessions


def test_an_ack_of_another_invite_is_not_taken_for_it(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK", cseq=7))
    assert whats(world.advance(0.6)) == [200]


def test_bye_before_the_ack_waits_for_it(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.take()
    world.session.bye([("Reason", "SIP;cause=480")])
    assert whats(world.advance(0.6)) == [200]
    (bye,) = world.receive(inside(world, peer, "ACK"))
    assert bye.what == "BYE"
    assert bye.message.header("Reason") == "SIP;cause=480"
    assert world.events == []


def test_bye_before_a_lost_ack_leaves_without_it_in_the_end(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.session.bye()
    sent = world.advance(32)
    assert [(s.what, s.at) for s in sent[-1:]] == [("BYE", 32.0)]
    assert world.events == []


def test_bye_before_the_answer_is_480(world, peer):
    world.receive(peer.invite())
    world.session.bye()
    assert whats(world.take()) == [100, 480]
    assert not world.agent.sessions


def test_a_caller_may_say_bye_before_the_answer(world, peer):
    world.receive(peer.invite())
    world.session.progress(180)
    sent = world.receive(inside(world, peer, "BYE", cseq=2))
    assert whats(sent) == [200, 487]
    assert world.events == [Cancelled("")]


def test_both_say_bye_at_once(world, peer):
    answered(world, peer)
    world.session.bye()
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2))) == [200]
    assert world.events == [Confirmed()]
    assert not world.agent.sessions
    world.advance(40)
    assert not world.agent.sessions


def test_the_cause_of_a_bye_is_told(world, peer):
    answered(world, peer)
    reason = ("Reason", 'SIP;cause=503;text="gone; really"')
    world.receive(inside(world, peer, "BYE", cseq=2, headers=[reason]))
    assert world.events[-1] == Ended(by_remote=True, cause=503, reason="gone; really")


def test_an_invite_without_an_offer_has_its_answer_in_the_ack(world, peer):
    world.receive(peer.invite(body=b""))
    assert world.session.remote_sdp == b""
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK", body=b"v=0\r\n"))
    assert world.events == [Confirmed(b"v=0\r\n")]
    assert world.session.remote_sdp == b"v=0\r\n"


def test_the_hops_left_are_one_less(world, peer):
    world.receive(peer.invite(max_forwards=5))
    assert world.session.max_forwards == 4


def test_verbs_of_the_other_side_are_mistakes(world, peer):
    world.receive(peer.invite())
    with pytest.raises(WrongSide):
        world.session.cancel()


def test_a_listener_that_raises_stops_nothing(world, peer, caplog):
    world.receive(peer.invite())

    def broken(event):
        raise ValueError(event)

    world.session.listener = broken
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    assert "listener failed" in caplog.text
    assert world.advance(5) == []


def test_an_owner_that_fails_at_once_costs_the_caller_only_a_500(world, peer, caplog):
    def broken(session, origin):
        raise ValueError

    world.on_invite = broken
    assert whats(world.receive(peer.invite())) == [100, 500]
    assert "call not accepted" in caplog.text
    assert not world.agent.sessions


def test_the_carrier_is_reached_where_its_contact_says(world, peer):
    world.receive(peer.invite(headers=[("Record-Route", f"<sip:{CARRIER[0]}:5080;lr>")]))
    world.session.answer(ANSWER)
    assert world.sent[-1].message.headers("Record-Route") == [f"<sip:{CARRIER[0]}:5080;lr>"]
    world.receive(inside(world, peer, "ACK"))
    world.session.bye()
    bye = world.sent[-1]
    assert bye.flow.remote == (CARRIER[0], 5080)
    assert bye.message.uri == f"sip:peer@{CARRIER[0]}:5060"
    assert bye.message.headers("Route") == [f"<sip:{CARRIER[0]}:5080;lr>"]
    assert bye.message.from_tag == world.session.tag
    assert bye.message.to_tag == peer.tag


def test_a_header_that_would_break_the_bye_is_refused_at_once(world, peer):
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    with pytest.raises(WireError):
        world.session.bye([("Reason", "SIP\r\nX: y")])
    world.session.bye()
    assert whats(world.receive(inside(world, peer, "ACK"))) == ["BYE"]


def told(world, invite):
    """An INVITE whose owner wants to know when all is over."""
    heard = []
    world.receive(invite)
    world.session.on_close = lambda: heard.append("over")
    return heard


def test_who_is_refused_is_over_at_once(world, peer):
    heard = told(world, peer.invite())
    world.session.reject(486)
    assert heard == ["over"]


def test_who_gives_up_is_over_too(world, peer):
    invite = peer.invite()
    heard = told(world, invite)
    world.receive(peer.same("CANCEL", invite))
    world.session.reject(487)
    assert heard == ["over"]


def test_who_was_answered_is_over_once_whoever_hangs_up(world, peer):
    heard = told(world, peer.invite())
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    world.session.bye()
    assert heard == [], "our BYE is on its way"
    world.receive(inside(world, peer, "BYE", cseq=2))
    world.advance(40)  # and ours is never answered
    assert heard == ["over"]
