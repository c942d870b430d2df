"""Real calls: SIPp is carrier and phones, rtpengine relays, PostgreSQL keeps the history."""

import asyncio
import re

import pytest

from core.contracts import Direction, Outcome, StepCode
from core.media.rtp import RtpPeer
from core.media.tones import hears, tone
from tests.support.sipp import Script


def answering(pause=100, **fields):
    """A phone that rings and is answered, until the other side hangs up."""
    script = Script(**fields).wait_for("INVITE").answer(180, "Ringing").pause(pause)
    return script.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE").ok()


def calling(script, number):
    """A caller who is answered, talks for a moment and hangs up."""
    return script.invite(number).expect(180).expect(200).ack().pause(200).bye().expect(200)


def talking(script, number):
    """A caller who is answered and talks until the test says ``go_on``."""
    return script.invite(number).expect(180).expect(200).ack().until_told().bye().expect(200)


def codes(card):
    return [step.code for step in card.steps]


@pytest.mark.spec("ACC-07", "SCN-01", "EMP-02", "HIS-01", at="call")
async def test_a_carriers_call_rings_the_administrator_and_is_in_the_history(company):
    async with company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(calling(company.caller(name="Иван"), company.number))
        await phone.finish()
    card = await company.call()
    assert card.call.direction is Direction.INCOMING
    assert card.call.outcome is Outcome.ANSWERED
    assert (card.call.caller, card.call.caller_name) == ("+79160000001", "Иван")
    assert card.call.called == company.number
    assert card.call.employee.name == "Анна Смирнова"
    assert card.ended_by == "caller"
    assert card.scenario_name == "По умолчанию"
    assert StepCode.ROUTED in codes(card)
    assert StepCode.ANSWERED in codes(card)


@pytest.mark.spec("ACC-03", "EMP-01", at="call")
async def test_the_external_number_rings_beside_the_lines(company):
    async with company.outside(answering()) as mobile:
        await company.dial_in(calling(company.caller(), company.number))
        seen = await mobile.finish()
    assert "INVITE sip:+79160000009@" in seen
    assert f"Diversion: <sip:{company.number}@" in seen
    assert (await company.call()).call.outcome is Outcome.ANSWERED


@pytest.mark.spec("ACC-10", "EMP-02", at="call")
async def test_all_three_lines_ring_and_the_losers_hear_that_it_was_answered_elsewhere(company):
    losing = Script().wait_for("INVITE").answer(180, "Ringing")
    losing.cancelled()
    others = [line for line in company.admin.lines.values() if line is not company.admin.sip]
    async with (
        company.phone(others[0], losing) as first,
        company.phone(others[1], losing) as second,
        company.phone(company.admin.sip, answering(pause=300)) as winner,
    ):
        await company.dial_in(calling(company.caller(), company.number))
        for phone in (first, second):
            seen = await phone.finish()
            assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in seen
        await winner.finish()
    card = await company.call()
    elsewhere = [step for step in card.steps if step.data.get("reason") == "elsewhere"]
    assert len(elsewhere) == 3  # two lines and the external number


async def test_busy(company):
    busy = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    outside = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    async with company.phone(company.admin.sip, busy) as phone, company.outside(outside):
        await company.dial_in(company.caller().invite(company.number).expect(486).ack_refusal())
        await phone.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.BUSY
    assert card.sip_status == 486


async def test_nobody_answers(company):
    # In turn, so that each terminal has its own time (EMP-08).
    await company.sql("UPDATE employees SET dial_mode = 'sequential'")
    await company.sql("UPDATE terminals SET ring_seconds = 1")
    ringing = Script().wait_for("INVITE").answer(180, "Ringing")
    ringing.cancelled()
    async with company.phone(company.admin.sip, ringing) as phone:
        caller = company.caller().invite(company.number).expect(180).expect(480).ack_refusal()
        await company.dial_in(caller)
        await phone.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.NO_ANSWER
    assert (card.call.ended_at - card.call.started_at).total_seconds() >= 2


async def test_the_caller_gives_up(company):
    ringing = Script().wait_for("INVITE").answer(180, "Ringing")
    ringing.cancelled()
    async with company.phone(company.admin.sip, ringing) as phone:
        caller = company.caller().invite(company.number).expect(180).pause(300).cancel()
        await company.dial_in(caller.expect(200).expect(487).ack_refusal())
        seen = await phone.finish()
    assert "Call completed elsewhere" not in seen
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.CANCELLED, "caller")


async def test_a_declined_call_is_busy_for_the_caller(company):
    declines = Script().wait_for("INVITE").answer(603, "Decline").wait_for("ACK")
    outside = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    async with company.phone(company.admin.sip, declines), company.outside(outside):
        await company.dial_in(company.caller().invite(company.number).expect(486).ack_refusal())


async def test_an_unregistered_phone_leaves_its_trace(company):
    outside = Script().wait_for("INVITE").answer(480, "Unavailable").wait_for("ACK")
    async with company.outside(outside):
        await company.dial_in(company.caller().invite(company.number).expect(480).ack_refusal())
    card = await company.call()
    skipped = [step for step in card.steps if step.code is StepCode.NOT_RUNG]
    assert {step.data["reason"] for step in skipped} == {"not_registered"}
    assert len(skipped) == 3
    assert any("not online" in line.text for line in card.trace)


async def test_an_unknown_number_is_404_and_leaves_no_call(company):
    await company.dial_in(company.caller().invite("+74999999999").expect(404).ack_refusal())
    assert await company.history() == ()
    assert company.instance.metrics()['sunsim_calls_refused_total{reason="unknown_number"}'] >= 1


