"""Phones by TCP, TLS and WebSocket, as they come: probing, registering, calling and being called."""

import pytest

from core.contracts import Direction, Outcome, StepCode
from core.media.rtp import RtpPeer
from core.media.tones import hears, tone
from tests.e2e.test_calls import answering, calling, codes, talking
from tests.support.baresip import baresip
from tests.support.sipp import SDP, Script
from tests.support.waiting import until
from tests.support.websocket_phone import websocket_phone

# --- SIPp by TCP ----------------------------------------------------------------------------------


def probe(company):
    """What a phone sends to see whether somebody is there (SIP-03)."""
    script = Script(company.admin.sip.login, company.domain)
    request = script._request("OPTIONS", f"sip:{company.domain}", to_tag=False)
    return script._send(request + "Content-Length: 0\n\n").expect(200)


@pytest.mark.spec("SIP-03", at="call")
@pytest.mark.parametrize("by", ["udp", "tcp"])
async def test_a_phone_that_tries_one_transport_after_the_other_finds_both(company, by):
    seen = await probe(company).run(company.instance.sip, by=by)
    assert f"SIP/2.0/{by.upper()}" in seen and "Allow: INVITE" in seen
    seen = await company.register(company.admin.sip, by=by)
    assert "401 Unauthorized" in seen and "200 OK" in seen
    await company.register(company.admin.sip, password="wrong", expect=401, by=by)


@pytest.mark.spec("SIP-02", at="call")
async def test_a_line_calls_outside_by_tcp(company):
    async with company.outside(answering()) as client:
        script = company.dialler(company.admin.sip, "89161112233")
        script.expect(180).expect(200).ack().pause(200).bye().expect(200)
        seen = await script.run(company.instance.sip, by="tcp")
        await client.finish()
    assert ";transport=tcp>" in seen  # our Contact
    card = await company.call()
    assert card.call.direction is Direction.OUTGOING
    assert card.call.outcome is Outcome.ANSWERED


async def test_a_carrier_calls_by_tcp(company):
    async with company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(calling(company.caller(), company.number), by="tcp")
        await phone.finish()
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_a_caller_whose_connection_is_cut_stops_the_ringing(company):
    ringing = Script().wait_for("INVITE").answer(180, "Ringing")
    ringing.cancelled()
    async with company.phone(company.admin.sip, ringing) as phone:
        script = calling(company.caller(), company.number)
        where = company.instance.sip
        async with script.running(where, company.carrier_host, by="tcp") as sipp:
            await sipp.wait_for_text("180 Ringing")
            await sipp.stop()
            await phone.finish()
    assert (await company.call()).call.outcome is Outcome.CANCELLED


# --- baresip by TCP and TLS -----------------------------------------------------------------------


@pytest.mark.spec("SIP-01", "SIP-03", at="call")
@pytest.mark.parametrize("by", ["tcp", "tls"])
async def test_baresip_answers_and_both_hear_each_other(company, by):
    line, instance = company.admin.sip, company.instance
    where = instance.sip_by(by)
    trusts = f"sip_cafile {instance.folder}/sip-tls.crt" if by == "tls" else ""
    login = (line.login, line.password, company.domain, where)
    async with baresip(*login, frequency=620, by=by, more=trusts) as phone:
        await phone.until("200 OK")
        assert instance.metrics()[f'sunsim_sip_connections{{transport="{by.upper()}"}}'] >= 1
        caller = await RtpPeer.open()
        script = talking(company.caller(media=caller.address), company.number)
        async with script.running(instance.sip, company.carrier_host) as sipp:
            answer = await sipp.wait_for_text(r"SIP/2\.0 200 OK.*?^(v=0.*?)^-----")
            caller.connect(answer[1].encode())
            caller.play(tone(440))
            await caller.listen(1.5)
            await phone.until_heard(440, 1.0)
            await sipp.go_on()
            await sipp.finish()
        assert hears(caller.heard, 620, 1.0)
        caller.close()
    assert (await company.call()).call.outcome is Outcome.ANSWERED


# --- a browser ------------------------------------------------------------------------------------


@pytest.mark.spec("SIP-01", at="call")
@pytest.mark.parametrize("by", ["ws", "wss"])
async def test_a_phone_in_a_browser_registers_and_answers_a_call(company, by):
    line, instance = company.admin.sip, company.instance
    authority = instance.folder / "sip-tls.crt" if by == "wss" else None
    async with websocket_phone(line, company.domain, instance.sip_by(by), authority) as phone:
        assert (await phone.register()).status == 200
        assert phone.socket.subprotocol == "sip"
        script = calling(company.caller(), company.number)
        async with script.running(instance.sip, company.carrier_host) as sipp:
            invite = await phone.expect("INVITE")
            assert invite.uri == phone.contact.strip("<>")
            assert invite.via.transport == by.upper()
            assert ";transport=ws>" in invite.header("Contact")
            await phone.answer(invite, 180, "Ringing")
            await phone.answer(invite, 200, "OK", SDP.format(media="127.0.0.1", port=9).encode())
            await phone.expect("ACK")
            await phone.answer(await phone.expect("BYE"), 200, "OK")
            await sipp.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    assert StepCode.ANSWERED in codes(card)


async def test_a_connection_that_is_cut_takes_its_registration_along_but_not_the_call(company):
    line, instance = company.admin.sip, company.instance
    sessions = instance.metrics()["sunsim_sip_sessions"]  # of tests before, on their way out
    busy = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    async with (
        company.outside(busy),
        websocket_phone(line, company.domain, instance.sip_by("ws")) as phone,
    ):
        assert (await phone.register()).status == 200
        await company.online(1)
        script = talking(company.caller(), company.number)
        async with script.running(instance.sip, company.carrier_host) as sipp:
            invite = await phone.expect("INVITE")
            await phone.answer(invite, 180, "Ringing")
            await phone.answer(invite, 200, "OK", SDP.format(media="127.0.0.1", port=9).encode())
            await phone.expect("ACK")
            phone.socket.transport.abort()
            await company.online(0)
            assert instance.metrics()["sunsim_calls"] >= 1
            await sipp.go_on()
            await sipp.finish()  # its BYE ends the call, though ours finds nobody
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "caller")
    await until(lambda: instance.metrics()["sunsim_sip_sessions"] <= sessions)
    async with company.outside(busy):  # nothing rings on the connection that is gone
        await company.dial_in(company.caller().invite(company.number).expect(486).ack_refusal())
