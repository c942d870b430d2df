"""Inside real dialogs: early media, PRACK, UPDATE, session timers, callers without an offer (SIPp)."""

import asyncio
import re
from contextlib import asynccontextmanager

from core.contracts import Outcome
from core.media.g711 import PCMA
from core.media.tones import heard_seconds, tone
from tests.e2e.test_calls import answering, calling
from tests.support.media import peers
from tests.support.sipp import Script

CLIENT = "89161112233"
CALLER, CALLEE = 440, 620
_BODY = "Content-Type: application/sdp\nContent-Length: [len]\n\n"
_NO_BODY = "Content-Length: 0\n\n"


def contact(script):
    return f"Contact: <sip:{script.user}@[local_ip]:[local_port]>\n"


def inside(script, method, headers="", body=""):
    """A request of the side that called, in its dialog."""
    if method != "ACK":
        script.cseq += 1
    request = script._request(method, "[next_url]", to_tag=True) + contact(script) + headers
    retrans = "" if method == "ACK" else 'retrans="500"'
    return script._send(request + (_BODY + body if body else _NO_BODY), retrans)


def expect_reliable(script, status):
    """A provisional answer that wants a PRACK; its number is kept."""
    grab = '<ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="rseq"/>'
    script._add('<recv response="100" optional="true"/>')
    return script._add(
        f'<recv response="{status}" rrs="true" timeout="20000"><action>{grab}</action></recv>'
    )


def prack(script, invited):
    return inside(script, "PRACK", f"RAck: [$rseq] {invited} INVITE\n").expect(200)


def say(script, status, reason, headers="", body=""):
    """An answer of the called side."""
    return script._send(
        f"SIP/2.0 {status} {reason}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n"
        "[last_To:];tag=[pid]uas[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n"
        f"Contact: <sip:[local_ip]:[local_port]>\n{headers}" + (_BODY + body if body else _NO_BODY)
    )


def keep_invite(script):
    """Wait for the INVITE and remember what its answers repeat, whatever comes in between."""
    grab = '<ereg regexp=".*" search_in="hdr" header="{}:" check_it="true" assign_to="{}"/>'
    actions = "".join(grab.format(n, n.lower()) for n in ("Via", "From", "To", "CSeq"))
    return script._add(
        f'<recv request="INVITE" rrs="true" timeout="30000"><action>{actions}</action></recv>'
    )


def reply_kept(script, status, reason, headers="", body="", fork="uas"):
    """An answer to the INVITE of ``keep_invite``, from one of several far sides."""
    return script._send(
        f"SIP/2.0 {status} {reason}\nVia:[$via]\nFrom:[$from]\nTo:[$to];tag=[pid]{fork}[call_number]\n"
        "Call-ID: [call_id]\nCSeq:[$cseq]\nContact: <sip:[local_ip]:[local_port]>\n"
        f"{headers}" + (_BODY + body if body else _NO_BODY)
    )


def received(seen, start):
    """Bodies of the messages that SIPp received and that begin so."""
    parts = [p for p in seen.split("-----") if " received " in p]
    return [part[part.index("v=0") :] for part in parts if start in part and "m=audio" in part]


async def hears(peer, frequency, seconds=0.6):
    """Wait until the peer heard so much of a tone."""
    async with asyncio.timeout(60):
        while heard_seconds(peer.heard, frequency) < seconds:
            await asyncio.sleep(0.05)


def held(body):
    return body.replace("sendrecv", "sendonly").replace("o=- 1 1", "o=- 1 2")


@asynccontextmanager
async def early(company, client, script):
    """An employee's call that the carrier lets hear something: both sides as SIPp, both as RTP."""
    async with peers(PCMA, PCMA) as (caller, callee):
        client.steps, script.steps = [
            [step.replace("m=audio 9 ", f"m=audio {peer.address[1]} ") for step in side.steps]
            for side, peer in ((client, callee), (script, caller))
        ]
        async with (
            company.outside(client) as outside,
            script.running(company.instance.sip) as phone,
        ):
            told = await phone.wait_for_text(r"SIP/2\.0 183 .*?^(v=0.*?a=sendrecv)")
            offer = await outside.wait_for_text(r"^INVITE .*?^(v=0.*?a=sendrecv)")
            caller.connect(told[1].encode())
            callee.connect(offer[1].encode())
            yield outside, phone, callee, caller


