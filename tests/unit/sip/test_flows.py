"""Connections as the agent sees them, in virtual time: what hangs on one goes when it goes."""

import pytest

from core.sip import digest
from core.sip._wire import parse
from core.sip.advertised import Advertised, Way
from core.sip.dialog import Dialog
from core.sip.flow import OUTGOING, Flow, Target, towards
from core.sip.session import Cancelled, Ended, Failed, Progress, ReofferAnswered
from tests.support.sip_world import ANSWER, CARRIER, DOMAIN, HERE, OFFER, PASSWORD, PHONE, Peer, reply
from tests.support.sip_world import World as UdpWorld

LOGIN = "0051234567"
TCP = Flow("TCP", HERE, PHONE)
AGAIN = Flow("TCP", HERE, (PHONE[0], PHONE[1] + 1))
LARGE = OFFER + b"a=" + b"x" * 1300 + b"\r\n"


class World(UdpWorld):
    """The same, with connections."""

    def receive(self, data, source=CARRIER, flow=None):
        before = len(self.sent)
        self.agent.receive(data, flow or Flow("UDP", HERE, source))
        return self.sent[before:]


@pytest.fixture
def world():
    return World()


def authenticated(world, peer, method, uri, flow, headers=(), **given):
    """A request of a line and its answer, challenge and all; the caller's Via says TCP."""
    authorization = []
    for _ in range(2):
        made = peer.request(
            method,
            uri,
            from_=f"<sip:{LOGIN}@{DOMAIN}>;tag={peer.tag}",
            headers=[*headers, *authorization],
            **given,
        )
        answers = world.receive(made, flow=flow)
        peer.cseq += 1
        if answers[0].what != 401:
            return answers
        challenge = digest.strongest(answers[0].message.headers("WWW-Authenticate"))
        value = digest.authorize(challenge, method, uri, LOGIN, PASSWORD)
        authorization = [("Authorization", value)]
    raise AssertionError("challenged twice")


def register(world, flow=TCP, contact=f"<sip:{LOGIN}@10.0.0.9;transport=tcp>", peer=None):
    peer = peer or Peer(flow.remote, LOGIN, DOMAIN)
    (answer,) = authenticated(
        world,
        peer,
        "REGISTER",
        f"sip:{DOMAIN}",
        flow,
        [("Contact", contact)],
        to=f"<sip:{LOGIN}@{DOMAIN}>",
    )
    assert answer.what == 200 and answer.flow == flow
    return peer


def dial(world, flow=TCP, *headers):
    """A line's call over a connection, up to its owner."""
    peer = Peer(flow.remote, LOGIN, DOMAIN)
    uri = f"sip:+74951234567@{DOMAIN}"
    contact = ("Contact", f"<sip:{LOGIN}@10.0.0.9;transport=tcp>")
    (trying,) = authenticated(world, peer, "INVITE", uri, flow, [contact, *headers], body=OFFER)
    assert trying.what == 100
    peer.cseq -= 1
    return peer


# --- bindings -------------------------------------------------------------------------------------


def test_a_phone_is_called_on_the_connection_that_it_registered_on(world):
    register(world)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    world.take()
    world.invite(contact.target())
    (invite,) = world.take()
    assert invite.flow == TCP
    assert invite.message.header("Via").startswith(f"SIP/2.0/TCP {HERE[0]}:{HERE[1]};")
    assert invite.message.header("Contact") == f"<sip:{HERE[0]}:{HERE[1]};transport=tcp>"
    assert world.advance(5) == []  # TCP sends it again, not we


def test_a_closed_connection_takes_its_bindings_along(world):
    register(world)
    assert world.agent.flows_in_use() == {TCP}
    world.agent.flow_closed(TCP)
    assert world.agent.registrar.contacts(LOGIN) == []
    assert len(world.agent.registrar) == 0
    assert world.board.did[-1][:2] == ("unregistered", LOGIN)
    assert world.agent.flows_in_use() == set()


