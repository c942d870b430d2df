"""What the called side is shown, short numbers, channels of a terminal: through real calls."""

from contextlib import AsyncExitStack

import pytest

from core.contracts import Direction, Outcome, StepCode, TerminalKind
from tenants.services import numbers
from tenants.services.terminals import ChangeTerminal
from tests.e2e.test_calls import answering, calling, talking
from tests.support.sipp import Script


def busy():
    return Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")


async def show_called(company):
    """What an administrator does with the number of the company (NUM-05)."""
    (number,) = await numbers.numbers(company.db, company.here)
    command = numbers.UpdateNumber(number.id, number.version, label="Продажи", shows_called=True)
    await numbers.update(company.db, company.here, command)
    await company.settled()


@pytest.mark.spec("NUM-07", "NUM-08", at="call")
async def test_phones_show_the_called_number_before_they_are_answered(company):
    await show_called(company)
    ringing = Script().wait_for("INVITE").answer(180, "Ringing")
    ringing.cancelled()
    async with (
        company.outside(ringing) as mobile,
        company.phone(company.admin.sip, answering()) as phone,
    ):
        await company.dial_in(calling(company.caller(name="Иван"), company.number))
        at_desk, at_mobile = await phone.finish(), await mobile.finish()
    assert f'From: "Продажи" <sip:{company.number}@{company.domain}>' in at_desk
    assert f"From: <sip:{company.number}@" in at_mobile
    assert "+79160000001" not in at_desk + at_mobile
    assert (await company.call()).call.caller == "+79160000001"


@pytest.mark.parametrize(("dialled", "called"), [("112", "112"), ("03", "103")])
async def test_help_is_reached_through_the_carrier(company, dialled, called):
    async with company.outside(answering()) as help_desk:
        script = company.dialler(company.admin.sip, dialled).expect(180).expect(200).ack()
        await script.pause(200).bye().expect(200).run(company.instance.sip)
        seen = await help_desk.finish()
    assert f"INVITE sip:{called}@{company.carrier_host}" in seen
    card = await company.call()
    assert (card.call.direction, card.call.called) == (Direction.OUTGOING, called)


async def test_who_has_the_number_as_extension_is_called(company):
    boris = await company.hire("Борис Кузнецов", "103")
    async with company.phone(boris.sip, answering()) as phone:
        script = company.dialler(company.admin.sip, "103").expect(180).expect(200).ack()
        await script.pause(200).bye().expect(200).run(company.instance.sip)
        await phone.finish()
    assert (await company.call()).call.direction is Direction.INTERNAL


@pytest.mark.spec("EMP-09", "EMP-10", "EMP-11", at="call")
@pytest.mark.parametrize("channels", [1, 2])
async def test_a_terminal_is_busy_when_its_channels_are_taken(company, channels):
    if channels > 1:  # off by default
        await company.change(
            company.admin, terminals={TerminalKind.SIP: ChangeTerminal(channels=channels)}
        )
    where, carrier = company.instance.sip, company.carrier_host
    async with (
        AsyncExitStack() as talks,
        company.outside(busy(), calls=channels + 1),
        company.phone(company.admin.sip, answering(), calls=channels) as phone,
    ):
        callers = []
        for number in range(channels):
            script = talking(company.caller(f"+7916000001{number}"), company.number)
            callers.append(await talks.enter_async_context(script.running(where, carrier)))
            await callers[-1].wait_for_text(r"^ACK ")
        await company.dial_in(company.caller().invite(company.number).expect(486).ack_refusal())
        for sipp in callers:
            await sipp.go_on()
            await sipp.finish()
        await phone.finish()
    rows = await company.recorded(channels + 1)
    refused = await company.call()
    assert refused.call.caller == "+79160000001"
    steps = [step for step in refused.steps if step.code is StepCode.NOT_RUNG]
    assert "busy" in {step.data["reason"] for step in steps}
    outcomes = sorted(row.outcome for row in rows)
    assert outcomes == sorted([Outcome.ANSWERED] * channels + [Outcome.BUSY])
