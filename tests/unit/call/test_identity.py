"""Who is seen as the caller: by the company, by its colleagues, by the world."""

import pytest

from core.contracts import Direction, Outcome
from tests.unit.call.office import ANNA, BORIS, LOGIN, NUMBER, Office, play
from tests.unit.call.world import answers, hangs_up, refuses

MOBILE = "+79260000001"
ASSERTED = ("P-Asserted-Identity", "<sip:+79990001122@carrier.test>")


def invited(office, scene):
    """Play; what the INVITEs said, by the user of their URI."""
    records = play(office, scene)
    users = {
        t.uri.partition(":")[2].partition("@")[0]: (t, said) for t, said in office.endpoint.invited
    }
    return records, users


@pytest.mark.parametrize("wish", ["id", "user; id", "header", "ID;critical"])
def test_a_number_that_the_caller_hides_is_not_shown_although_the_carrier_tells_it(wish):
    office = Office()
    office.phone(ANNA, refuses(486))

    async def scene():
        office.from_carrier(name='"Secret"', extra=(ASSERTED, ("Privacy", wish)))

    (cdr,), users = invited(office, scene)
    assert (cdr.caller, cdr.caller_name) == (None, "")
    assert users[LOGIN[ANNA]][1]["from_"] == "<sip:anonymous@anonymous.invalid>"


def test_a_caller_who_hides_nothing_is_shown():
    office = Office()

    async def scene():
        office.from_carrier(extra=(ASSERTED, ("Privacy", "none")))

    (cdr,) = play(office, scene)
    assert cdr.caller == "+79990001122"


def test_a_client_who_is_forwarded_is_seen_with_the_number_that_was_called():
    office = Office()
    office.external(ANNA, MOBILE)
    office.phone(MOBILE, answers(1), hangs_up(2))

    async def scene():
        office.from_carrier()

    (cdr,), users = invited(office, scene)
    assert cdr.outcome is Outcome.ANSWERED
    _, said = users[MOBILE]
    assert said["from_"].startswith("<sip:+79161112233@")
    ((name, value),) = said["headers"]
    assert name == "Diversion"
    assert value.startswith(f"<sip:{NUMBER}@")


def test_an_anonymous_client_stays_anonymous_when_forwarded():
    office = Office()
    office.external(ANNA, MOBILE)
    office.phone(MOBILE, answers(1), hangs_up(2))

    async def scene():
        office.from_carrier(caller="anonymous")

    _, users = invited(office, scene)
    _, said = users[MOBILE]
    assert said["from_"] == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert dict(said["headers"])["Privacy"] == "id"


def test_a_colleague_called_on_an_external_number_sees_the_companys_number():
    office = Office()
    office.external(BORIS, MOBILE)
    office.phone(MOBILE, answers(1), hangs_up(2))

    async def scene():
        office.from_line(ANNA, "102")

    (cdr,), users = invited(office, scene)
    assert (cdr.direction, cdr.outcome) == (Direction.INTERNAL, Outcome.ANSWERED)
    target, said = users[MOBILE]
    assert target.host == "192.0.2.1"
    assert said["from_"].startswith(f"<sip:{NUMBER}@")
    assert said["headers"] == (("P-Asserted-Identity", said["from_"]),)


def test_a_call_is_not_forwarded_to_the_company_itself():
    office = Office()
    office.external(ANNA, NUMBER)

    async def scene():
        office.from_carrier()

    (cdr,), users = invited(office, scene)
    assert users == {}
    assert cdr.outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize("number", ["+12125550100", "+77010000000", "+78095550120"])
def test_a_call_is_not_forwarded_where_one_may_not_call(number):
    office = Office()
    office.external(ANNA, number)

    async def scene():
        office.from_carrier()
        office.from_line(BORIS, "101")

    records, users = invited(office, scene)
    assert users == {}
    for cdr in records:
        assert "not_allowed" in {step.data.get("reason") for step in cdr.steps}