def test_other_phones_of_the_line_stay(world):
    register(world, Flow("UDP", HERE, PHONE), f"<sip:{LOGIN}@10.0.0.7>")
    register(world)
    world.agent.flow_closed(TCP)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    assert contact.flow.transport == "UDP"
    assert world.board.did[-1][0] == "registered" and world.board.did[-1][-1].startswith("udp:")


def test_a_phone_that_came_back_first_loses_nothing(world):
    peer = register(world)
    register(world, AGAIN, peer=peer)
    world.agent.flow_closed(TCP)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    assert contact.flow == AGAIN
    assert world.agent.flows_in_use() == {AGAIN}


# --- requests and calls ---------------------------------------------------------------------------


def test_a_ringing_phone_whose_connection_is_cut_has_failed(world):
    register(world)
    world.invite(world.agent.registrar.contacts(LOGIN)[0].target())
    (invite,) = world.sent[-1:]
    world.receive(reply(invite, 180), flow=TCP)
    world.agent.flow_closed(TCP)
    assert world.events[-1] == Failed(503, "Connection Lost")
    assert not world.agent.sessions and not world.agent.transactions.clients
    assert not world.agent.transactions.flows


def test_a_caller_whose_connection_is_cut_before_the_answer_has_given_up(world):
    dial(world)
    world.session.progress(180)
    world.agent.flow_closed(TCP)
    assert world.events == [Cancelled("Connection lost")]
    assert not world.agent.sessions
    world.advance(33)
    assert not world.agent.transactions.servers and not world.agent.transactions.flows


def test_an_answer_without_its_ack_ends_with_the_connection(world):
    dial(world)
    world.session.answer(ANSWER)
    world.agent.flow_closed(TCP)
    assert [type(event) for event in world.events] == [Ended]
    world.agent.flow_closed(TCP)  # as when the BYE finds nobody
    assert not world.agent.sessions and not world.agent.transactions.clients


def talk(world, flow=TCP, *headers):
    """A line's call that was answered."""
    peer = dial(world, flow, *headers)
    world.session.answer(ANSWER)
    ok = world.sent[-1].message
    assert ok.header("Contact") == f"<sip:{HERE[0]}:{HERE[1]};transport=tcp>"
    ack = peer.request(
        "ACK", f"sip:{HERE[0]}", to_tag=ok.to_tag, to=ok.header("To").partition(";tag")[0]
    )
    world.receive(ack, flow=flow)
    world.events.clear()
    return peer, ok


def test_a_call_outlives_its_connection_and_its_bye_fails_at_once(world):
    talk(world)
    assert TCP in world.agent.flows_in_use()
    world.agent.flow_closed(TCP)
    assert world.events == [] and len(world.agent.sessions) == 1
    world.take()
    world.session.bye()
    (bye,) = world.take()
    assert (bye.what, bye.flow) == ("BYE", TCP)
    world.agent.flow_closed(TCP)  # so the transport tells who sends on a closed one
    assert not world.agent.sessions and not world.agent.transactions.clients


def test_a_call_follows_the_phone_to_its_new_connection(world):
    peer, ok = talk(world)
    world.agent.flow_closed(TCP)
    given = {"to_tag": ok.to_tag, "to": ok.header("To").partition(";tag")[0]}
    world.take()
    authenticated(world, peer, "OPTIONS", f"sip:{HERE[0]}", AGAIN, **given)
    assert [sent.what for sent in world.take()] == [401, 200]
    world.session.bye()
    (bye,) = world.take()
    assert bye.flow == AGAIN


def comes_back(world, peer, ok):
    """The phone is heard on another connection."""
    given = {"to_tag": ok.to_tag, "to": ok.header("To").partition(";tag")[0]}
    authenticated(world, peer, "OPTIONS", f"sip:{HERE[0]}", AGAIN, **given)
    world.take()


