"""What the operator does to calls while they go on."""

import json

import httpx
import pytest

from core.contracts import Outcome
from tenants.services import tokens
from tenants.services.tokens import CreateToken
from tests.support.sipp import Script


def answering():
    """A phone that answers and waits for the end."""
    script = Script().wait_for("INVITE").answer(180, "Ringing")
    return script.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE").ok()


def calling(company):
    """A caller who is answered and waits for the end."""
    script = company.caller().invite(company.number).expect(180).expect(200).ack()
    return script.wait_for("BYE").ok()


def talking(company):
    """A caller in the middle of a call."""
    return calling(company).running(company.instance.sip, company.carrier_host)


async def present(company):
    """The one call of the company, as soon as both sides talk."""
    while True:
        found = json.loads(company.instance.cli("calls", "list", "--tenant", str(company.id), "--json"))
        if found and found[0]["state"] == "talking":
            return found[0]


async def test_a_call_is_listed_and_hung_up_from_the_shell(company):
    async with company.phone(company.admin.sip, answering()) as phone, talking(company) as caller:
        call = await present(company)
        assert (call["direction"], call["caller"], call["called"]) == (
            "incoming",
            "+79160000001",
            company.number,
        )
        assert (call["legs"], call["parties"]) == (2, ["Анна Смирнова"])
        group = call["call_id"][24:]
        assert group in company.instance.cli("calls", "list")
        assert "is ended" in company.instance.cli("calls", "hangup", group)
        await caller.finish()
        await phone.finish()
    card = await company.call()
    assert (str(card.call.id), card.call.outcome) == (call["call_id"], Outcome.ANSWERED)
    assert card.ended_by == "system"
    assert card.trace[-1].text == "The call was hung up by operator"
    assert "no call" in company.instance.cli("calls", "hangup", group, status=3)


async def test_a_program_hangs_up_a_call_of_its_company(company):
    made = await tokens.create(company.db, company.here, CreateToken("dispatcher"))
    headers = {"Authorization": f"Bearer {made.token}"}
    url = f"{company.instance.http}/api/v1/calls/present"
    async with company.phone(company.admin.sip, answering()) as phone, talking(company) as caller:
        call = await present(company)
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            (item,) = (await client.get(url)).json()["items"]
            assert item["call_id"] == call["call_id"]
            answer = await client.delete(f"{url}/{call['call_id']}")
            assert answer.status_code == 204, answer.text
            await caller.finish()
            await phone.finish()
            while (answer := await client.delete(f"{url}/{call['call_id']}")).status_code != 404:
                assert answer.status_code == 503  # it is on the board for another moment
    assert (await company.call()).trace[-1].text == "The call was hung up by dispatcher"


@pytest.mark.parametrize("words", [(), ("x", "--all")])
def test_what_is_to_be_hung_up_must_be_said(instance, words):
    assert "Name one call, or --all." in instance.cli("calls", "hangup", *words, status=2)
