"""Carriers: SIPp is a registrar, asks who we are, fails, is full, wants numbers its own way."""

import re
from contextlib import asynccontextmanager

import pytest

from core.contracts import Direction, Outcome, StepCode, TrunkTransport
from core.ids import new_id
from core.sip import digest
from tenants.secrets import seal_trunk_password
from tenants.services import numbers, trunks
from tenants.services.actor import operator
from tests.e2e.test_calls import answering, calling, talking
from tests.support.free_ports import free_port
from tests.support.kamailio import ACCOUNT
from tests.support.sipp import Script
from tests.support.waiting import eventually

OPERATOR = operator("test")
CLIENT = "89161112233"


class Carrier:
    """A further carrier of a company's number, at an address of its own."""

    def __init__(self, company):
        self.company = company
        self.host = company.carrier_host.replace("127.7.", "127.8.")
        self.port = free_port(self.host)
        self.name = f"second-{new_id()}"

    async def add(self, route=True, **fields):
        company = self.company
        command = trunks.AddTrunk(self.name, self.host, self.port, **fields)
        await trunks.add(company.db, OPERATOR, command, company.vault)
        if route:
            await numbers.route(company.db, OPERATOR, numbers.RouteNumber(company.number, (self.name,)))
        await company.settled()
        return self

    @asynccontextmanager
    async def playing(self, script, **options):
        running = script.running(self.company.instance.sip, self.host, self.port, **options)
        async with running as sipp:
            yield sipp

    async def state(self, wanted, seconds=60):
        """The carrier in the operator's list, once it is as wanted."""
        return await eventually(self._view, wanted, seconds)

    async def _view(self):
        (view,) = await trunks.trunks(self.company.db, OPERATOR, self.name)
        return view

    def metric(self, name):
        return self.company.instance.metrics()[f'sunsim_trunk_{name}{{trunk="{self.name}"}}']


async def change(company, **values):
    """Change the company's own carrier."""
    names = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 2))
    async with company.db.directory() as session:
        await session.execute(
            f"UPDATE trunks SET {names} WHERE host = $1", company.carrier_host, *values.values()
        )
    await company.settled()


def asking(script, status, method, *algorithms):
    """The carrier asks who we are, by one of these digests, the one that it likes least first."""
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    values = digest.challenges("carrier", "n0nce", algorithms=algorithms or ("MD5",))
    asked = "".join(f"{name}: {value}\n" for value in values)
    script.wait_for(method)
    return script._send(
        f"SIP/2.0 {status} Who\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]ask[call_number]\n"
        f"[last_Call-ID:]\n[last_CSeq:]\n{asked}Content-Length: 0\n\n"
    )


def keeping(script, expires):
    """The carrier keeps a registration, or forgets it with 0."""
    script.wait_for("REGISTER")
    return script._send(
        "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]reg[call_number]\n"
        f"[last_Call-ID:]\n[last_CSeq:]\n[last_Contact:];expires={expires}\nContent-Length: 0\n\n"
    )


def proved(seen, method, header, algorithm="MD5"):
    """Whether the last credentials in what SIPp saw prove our password by this digest."""
    value = re.findall(rf"^{header}: (Digest .*?)\r?$", seen, re.MULTILINE)[-1]
    credentials = digest.parse_credentials(value)
    key = digest.ha1(**{**ACCOUNT, "algorithm": credentials.algorithm})
    return credentials.algorithm == algorithm and digest.verify(credentials, method, key)


def dialling(company, number=CLIENT):
    return company.dialler(company.admin.sip, number)


async def talk(company, number=CLIENT):
    """Anna calls outside and talks."""
    script = dialling(company, number).expect(180).expect(200).ack().pause(200).bye().expect(200)
    return await script.run(company.instance.sip)


