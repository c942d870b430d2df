"""Hold with music and transfers, by telephones with real SIP and RTP."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from core.contracts import Direction, Outcome, StepCode
from core.errors import Invalid
from tenants.services import callcontrol
from tenants.services.callcontrol import ConnectCall
from tests.e2e.test_calls import codes
from tests.e2e.test_media_loss import kill_rtpengine
from tests.support.baresip import baresip
from tests.support.desk import client, desk

CLIENT, ANNA, BORIS = 1000, 440, 620
RINGBACK = 425


@pytest.fixture
async def office(company):
    """The company with Boris, whom nobody's calls ring but his own."""
    company.boris = await company.hire("Борис Титов", "102")
    return company


@asynccontextmanager
async def people(office):
    """A client outside, Anna and Boris with a telephone each."""
    async with (
        client(office, CLIENT) as outside,
        desk(office, office.admin.sip, ANNA) as anna,
        desk(office, office.boris.sip, BORIS) as boris,
    ):
        yield outside, anna, boris


@asynccontextmanager
async def answered(office, outside, anna):
    """The client and Anna talk."""
    calling = asyncio.create_task(outside.call(office.number))
    mine = await anna.answer()
    theirs = await calling
    await asyncio.gather(mine.hears(CLIENT), theirs.hears(ANNA))
    yield theirs, mine


async def press(talk, keys):
    for key in keys:
        await talk.audio.press(key)
        await asyncio.sleep(0.15)


def refers_to(office, extension="102", replaces=""):
    quoted = replaces.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
    return f"sip:{extension}@{office.domain}" + (f"?Replaces={quoted}" if replaces else "")


async def test_the_client_hears_music_and_then_whom_he_is_passed_on_to(office):
    async with people(office) as (outside, anna, boris), answered(office, outside, anna) as (his, mine):
        await mine.offer("sendonly")
        await his.hears_music()
        await mine.offer("sendrecv")
        await asyncio.gather(mine.hears(CLIENT), his.hears(ANNA))
        await mine.offer("sendonly")
        assert await mine.refer(refers_to(office)) == 202
        ringing = await boris.rings()
        await mine.reports(180)
        await his.heard(RINGBACK)
        boris.ringing.put_nowait(ringing)
        theirs = await boris.answer()
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS), mine.ended())
        await mine.reports(200)
        await his.hang_up()
        await theirs.ended()
    card = await office.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "caller")
    wanted = (StepCode.HELD, StepCode.RESUMED, StepCode.HELD, StepCode.TRANSFER, StepCode.JOINED)
    assert tuple(code for code in codes(card) if code in wanted) == wanted
    joined = next(step for step in card.steps if step.code is StepCode.JOINED)
    assert joined.employee_id == office.boris.id
    assert any("Борис Титов" in line.text and "joined" in line.text for line in card.trace)


async def test_baresip_passes_the_client_of_its_own_call_on_and_hangs_up(office):
    line = office.admin.sip
    async with (
        client(office, CLIENT) as outside,
        desk(office, office.boris.sip, BORIS) as boris,
        baresip(line.login, line.password, office.domain, office.instance.sip, ANNA) as anna,
    ):
        await anna.until("200 OK")
        await anna.command("dial", f"sip:89161112233@{office.domain}")
        his = await outside.answer()
        await his.hears(ANNA)
        await anna.command("transfer", f"sip:102@{office.domain}")
        theirs = await boris.answer()
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS))
        assert his.reoffers == 0
        await theirs.hang_up()
        await his.ended()
    card = await office.call()
    assert (card.call.direction, card.call.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)
    assert card.ended_by == "caller", "in whose place Boris was"


async def test_who_is_not_reached_brings_the_client_back(office):
    async with people(office) as (outside, anna, boris), answered(office, outside, anna) as (his, mine):
        assert await mine.refer(refers_to(office)) == 202
        (await boris.rings()).sip.answer(486)
        await mine.reports(486)
        await asyncio.gather(mine.hears(CLIENT), his.hears(ANNA))
        assert await mine.refer(refers_to(office)) == 202
        await mine.hang_up()
        (await boris.rings()).sip.answer(603)
        again = await anna.answer()
        await asyncio.gather(again.hears(CLIENT), his.hears(ANNA))
        await again.hang_up()
        await his.ended()
    card = await office.call()
    assert codes(card).count(StepCode.TRANSFER_FAILED) == 2
    assert card.ended_by == "callee"


async def test_client_and_colleague_are_brought_together_after_a_consultation(office):
    async with people(office) as (outside, anna, boris), answered(office, outside, anna) as (his, mine):
        await mine.offer("sendonly")
        asking = asyncio.create_task(anna.call("102"))
        theirs = await boris.answer()
        second = await asking
        await asyncio.gather(theirs.hears(ANNA), second.hears(BORIS), his.hears_music())
        assert await mine.refer(refers_to(office, replaces=second.replaces)) == 202
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS), mine.ended(), second.ended())
        assert (his.reoffers, theirs.reoffers) == (0, 1)
        await mine.reports(200)
        await his.hang_up()
        await theirs.ended()
    first, consultation = sorted(await office.recorded(2), key=lambda call: call.direction)
    assert (first.direction, consultation.direction) == (Direction.INCOMING, Direction.INTERNAL)
    assert first.ended_at > consultation.ended_at


