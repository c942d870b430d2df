"""Kamailio, which we did not write, between us and phones or carriers, and as a carrier's registrar."""

import re
from contextlib import asynccontextmanager

import pytest

from core.contracts import Direction, Outcome
from tenants.services import numbers
from tests.e2e.test_calls import answering, calling
from tests.e2e.test_trunks import CLIENT, OPERATOR, Carrier, change
from tests.support.free_ports import free_port
from tests.support.kamailio import ACCOUNT, proxy, registrar
from tests.support.sipp import Script


def edge(company, transport=""):
    """A proxy in front of the phones."""
    host = company.carrier_host.replace("127.7.", "127.6.")
    return proxy(host, company.instance.sip, transport=transport)


def passed(messages, method, sides=2):
    """Whether every such request that was received came by way of the proxy: it has both Vias."""
    received = [part for part in messages.split("-----") if re.search(rf"^{method} ", part, re.M)]
    received = [part for part in received if " received " in part]
    vias = [len(re.findall(r"^Via: ", part, re.M)) for part in received]
    return bool(vias) and set(vias) == {sides}


def hangs_up(**fields):
    """A phone that is answered and hangs up."""
    script = Script(**fields).wait_for("INVITE").answer(180, "Ringing")
    script.answer(200, "OK", body=True, retrans=True).wait_for_ack().pause(200)
    return script.bye_as_callee().expect(200)


# --- in front of the phones -----------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["", pytest.param("tcp", marks=pytest.mark.proof)])
async def test_a_phone_behind_a_proxy_is_called(company, transport):
    async with (
        edge(company, transport) as kamailio,
        company.phone(company.admin.sip, answering(), server=kamailio.address) as phone,
    ):
        await company.dial_in(calling(company.caller(), company.number))
        seen = await phone.finish()
    assert f"Record-Route: <sip:{kamailio.address[0]}" in seen
    for method in ("INVITE", "ACK", "BYE"):
        assert passed(seen, method), seen
    assert (await company.call()).call.outcome is Outcome.ANSWERED


@pytest.mark.proof
async def test_a_phone_behind_a_proxy_hangs_up(company):
    async with (
        edge(company) as kamailio,
        company.phone(company.admin.sip, hangs_up(), server=kamailio.address) as phone,
    ):
        caller = company.caller().invite(company.number).expect(180).expect(200).ack()
        await company.dial_in(caller.wait_for("BYE").ok())
        await phone.finish()
    assert (await company.call()).ended_by == "callee"


@pytest.mark.proof
async def test_a_caller_gives_up_on_a_phone_behind_a_proxy(company):
    ringing = Script().wait_for("INVITE").answer(180, "Ringing")
    ringing.cancelled()
    async with (
        edge(company) as kamailio,
        company.phone(company.admin.sip, ringing, server=kamailio.address) as phone,
    ):
        caller = company.caller().invite(company.number).expect(180).pause(300).cancel()
        await company.dial_in(caller.expect(200).expect(487).ack_refusal())
        await phone.finish()
    assert (await company.call()).call.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("transport", [pytest.param("", marks=pytest.mark.proof), "tcp"])
async def test_a_phone_behind_a_proxy_calls_outside_holds_and_hangs_up(company, transport):
    async with edge(company, transport) as kamailio, company.outside(answering()) as client:
        script = company.dialler(company.admin.sip, CLIENT).expect(180).expect(200).ack().pause(100)
        script.reinvite("sendonly").expect(200).ack().pause(100)
        script.reinvite("sendrecv").expect(200).ack().pause(100)
        seen = await script.bye().expect(200).run(kamailio.address)
        await client.finish()
    assert re.search(r"^Record-Route: <sip:127\.6\.", seen, re.M)
    card = await company.call()
    assert (card.call.direction, card.call.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)
    assert card.ended_by == "caller"


@pytest.mark.proof
async def test_the_called_side_hangs_up_on_a_phone_behind_a_proxy(company):
    async with edge(company) as kamailio, company.outside(hangs_up()) as client:
        script = company.dialler(company.admin.sip, CLIENT).expect(180).expect(200).ack()
        seen = await script.wait_for("BYE").ok().run(kamailio.address)
        await client.finish()
    assert passed(seen, "BYE")
    assert (await company.call()).ended_by == "callee"