async def test_we_register_with_a_carrier_and_take_it_away(company):
    carrier = Carrier(company)
    script = asking(Script(), 401, "REGISTER")
    keeping(keeping(script, 3600), 0)
    async with carrier.playing(script) as registrar:
        await carrier.add(route=False, registers=True, check_seconds=0, **ACCOUNT)
        view = await carrier.state(lambda view: view.registered)
        assert (view.state, view.problem) == ("up", "")
        assert carrier.metric("registered") == carrier.metric("up") == 1
        listed = company.instance.cli("trunk", "list")
        assert re.search(rf"{carrier.name} .* up, registered", listed)
        async with company.db.directory() as session:
            await session.execute("UPDATE trunks SET enabled = false WHERE name = $1", carrier.name)
        seen = await registrar.finish()
    assert proved(seen, "REGISTER", "Authorization")
    assert "s3cret" not in seen
    assert re.findall(r"^Expires: (\d+)", seen, re.MULTILINE) == ["600", "600", "0"]
    assert len(re.findall(r"^Contact: <sip:sunsim@127\.0\.0\.1:\d+>\r?$", seen, re.MULTILINE)) == 3
    assert len(set(re.findall(r"^Call-ID: (\S+)", seen, re.MULTILINE))) == 1


async def test_a_carrier_that_refuses_our_account_is_down(company):
    carrier = Carrier(company)
    refusing = Script().wait_for("REGISTER").answer(403, "Forbidden")
    async with carrier.playing(refusing) as registrar:
        await carrier.add(registers=True, **ACCOUNT)
        view = await carrier.state(lambda view: view.state == "down")
        await registrar.finish()
    assert (view.registered, view.problem) == (False, "403 Forbidden")
    assert carrier.metric("up") == 0


@pytest.mark.parametrize(
    ("status", "algorithms"),
    [
        (407, ["MD5"]),
        (401, ["MD5", "SHA-256"]),
        pytest.param(401, ["MD5"], marks=pytest.mark.proof),
        pytest.param(407, ["SHA-256"], marks=pytest.mark.proof),
    ],
)
async def test_a_carrier_that_asks_for_every_call(company, status, algorithms):
    sealed = await _sealed(company)
    await change(company, login="sunsim", password_sealed=sealed, realm="carrier")
    script = asking(Script(), status, "INVITE", *algorithms).wait_for("ACK")
    script.steps += answering().steps
    async with company.outside(script) as client:
        await talk(company)
        seen = await client.finish()
    header = "Proxy-Authorization" if status == 407 else "Authorization"
    assert proved(seen, "INVITE", header, algorithms[-1])
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_a_carrier_brings_no_calls_of_our_lines_without_their_password(company):
    line, domain = company.admin.sip, company.domain
    await company.dial_in(
        Script(line.login, domain).invite(CLIENT, host=domain).expect(401).ack_refusal()
    )
    async with company.outside(answering()) as client:
        dialler = dialling(company).expect(180).expect(200).ack().pause(200).bye().expect(200)
        await company.dial_in(dialler)  # a telephone on the carrier's own machine
        await client.finish()
    card = await company.call()  # the only one
    assert (card.call.direction, card.call.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)


async def _sealed(company):
    async with company.db.directory() as session:
        trunk_id = await session.fetchval("SELECT id FROM trunks WHERE host = $1", company.carrier_host)
    return seal_trunk_password(company.vault, trunk_id, ACCOUNT["password"])


async def test_a_second_carrier_takes_what_the_first_cannot(company):
    carrier = await Carrier(company).add()
    broken = Script().wait_for("INVITE").answer(503, "Service Unavailable").wait_for("ACK")
    async with company.outside(broken) as first, carrier.playing(answering()) as second:
        await talk(company)
        await first.finish()
        await second.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    attempts = [step.data.get("status") for step in card.steps if step.code is StepCode.LEG_ENDED]
    assert attempts == [503]


async def test_a_carrier_on_tcp_and_which_one_took_the_call(company):
    """The first one fails by UDP, the second takes the call by TCP; the record names it."""
    second = await Carrier(company).add(transport=TrunkTransport.TCP)
    failing = Script().wait_for("INVITE").answer(503, "Service Unavailable").wait_for("ACK")
    async with company.outside(failing) as first, second.playing(answering(), by="tcp") as sipp:
        await talk(company)
        seen = await sipp.finish()
        await first.finish()
    assert "Via: SIP/2.0/TCP " in seen
    assert re.search(r"^Contact: <sip:[^>]*;transport=tcp>", seen, re.MULTILINE)
    assert (await company.call()).call.outcome is Outcome.ANSWERED
    (row,) = await company.sql("SELECT trunk_id FROM calls")
    assert row["trunk_id"] == (await second._view()).id
    tested = company.instance.cli("trunk", "test", second.name, status=6)
    assert "does not answer" in tested


