"""REFER, NOTIFY and Replaces as they come (RFC 3515, RFC 3891, RFC 6665), in virtual time."""

import pytest

from core.sip.refer import Referral
from core.sip.replaces import Replaces, read_replaces
from core.sip.session import Referred
from core.sip.uri import SipUri
from tests.support.sip_world import DOMAIN, HERE, Peer, World, inside, reply, whats

TO_BORIS = "<sip:102@sip.example.com>"


@pytest.fixture
def world(talking):
    return talking


def refer(world, peer, *headers, cseq=2):
    return inside(world, peer, "REFER", cseq=cseq, headers=headers)


def referral(world) -> Referral:
    (event,) = world.events
    assert isinstance(event, Referred)
    return event.referral


def test_a_referral_is_accepted_and_hears_how_it_goes(world, peer):
    by = ("Referred-By", "<sip:101@sip.example.com>")
    data = refer(world, peer, ("Refer-To", TO_BORIS), by)
    assert world.receive(data) == []
    wish = referral(world)
    assert wish.target == SipUri(user="102", host="sip.example.com")
    assert (wish.replaces, wish.referred_by) == (None, by[1])
    wish.accept()
    wish.accept()  # once
    wish.decline()
    accepted, trying = world.take()
    assert accepted.what == 202
    assert accepted.message.header("Contact")
    message = trying.message
    assert message.method == "NOTIFY"
    assert message.header("Event") == "refer;id=2"
    assert message.header("Subscription-State") == "active;expires=180"
    assert message.header("Content-Type") == "message/sipfrag;version=2.0"
    assert message.body == b"SIP/2.0 100 Trying\r\n"
    assert (message.to_tag, message.uri) == ("peer", "sip:peer@198.51.100.7:5060")
    world.receive(reply(trying, 200))
    assert whats(world.receive(data)) == [202]  # our answer was lost
    wish.report(180)
    wish.report(200)
    assert [s.message.body.split()[1] for s in world.sent[-2:]] == [b"180", b"200"]
    assert world.sent[-1].message.header("Subscription-State") == "terminated;reason=noresource"


def test_a_declined_referral_changes_nothing(world, peer):
    world.receive(refer(world, peer, ("Refer-To", TO_BORIS)))
    referral(world).decline()
    assert whats(world.take()) == [603]
    assert whats(world.receive(inside(world, peer, "BYE", cseq=3))) == [200]


def test_an_owner_that_says_nothing_has_declined(world, peer):
    world.receive(refer(world, peer, ("Refer-To", TO_BORIS)))
    assert whats(world.advance(10.1)) == [603]


def test_an_attended_transfer_names_the_other_dialog(world, peer):
    to = "<sip:102@sip.example.com?Replaces=abc%40host%3Bto-tag%3D12%3Bfrom-tag%3D34>"
    world.receive(refer(world, peer, ("r", to)))
    assert referral(world).replaces == Replaces("abc@host", "12", "34")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Refer-To", TO_BORIS), ("Refer-To", TO_BORIS)],
        [("Refer-To", "<mailto:a@b>")],
        [("Refer-To", "nonsense")],
        [("Refer-To", "<sip:102@x;method=BYE>")],
        [("Refer-To", "<sip:102@x?Replaces=abc>")],
    ],
)
def test_what_cannot_be_done_is_400(world, peer, headers):
    assert whats(world.receive(refer(world, peer, *headers))) == [400]
    assert world.events == []


def test_who_wants_no_reports_gets_none(world, peer):
    world.receive(refer(world, peer, ("Refer-To", TO_BORIS), ("Refer-Sub", "false")))
    referral(world).accept()
    referral(world).report(200)
    (accepted,) = world.take()
    assert (accepted.what, accepted.message.header("Refer-Sub")) == (202, "false")