TIMED = [("Supported", "timer"), ("Session-Expires", "90;refresher=uas")]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_that_finds_no_connection_waits_for_the_phone(world, method):
    allow = [("Allow", "INVITE, UPDATE")] if method == "UPDATE" else []
    peer, ok = talk(world, TCP, *TIMED, *allow)
    world.agent.flow_closed(TCP)
    world.take()
    assert [(sent.what, sent.flow) for sent in world.advance(46)] == [(method, TCP)]
    world.agent.flow_closed(TCP)  # so the transport tells
    comes_back(world, peer, ok)
    (refresh,) = world.advance(11)
    assert (refresh.what, refresh.flow) == (method, AGAIN)
    timer = [("Session-Expires", "90;refresher=uac")]
    world.receive(reply(refresh, 200, tag=peer.tag, headers=timer), flow=AGAIN)
    world.advance(40)
    assert world.events == [] and len(world.agent.sessions) == 1


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_phone_that_never_comes_back_ends_with_the_session(world, method):
    allow = [("Allow", "INVITE, UPDATE")] if method == "UPDATE" else []
    talk(world, TCP, *TIMED, *allow)
    for _ in range(90):
        world.agent.flow_closed(TCP)
        world.advance(1)
    assert world.events == [Ended(False, 408, "Session Expired")]
    assert not world.agent.sessions


def test_an_offer_of_ours_waits_for_a_phone_without_a_connection(world):
    peer, ok = talk(world)
    world.agent.flow_closed(TCP)
    assert world.session.reoffer(OFFER)
    world.agent.flow_closed(TCP)
    comes_back(world, peer, ok)
    (again,) = world.advance(1.1)
    assert (again.what, again.flow) == ("INVITE", AGAIN)
    world.receive(reply(again, 200, tag=peer.tag, body=ANSWER), flow=AGAIN)
    assert world.events == [ReofferAnswered(ANSWER)]


def test_an_offer_of_ours_does_not_wait_for_ever(world):
    talk(world)
    world.session.reoffer(OFFER)
    for _ in range(34):
        world.agent.flow_closed(TCP)
        world.advance(1)
    assert world.events == [Ended(False, 408, "Connection Lost")]
    assert not world.agent.sessions


def test_a_stranger_cannot_take_a_call_along(world):
    peer, ok = talk(world)
    peer.cseq += 1
    given = {"to_tag": ok.to_tag, "to": ok.header("To").partition(";tag")[0]}
    stranger = Flow("TCP", HERE, ("203.0.113.99", 4000))
    world.receive(peer.request("OPTIONS", f"sip:{HERE[0]}", **given), flow=stranger)
    world.take()
    world.session.bye()
    assert world.take()[0].flow == TCP


def test_no_request_is_remembered_by_flow_for_ever(world):
    register(world)
    world.invite(world.agent.registrar.contacts(LOGIN)[0].target())
    world.receive(reply(world.sent[-1], 486), flow=TCP)
    dial(world)
    world.session.reject(404)
    assert not world.agent.transactions.flows


# --- by which transport ---------------------------------------------------------------------------


def test_a_large_invite_goes_by_tcp(world):
    world.invite(sdp=LARGE)
    (invite,) = world.take()
    assert invite.flow == Flow("TCP", OUTGOING, CARRIER)
    assert invite.message.via.transport == "TCP"
    world.agent.transactions.response(parse(reply(invite, 200, body=ANSWER)))
    (ack,) = world.take()
    assert (ack.what, ack.flow.transport) == ("ACK", "TCP")


def test_where_tcp_is_refused_it_goes_by_udp_after_all(world):
    world.invite(sdp=LARGE)
    (tcp,) = world.take()
    world.agent.flow_closed(tcp.flow)
    (udp,) = world.take()
    assert udp.flow == Flow("UDP", HERE, CARRIER)
    assert udp.message.via.transport == "UDP" and udp.message.branch != tcp.message.branch
    assert udp.message.call_id == tcp.message.call_id
    world.receive(reply(udp, 183, body=ANSWER))
    assert world.events == [Progress(183, "x", ANSWER)]
    world.invite(sdp=LARGE)
    assert world.take()[0].flow.transport == "UDP"  # remembered
    world.advance(601)
    world.take()
    world.invite(sdp=LARGE)
    assert world.take()[0].flow.transport == "TCP"