async def test_a_silent_carrier_is_left_after_seconds(company):
    carrier = await Carrier(company).add()
    async with carrier.playing(answering()) as second:  # nobody listens where the first one is
        await talk(company)
        await second.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    waited = (card.call.answered_at - card.call.started_at).total_seconds()
    assert 3 <= waited < 30  # without it, an INVITE is given up after 32 (Timer B)


async def test_busy_is_busy_whatever_carriers_there_are(company):
    await Carrier(company).add()
    busy = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    async with company.outside(busy):
        await dialling(company).expect(486).ack_refusal().run(company.instance.sip)


async def test_a_carrier_that_says_it_is_unwell_is_passed_over_until_it_is_well(company):
    carrier = Carrier(company)
    unwell = Script().wait_for("OPTIONS").answer(503, "Service Unavailable")
    async with carrier.playing(unwell, calls=1000):
        await carrier.add(check_seconds=1)
        view = await carrier.state(lambda view: view.state == "down")
        assert view.problem == "503"
    await change(company, enabled=False)  # the other one
    refused = dialling(company).expect(503).ack_refusal()
    await refused.run(company.instance.sip)
    assert (await company.call()).sip_status == 503
    well = Script().wait_for("OPTIONS").answer(200, "OK")
    async with carrier.playing(well, calls=1000):
        await carrier.state(lambda view: view.state == "up")


async def test_beyond_its_channels_a_carrier_is_503_in_and_out(company):
    boris = await company.hire("Борис Кузнецов", "102")
    await change(company, max_calls=1)
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = talking(company.caller(), company.number)
        async with caller.running(company.instance.sip, local=company.carrier_host) as sipp:
            await sipp.wait_for_text(r"^ACK ")
            await company.dial_in(company.caller().invite(company.number).expect(503).ack_refusal())
            dialler = company.dialler(boris.sip, CLIENT).expect(503).ack_refusal()
            await dialler.run(company.instance.sip)
            await sipp.go_on()
            await sipp.finish()
        await phone.finish()
    async with company.outside(answering()) as client:
        await talk(company)  # the channel is free again
        await client.finish()


async def test_a_carrier_has_its_own_way_to_write_numbers(company):
    await change(company, number_format="national", identity_header="rpid")
    national = "8" + company.number[2:]
    async with company.outside(answering()) as client:
        await talk(company, "+79161112233")
        seen = await client.finish()
    assert f"INVITE sip:{CLIENT}@{company.carrier_host} SIP/2.0" in seen
    assert f"From: <sip:{national}@" in seen
    assert re.search(rf"^Remote-Party-ID: <sip:{national}@\S+;party=calling;", seen, re.MULTILINE)
    assert "P-Asserted-Identity" not in seen
    async with company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(calling(company.caller("89160000001"), national))
        await phone.finish()
    rows = await eventually(company.history, lambda rows: len(rows) == 2)
    calls = {row.direction: row for row in rows}
    assert calls["incoming"].called == company.number
    assert calls["incoming"].caller == "+79160000001"
    assert calls["outgoing"].called == "+79161112233"


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_client_who_hides_is_named_to_trusted_carriers_only(company, trusted):
    await change(company, trusted=trusted)
    headers = "Privacy: id\nP-Asserted-Identity: <sip:+79990001122@carrier.test>\n"
    script = company.caller("anonymous").invite(company.number, headers=headers)
    async with company.outside(answering()) as mobile:
        await company.dial_in(script.expect(180).expect(200).ack().pause(200).bye().expect(200))
        seen = await mobile.finish()
    received = seen[seen.index("INVITE ") :]
    assert 'From: "Anonymous" <sip:anonymous@anonymous.invalid>' in received
    assert re.search(r"^Privacy: id", received, re.MULTILINE)
    assert ("+79990001122" in received) is trusted
    assert (await company.call()).call.caller is None


async def test_a_phone_that_sends_callers_elsewhere_has_not_answered(company):
    moved = Script().wait_for("INVITE").answer(302, "Moved Temporarily").wait_for("ACK")
    outside = Script().wait_for("INVITE").answer(480, "Unavailable").wait_for("ACK")
    async with company.phone(company.admin.sip, moved) as phone, company.outside(outside):
        await company.dial_in(company.caller().invite(company.number).expect(480).ack_refusal())
        await phone.finish()
    assert (await company.call()).call.outcome is Outcome.NO_ANSWER
