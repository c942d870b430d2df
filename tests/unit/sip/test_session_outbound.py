"""Sessions that we begin, in virtual time: CANCEL, its races, forking (RFC 3261 §9.1, §13.2)."""

import pytest

from core.sip.flow import Flow, Target
from core.sip.session import Answered, Failed, Progress, WrongSide
from tests.support.sip_world import ANSWER, CARRIER, HERE, OFFER, PHONE, World, reply, whats


@pytest.fixture
def world():
    return World()


def test_the_invite(world):
    session = world.invite(headers=[("Diversion", "<sip:x@y>")])
    (invite,) = world.sent
    message = invite.message
    assert invite.flow.remote == CARRIER
    assert message.uri == f"sip:+74951234567@{CARRIER[0]}"
    assert message.header("From") == f'"A" <sip:a@sip.example.com>;tag={session.tag}'
    assert message.header("To") == f"<sip:+74951234567@{CARRIER[0]}>"
    assert message.header("Max-Forwards") == "70"
    assert message.header("Contact") == f"<sip:{HERE[0]}:5060>"
    assert message.header("Diversion") == "<sip:x@y>"
    assert message.header("Content-Type") == "application/sdp"
    assert message.via.host == HERE[0]
    assert message.via.rport is not None
    assert message.call_id == session.id
    assert message.body == OFFER


def test_progress_and_answer(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 100))
    world.receive(reply(invite, 183, reason="Early", body=ANSWER))
    assert world.events == [Progress(183, "Early", ANSWER)]
    assert session.remote_sdp == ANSWER
    world.receive(reply(invite, 200, body=b"v=0\r\ns=final\r\n"))
    assert world.events[1:] == [Answered(b"v=0\r\ns=final\r\n")]
    assert session.remote_sdp == b"v=0\r\ns=final\r\n"


def test_a_refusal_tells_what_its_headers_say(world):
    world.invite()
    headers = [("Contact", "<sip:a@b>, <sip:c@d>"), ("Retry-After", "30"), ("X-Other", "1")]
    world.receive(reply(world.sent[0], 302, reason="Moved", headers=headers))
    (failed,) = world.events
    assert (failed.status, failed.reason) == (302, "Moved")
    assert failed.headers == {"Contact": ("<sip:a@b>", "<sip:c@d>"), "Retry-After": ("30",)}
    assert not world.agent.sessions


def test_cancel_waits_for_a_provisional_answer(world):
    session = world.invite()
    invite = world.sent[0]
    session.cancel([("Reason", "SIP;cause=200")])
    assert "CANCEL" not in whats(world.advance(0.6))
    (cancel,) = world.receive(reply(invite, 100))
    assert cancel.what == "CANCEL"
    assert cancel.message.branch == invite.message.branch
    assert cancel.message.header("CSeq") == "1 CANCEL"
    assert cancel.message.header("To") == invite.message.header("To")
    assert cancel.message.header("Reason") == "SIP;cause=200"
    assert cancel.message.uri == invite.message.uri
    world.receive(reply(cancel, 200))
    (ack,) = world.receive(reply(invite, 487, reason="Request Terminated"))
    assert ack.what == "ACK"
    assert world.events == [Failed(487, "Request Terminated")]


def test_cancel_after_180_leaves_at_once_and_only_once(world):
    session = world.invite()
    world.receive(reply(world.sent[0], 180))
    world.take()
    session.cancel()
    session.cancel()
    assert whats(world.take()) == ["CANCEL"]
    assert whats(world.advance(0.5)) == ["CANCEL"]  # repeated like any request


def test_200_that_crosses_the_cancel_gets_ack_and_bye(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 180))
    session.cancel()
    sent = world.receive(reply(invite, 200, body=ANSWER))
    assert whats(sent) == ["ACK", "BYE"]
    assert sent[1].message.to_tag == "there"
    assert sent[1].message.cseq == 2
    assert world.events[-1] == Failed(487, "Request Terminated")
    assert whats(world.receive(reply(invite, 200))) == ["ACK"]
    assert len(world.events) == 2
    assert not world.agent.sessions


def test_200_without_any_provisional_after_cancel(world):
    session = world.invite()
    session.cancel()
    assert whats(world.receive(reply(world.sent[0], 200))) == ["ACK", "BYE"]
    assert world.events == [Failed(487, "Request Terminated")]


