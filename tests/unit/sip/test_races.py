"""What crosses on its way, comes twice or comes late: each ends right, in virtual time."""

import pytest

from core.contracts import CarrierAccount
from core.sip import digest
from core.sip.flow import Flow
from core.sip.session import (
    Answered,
    Confirmed,
    Digit,
    Ended,
    Failed,
    Progress,
    Referred,
    Reoffer,
    ReofferAnswered,
)
from tests.support.sip_world import (
    ANSWER,
    CARRIER,
    HERE,
    OFFER,
    Peer,
    World,
    called,
    inside,
    reply,
    theirs,
    whats,
)

LATER = b"v=0\r\no=later\r\n"
ACCOUNT = CarrierAccount("sunsim", "s3cret")


# --- transactions ---------------------------------------------------------------------------------


def test_timer_l_absorbs_an_invite_that_was_answered(peer):
    world = World()
    invite = peer.invite()
    world.receive(invite)
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    world.advance(31.9)
    assert world.receive(invite) == []
    world.advance(0.2)
    assert not world.agent.transactions.servers


def test_on_a_connection_nothing_lingers_but_what_must():
    """Timers D, I, J and K are zero there, L and M are not (RFC 3261 §17, RFC 6026)."""
    world, flow = World(), Flow("TCP", HERE, CARRIER)
    peer = Peer()
    invite = peer.invite()
    world.agent.receive(invite, flow)
    world.session.reject(486)
    world.agent.receive(peer.same("ACK", invite, to_tag=world.session.tag), flow)
    assert not world.agent.transactions.servers
    peer = Peer()
    world.agent.receive(peer.invite(), flow)
    world.session.answer(ANSWER)
    world.agent.receive(inside(world, peer, "ACK"), flow)
    world.agent.receive(inside(world, peer, "BYE", cseq=2), flow)
    assert [key[3] for key in world.agent.transactions.servers] == ["INVITE"]
    world.advance(32.1)
    assert not world.agent.transactions.servers
    assert len(world.wheel) == 0


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INFO", "NOTIFY", "REFER", "PRACK", "OPTIONS"])
def test_every_request_that_comes_twice_gets_the_same_answer_twice(talking, peer, method):
    data = inside(talking, peer, method, cseq=2)
    (first,) = talking.receive(data)
    talking.advance(1)
    assert [sent.data for sent in talking.receive(data)] == [first.data]
    assert len(talking.events) <= 1


def test_a_reinvite_that_comes_twice_is_asked_once(talking, peer):
    data = inside(talking, peer, "INVITE", cseq=2, body=LATER)
    assert whats(talking.receive(data)) == whats(talking.receive(data)) == [100]
    talking.session.accept(ANSWER)
    talking.take()
    assert talking.receive(data) == []  # the 200 is sent again by itself
    assert talking.events == [Reoffer(LATER)]
    assert whats(talking.advance(0.6)) == [200]


# --- CANCEL -----------------------------------------------------------------------------------------


def test_a_cancelled_reinvite_leaves_the_session_as_it_was(talking, peer):
    data = inside(talking, peer, "INVITE", cseq=2, body=LATER)
    talking.receive(data)
    to = f"<sip:{HERE[0]}:5060>"
    cancel = peer.request("CANCEL", f"sip:{HERE[0]}:5060", branch=_branch(data), cseq=2, to=to)
    assert whats(talking.receive(cancel)) == [200, 487]
    talking.session.accept(ANSWER)  # too late
    assert set(whats(talking.advance(1))) <= {487}
    assert talking.session.remote_sdp == OFFER
    assert talking.receive(inside(talking, peer, "INVITE", cseq=3, body=LATER))[0].what == 100
    assert talking.events == [Reoffer(LATER), Reoffer(LATER)]


def _branch(data):
    return data.partition(b"branch=")[2].partition(b"\r\n")[0].partition(b";")[0].decode()


@pytest.mark.parametrize("first", [100, 180, None])
def test_cancel_and_200_cross(first):
    world = World()
    session = world.invite()
    (invite,) = world.take()
    if first:
        world.receive(reply(invite, first))
    session.cancel()
    cancels = whats(world.take())
    assert cancels == (["CANCEL"] if first else [])
    sent = world.receive(reply(invite, 200, body=ANSWER))
    assert whats(sent) == ["ACK", "BYE"]
    world.receive(reply(sent[1], 200))
    world.advance(40)
    assert [e for e in world.events if isinstance(e, Failed)] == [Failed(487, "Request Terminated")]
    assert not world.agent.sessions
    assert not world.agent.transactions.clients