async def test_an_employee_hears_the_carriers_sounds_before_the_answer(company):
    client = Script().wait_for("INVITE").answer(183, "Progress", body=True)
    script = company.dialler(company.admin.sip, CLIENT).expect(183).expect(603).ack_refusal()
    async with early(company, client.cancelled(), script) as (outside, phone, callee, caller):
        callee.play(tone(CALLEE))
        await hears(caller, CALLEE)
        company.instance.cli("calls", "hangup", "--all", "--tenant", str(company.id))
        seen = await phone.finish()
        await outside.finish()
    assert "SIP/2.0 180" not in seen
    assert (await company.call()).call.answered_at is None


async def test_what_was_heard_before_the_answer_goes_on_after_it(company):
    client = Script().wait_for("INVITE").answer(183, "Progress", body=True).pause(300)
    client.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE").ok()
    script = company.dialler(company.admin.sip, CLIENT).expect(183).expect(200).ack()
    script.wait_for("BYE").ok()
    async with early(company, client, script) as (outside, phone, callee, caller):
        await phone.wait_for_text(r"SIP/2\.0 200 OK")
        callee.play(tone(CALLEE))
        caller.play(tone(CALLER))
        await asyncio.gather(hears(caller, CALLEE), hears(callee, CALLER))
        company.instance.cli("calls", "hangup", "--all", "--tenant", str(company.id))
        seen = await phone.finish()
        await outside.finish()
    (told,), (answer,) = received(seen, "SIP/2.0 183"), received(seen, "SIP/2.0 200 OK")
    assert re.findall(r"m=audio \d+", told) == re.findall(r"m=audio \d+", answer)
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_an_announcement_instead_of_an_answer(company):
    client = Script().wait_for("INVITE").answer(183, "Progress", body=True).pause(300)
    client.answer(404, "Not Found").wait_for("ACK")
    async with company.outside(client) as outside:
        script = company.dialler(company.admin.sip, CLIENT).expect(183).expect(404).ack_refusal()
        await script.run(company.instance.sip)
        await outside.finish()
    card = await company.call()
    assert (card.call.outcome, card.sip_status) == (Outcome.REFUSED, 404)