@pytest.mark.proof
async def test_colleagues_behind_one_proxy_talk(company):
    boris = await company.hire("Борис Кузнецов", "102")
    async with (
        edge(company) as kamailio,
        company.phone(boris.sip, answering(), server=kamailio.address) as phone,
    ):
        script = company.dialler(company.admin.sip, "102").expect(180).expect(200).ack().pause(100)
        await script.bye().expect(200).run(kamailio.address)
        await phone.finish()
    assert (await company.call()).call.direction is Direction.INTERNAL


# --- in front of a carrier ------------------------------------------------------------------------


@asynccontextmanager
async def border(company):
    """The carrier is a Kamailio, and its telephone network is behind; yields both addresses."""
    host = company.carrier_host.replace("127.7.", "127.5.")
    network = (host, free_port(host))
    async with proxy(company.carrier_host, company.instance.sip, network) as kamailio:
        await change(company, port=kamailio.address[1])
        yield kamailio.address, network


async def test_a_carriers_border_brings_calls(company):
    async with (
        border(company) as (kamailio, network),
        company.phone(company.admin.sip, answering()) as phone,
    ):
        caller = company.caller().invite(company.number).expect(180).expect(200).ack().pause(100)
        caller.reinvite("sendonly").expect(200).ack().pause(100)
        seen = await caller.bye().expect(200).run(kamailio, local=network[0])
        await phone.finish()
    assert "Record-Route" in seen
    assert (await company.call()).ended_by == "caller"


@pytest.mark.proof
async def test_we_hang_up_through_a_carriers_border(company):
    async with (
        border(company) as (kamailio, network),
        company.phone(company.admin.sip, hangs_up()) as phone,
    ):
        caller = company.caller().invite(company.number).expect(180).expect(200).ack()
        seen = await caller.wait_for("BYE").ok().run(kamailio, local=network[0])
        await phone.finish()
    assert passed(seen, "BYE")


@pytest.mark.parametrize("who", [pytest.param("caller", marks=pytest.mark.proof), "callee"])
async def test_calls_leave_through_a_carriers_border(company, who):
    async with border(company) as (kamailio, network):
        script = answering() if who == "caller" else hangs_up()
        async with script.running(kamailio, *network) as client:
            dialler = company.dialler(company.admin.sip, CLIENT).expect(180).expect(200).ack()
            dialler.pause(100).bye().expect(200) if who == "caller" else dialler.wait_for("BYE").ok()
            await dialler.run(company.instance.sip)
            seen = await client.finish()
    assert passed(seen, "INVITE") and passed(seen, "ACK")
    assert who == "callee" or passed(seen, "BYE")
    assert (await company.call()).ended_by == who


# --- as a carrier's registrar ---------------------------------------------------------------------


@asynccontextmanager
async def account(company):
    """A carrier where we have an account; yields it and its telephone network."""
    carrier = Carrier(company)
    network = (carrier.host.replace("127.8.", "127.9."), 0)
    network = (network[0], free_port(network[0]))
    async with registrar(carrier.host, company.instance.sip, network) as kamailio:
        carrier.port = kamailio.address[1]
        await carrier.add(route=False, registers=True, networks=(f"{carrier.host}/32",), **ACCOUNT)
        await numbers.route(company.db, OPERATOR, numbers.RouteNumber(company.number, (carrier.name,)))
        await change(company, enabled=False)  # the one that the company had
        await carrier.state(lambda view: view.registered)
        yield kamailio, network


async def test_a_call_comes_by_our_registration(company):
    async with (
        account(company) as (kamailio, network),
        company.phone(company.admin.sip, answering()) as phone,
    ):
        caller = calling(company.caller(), company.number)
        await caller.run(kamailio.address, local=network[0])
        await phone.finish()
    card = await company.call()
    assert (card.call.called, card.call.outcome) == (company.number, Outcome.ANSWERED)


@pytest.mark.parametrize("who", ["caller", pytest.param("callee", marks=pytest.mark.proof)])
async def test_a_call_leaves_by_our_account(company, who):
    async with account(company) as (kamailio, network):
        script = answering() if who == "caller" else hangs_up()
        async with script.running(kamailio.address, *network) as client:
            dialler = company.dialler(company.admin.sip, CLIENT).expect(180).expect(200).ack()
            dialler.pause(100).bye().expect(200) if who == "caller" else dialler.wait_for("BYE").ok()
            await dialler.run(company.instance.sip)
            seen = await client.finish()
    assert "s3cret" not in seen

    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, who)