def test_a_cancelled_invite_that_nobody_ends_is_forgotten(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 180))
    session.cancel()
    world.receive(reply(world.sent[-1], 200))
    world.advance(31.9)
    assert world.events == [Progress(180, "x")]
    world.advance(0.2)
    assert world.events[-1] == Failed(487, "Request Terminated")
    assert not world.agent.sessions
    assert not world.agent.transactions.clients


def test_cancel_before_an_invite_that_is_never_answered(world):
    world.invite().cancel()
    world.advance(33)
    assert world.events == [Failed(487, "Request Terminated")]


def test_bye_before_the_answer_is_a_silent_cancel(world):
    session = world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 180))
    world.take()
    session.bye([("Reason", "SIP;cause=480")])
    (cancel,) = world.take()
    assert cancel.what == "CANCEL"
    assert cancel.message.header("Reason") == "SIP;cause=480"
    world.receive(reply(invite, 487))
    assert world.events == [Progress(180, "x")]
    assert not world.agent.sessions


def test_every_other_fork_that_answers_gets_ack_and_bye(world):
    session = world.invite()
    invite = world.sent[0]
    for tag in ("one", "two", "three"):
        world.receive(reply(invite, 180, tag))
    first = world.receive(reply(invite, 200, "two", body=ANSWER))
    assert whats(first) == ["ACK"]
    other = world.receive(reply(invite, 200, "one", contact="<sip:one@198.51.100.8:5070>"))
    assert whats(other) == ["ACK", "BYE"]
    assert {s.message.to_tag for s in other} == {"one"}
    assert {s.flow.remote for s in other} == {("198.51.100.8", 5070)}
    assert [e for e in world.events if isinstance(e, Answered)] == [Answered(ANSWER)]
    world.take()
    session.bye()
    (bye,) = world.take()
    assert bye.message.to_tag == "two"


def test_a_fork_in_which_the_first_answer_is_repeated(world):
    world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 200, "one"))
    world.receive(reply(invite, 200, "two"))
    world.take()
    assert [s.message.to_tag for s in world.receive(reply(invite, 200, "two"))] == ["two"]
    assert [s.message.to_tag for s in world.receive(reply(invite, 200, "one"))] == ["one"]
    assert whats(world.take()) == ["ACK", "ACK"]


def test_ack_and_bye_follow_contact_and_record_route(world):
    session = world.invite()
    routes = [("Record-Route", "<sip:198.51.100.3;lr>, <sip:198.51.100.2:5099;lr>")]
    (ack,) = world.receive(reply(world.sent[0], 200, contact="<sip:far@10.9.9.9:5555>", headers=routes))
    assert ack.flow.remote == ("198.51.100.2", 5099)
    assert ack.message.uri == "sip:far@10.9.9.9:5555"
    expected = ["<sip:198.51.100.2:5099;lr>", "<sip:198.51.100.3;lr>"]
    assert ack.message.headers("Route") == expected
    session.bye()
    assert world.sent[-1].message.headers("Route") == expected
    assert world.sent[-1].flow.remote == ("198.51.100.2", 5099)


def test_a_strict_router_gets_the_old_form(world):
    world.invite()
    (ack,) = world.receive(reply(world.sent[0], 200, headers=[("Record-Route", "<sip:198.51.100.2>")]))
    assert ack.message.uri == "sip:198.51.100.2"
    assert ack.message.headers("Route") == [f"<sip:there@{CARRIER[0]}:5060>"]


def test_a_registered_phone_is_spoken_to_on_its_flow_only(world):
    flow = Flow("UDP", HERE, PHONE)
    session = world.invite(Target("sip:005@192.168.1.5:5060", flow, path=("<sip:edge;lr>",)))
    invite = world.sent[0]
    assert invite.flow is flow
    assert invite.message.headers("Route") == ["<sip:edge;lr>"]
    (ack,) = world.receive(reply(invite, 200, contact="<sip:005@192.168.1.5:5060>"), source=PHONE)
    session.bye()
    assert {ack.flow.remote, world.sent[-1].flow.remote} == {PHONE}
    assert ack.message.uri == "sip:005@192.168.1.5:5060"


def test_a_contact_with_a_name_is_reached_where_it_was_heard(world):
    world.invite()
    (ack,) = world.receive(reply(world.sent[0], 200, contact="<sip:far@gw.example.net>"))
    assert ack.flow.remote == CARRIER
    assert ack.message.uri == "sip:far@gw.example.net"


def test_verbs_of_the_other_side_are_mistakes(world):
    session = world.invite()
    for verb in (lambda: session.answer(b""), lambda: session.reject(486), lambda: session.request):
        with pytest.raises(WrongSide):
            verb()
