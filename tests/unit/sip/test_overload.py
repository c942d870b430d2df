"""Too much to do: who is told to come back later, and who is served all the same."""

from uuid import UUID

import pytest

from core.sip.identity import FromLine
from core.sip.overload import Load, Quota
from tests.support.sip_phone import HOME, Phone, signed
from tests.support.sip_world import CARRIER, DOMAIN, PHONE, Peer, World

LINES, OTHERS = UUID(int=1), UUID(int=2)


def tenant_of(request, origin):
    """Lines are of the first company; a carrier's calls of the second."""
    return LINES if isinstance(origin, FromLine) else OTHERS


class Busy:
    """Companies with so many calls."""

    def __init__(self):
        self.calls = {LINES: 0, OTHERS: 0}


def world_of(rate, limit, busy):
    return World(quota=Quota(rate, limit, tenant_of, busy.calls.__getitem__))


@pytest.fixture
def busy():
    return Busy()


def test_a_company_over_its_rate_is_told_when_to_come_back_and_the_other_is_served(busy):
    world = world_of(1, 100, busy)
    answers = [world.receive(Peer().invite(f"sip:+74951234567@{DOMAIN}")) for _ in range(50)]
    refused = [sent[0] for sent in answers if sent[0].what == 503]
    assert len(refused) == 48  # two seconds' worth came in
    waits = {int(answer.message.header("Retry-After")) for answer in refused}
    assert waits <= set(range(2, 8)) and len(waits) > 1
    assert world.stats.shed == {"tenant_rate": 48}
    assert [s.what for s in signed(world, Peer(PHONE, "0051234567", DOMAIN))] == [100]
    world.advance(1.0)
    assert world.receive(Peer().invite(f"sip:+74951234567@{DOMAIN}"))[0].what == 100


def test_a_refused_call_leaves_nothing_behind(busy):
    busy.calls[OTHERS] = 5
    world = world_of(100, 5, busy)
    peer = Peer()
    invite = peer.invite(f"sip:+74951234567@{DOMAIN}")
    (refusal,) = world.receive(invite)
    assert refusal.what == 503
    assert world.stats.shed == {"tenant_calls": 1}
    world.receive(peer.same("ACK", invite))
    assert not world.agent.sessions and not world.agent.transactions.servers
    assert not world.invites


def test_registrations_have_a_measure_of_their_own(busy):
    world = world_of(1, 100, busy)
    answers = [Phone(world, source=(f"203.0.113.{i}", 5060)).register(HOME) for i in range(50)]
    assert [answer.what for answer in answers] == [200] * 40 + [503] * 10
    assert all(10 <= int(answer.message.header("Retry-After")) < 60 for answer in answers[40:])
    assert [s.what for s in signed(world, Peer(PHONE, "0051234567", DOMAIN))] == [100]


def test_a_lagging_loop_refuses_calls_first_then_registrations_and_never_a_dialog(busy):
    world = World()
    peer = Peer()
    world.receive(peer.invite(f"sip:+74951234567@{DOMAIN}"))
    world.session.answer(b"v=0\r\n")
    tag = world.sent[-1].message.to_tag
    world.agent.load.note(0.5)
    assert world.receive(Peer().invite(f"sip:+74951234567@{DOMAIN}"))[0].what == 503
    assert Phone(world).register(HOME).what == 200
    world.agent.load.note(2.0)
    phone = Phone(world)
    (refusal,) = world.receive(phone.data(HOME), PHONE)
    assert refusal.what == 503 and int(refusal.message.header("Retry-After")) >= 10
    bye = peer.request("BYE", f"sip:{DOMAIN}", to_tag=tag, cseq=2, to=f"<sip:+74951234567@{DOMAIN}>")
    assert [s.what for s in world.receive(bye, CARRIER)] == [200]
    assert world.stats.shed == {"overload": 2}


def test_a_lag_is_over_soon_but_not_at_once():
    load = Load()
    load.note(1.2)
    load.note(0.0)
    assert load.sheds_calls and load.sheds_registrations
    for _ in range(10):
        load.note(0.0)
    assert load.sheds_calls and not load.sheds_registrations
    for _ in range(10):
        load.note(0.0)
    assert not load.sheds_calls
    load.note(-0.04)  # the loop made up for a late tick
    assert load.lag >= 0


def test_how_late_is_late_can_be_chosen():
    load = Load(2.0)
    load.note(1.9)
    assert not load.sheds_calls
    load.note(6.0)
    assert load.sheds_calls and not load.sheds_registrations


@pytest.mark.parametrize("agent", ["friendly-scanner", "sipvicious"])
def test_known_scanners_hear_nothing_even_at_our_domain(agent):
    world = World()
    request = Peer(PHONE).request("OPTIONS", f"sip:{DOMAIN}", headers=[("User-Agent", agent)])
    assert world.receive(request, PHONE) == []
    assert world.stats.dropped == {"scanner": 1}