async def test_a_carrier_that_answers_reliably_gets_its_prack(company):
    client = keep_invite(Script())
    reply_kept(client, 183, "Progress", "Require: 100rel\nRSeq: 41\n", client.sdp)
    client.wait_for("PRACK").ok().pause(200)
    reply_kept(client, 200, "OK", body=client.sdp).wait_for("ACK").wait_for("BYE").ok()
    async with company.outside(client) as outside:
        script = company.dialler(company.admin.sip, CLIENT)
        script.expect(183).expect(200).ack().pause(200).bye().expect(200)
        await script.run(company.instance.sip)
        seen = await outside.finish()
    assert re.search(r"^RAck: 41 1 INVITE\r?$", seen, re.MULTILINE)
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_another_fork_answers_than_the_one_that_was_heard(company):
    client = keep_invite(Script())
    reply_kept(client, 183, "Progress", body=client.sdp, fork="one")
    reply_kept(client, 183, "Progress", body=client.sdp.replace("m=audio 9", "m=audio 11"), fork="two")
    reply_kept(client, 200, "OK", body=client.sdp.replace("m=audio 9", "m=audio 13"), fork="three")
    client.wait_for("ACK")
    reply_kept(client, 200, "OK", body=client.sdp, fork="one")  # too late
    client.wait_for("ACK").wait_for("BYE").ok()
    client.wait_for("BYE").ok()
    script = company.dialler(company.admin.sip, CLIENT).expect(183).expect(200).ack()
    script.wait_for("BYE").ok()
    async with (
        company.outside(client) as outside,
        script.running(company.instance.sip) as phone,
    ):
        await outside.wait_for_text(r"^BYE sip:")
        company.instance.cli("calls", "hangup", "--all", "--tenant", str(company.id))
        at_phone = await phone.finish()
        seen = await outside.finish()
    received_by_client = [part for part in seen.split("-----") if " received " in part]
    ends = [re.search(r"^To: .*;tag=\d+([a-z]+)\d", p, re.MULTILINE)[1] for p in received_by_client[1:]]
    assert ends == ["three", "one", "one", "three"]
    assert at_phone.count("SIP/2.0 183") == 1
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_a_carrier_that_requires_it_hears_ringing_reliably(company):
    async with company.phone(company.admin.sip, answering(pause=500)) as phone:
        caller = company.caller().invite(company.number, headers="Require: 100rel\n")
        expect_reliable(caller, 180)
        prack(caller, 1).expect(200).ack().pause(200).bye().expect(200)
        seen = await company.dial_in(caller)
        await phone.finish()
    assert re.search(r"^Require: 100rel\r?$", seen, re.MULTILINE)
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_an_employee_puts_the_carriers_sounds_on_hold_before_the_answer(company):
    client = Script().wait_for("INVITE").answer(183, "Progress", body=True).pause(1500)
    client.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE").ok()
    async with company.outside(client) as outside:
        script = company.dialler(company.admin.sip, CLIENT)
        script.steps[-1] = script.steps[-1].replace("Contact:", "Supported: 100rel\nContact:")
        expect_reliable(script, 183)
        prack(script, 2)
        inside(script, "UPDATE", body=held(script.sdp)).expect(200)
        # The branch of the ACK is its own; only its CSeq is that of the INVITE.
        script.cseq = 2
        script.expect(200).ack()
        script.cseq = 4
        script.pause(200).bye().expect(200)
        seen = await script.run(company.instance.sip)
        await outside.finish()
    (held_sdp,) = received(seen, "4 UPDATE")
    assert "a=recvonly" in held_sdp
    answers = [p for p in seen.split("-----") if " received " in p and "2 INVITE" in p]
    assert "m=audio" not in answers[-1]  # all was said before
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_hold_by_update_in_a_conversation(company):
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = company.caller().invite(company.number).expect(180).expect(200).ack().pause(100)
        inside(caller, "UPDATE", body=held(caller.sdp)).expect(200).pause(100)
        inside(caller, "UPDATE", body=caller.sdp.replace("1 1 IN", "1 3 IN")).expect(200)
        inside(caller, "UPDATE").expect(200)
        seen = await company.dial_in(caller.bye().expect(200))
        at_phone = await phone.finish()
    answers = (*received(seen, "2 UPDATE"), *received(seen, "3 UPDATE"))
    directions = [re.search(r"a=(send|recv)\w+", body)[0] for body in answers]
    assert directions == ["a=recvonly", "a=sendrecv"]
    assert "UPDATE sip:" not in at_phone


async def test_a_silent_carrier_is_given_up_when_its_session_expires(company):
    timer = "Supported: timer\nSession-Expires: 4;refresher=uac\n"
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = company.caller().invite(company.number, headers=timer).expect(180).expect(200).ack()
        seen = await company.dial_in(caller.wait_for("BYE").ok())
        await phone.finish()
    assert re.search(r"^Session-Expires: 4;refresher=uac\r?$", seen, re.MULTILINE)
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    ended = card.steps[-1].data
    assert (ended["by"], ended["cause"]) == ("caller", "Session Expired")
    assert (card.call.ended_at - card.call.answered_at).total_seconds() >= 2


async def test_a_phone_that_is_gone_when_we_refresh_is_given_up(company):
    callee = Script().wait_for("INVITE").answer(180, "Ringing")
    say(
        callee,
        200,
        "OK",
        "Require: timer\nSession-Expires: 4;refresher=uac\nAllow: UPDATE\n",
        callee.sdp,
    )
    callee.wait_for("ACK").wait_for("UPDATE")
    say(callee, 200, "OK", "Session-Expires: 4;refresher=uac\n")
    callee.wait_for("UPDATE").answer(481, "Gone", tag=False).wait_for("BYE").ok()
    async with company.phone(company.admin.sip, callee) as phone:
        caller = company.caller().invite(company.number).expect(180).expect(200).ack()
        await company.dial_in(caller.wait_for("BYE").ok(), seconds=30)
        seen = await phone.finish()
    assert len(re.findall(r"^Session-Expires: 4;refresher=uac\r?$", seen, re.MULTILINE)) >= 2
    ended = (await company.call()).steps[-1].data
    assert (ended["by"], ended["cause"]) == ("callee", "Gone")


