"""Passing on to somebody who still rings: REFER with Replaces that names a call which rings."""

import asyncio

import pytest

from core.contracts import Direction, Outcome, StepCode
from core.settings import SipSettings
from core.sip.session import Cancelled, Ended, Referred
from core.sip.uri import SipUri
from tests.unit.call.office import ANNA, BORIS, play
from tests.unit.call.test_channels import CLIENT, THERE, Lines, two_lines
from tests.unit.call.test_transfer import FakeReferral
from tests.unit.call.world import answers, hangs_up, refuses, rings

BYE = Ended(True)


class Asking(Lines):
    """The client talks with Anna, who calls Boris at five seconds and passes the client on at ten.

    ``go`` returns when that was asked, at eleven.
    """

    def __init__(self, *boris):
        super().__init__()
        two_lines(self)
        self.boris = self.phone(BORIS, *boris)
        self.referral = FakeReferral("102", THERE)

    async def go(self):
        self.client = self.from_carrier()
        await asyncio.sleep(5)
        self.anna = self.endpoint.phones["0050000001"].session
        self.asks = self.dialogs[THERE] = self.from_line(ANNA, "102")
        await asyncio.sleep(5)
        self.anna.say(Referred(self.referral))
        await asyncio.sleep(1)


def records(office, scene):
    """Of the consultation, and of the client's call."""
    return sorted(play(office, scene), key=lambda cdr: cdr.direction is Direction.INCOMING)


def codes(cdr):
    return [step.code for step in cdr.steps]


@pytest.mark.parametrize("cancels", [False, True], ids=["waits", "hangs up the call that rings"])
def test_the_client_takes_the_ringing_call_over(cancels):
    office = Asking(rings(), answers(20), hangs_up(60))

    async def scene():
        await office.go()
        assert office.referral.said == ["accepted", 180]
        if cancels:
            office.asks.say(Cancelled(""))
        await asyncio.sleep(5)
        assert office.switchboard.calls == 2, "it rings on"
        await asyncio.sleep(15)
        assert office.referral.said[-1] == 200
        assert office.switchboard.calls == 1

    consultation, first = records(office, scene)
    assert len(office.endpoint.invited) == 2, "Boris's telephone rang once"
    assert [did[0] for did in office.boris.session.did] == ["reoffer"]
    assert office.anna.did[-1] == ("bye", ())
    assert [did for did in office.asks.did if did[0] == "reject"] == [("reject", 487)]
    assert codes(first)[-4:] == [
        *(StepCode.ANSWERED, StepCode.TRANSFER, StepCode.JOINED, StepCode.ENDED),
    ]
    assert (first.ended_by, first.steps[-2].employee_id) == ("callee", BORIS)
    assert office.client.did[-1] == ("bye", ())
    assert (consultation.outcome, consultation.answered_employee_id) == (Outcome.ANSWERED, BORIS)
    assert consultation.steps[-1].data["cause"] == "transferred"


@pytest.mark.parametrize(("boris", "status"), [((rings(), refuses(486, 15)), 486), ((rings(),), 480)])
def test_if_nobody_answers_he_has_the_transferor_back(boris, status):
    office = Asking(*boris)

    async def scene():
        await office.go()
        await asyncio.sleep(80)
        assert office.referral.said == ["accepted", 180, status]
        assert office.switchboard.calls == 1
        office.anna.say(BYE)

    consultation, first = records(office, scene)
    assert office.asks.did[-1] == ("reject", status)
    assert (first.ended_by, consultation.answered_at) == ("callee", None)
    assert codes(first)[-3:] == [StepCode.TRANSFER, StepCode.TRANSFER_FAILED, StepCode.ENDED]


def test_he_may_hang_up_meanwhile():
    office = Asking(rings())

    async def scene():
        await office.go()
        office.client.say(BYE)
        await asyncio.sleep(1)
        assert office.switchboard.calls == 0

    consultation, first = records(office, scene)
    assert office.referral.said == ["accepted", 180, 487]
    assert office.boris.session.did == [("bye", ())]
    assert (first.ended_by, consultation.outcome) == ("caller", Outcome.CANCELLED)


@pytest.mark.parametrize(("takes", "leaves", "status"), [(488, False, 480), (0, True, 480)])
def test_one_who_takes_no_new_offer_is_not_reached(takes, leaves, status):
    office = Asking(rings(), answers(20))

    async def scene():
        await office.go()
        office.boris.session.takes = [takes]
        await asyncio.sleep(20)
        if leaves:
            office.boris.session.say(BYE)
        await asyncio.sleep(1)
        assert office.referral.said == ["accepted", 180, status]
        office.anna.say(BYE)

    _, first = records(office, scene)
    assert first.ended_by == "callee"
    assert [did for did in office.boris.session.did if did[0] == "bye"] == (
        [] if leaves else [("bye", ())]
    )


def test_whoever_picks_the_ringing_call_up_has_the_client():
    office = Asking(rings())

    async def scene():
        await office.go()
        taking = office.from_line(BORIS, "*8102")
        await asyncio.sleep(1)
        assert office.referral.said[-1] == 200
        assert [did[0] for did in taking.did] == ["answer"]
        taking.say(BYE)

    _, first = records(office, scene)
    assert first.ended_by == "callee"


def test_a_call_that_is_answered_before_it_is_its_turn_is_passed_on_as_such():
    office = Asking(rings(), answers(7))
    office.phone(CLIENT, rings(), refuses(486, 3))
    first = FakeReferral(CLIENT)
    first.target = SipUri.parse(f"sip:{CLIENT}@{SipSettings().domain}")

    async def scene():
        going = asyncio.create_task(office.go())
        await asyncio.sleep(9.99)
        office.anna.say(Referred(first))
        await going
        assert (first.said, office.referral.said) == (["accepted", 180], ["accepted"])
        await asyncio.sleep(5)
        assert office.referral.said == ["accepted", 200]
        office.boris.session.say(BYE)

    play(office, scene)


def test_a_call_that_rings_at_the_transferor_is_nobodys_to_pass_on():
    office = Asking(rings())

    async def scene():
        await office.go()
        again = FakeReferral("102", THERE)
        office.anna.say(Referred(again))  # it is left to him already, or soon
        office.dialogs[THERE] = office.boris.session
        other = FakeReferral("102", THERE)
        office.anna.say(Referred(other))
        assert other.said == [481]
        office.client.say(BYE)

    play(office, scene)