@pytest.mark.parametrize("status", [481, 408, None])
def test_who_does_not_hear_the_report_may_be_gone_without_harm(world, peer, status):
    world.receive(refer(world, peer, ("Refer-To", TO_BORIS)))
    wish = referral(world)
    wish.accept()
    if status:
        world.receive(reply(world.sent[-1], status))
    world.advance(40)
    assert len(world.events) == 1
    assert whats(world.receive(inside(world, peer, "BYE", cseq=3))) == [200]
    wish.report(200)
    assert world.sent[-1].what == 200  # the BYE's


def test_before_the_answer_nobody_is_referred(peer):
    world = World()
    world.receive(peer.invite())
    world.session.progress(180)
    assert whats(world.receive(refer(world, peer, ("Refer-To", TO_BORIS)))) == [603]


def test_out_of_a_dialog_it_is_forbidden():
    data = Peer().request("REFER", f"sip:x@{HERE[0]}", headers=[("Refer-To", TO_BORIS)])
    assert whats(World().receive(data)) == [403]


@pytest.mark.parametrize(("event", "status"), [("refer;id=2", 481), ("talk", 489), (None, 489)])
def test_a_notify_is_of_no_subscription(world, peer, event, status):
    headers = [("Event", event)] if event else []
    assert whats(world.receive(inside(world, peer, "NOTIFY", cseq=2, headers=headers))) == [status]


# --- Replaces ---------------------------------------------------------------------------------------


def replacing(world, value, *more):
    sent = world.receive(Peer().invite(headers=[("Replaces", value), *more]))
    return [what for what in whats(sent) if what != 100]


def names(session, remote, more=""):
    return f"{session.id};to-tag={session.tag};from-tag={remote}{more}"


def test_an_invite_names_the_session_that_it_replaces(world):
    session = world.session
    assert replacing(world, names(session, "peer")) == []
    assert world.session.replaced is session
    assert world.session is not session


def test_nobody_is_promised_that_it_will_be_replaced(world):
    required = Peer().invite(
        headers=[("Require", "replaces"), ("Replaces", names(world.session, "peer"))]
    )
    (refused,) = world.receive(required)
    assert (refused.what, refused.message.header("Unsupported")) == (420, "replaces")
    (told,) = world.receive(Peer().request("OPTIONS", f"sip:{DOMAIN}"))
    assert told.message.headers("Supported") == ["100rel", "outbound", "path", "timer"]


@pytest.mark.parametrize("value", ["x;to-tag=1;from-tag=2", "{id};to-tag={tag};from-tag=other"])
def test_a_dialog_that_nobody_has_is_481(world, value):
    value = value.format(id=world.session.id, tag=world.session.tag)
    assert replacing(world, value) == [481]
    assert len(world.invites) == 1


@pytest.mark.parametrize(
    "more", [[("Replaces", "y;to-tag=1;from-tag=2")], [("Join", "y;to-tag=1;from-tag=2")]]
)
def test_more_than_one_wish_is_400(world, more):
    assert replacing(world, names(world.session, "peer"), *more) == [400]


@pytest.mark.parametrize("value", ["x", "x;to-tag=1", ";to-tag=1;from-tag=2", "x;to-tag=1;to-tag=1"])
def test_what_names_no_dialog_is_400(world, value):
    assert replacing(world, value) == [400]


def test_who_wants_an_early_dialog_only_finds_a_confirmed_one_busy(world):
    assert replacing(world, names(world.session, "peer", ";early-only")) == [486]


def test_a_dialog_that_ends_is_603(world):
    session = world.session
    session.bye()
    assert replacing(world, names(session, "peer")) == [603]


def test_ringing_that_we_caused_may_be_replaced_but_not_who_rings_us(peer):
    world = World()
    ours = world.invite()
    world.receive(reply(world.sent[0], 180, "fork"))
    assert replacing(world, names(ours, "fork", ";early-only")) == []
    assert world.session.replaced is ours
    world.receive(peer.invite())
    world.session.progress(180)
    assert replacing(world, names(world.session, "peer")) == [481]


def test_reading():
    assert read_replaces("a@b; from-tag=2 ;TO-TAG=1;early-only") == Replaces("a@b", "1", "2", True)
