"""A phone in a browser: WebRTC over secure WebSocket, calls in and out, audio in both directions."""

import pytest

from core.contracts import Outcome
from core.media.rtp import RtpPeer
from core.media.tones import hears, tone
from tests.e2e.test_calls import talking
from tests.support.browser_phone import browser_phone

BROWSER, OTHER = 620, 440


@pytest.mark.spec("EMP-02", "SIP-01", at="call")
async def test_a_browser_answers_a_carriers_call_and_both_hear_each_other(company):
    line, instance = company.admin.sip, company.instance
    server = instance.sip_by("wss")
    async with browser_phone(line, company.domain, server, BROWSER) as phone:
        caller = await RtpPeer.open()
        script = talking(company.caller(media=caller.address), company.number)
        async with script.running(instance.sip, company.carrier_host) as sipp:
            await phone.until("ringing")
            await phone.do("answer")
            answer = await sipp.wait_for_text(r"SIP/2\.0 200 OK.*?^(v=0.*?)^-----")
            caller.connect(answer[1].encode())
            caller.play(tone(OTHER))
            await phone.hears(OTHER)
            await caller.listen(1.5)
            await sipp.go_on()
            await sipp.finish()
        await phone.until("over")
        assert hears(caller.heard, BROWSER, 1.0)
        caller.close()
    assert (await company.call()).call.outcome is Outcome.ANSWERED
