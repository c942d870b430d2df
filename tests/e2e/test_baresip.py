"""baresip, a phone that we did not write, registers, answers and is heard."""

import pytest

from core.contracts import Outcome
from core.media.rtp import RtpPeer
from core.media.tones import hears, tone
from tests.e2e.test_calls import talking
from tests.support.baresip import baresip


@pytest.mark.spec("SIP-01", "EMP-05", "EMP-02", at="call")
async def test_baresip_answers_and_both_hear_each_other(company):
    line, server = company.admin.sip, company.instance.sip
    async with baresip(line.login, line.password, company.domain, server, frequency=620) as phone:
        await phone.until("200 OK")
        caller = await RtpPeer.open()
        script = talking(company.caller(media=caller.address), company.number)
        async with script.running(server, company.carrier_host) as sipp:
            answer = await sipp.wait_for_text(r"SIP/2\.0 200 OK.*?^(v=0.*?)^-----")
            caller.connect(answer[1].encode())
            caller.play(tone(440))
            await caller.listen(2)
            await phone.until_heard(440, 1.0)
            await sipp.go_on()
            await sipp.finish()
        assert hears(caller.heard, 620, 1.0)
        caller.close()
    assert (await company.call()).call.outcome is Outcome.ANSWERED
