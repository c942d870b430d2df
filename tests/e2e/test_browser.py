"""A phone in a browser: WebRTC over secure WebSocket, calls in and out, audio in both directions."""

import pytest

from core import sdp
from core.contracts import Direction, Encryption, Outcome, TerminalKind
from core.media.g711 import PCMA
from core.media.tones import tone
from tests.e2e.test_calls import answering
from tests.e2e.test_media_loss import kill_rtpengine
from tests.e2e.test_srtp import by_tls, until_heard
from tests.support.browser_phone import browser_phone
from tests.support.media import peers
from tests.support.sipp import Script

BROWSER, OTHER = 620, 440
ANSWER = r"SIP/2\.0 200 OK.*?^(v=0.*?)^-----"
OFFER = r"^INVITE .*?^(v=0.*?)^-----"


def in_a_browser(company, **options):
    line, server = company.admin.lines[TerminalKind.WEB], company.instance.sip_by("wss")
    return browser_phone(line, company.domain, server, BROWSER, **options)


async def both_hear(phone, other):
    await phone.hears(OTHER)
    await until_heard(other, BROWSER)


@pytest.mark.spec("EMP-02", "ACC-10", "SIP-01", at="call")
async def test_a_browser_answers_beside_a_desk_phone_holds_and_takes_back(company):
    """Each phone is offered what it speaks, and the caller gets what the winner speaks."""
    losing = Script().wait_for("INVITE").answer(180, "Ringing")
    losing.cancelled()
    async with (
        in_a_browser(company) as phone,
        peers(PCMA) as (caller,),
        company.phone(company.admin.sip, losing) as desk,
    ):
        script = company.caller(media=caller.address).invite(company.number).expect(180).expect(200)
        script.ack().wait_for("BYE", timeout=100_000).ok()
        async with script.running(company.instance.sip, company.carrier_host) as sipp:
            await phone.until("ringing")
            offer = (await desk.wait_for_text(OFFER))[1].encode()
            assert sdp.profile(offer) == sdp.PLAIN
            await phone.do("answer")
            told = (await sipp.wait_for_text(ANSWER))[1].encode()
            caller.connect(told)
            caller.play(tone(OTHER))
            await both_hear(phone, caller)
            # G.711 all the way, and nothing of the browser's own is told to the carrier.
            assert sdp.codecs(told)[0] == "PCMA"
            assert not any(word in told for word in (b"msid", b"ssrc", b"mid:", b"candidate", b"SAVP"))

            assert await phone.do("hold", True)
            await phone.hears_nothing()
            assert await phone.do("hold", False)
            await both_hear(phone, caller)

            await phone.do("hangUp")
            await sipp.finish()
        await phone.until("over")
        await desk.finish()
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "callee")


@pytest.mark.spec("EMP-02", at="call")
async def test_a_browser_with_opus_alone_calls_outside(company):
    """The carrier has G.711 alone, so this call is transcoded."""
    async with (
        in_a_browser(company, codecs=["opus", "telephone-event"]) as phone,
        peers(PCMA) as (client,),
        company.outside(answering(media=client.address)) as carrier,
    ):
        await phone.do("call", "89161112233")
        offer = (await carrier.wait_for_text(OFFER))[1].encode()
        assert sdp.profile(offer) == sdp.PLAIN
        client.connect(offer)
        client.play(tone(OTHER))
        await phone.until("talking")
        await both_hear(phone, client)
        assert sdp.codecs((await phone.do("describe"))["remote"].encode()) == ["OPUS"]
        await phone.do("hangUp")
        await carrier.finish()
    card = await company.call()
    assert (card.call.direction, card.call.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)


async def test_a_browser_hears_the_carriers_sounds_before_the_answer(company):
    """WebRTC is set up by a 183 with PRACK; the carrier never answers."""
    async with in_a_browser(company, early=True) as phone, peers(PCMA) as (client,):
        ringing = Script(media=client.address).wait_for("INVITE").answer(183, "Progress", body=True)
        async with company.outside(ringing.cancelled()) as carrier:
            await phone.do("call", "89161112233")
            client.connect((await carrier.wait_for_text(OFFER))[1].encode())
            client.play(tone(OTHER))
            await phone.hears_early(OTHER)
            await phone.do("cancel")
            await phone.until("over")
            await carrier.finish()
    assert (await company.call()).call.answered_at is None


@pytest.mark.spec("EMP-02", "EMP-12", at="call")
async def test_a_browser_calls_a_colleague_whose_phone_must_encrypt(company):
    """WebRTC on one side, keys by TLS on the other; both move when rtpengine dies.

    Then baresip 1.0 is heard, but keeps the key that it was told first, so it hears nothing.
    """
    boris = await company.hire("Борис Кузнецов", "102")
    async with (
        in_a_browser(company) as phone,
        by_tls(company, boris.sip, Encryption.REQUIRED, "srtp-mand", OTHER) as desk,
    ):
        await phone.do("call", "102")
        await phone.until("talking")
        await phone.hears(OTHER)
        await desk.until_heard(BROWSER, 1.0)
        assert "SRTP is Enabled" in desk.log()

        told = (await phone.do("describe"))["remote"]
        await kill_rtpengine(company.instance)  # new ports, new keys, another fingerprint
        await phone.moves(told)
        await phone.hears(OTHER)
        await phone.do("hangUp")
        await phone.until("over")
    card = await company.call()
    assert (card.call.direction, card.call.outcome) == (Direction.INTERNAL, Outcome.ANSWERED)
