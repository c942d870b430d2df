"""Recorded conversations between real RTP peers: who is on which side, what the switches do."""

import asyncio

import msgspec
import pytest

from core.contracts import Chain, Options, PluginStep, Recording, StepCode
from core.media.g711 import PCMA
from core.media.process import CAPTURES
from core.media.rtp import RtpPeer
from core.media.tones import heard_seconds, tone
from core.recordings import Part
from tenants import tables
from tenants.storage import RECORDINGS, Storage
from tests.e2e.test_calls import answering, calling, codes
from tests.e2e.test_greeting import forward, handled, media
from tests.e2e.test_media_loss import (
    CALLEE,
    CALLER,
    asked_again,
    call,
    called,
    hear_each_other,
    kill_rtpengine,
    offered,
)
from tests.support.media import peers, until_hears
from tests.support.pcaps import decoded
from tests.support.waiting import until

WARNING = 940
_SECOND = 50 * 216  # bytes of G.711 in a file


async def rows(company):
    async with company.db.tenant(company.id):
        return await tables.Recording.select().order_by(tables.Recording.id)


async def ready(company, seconds=60):
    """The recording of the company, and its sound."""
    async with asyncio.timeout(seconds):
        while [row["state"] for row in await rows(company)] != ["ready"]:
            await asyncio.sleep(0.1)
    (row,) = await rows(company)
    storage = Storage(company.instance.settings.data.dir.resolve() / RECORDINGS)
    return row, storage.path(company.id, f"{row['id']}.{row['form']}")


async def service(company, **changes):
    """What the contract says of recording."""
    names = ", ".join(f"{name} = ${at}" for at, name in enumerate(changes, 1))
    await company.sql(f"UPDATE contracts SET {names}", *changes.values())


@pytest.mark.spec("OPT-03", "OPT-04", "SET-03", at="call")
async def test_both_sides_are_recorded_after_a_warning_and_over_the_death_of_rtpengine(company):
    await service(company, recording=True)
    found = await media(company, warning=WARNING)
    options = Options(records=True, warns=True, warning=found["warning"])
    await handled(company, Chain((forward(company),), options))
    async with peers(PCMA, PCMA) as (caller, callee):
        talk = company.caller(media=caller.address).invite(company.number).expect(200).ack()
        talk = asked_again(talk).until_told().bye().expect(200)
        answer = asked_again(called(callee, pause=4000)).wait_for("BYE").ok()
        async with call(company, talk, answer) as (at_caller, at_callee):
            caller.connect(await offered(at_caller))
            await until_hears(caller, WARNING, 1.2)
            callee.connect(await offered(at_callee))
            await hear_each_other(caller, callee)
            await kill_rtpengine(company.instance)
            caller.connect(await offered(at_caller, 2))
            callee.connect(await offered(at_callee, 2))
            await hear_each_other(caller, callee)
            await at_caller.go_on()
            await at_caller.finish()
            await at_callee.finish()
    card = await company.call()
    assert codes(card).index(StepCode.PLAYED) < codes(card).index(StepCode.RINGING)
    assert StepCode.RECORDING in codes(card)
    row, sound = await ready(company)
    parts = msgspec.json.decode(row["parts"], type=tuple[Part, ...])
    assert len(parts) == 2
    lasted = sum(part.ended_at - part.started_at for part in parts)
    assert row["milliseconds"] == pytest.approx(lasted * 1000, abs=50)
    left, right = await asyncio.to_thread(decoded, sound, 2)
    half = round((parts[0].ended_at - parts[0].started_at) * 8000)
    for side, own, other in ((left, CALLER, CALLEE), (right, CALLEE, CALLER)):
        assert heard_seconds(side[:half], own) >= 0.4
        assert heard_seconds(side[half:], own) >= 0.4
        assert heard_seconds(side, other) == 0


async def talked(company):
    """One call of a moment; how many recordings there are after it."""
    before = len(await company.history())
    async with company.phone(company.admin.sip, answering()) as phone:
        await company.dial_in(calling(company.caller(), company.number))
        await phone.finish()
    await company.recorded(before + 1)
    return len(await rows(company))


@pytest.mark.spec("EMP-21", "NUM-06", "OPT-06", at="call")
async def test_the_switches_of_contract_number_and_employee(company):
    await company.sql("UPDATE numbers SET records = true")
    assert await talked(company) == 0, "without the service nothing is recorded"
    await service(company, recording=True)
    assert await talked(company) == 1
    await company.change(company.admin, recording=Recording.OFF)
    assert await talked(company) == 1
    await company.change(company.admin, recording=Recording.ON)
    await company.sql("UPDATE numbers SET records = false")
    assert await talked(company) == 2


@pytest.mark.spec("PRC-03", "PRC-04", at="call")
async def test_a_voice_message_is_the_caller_alone_until_the_hash(company):
    found = await media(company, greeting=WARNING)
    block = {
        "greeting": str(found["greeting"]),
        "task": {"kind": "employee", "ref": str(company.admin.id)},
    }
    await handled(company, Chain((PluginStep("ivr.message", block),)))
    caller = await RtpPeer.open()
    talk = company.caller(media=caller.address).invite(company.number)
    talk = talk.expect(200).ack().wait_for("BYE").ok()
    async with talk.running(company.instance.sip, local=company.carrier_host) as at_caller:
        caller.connect(await offered(at_caller))
        caller.play([0] * 160)
        await until_hears(caller, WARNING, 1.2)
        caller.play(tone(CALLER))
        pcaps = company.instance.folder / "media" / CAPTURES / "pcaps"
        await until(lambda: any(each.stat().st_size > 3 * _SECOND for each in pcaps.glob("*.pcap")))
        await caller.press("#")
        caller.silence()
        await at_caller.finish()
    caller.close()
    row, sound = await ready(company)
    assert row["kind"] == "message"
    (heard,) = await asyncio.to_thread(decoded, sound, 1)
    assert heard_seconds(heard, CALLER) >= 1.0
    card = await company.call()
    assert StepCode.TASK_ASKED in codes(card)
    assert card.call.answered_at is None