async def test_too_short_a_session_is_refused(company):
    timer = "Supported: timer\nSession-Expires: 3\n"
    caller = company.caller().invite(company.number, headers=timer).expect(422).ack_refusal()
    seen = await company.dial_in(caller)
    assert re.search(r"^Min-SE: 4\r?$", seen, re.MULTILINE)
    assert await company.history() == ()


async def test_a_carrier_without_an_offer_gets_ours_and_both_hear_each_other(company):
    async with peers(PCMA, PCMA) as (caller, callee):
        script = company.caller(media=caller.address).invite(company.number, body=False)
        script.expect(180).expect(200)
        inside(script, "ACK", body=script.sdp).wait_for("BYE").ok()
        async with company.phone(company.admin.sip, answering(media=callee.address)) as phone:
            running = script.running(company.instance.sip, local=company.carrier_host)
            async with running as sipp:
                offer = await sipp.wait_for_text(r"SIP/2\.0 200 OK.*?^(v=0.*?a=sendrecv)")
                to_phone = await phone.wait_for_text(r"^INVITE .*?^(v=0.*?a=sendrecv)")
                caller.connect(offer[1].encode())
                callee.connect(to_phone[1].encode())
                caller.play(tone(CALLER))
                callee.play(tone(CALLEE))
                await asyncio.gather(hears(caller, CALLEE), hears(callee, CALLER))
                company.instance.cli("calls", "hangup", "--all", "--tenant", str(company.id))
                await sipp.finish()
            await phone.finish()
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_a_carrier_without_an_offer_may_answer_ours_while_it_rings(company):
    async with company.phone(company.admin.sip, answering(pause=700)) as phone:
        caller = company.caller()
        caller.invite(company.number, headers="Require: 100rel\n", body=False)
        expect_reliable(caller, 180)
        inside(caller, "PRACK", "RAck: [$rseq] 1 INVITE\n", caller.sdp).expect(200).expect(200)
        caller.cseq = 1
        caller.ack()
        caller.cseq = 2
        seen = await company.dial_in(caller.pause(200).bye().expect(200))
        await phone.finish()
    assert len(received(seen, "SIP/2.0 180")) == 1
    assert received(seen, "SIP/2.0 200") == []
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_who_owes_the_answer_and_gives_none_leaves_nobody_on_the_line(company):
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = company.caller().invite(company.number, body=False).expect(180).expect(200).ack()
        await company.dial_in(caller.wait_for("BYE").ok())
        await phone.finish()
    card = await company.call()
    assert card.call.answered_at is None
    assert card.steps[-1].data["cause"] == "media_refused"


async def test_a_phone_that_forwards_calls_makes_the_other_ring(company):
    boris = await company.hire("Борис Кузнецов", "102")
    forwarding = Script().wait_for("INVITE")
    forwarding._send(
        "SIP/2.0 302 Moved\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]fwd[call_number]\n"
        f"[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:102@{company.domain}>\n{_NO_BODY}"
    )
    forwarding.wait_for("ACK")
    async with (
        company.phone(company.admin.sip, forwarding) as first,
        company.phone(boris.sip, answering()) as second,
    ):
        await company.dial_in(calling(company.caller(), company.number))
        await first.finish()
        await second.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    assert 302 in [step.data.get("status") for step in card.steps]


async def test_a_reinvite_without_an_offer_is_offered_what_was_said_before(company):
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = company.caller().invite(company.number).expect(180).expect(200).ack().pause(100)
        inside(caller, "INVITE").expect(200)
        inside(caller, "ACK", body=held(caller.sdp)).pause(100)
        seen = await company.dial_in(caller.bye().expect(200))
        await phone.finish()
    first, again = received(seen, "SIP/2.0 200 OK")
    ports = [re.findall(r"m=audio \d+", body) for body in (first, again)]
    assert ports[0] == ports[1]
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_a_digit_is_taken_and_a_transfer_declined(company):
    digit = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=5\nDuration=100\n"
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = company.caller().invite(company.number).expect(180).expect(200).ack()
        inside(caller, "INFO")
        caller.steps[-1] = caller.steps[-1].replace(_NO_BODY, digit)
        caller.expect(200)
        inside(caller, "REFER", "Refer-To: <sip:102@carrier.test>\n").expect(603)
        await company.dial_in(caller.bye().expect(200))
        await phone.finish()
    assert (await company.call()).ended_by == "caller"