@pytest.mark.spec("SIP-01", "SIP-02", "EMP-05", at="call")
async def test_a_line_registers_with_login_domain_and_password_alone(company):
    line = company.admin.sip
    assert re.fullmatch(r"005\d{7}", line.login)
    seen = await company.register(line)
    assert f"To: <sip:{line.login}@{company.domain}>" in seen


async def test_a_wrong_password_is_challenged_again(company):
    await company.register(company.admin.sip, password="wrong", expect=401)


@pytest.mark.spec("EMP-14", at="call")
async def test_a_line_calls_outside_with_the_number_that_its_employee_chose(company):
    second = await company.another_number()
    await company.choose_caller_id(company.admin, second)
    async with company.outside(answering()) as client:
        script = company.dialler(company.admin.sip, "89161112233").expect(180).expect(200).ack()
        await script.pause(200).bye().expect(200).run(company.instance.sip)
        seen = await client.finish()
    assert f"From: <sip:{second}@" in seen
    assert company.number not in seen


@pytest.mark.spec("EMP-02", at="call")
async def test_a_line_calls_outside_with_the_companys_number(company):
    async with company.outside(answering()) as client:
        script = company.dialler(company.admin.sip, "89161112233")
        await (
            script.expect(180).expect(200).ack().pause(200).bye().expect(200).run(company.instance.sip)
        )
        seen = await client.finish()
    assert "INVITE sip:+79161112233@" in seen
    assert f"From: <sip:{company.number}@" in seen
    assert company.admin.sip.login not in seen
    card = await company.call()
    assert card.call.direction is Direction.OUTGOING
    assert card.call.called == "+79161112233"
    assert card.call.employee.name == "Анна Смирнова"


@pytest.mark.spec("HIS-01", at="call")
async def test_the_far_sides_answer_reaches_the_one_who_dialled(company):
    busy = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    async with company.outside(busy):
        script = company.dialler(company.admin.sip, "+79161112233").expect(486).ack_refusal()
        await script.run(company.instance.sip)
    assert (await company.call()).call.outcome is Outcome.BUSY


@pytest.mark.parametrize("number", ["81012125550100", "+77010000000"])
async def test_destinations_abroad_are_closed(company, number):
    script = company.dialler(company.admin.sip, number).expect(403).ack_refusal()
    await script.run(company.instance.sip)
    card = await company.call()
    assert (card.call.outcome, card.sip_status) == (Outcome.REFUSED, 403)


@pytest.mark.spec("EMP-12", at="call")
async def test_a_line_calls_a_colleagues_extension(company):
    boris = await company.hire("Борис Кузнецов", "102")
    async with company.phone(boris.sip, answering()) as phone:
        script = company.dialler(company.admin.sip, "102")
        await (
            script.expect(180).expect(200).ack().pause(200).bye().expect(200).run(company.instance.sip)
        )
        seen = await phone.finish()
    assert 'From: "Анна Смирнова" <sip:101@' in seen
    card = await company.call()
    assert card.call.direction is Direction.INTERNAL
    assert card.call.outcome is Outcome.ANSWERED


async def test_nobody_has_the_extension(company):
    script = company.dialler(company.admin.sip, "999").expect(404).ack_refusal()
    await script.run(company.instance.sip)
    card = await company.call()
    assert any(step.data.get("reason") == "unknown" for step in card.steps)


async def test_both_sides_hear_each_other_and_the_ports_are_freed(company):
    caller, callee = await RtpPeer.open(), await RtpPeer.open()
    async with company.phone(company.admin.sip, answering(media=callee.address)) as phone:
        script = talking(company.caller(media=caller.address), company.number)
        options = {"local": company.carrier_host}
        async with script.running(company.instance.sip, **options) as sipp:
            answer = await sipp.wait_for_text(r"SIP/2\.0 200 OK.*?^(v=0.*?)^-----")
            offer = await phone.wait_for_text(r"^INVITE .*?^(v=0.*?)^-----")
            caller.connect(answer[1].encode())
            callee.connect(offer[1].encode())
            caller.play(tone(440))
            callee.play(tone(620))
            await asyncio.gather(caller.listen(1.5), callee.listen(1.5))
            await sipp.go_on()
            await sipp.finish()
        await phone.finish()
    assert hears(callee.heard, 440, 1.0)
    assert hears(caller.heard, 620, 1.0)
    assert not hears(caller.heard, 440)
    caller.close()
    callee.close()


async def test_the_phone_hangs_up_first(company):
    script = Script().wait_for("INVITE").answer(180, "Ringing")
    script.answer(200, "OK", body=True, retrans=True).wait_for_ack().pause(200)
    caller = company.caller().invite(company.number).expect(180).expect(200).ack()
    async with company.phone(company.admin.sip, script.bye_as_callee().expect(200)) as phone:
        await company.dial_in(caller.wait_for("BYE").ok())
        await phone.finish()
    assert (await company.call()).ended_by == "callee"


async def test_hold_and_resume_are_answered_and_the_other_side_is_left_alone(company):
    async with company.phone(company.admin.sip, answering()) as phone:
        caller = company.caller().invite(company.number).expect(180).expect(200).ack().pause(100)
        caller.reinvite("sendonly").expect(200).ack().pause(100)
        caller.reinvite("sendrecv").expect(200).ack().pause(100)
        seen = await company.dial_in(caller.bye().expect(200))
        at_phone = await phone.finish()
    received = [part for part in seen.split("-----") if " received " in part and "m=audio" in part]
    directions = [re.search(r"a=(send|recv)\w+", part)[0] for part in received]
    assert directions == ["a=sendrecv", "a=recvonly", "a=sendrecv"]
    assert "CSeq: 2 BYE" in at_phone
    assert "CSeq: 2 INVITE" not in at_phone
    assert (await company.call()).call.outcome is Outcome.ANSWERED