def test_an_answer_that_cancel_missed_on_the_other_side(peer):
    world = World()
    invite = peer.invite()
    world.receive(invite)
    world.session.answer(ANSWER)
    assert whats(world.receive(peer.same("CANCEL", invite))) == [200]
    world.receive(inside(world, peer, "ACK"))
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2))) == [200]
    assert world.events == [Confirmed(), Ended(by_remote=True)]


# --- forks ------------------------------------------------------------------------------------------


def test_a_fork_that_answers_after_our_bye_gets_ack_and_bye():
    world = World()
    session, invite = called(world)
    session.bye()
    world.receive(reply(world.take()[0], 200))
    assert not world.agent.sessions
    sent = world.receive(reply(invite, 200, "late"))
    assert whats(sent) == ["ACK", "BYE"]
    assert {each.message.to_tag for each in sent} == {"late"}
    assert world.events == []


def test_two_forks_answer_at_once_and_repeat_it():
    world = World()
    world.invite()
    (invite,) = world.take()
    for _ in range(3):
        world.receive(reply(invite, 200, "one", body=ANSWER))
        world.receive(reply(invite, 200, "two", body=LATER))
    assert world.events == [Answered(ANSWER)]
    assert whats(world.sent).count("BYE") == 1
    assert whats(world.sent).count("ACK") == 6


def test_a_fork_whose_bye_nobody_answers_is_forgotten():
    world = World()
    _, invite = called(world)
    world.receive(reply(invite, 200, "two"))
    world.advance(40)
    assert not world.agent.transactions.clients
    assert world.events == []


# --- BYE --------------------------------------------------------------------------------------------


def test_a_bye_before_its_ack_ends_the_repetition_of_the_200(peer):
    world = World()
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    assert whats(world.receive(inside(world, peer, "BYE", cseq=2))) == [200]
    assert world.events == [Ended(by_remote=True)]
    assert world.advance(40) == []


@pytest.mark.parametrize("status", [200, 202, 408, 481, 500, 603])
def test_whatever_a_bye_is_answered_it_is_over(status):
    world = World()
    session, _ = called(world)
    session.bye()
    world.receive(reply(world.take()[0], status))
    assert not world.agent.sessions
    assert world.events == []


def test_both_say_bye():
    world = World()
    session, invite = called(world)
    session.bye()
    (ours,) = world.take()
    assert whats(world.receive(theirs(session, invite, "BYE"))) == [200]
    world.receive(reply(ours, 481))
    assert world.events == []
    assert whats(world.receive(theirs(session, invite, "BYE", cseq=2))) == [481]


# --- offers -----------------------------------------------------------------------------------------


def test_a_reinvite_that_overtakes_the_ack_is_491(peer):
    world = World()
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    sent = world.receive(inside(world, peer, "INVITE", cseq=2, body=LATER))
    assert whats(sent) == [100, 491]
    world.receive(inside(world, peer, "ACK"))
    assert world.events == [Confirmed()]


def test_both_reinvite_and_both_come_through():
    """Two of us: each refuses the other's with 491, and the owner of the Call-ID waits longer."""
    caller, callee = World(), World()
    session = caller.invite()
    callee.receive(caller.take()[0].data)
    callee.session.answer(ANSWER)
    done = {caller: 0, callee: 0}
    callee.sent.clear()
    callee.session.listener = lambda event: _accepting(callee, event)
    session.listener = lambda event: _accepting(caller, event)

    def carry():
        for world, other in ((caller, callee), (callee, caller)):
            while done[world] < len(world.sent):
                sent = world.sent[done[world]]
                done[world] += 1
                other.receive(sent.data)

    def run(seconds):
        for _ in range(round(seconds / 0.05)):
            for world in (caller, callee):
                world.advance(0.05)
            carry()

    run(2)
    session.reoffer(LATER)
    callee.session.reoffer(LATER)
    run(20)
    for world in (caller, callee):
        assert 491 in whats(world.sent)
        assert ReofferAnswered(ANSWER) in world.events
        assert Reoffer(LATER) in world.events


def _accepting(world, event):
    world.events.append(event)
    if isinstance(event, Reoffer):
        session = next(iter(world.agent.sessions.values()))
        world.wheel.after(0.1, lambda: session.accept(ANSWER))


# --- challenges in the middle of a call -----------------------------------------------------------


def asks(request, status=407):
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return reply(request, status, headers=[(name, digest.challenge("carrier", "n0nce"))])


