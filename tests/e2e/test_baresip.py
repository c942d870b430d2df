"""baresip, a phone that we did not write, registers, answers and is heard."""

import pytest

from core.contracts import Direction, Outcome
from core.media.rtp import RtpPeer
from core.media.tones import hears, tone
from tests.e2e.test_calls import answering, talking
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


@pytest.mark.spec("SIP-01", "EMP-02", at="call")
@pytest.mark.parametrize(
    "by",
    [pytest.param("udp", marks=pytest.mark.proof), pytest.param("tcp", marks=pytest.mark.proof), "tls"],
)
async def test_baresip_calls_outside_and_hangs_up(company, by):
    line, instance = company.admin.sip, company.instance
    trusts = f"sip_cafile {instance.folder}/sip-tls.crt" if by == "tls" else ""
    login = (line.login, line.password, company.domain, instance.sip_by(by))
    client = await RtpPeer.open()
    async with (
        company.outside(answering(media=client.address)) as sipp,
        baresip(*login, frequency=620, by=by, more=trusts) as phone,
    ):
        await phone.until("200 OK")
        await phone.command("dial", f"sip:89161112233@{company.domain}")
        offer = await sipp.wait_for_text(r"^INVITE .*?^(v=0.*?)^-----")
        await sipp.wait_for_text(r"^ACK ")
        client.connect(offer[1].encode())
        client.play(tone(440))
        await client.listen(1.5)
        await phone.until_heard(440, 1.0)
        await phone.command("hangup")
        await sipp.finish()
    assert hears(client.heard, 620, 1.0)
    client.close()
    card = await company.call()
    assert (card.call.direction, card.call.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)
    assert card.ended_by == "caller"
