"""What peers do to each other at the wrong moment, on the whole product: once each, with SIPp."""

import re

import pytest

from core.contracts import Outcome, StepCode
from tests.e2e.test_calls import answering, calling, talking
from tests.e2e.test_lossy import left, nothing_left
from tests.support.sipp import Script


@pytest.fixture(autouse=True)
async def clean(company):
    """Whatever was done to it, no call, session or port is left; transactions are timers' business."""
    await company.change(company.admin, external_number=None)
    before = left(company)
    yield
    await nothing_left(company, before, 90, "sunsim_sip_transactions")


def received(messages, start):
    """The messages that SIPp received and that begin like this."""
    parts = [part for part in messages.split("-----") if " received " in part]
    return [part for part in parts if re.search(rf"^{start}", part, re.M)]


def distinct(messages, start):
    """The same without what a busy machine made somebody send again."""
    return list(dict.fromkeys(part.partition("bytes :")[2] for part in received(messages, start)))


def steps(card, code):
    return [step.data for step in card.steps if step.code is code]


# --- everything twice -----------------------------------------------------------------------------


async def test_every_message_of_a_call_may_come_twice(company):
    phone = Script().wait_for("INVITE").answer(180, "Ringing").again().pause(100)
    phone.answer(200, "OK", body=True).again().wait_for("ACK").wait_for("BYE").ok().again()
    caller = company.caller().invite(company.number).again().expect(180).expect(200)
    caller.pause(1000).ack().again().pause(300)  # until a second 200: the ACK to the first was lost
    caller.bye().expect(200).again().pause(300)
    async with company.phone(company.admin.sip, phone) as callee:
        seen = await company.dial_in(caller)
        heard = await callee.finish()
    assert len(distinct(heard, "INVITE")) == len(distinct(heard, "BYE")) == 1
    assert len(received(heard, "ACK")) >= 2
    assert len(received(seen, r"SIP/2\.0 200 OK\r?$(?s:.*?)^CSeq: 1 INVITE")) >= 2
    assert len(received(seen, r"SIP/2\.0 200 OK\r?$(?s:.*?)^CSeq: 2 BYE")) >= 2
    await company.call()
    assert [row.outcome for row in await company.history()] == [Outcome.ANSWERED]


@pytest.mark.proof
async def test_a_cancel_may_come_twice(company):
    ringing = Script().wait_for("INVITE").answer(180, "Ringing").cancelled()
    caller = company.caller().invite(company.number).expect(180).cancel().again()
    caller.expect(200).expect(487).ack_refusal().again().pause(300)
    async with company.phone(company.admin.sip, ringing) as callee:
        seen = await company.dial_in(caller)
        heard = await callee.finish()
    assert len(received(seen, r"SIP/2\.0 200 OK\r?$(?s:.*?)^CSeq: 1 CANCEL")) >= 2
    assert len(distinct(heard, "CANCEL")) == 1
    assert (await company.call()).call.outcome is Outcome.CANCELLED


@pytest.mark.proof
async def test_a_registration_may_come_twice(company):
    line = company.admin.sip
    script = Script(domain=company.domain).register(line.login).again().expect(401)
    script.register(line.login, line.password).again().expect(200).pause(300)
    seen = await script.run(company.instance.sip)
    assert len(received(seen, "SIP/2.0 200 OK")) >= 2
    await company.online(1)


async def test_an_invite_that_came_by_two_ways_is_one_call(company):
    """Merged (RFC 3261 §8.2.2.2): the same request with another branch."""
    caller = company.caller().invite(company.number).merged().expect(482).expect(180).expect(200)
    async with company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(caller.ack().pause(100).bye().expect(200))
        heard = await phone.finish()
    assert len(distinct(heard, "INVITE")) == 1
    await company.call()
    assert len(await company.history()) == 1


# --- crossing -------------------------------------------------------------------------------------


async def test_the_phone_answers_while_the_caller_gives_up(company):
    """Its 200 comes after our CANCEL: ACK and BYE."""
    late = Script().wait_for("INVITE").answer(180, "Ringing").wait_for("CANCEL").ok()
    late.answer(200, "OK", body=True, cseq="1 INVITE").wait_for("ACK").wait_for("BYE").ok()
    caller = company.caller().invite(company.number).expect(180).pause(100).cancel()
    async with company.phone(company.admin.sip, late) as phone:
        await company.dial_in(caller.expect(200).expect(487).ack_refusal())
        await phone.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.CANCELLED


@pytest.mark.proof
async def test_the_caller_gives_up_after_we_answered(company):
    """A CANCEL that crosses our 200 changes nothing (§9.2)."""
    caller = company.caller().invite(company.number).expect(180).expect(200).cancel()
    caller.expect(200, dialog=False)
    async with company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(caller.ack().pause(100).bye().expect(200))
        await phone.finish()
    assert (await company.call()).call.outcome is Outcome.ANSWERED


@pytest.mark.proof  # who is slow to answer hears CANCEL first; tests/unit/call has it in virtual time
async def test_two_phones_answer_at_once(company):
    both = Script().wait_for("INVITE").answer(180, "Ringing").pause(1000)  # until both ring
    both.answer(200, "OK", body=True).wait_for("ACK").wait_for("BYE").ok()
    mobile, _ = (line for line in company.admin.lines.values() if line is not company.admin.sip)
    async with company.phone(company.admin.sip, both) as one, company.phone(mobile, both) as other:
        caller = company.caller().invite(company.number).expect(200).ack()
        await company.dial_in(caller.pause(300).bye().expect(200))
        await one.finish()
        await other.finish()
    card = await company.call()
    assert len(steps(card, StepCode.ANSWERED)) == 1
    assert {"reason": "elsewhere"} in steps(card, StepCode.LEG_ENDED)