def proves(request, method, header="Proxy-Authorization"):
    credentials = digest.parse_credentials(request.message.header(header) or "")
    assert credentials is not None
    key = digest.ha1("sunsim", "carrier", "s3cret", credentials.algorithm)
    return digest.verify(credentials, method, key)


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_a_carrier_that_asks_at_a_reinvite(talking, status, header):
    talking.session.account = ACCOUNT
    talking.session.reoffer(LATER)
    ack, again = talking.receive(asks(talking.take()[0], status))
    assert (ack.what, again.what) == ("ACK", "INVITE")
    assert proves(again, "INVITE", header)
    assert again.message.body == LATER
    (ack,) = talking.receive(reply(again, 200, body=OFFER))
    assert ack.message.header(header) == again.message.header(header)
    assert talking.events == [ReofferAnswered(OFFER)]


def test_a_carrier_that_is_never_content_refuses_the_reinvite(talking):
    talking.session.account = ACCOUNT
    talking.session.reoffer(LATER)
    _, again = talking.receive(asks(talking.take()[0]))
    talking.receive(asks(again))
    assert [event.status for event in talking.events] == [407]
    assert whats(talking.take()) == ["ACK", "INVITE", "ACK"]


def test_a_carrier_that_asks_at_a_bye_of_its_own_call(talking):
    talking.session.account = ACCOUNT
    talking.session.bye([("Reason", "SIP;cause=480")])
    (again,) = talking.receive(asks(talking.take()[0]))
    assert proves(again, "BYE")
    assert again.message.header("Reason") == "SIP;cause=480"
    talking.receive(asks(again))
    assert not talking.agent.sessions


def test_a_carrier_that_asks_at_a_digit(talking):
    talking.session.account = ACCOUNT
    talking.session.digit("5", 100)
    (again,) = talking.receive(asks(talking.take()[0]))
    assert proves(again, "INFO")
    assert again.message.body == b"Signal=5\r\nDuration=100\r\n"
    assert talking.receive(asks(again)) == []  # once
    assert talking.events == []


def test_without_an_account_the_challenge_is_a_refusal(talking):
    talking.session.reoffer(LATER)
    talking.receive(asks(talking.take()[0]))
    assert [event.status for event in talking.events] == [407]


# --- a far side that is gone ------------------------------------------------------------------------


def test_481_to_a_digit_ends_the_session_but_silence_does_not(talking):
    talking.session.digit("5", 100)
    talking.take()
    talking.advance(40)
    assert talking.events == []
    talking.session.digit("5", 100)
    sent = talking.receive(reply(talking.sent[-1], 481, reason="Gone"))
    assert whats(sent) == ["BYE"]
    assert talking.events == [Ended(by_remote=False, cause=481, reason="Gone")]


# --- a network that loses everything once -----------------------------------------------------------


def test_everything_that_a_dialog_may_bring_survives_the_loss_of_every_message():
    """Each message is lost when it is sent for the first time, in both directions."""
    caller, callee = World(), World()
    session = caller.invite(headers=[("Require", "100rel")])
    seen, done = set(), {caller: 0, callee: 0}

    def run(seconds):
        for _ in range(round(seconds / 0.05)):
            for world, other in ((caller, callee), (callee, caller)):
                world.advance(0.05)
                while done[world] < len(world.sent):
                    sent = world.sent[done[world]]
                    done[world] += 1
                    if (world is caller, sent.data) in seen:
                        other.receive(sent.data)
                    seen.add((world is caller, sent.data))

    def heard(world, kind):
        return [event for event in world.events if isinstance(event, kind)]

    run(3)
    answerer = callee.session
    answerer.progress(183, ANSWER)
    run(6)
    assert [event.sdp for event in heard(caller, Progress)] == [ANSWER]
    answerer.answer(ANSWER)
    run(6)
    assert heard(caller, Answered)
    assert heard(callee, Confirmed)
    session.digit("5", 100)
    run(4)
    assert heard(callee, Digit) == [Digit("5", 100)]
    answerer.reoffer(LATER)
    run(3)
    session.accept(OFFER)
    run(6)
    assert heard(callee, ReofferAnswered) == [ReofferAnswered(OFFER)]
    refer = Peer()
    refer.call_id, refer.tag, refer.cseq = session.id, session.tag, 40
    to = [("Refer-To", "<sip:102@x>")]
    data = refer.request("REFER", f"sip:{HERE[0]}:5060", to_tag=answerer.tag, headers=to)
    callee.receive(data)
    session.dialog.local_seq = 40  # as if it had sent that
    (wish,) = heard(callee, Referred)
    wish.referral.accept()
    run(3)
    assert whats(caller.sent)[-1] == 481  # to the NOTIFY: the caller asked for nothing itself
    session.bye()
    run(4)
    assert heard(callee, Ended) == [Ended(by_remote=True)]
    run(40)
    for world in (caller, callee):
        assert not world.agent.sessions
        assert not world.agent.transactions.servers
        assert not world.agent.transactions.clients
        assert len(world.wheel) == 0
