"""Phones with SDES (RFC 4568): keys go to baresip by TLS, and to nobody where others could read."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core import sdp
from core.contracts import Direction, Encryption, Outcome
from core.media.g711 import PCMA
from core.media.tones import hears, tone
from tests.e2e.test_calls import answering, talking
from tests.support.baresip import baresip
from tests.support.media import peers
from tests.support.sipp import Script

ANSWER = r"SIP/2\.0 200 OK.*?^(v=0.*?)^-----"
OFFER = r"^INVITE .*?^(v=0.*?)^-----"
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\n"
PHONE, OTHER = 620, 440


@asynccontextmanager
async def by_tls(company, line, wanted, how, frequency=PHONE):
    """baresip registered by TLS; ``how`` is its mediaenc, ``wanted`` what we know of its line."""
    await company.sql("UPDATE terminals SET encryption = $1 WHERE id = $2", wanted.value, line.line_id)
    instance = company.instance
    more = f"sip_cafile {instance.folder}/sip-tls.crt\nmodule srtp.so"
    login = (line.login, line.password, company.domain, instance.sip_by("tls"))
    account = f";mediaenc={how}"
    async with baresip(*login, frequency, by="tls", more=more, account=account) as phone:
        await phone.until("200 OK")
        yield phone


async def until_heard(peer, frequency):
    """A second of the tone from now on, in pieces on a busy machine."""
    peer.forget()
    async with asyncio.timeout(40):
        while not hears(peer.heard, frequency, 1.0):
            await peer.listen(len(peer.heard) / 8000 + 0.5, 40)


@pytest.mark.spec("EMP-02", "SIP-01", at="call")
@pytest.mark.parametrize(
    ("wanted", "how"), [(Encryption.PREFERRED, "srtp"), (Encryption.REQUIRED, "srtp-mand")]
)
async def test_a_phone_by_tls_answers_encrypted_and_stays_so_after_hold(company, wanted, how):
    async with by_tls(company, company.admin.sip, wanted, how) as phone, peers(PCMA) as (caller,):
        script = talking(company.caller(media=caller.address), company.number)
        async with script.running(company.instance.sip, company.carrier_host) as sipp:
            told = (await sipp.wait_for_text(ANSWER))[1].encode()
            assert sdp.profile(told) == sdp.PLAIN
            caller.connect(told)
            caller.play(tone(OTHER))
            await until_heard(caller, PHONE)
            assert "SRTP is Enabled" in phone.log()

            await phone.until_heard(OTHER, 1.0)

            # Its re-INVITEs name its key by another number than its answer did. What it hears then it
            # does not tell: baresip 1.0 plays nothing after a hold of its own, encrypted or not.
            await phone.command("hold")
            await phone.until("hold")
            await phone.command("resume")
            await phone.until("resume")
            await until_heard(caller, PHONE)
            await sipp.go_on()
            await sipp.finish()
    assert (await company.call()).call.outcome is Outcome.ANSWERED
    assert "inline:" not in company.instance.log()


async def test_a_phone_that_insists_on_encryption_calls_outside(company):
    async with (
        by_tls(company, company.admin.sip, Encryption.REQUIRED, "srtp-mand") as phone,
        peers(PCMA) as (client,),
        company.outside(answering(media=client.address)) as carrier,
    ):
        await phone.command("dial", "89161112233")
        offer = (await carrier.wait_for_text(OFFER))[1].encode()
        assert b"crypto" not in offer
        client.connect(offer)
        client.play(tone(OTHER))
        await until_heard(client, PHONE)
        assert "SRTP is Enabled" in phone.log()
        await phone.until_heard(OTHER, 1.0)
        await phone.command("hangup")
        await carrier.finish()
    assert (await company.call()).call.direction is Direction.OUTGOING


async def test_keys_that_others_could_read_are_refused(company):
    """By UDP: an offer that insists on them with 488, one that can do without loses them."""
    line = company.admin.sip
    insisting = company.dialler(line, "89161112233")
    insisting.steps = [
        s.replace("RTP/AVP 8", "RTP/SAVP 8").replace("a=sendrecv", KEY + "a=sendrecv")
        for s in insisting.steps
    ]
    await insisting.expect(488).ack_refusal().run(company.instance.sip)
    assert (await company.call()).sip_status == 488

    trying = company.dialler(line, "89161112233")
    trying.steps = [s.replace("a=sendrecv", KEY + "a=sendrecv") for s in trying.steps]
    trying.expect(180).expect(200).ack().pause(100).bye().expect(200)
    async with company.outside(answering()) as carrier:
        seen = await trying.run(company.instance.sip)
        await carrier.finish()
    answer = seen[seen.index("SIP/2.0 200") :]
    assert "crypto" not in answer


async def test_a_line_that_must_encrypt_does_not_ring_where_others_could_read(company):
    await company.sql("UPDATE terminals SET encryption = 'required'")
    busy = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    async with company.outside(busy), company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(company.caller().invite(company.number).expect(480).ack_refusal())
        assert "INVITE" not in phone.messages()