def test_a_cancelled_one_is_not_tried_again(world):
    session = world.invite(sdp=LARGE)
    (tcp,) = world.take()
    session.cancel()
    world.agent.flow_closed(tcp.flow)
    assert world.take() == [] and world.events == [Failed(487, "Request Terminated")]


def test_what_is_small_or_for_a_phone_by_udp_stays_there(world):
    world.invite()
    assert world.take()[0].flow.transport == "UDP"
    world.invite(Target("sip:a@10.0.0.9", flow=Flow("UDP", HERE, PHONE)), sdp=LARGE)
    assert world.take()[0].flow == Flow("UDP", HERE, PHONE)
    world.invite(Target("sip:a@b", host=CARRIER[0], transport="udp"), sdp=LARGE)
    assert world.take()[0].flow.transport == "UDP"


@pytest.mark.parametrize(
    ("contact", "source", "expected"),
    [
        ("sip:a@192.0.2.9", "UDP", ("UDP", HERE, ("192.0.2.9", 5060))),
        ("sip:a@192.0.2.9;transport=tcp", "UDP", ("TCP", OUTGOING, ("192.0.2.9", 5060))),
        ("sip:a@192.0.2.9;transport=TLS", "UDP", ("TLS", OUTGOING, ("192.0.2.9", 5061))),
        ("sips:a@192.0.2.9:5099", "TCP", ("TLS", OUTGOING, ("192.0.2.9", 5099))),
        ("sip:a@[2001:db8::9]", "TCP", ("TCP", OUTGOING, ("2001:db8::9", 5060))),
        ("sip:a@192.0.2.9;transport=udp", "TCP", ("UDP", HERE, ("192.0.2.9", 5060))),
        ("sip:a@192.0.2.9;transport=ws", "WS", None),
        ("sip:a@df7jal23ls0d.invalid;transport=ws", "WS", None),
        ("sip:a@192.0.2.9;transport=sctp", "TCP", None),
    ],
)
def test_where_a_dialog_goes_by_its_contact(contact, source, expected):
    dialog = Dialog("c", "<sip:a@b>", "<sip:c@d>", "t", source=Flow(source, HERE, PHONE), pinned=False)
    dialog.target = contact
    assert dialog.hop() == (dialog.source if expected is None else expected)
    dialog.route = ("<sip:198.51.100.7;transport=tcp;lr>",)
    dialog._hop = None
    assert dialog.hop() == towards("TCP", HERE, CARRIER)


def test_what_we_say_of_ourselves_fits_the_flow():
    ours = Advertised(
        Way("UDP", "192.0.2.1", 5060),
        Way("TCP", "192.0.2.1", 5060),
        Way("UDP", "2001:db8::1", 5062),
        Way("TLS", "192.0.2.1", 5061),
        Way("WSS", "192.0.2.1", 8443),
    )
    six = "2001:db8::9", 5060
    for flow, place, contact in [
        (Flow("UDP", HERE, PHONE), "192.0.2.1:5060", "sip:192.0.2.1:5060"),
        (Flow("TCP", OUTGOING, PHONE), "192.0.2.1:5060", "sip:192.0.2.1:5060;transport=tcp"),
        (Flow("TLS", HERE, PHONE), "192.0.2.1:5061", "sip:192.0.2.1:5061;transport=tls"),
        (Flow("WSS", HERE, PHONE), "192.0.2.1:8443", "sip:192.0.2.1:8443;transport=ws"),
        (Flow("UDP", six, six), "[2001:db8::1]:5062", "sip:[2001:db8::1]:5062"),
        (Flow("TLS", OUTGOING, six), "[2001:db8::1]:5062", "sip:[2001:db8::1]:5062"),
    ]:
        via = f"SIP/2.0/{flow.transport} {place};rport;branch="
        assert ours.of(flow) == ours.of(flow) == (via, f"<{contact}>")
    assert ours.usual == "192.0.2.1:5060"
    named = Advertised(Way("UDP", "pbx.example", 1))
    assert named.of(Flow("UDP", six, six)).contact == "<sip:pbx.example:1>"