async def test_the_client_takes_over_whom_the_consultation_still_rings(office):
    async with people(office) as (outside, anna, boris), answered(office, outside, anna) as (his, mine):
        await mine.offer("sendonly")
        asking = asyncio.create_task(anna.call("102"))
        ringing = await boris.rings()
        second = anna.talks[-1]
        async with asyncio.timeout(60):
            await second.early.wait()
        assert await mine.refer(refers_to(office, replaces=second.replaces)) == 202
        await mine.reports(180)
        await his.heard(RINGBACK)
        boris.ringing.put_nowait(ringing)
        theirs = await boris.answer()
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS), mine.ended())
        assert (await asking).status == 487
        assert (his.reoffers, theirs.reoffers, boris.ringing.empty()) == (0, 1, True)
        await mine.reports(200)
        await his.hang_up()
        await theirs.ended()
    first, consultation = sorted(await office.recorded(2), key=lambda call: call.direction)
    assert (first.direction, consultation.direction) == (Direction.INCOMING, Direction.INTERNAL)
    assert consultation.outcome is Outcome.ANSWERED, "by Boris, for the client"


async def test_outside_numbers_have_the_limits_of_the_employees_own_calls(office):
    async with people(office) as (outside, anna, _), answered(office, outside, anna) as (his, mine):
        for target in ("84951234567@elsewhere.test", f"1234@{office.domain}x", "810442071234567@"):
            wanted = target if not target.endswith("@") else target + office.domain
            assert await mine.refer(f"sip:{wanted}") in (403, 404)
        assert await mine.refer(refers_to(office, "89161112233")) == 202
        abroad = await outside.answer()
        await asyncio.gather(abroad.hears(CLIENT), his.hears(CLIENT), mine.ended())
        await his.hang_up()
        await abroad.ended()
    assert StepCode.JOINED in codes(await office.call())


async def test_a_colleague_picks_the_ringing_call_up(office):
    async with people(office) as (outside, anna, boris):
        calling = asyncio.create_task(outside.call(office.number))
        ringing = await anna.rings()
        theirs = await boris.call("*8101")
        his = await calling
        assert (theirs.status, his.status) == (200, 200)
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS), ringing.ended())
        assert (await boris.call("*8101")).status == 404, "nothing rings there any more"
        await his.hang_up()
        await theirs.ended()
    card = await office.call()
    assert card.call.employee.name == "Борис Титов"
    assert StepCode.PICKED_UP in codes(card)


async def test_a_telephone_that_offers_nothing_takes_what_rings_and_what_goes_on(office):
    async with people(office) as (outside, anna, boris), desk(office, office.boris.sip, ANNA) as other:
        calling = asyncio.create_task(outside.call(office.number))
        ringing = await anna.rings()
        theirs = await boris.call("101", [ringing.replacing], offers=False)
        his = await calling
        assert (theirs.status, his.status) == (200, 200)
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS), ringing.ended())
        again = await other.call("102", [theirs.replacing], offers=False)
        assert again.status == 200
        await asyncio.gather(again.hears(CLIENT), his.hears(ANNA), theirs.ended())
        assert his.reoffers == 0
        await his.hang_up()
        await again.ended()
    assert codes(await office.call())[-2:] == [StepCode.JOINED, StepCode.ENDED]


async def test_by_keys_after_a_consultation_and_a_clients_keys_do_nothing(office):
    async with people(office) as (outside, anna, boris), answered(office, outside, anna) as (his, mine):
        await press(his, "*1102#")
        await press(mine, "*2102")
        theirs = await boris.answer()
        await asyncio.gather(theirs.hears(ANNA), mine.hears(BORIS), his.hears_music())
        await mine.hang_up()
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS))
        assert (his.reoffers, theirs.reoffers) == (0, 0)
        await theirs.hang_up()
        await his.ended()
    assert codes(await office.call()).count(StepCode.JOINED) == 1


async def test_a_client_who_waits_hears_music_again_when_the_media_server_dies(office):
    async with people(office) as (outside, anna, boris), answered(office, outside, anna) as (his, mine):
        await press(mine, "*2102")
        theirs = await boris.answer()
        await asyncio.gather(theirs.hears(ANNA), mine.hears(BORIS), his.hears_music())
        await kill_rtpengine(office.instance)
        await asyncio.gather(theirs.hears(ANNA), mine.hears(BORIS), his.hears_music())
        await mine.hang_up()
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS))
        assert (his.reoffers, theirs.reoffers) == (1, 1)
        await theirs.hang_up()
        await his.ended()
    assert StepCode.MEDIA_MOVED in codes(await office.call())


async def test_click_to_call_rings_the_employee_and_then_the_client(office):
    async with people(office) as (outside, anna, _):
        actor = replace(office.here, employee_id=office.admin.id)
        made = await callcontrol.connect(office.db, actor, ConnectCall("8 916 111-22-33"))
        mine = await anna.answer()
        assert b"89161112233" not in mine.sip.invite.header("From").encode()
        assert "+79161112233" in mine.sip.invite.header("From")
        ringing = await outside.rings()
        await mine.heard(RINGBACK)
        outside.ringing.put_nowait(ringing)
        his = await outside.answer()
        assert office.number.removeprefix("+") in his.sip.invite.header("From")
        await asyncio.gather(mine.hears(CLIENT), his.hears(ANNA))
        assert mine.reoffers == his.reoffers == 0
        await his.hang_up()
        await mine.ended()
    card = await office.call()
    assert (card.call.id, card.call.direction) == (made.call_id, Direction.OUTGOING)
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "callee")
    with pytest.raises(Invalid):
        await callcontrol.connect(office.db, actor, ConnectCall("810442071234567"))
