"""Keys between a carrier's client with RFC 4733 and a phone that knows INFO alone (SIPp)."""

import asyncio

from core import sdp
from core.media.rtp import RtpPeer
from tests.e2e.test_dialogs import say
from tests.e2e.test_media_loss import call, calling, offered
from tests.support.sipp import Script


def informing(callee, key):
    """A phone that answers without events, says a key by INFO and waits for one."""
    script = Script(media=callee.address)
    plain = "".join(line + "\n" for line in script.sdp.splitlines() if ":101" not in line)
    script.wait_for("INVITE").answer(180, "Ringing")
    say(
        script,
        200,
        "OK",
        "Allow: INVITE, ACK, BYE, CANCEL, INFO\n",
        plain.replace("AVP 8 101", "AVP 8"),
    )
    script.wait_for_ack().pause(300)
    body = f"Signal={key}\nDuration=120\n"
    kind = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n"
    script._send(script._as_callee("INFO", 1) + kind + body, 'retrans="500"').expect(200)
    return script.wait_for("INFO").ok().wait_for("BYE").ok()


async def test_keys_pass_between_audio_and_signalling(company):
    caller = await RtpPeer.open()
    callee = await RtpPeer.open(events=0)
    talk = calling(company, caller).until_told().bye().expect(200)
    async with call(company, talk, informing(callee, "5")) as (at_caller, at_callee):
        told = await offered(at_caller)
        assert sdp.events_payload(told), "the client may press keys in its audio"
        caller.connect(told)
        callee.connect(await offered(at_callee))
        for peer in (caller, callee):
            peer.play([0] * 160)
        async with asyncio.timeout(60):
            while caller.pressed != ["5"]:
                await asyncio.sleep(0.02)
        await caller.press("7")
        await at_callee.wait_for_text(r"^Signal=7")
        await at_caller.go_on()
        await at_caller.finish()
        await at_callee.finish()
    caller.close()
    callee.close()