async def test_two_far_sides_of_one_invite_answer(company):
    """A proxy forked: the second 200, with another tag, gets ACK and BYE of its own."""
    forked = Script().wait_for("INVITE").answer(180, "Ringing").answer(180, "Ringing", fork="fork2")
    forked.answer(200, "OK", body=True).answer(200, "OK", body=True, fork="fork2")
    forked.wait_for("ACK").wait_for("BYE").ok().wait_for("BYE").ok()
    caller = talking(company.caller(), company.number)
    async with company.phone(company.admin.sip, forked) as phone:
        async with caller.running(company.instance.sip, company.carrier_host) as sipp:
            await phone.wait_for_text(r"^BYE ")
            await sipp.go_on()
            await sipp.finish()
        heard = await phone.finish()
    assert len(distinct(heard, "ACK")) == 2
    first, second = distinct(heard, "BYE")
    assert re.search(r"^To: .*;tag=\S*fork2", first, re.M)
    assert not re.search(r"^To: .*;tag=\S*fork2", second, re.M)
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_both_sides_hang_up_at_once(company):
    phone = Script().wait_for("INVITE").answer(180, "Ringing").answer(200, "OK", body=True)
    phone.wait_for_ack().wait_for("BYE").bye_as_callee(retrans=False).ok().pause(500)
    async with company.phone(company.admin.sip, phone) as callee:
        await company.dial_in(calling(company.caller(), company.number))
        heard = await callee.finish()
    assert len(received(heard, r"SIP/2\.0 200 OK\r?$(?s:.*?)^CSeq: 1 BYE")) == 1
    assert (await company.call()).ended_by == "caller"


async def test_both_sides_hold_at_once_and_one_too_often(company):
    phone = Script().wait_for("INVITE").answer(180, "Ringing").answer(200, "OK", body=True)
    phone.wait_for_ack().pause(100).reinvite_as_callee("sendonly").expect(200).ack_as_callee()
    phone.wait_for("BYE").ok()
    caller = company.caller().invite(company.number).expect(180).expect(200).ack().pause(100)
    caller.reinvite("sendonly").expect(200)
    caller.reinvite("sendrecv").expect(491).ack_refusal()  # our 200 to the first waits for its ACK
    caller.pause(500).ack(2).pause(300).bye().expect(200)
    async with company.phone(company.admin.sip, phone) as callee:
        await company.dial_in(caller)
        await callee.finish()
    assert (await company.call()).call.outcome is Outcome.ANSWERED


# --- answers that are none ------------------------------------------------------------------------


NO_AUDIO = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n"


@pytest.mark.parametrize("body", [pytest.param("", marks=pytest.mark.proof), NO_AUDIO])
async def test_a_phone_that_answers_without_audio_is_left_alone(company, body):
    mute = Script().wait_for("INVITE").answer(200, "OK", text=body).wait_for("ACK")
    mute.wait_for("BYE").ok()
    mobile, _ = (line for line in company.admin.lines.values() if line is not company.admin.sip)
    async with (
        company.phone(mobile, mute) as silent,
        company.phone(company.admin.sip, answering(pause=1000)) as phone,
    ):
        await company.dial_in(calling(company.caller(), company.number))
        await silent.finish()
        await phone.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    assert {"status": 488} in steps(card, StepCode.LEG_ENDED)


# --- silence --------------------------------------------------------------------------------------


@pytest.mark.proof
async def test_a_phone_that_is_gone_is_not_waited_for(company):
    await company.register(company.admin.sip)  # and nobody listens there any more
    caller = company.caller().invite(company.number).expect(480).ack_refusal()
    await company.dial_in(caller, seconds=40)
    card = await company.call()
    assert {"status": 408} in steps(card, StepCode.LEG_ENDED)
    assert (card.call.ended_at - card.call.started_at).total_seconds() < 24


@pytest.mark.proof
async def test_a_carrier_that_never_acknowledges_loses_the_call(company):
    caller = company.caller().invite(company.number).expect(180).expect(200).pause(35000)
    caller.wait_for("BYE").ok()
    async with company.phone(company.admin.sip, answering()) as phone:
        async with caller.running(company.instance.sip, company.carrier_host) as sipp:
            seen = await sipp.finish(90)
        await phone.finish(90)
    assert len(received(seen, "SIP/2.0 200")) >= 8
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "caller")


# --- connections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [pytest.param("line", marks=pytest.mark.proof), "carrier"])
async def test_a_connection_that_is_cut_in_a_call_is_no_end_of_it(company, side):
    """Whoever stays says BYE; nothing of the other side is left."""
    phone = Script().wait_for("INVITE").answer(180, "Ringing").answer(200, "OK", body=True)
    phone.wait_for_ack().pause(1500).bye_as_callee().expect(200)
    if side == "line":
        boris = await company.hire("Борис Кузнецов", "102")
        line, local = boris.sip, "127.0.0.1"
        script = company.dialler(company.admin.sip, "102").expect(180).expect(200).ack()
    else:
        line, local = company.admin.sip, company.carrier_host
        script = company.caller().invite(company.number).expect(180).expect(200).ack()
    cut = script.until_told().running(company.instance.sip, local, by="tcp")
    async with company.phone(line, phone) as callee, cut as sipp:
        await callee.wait_for_text(r"^ACK ")
        await sipp.wait_for_text(r"^SIP/2\.0 200 .*^ACK ")
        await sipp.stop()
        await callee.finish()
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "callee")
