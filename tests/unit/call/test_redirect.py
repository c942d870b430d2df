"""A phone answers 302: where it may send a call, and where not."""

import pytest

from core.contracts import AvailabilityMode, Outcome, StepCode
from core.sip.session import Failed
from tests.unit.call.office import ANNA, BORIS, LOGIN, NUMBER, Office, play
from tests.unit.call.world import answers, hangs_up

DOMAIN = "sip.sunsim.localhost"
MOBILE = "+79161112233"


def sends_on(*contacts):
    return (1, Failed(302, "Moved", {"Contact": contacts}))


def calls(*contacts, caller="+79035550000", boris=AvailabilityMode.SCHEDULE):
    """A client calls; Anna's phone sends the call on to the first of the contacts that may ring."""
    office = Office()
    office.switch(BORIS, boris)
    office.phone(ANNA, sends_on(*contacts))
    office.phone(BORIS, answers(2), hangs_up(5))
    office.phone(MOBILE, answers(2), hangs_up(5))

    async def scene():
        office.from_carrier(caller=caller)

    (cdr,) = play(office, scene)
    return cdr, [target.uri for target, _ in office.endpoint.invited[1:]], office


@pytest.mark.parametrize(
    "contact",
    [
        f"<sip:102@{DOMAIN}>",
        f'"Boris" <sip:102@{DOMAIN.upper()};user=phone>;expires=60',
        f"sip:102@{DOMAIN}",
        "<tel:102>",
    ],
)
def test_to_a_colleague(contact):
    cdr, rung, _ = calls(contact)
    assert rung == [f"sip:{LOGIN[BORIS]}@phone"]
    assert cdr.outcome is Outcome.ANSWERED
    assert cdr.answered_employee_id == BORIS
    rang = [step.employee_id for step in cdr.steps if step.code is StepCode.RINGING]
    assert rang == [ANNA, BORIS]


@pytest.mark.spec("AVL-03", at="rule")
def test_to_nobody_who_is_unavailable():
    cdr, rung, _ = calls(f"<sip:102@{DOMAIN}>", boris=AvailabilityMode.UNAVAILABLE)
    assert rung == []
    assert cdr.answered_employee_id is None


@pytest.mark.parametrize("number", ["89161112233", "+7 916 111-22-33".replace(" ", ""), MOBILE])
def test_to_a_number_outside_by_the_rules_of_every_external_number(number):
    cdr, rung, office = calls(f"<sip:{number}@{DOMAIN}>")
    assert rung == [f"sip:{MOBILE}@192.0.2.1"]
    said = office.endpoint.invited[1][1]
    assert any(name == "Diversion" for name, _ in said["headers"])
    assert cdr.outcome is Outcome.ANSWERED
    assert cdr.answered_employee_id == ANNA  # it is where her phone takes her calls


@pytest.mark.parametrize(
    "contact",
    [
        f"<sip:+12125550100@{DOMAIN}>",  # abroad
        f"<sip:{NUMBER}@{DOMAIN}>",  # the company itself: a loop
        f"<sip:101@{DOMAIN}>",  # the same line
        f"<sip:199@{DOMAIN}>",  # nobody
        f"<sip:anna@{DOMAIN}>",
        "<sip:102@elsewhere.example>",
        f"<sip:{MOBILE}@203.0.113.9>",
        "<mailto:a@b>",
        "<sip:102@",
        "",
    ],
)
def test_nowhere_else(contact):
    cdr, rung, _ = calls(contact)
    assert rung == []
    assert cdr.sip_status == 480


def test_the_contact_that_the_phone_likes_best_and_that_may_ring():
    contacts = (
        f"<sip:102@{DOMAIN}>;q=0.2",
        f"<sip:{MOBILE}@{DOMAIN}>;q=0.7",
        "<sip:x@elsewhere.example>;q=0.9",
        f"<sip:102@{DOMAIN}>;q=much",
    )
    _, rung, _ = calls(*contacts)
    assert rung == [f"sip:{MOBILE}@192.0.2.1"]
