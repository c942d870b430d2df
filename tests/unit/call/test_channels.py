"""Channels of companies and carriers: who takes one, and until when."""

import asyncio

import pytest
from msgspec.structs import replace

from core.contracts import Direction, Outcome, StepCode
from core.ids import new_id
from core.settings import SipSettings
from core.sip.replaces import Replaces
from core.sip.session import Ended, Referred
from core.sip.uri import SipUri
from tests.unit.call.office import ANNA, TENANT, TRUNK, Office, play
from tests.unit.call.test_transfer import FakeReferral
from tests.unit.call.world import answers, refuses, rings

CLIENT, MOBILE = "+79161112233", "+79260000001"
BYE = Ended(True)
THERE = Replaces("second", "ours", "theirs")


class Lines(Office):
    """Anna's second conversation can be named by ``THERE``; ``taken`` tells what is taken now."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.dialogs = {}
        self.endpoint.session_of = self.dialogs.get

    @property
    def taken(self):
        """The company's channels outwards and in all, and the carrier's."""
        channels = self.switchboard.moment.channels
        carrier = self.switchboard._trunks.calls(TRUNK)
        return channels.outgoing(TENANT), channels.external(TENANT), carrier

    def limit(self, **limits):
        self.snapshot = replace(self.snapshot, **limits)
        self.directory.put(self.snapshot)


def two_lines(office, **limits):
    """Two lines at Anna's telephone."""
    office.limit(
        terminals=tuple(replace(each, channels=2) for each in office.snapshot.terminals), **limits
    )
    return office.phone(ANNA, answers(1))


def test_who_was_taken_into_another_call_holds_his_channels_until_he_is_gone():
    office, referral = Lines(), FakeReferral("x", THERE)
    anna = two_lines(office)

    async def scene():
        office.from_carrier()
        await asyncio.sleep(5)
        hers = anna.session
        client = office.from_carrier()
        await asyncio.sleep(5)
        office.dialogs[THERE] = anna.session
        hers.say(Referred(referral))
        await asyncio.sleep(5)
        assert referral.said == ["accepted", 200]
        assert (office.switchboard.calls, office.taken) == (1, (0, 2, 2))
        client.say(BYE)
        await asyncio.sleep(1)
        assert (office.switchboard.calls, office.taken) == (0, (0, 0, 0))

    play(office, scene)


def test_so_does_a_client_who_was_called_for_the_consultation():
    office, referral = Lines(), FakeReferral("x", THERE)
    anna, client = two_lines(office), office.phone(CLIENT, answers(1))

    async def scene():
        office.from_carrier()
        await asyncio.sleep(5)
        office.dialogs[THERE] = office.from_line(ANNA, CLIENT)
        await asyncio.sleep(5)
        anna.session.say(Referred(referral))
        await asyncio.sleep(5)
        assert (office.switchboard.calls, office.taken) == (1, (1, 2, 2))
        client.session.say(BYE)
        await asyncio.sleep(1)
        assert office.taken == (0, 0, 0)

    play(office, scene)


@pytest.mark.parametrize(
    ("limits", "rung"), [({}, True), ({"outgoing_calls": 1}, False), ({"channels": 1}, False)]
)
def test_an_employee_who_wants_a_call_at_his_mobile_takes_a_channel_beside_the_clients(limits, rung):
    office = Lines()
    office.external(ANNA, MOBILE)
    office.limit(**limits)
    mobile, client = office.phone(MOBILE, rings(), answers(3)), office.phone(CLIENT, answers(3))

    async def scene():
        assert office.switchboard.call_for(TENANT, new_id(), ANNA, CLIENT)
        await asyncio.sleep(1)
        assert office.taken == ((2, 2, 1) if rung else (0, 0, 0))
        await asyncio.sleep(9)
        assert office.taken == ((2, 2, 2) if rung else (0, 0, 0))
        if rung:
            mobile.session.say(BYE)
            client.session.say(BYE)
        await asyncio.sleep(1)
        assert office.taken == (0, 0, 0)

    (cdr,) = play(office, scene)
    assert (mobile.session is not None, client.session is not None) == (rung, rung)
    if not rung:
        ended = [step.data for step in cdr.steps if step.code is StepCode.LEG_ENDED]
        assert ended == [{"status": 503}]


def test_an_employee_at_a_desk_takes_none():
    office = Lines()
    office.phone(ANNA, answers(1))
    office.external(ANNA, MOBILE)
    mobile, client = office.phone(MOBILE, rings()), office.phone(CLIENT, answers(3))

    async def scene():
        office.switchboard.call_for(TENANT, new_id(), ANNA, CLIENT)
        await asyncio.sleep(10)
        assert [did[0] for did in mobile.session.did] == ["bye"]
        assert office.taken == (1, 1, 1)
        client.session.say(BYE)

    (cdr,) = play(office, scene)
    assert (cdr.direction, cdr.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)


def test_whoever_is_passed_on_takes_a_channel_while_it_is_tried():
    office, referral = Lines(), FakeReferral(CLIENT)
    referral.target = SipUri.parse(f"sip:{CLIENT}@{SipSettings().domain}")
    anna = office.phone(ANNA, answers(1))
    office.phone(CLIENT, rings(), refuses(486, 5))

    async def scene():
        client = office.from_carrier()
        await asyncio.sleep(5)
        anna.session.say(Referred(referral))
        await asyncio.sleep(2)
        assert office.taken == (1, 2, 2)
        await asyncio.sleep(8)
        assert referral.said[-1] == 486
        assert office.taken == (0, 1, 1)
        client.say(BYE)
        await asyncio.sleep(1)
        assert office.taken == (0, 0, 0)

    play(office, scene)
