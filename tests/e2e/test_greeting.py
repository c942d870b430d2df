"""What a caller hears before somebody answers: uploaded MP3 files, by rtpengine, at a real peer."""

import pytest

from core.contracts import Chain, Outcome, PluginStep, StepCode
from core.media.g711 import PCMA
from core.media.rtp import RtpPeer
from core.media.tones import tone
from core.scenarios import Addressee, AddresseeKind, Dial, HangUp, KeyAction, MenuKey, Options
from tenants.services import menus, scenarios
from tenants.services.media import CreateMedia, FilePart, Library, Pause
from tenants.services.scenario_blocks import BranchDraft
from tenants.storage import Storage
from tests.e2e.test_calls import codes
from tests.e2e.test_media_loss import called, offered
from tests.support.media import peers, until_hears
from tests.support.sipp import Script
from tests.support.sound import mp3

GREETING, MELODY, FAREWELL, CALLEE = 440, 700, 940, 1200


async def media(company, **pitches):
    """Media of the company by name, each a second and a half of one tone and a short pause."""
    folder = company.instance.settings.data.dir.resolve() / "sound"
    library = Library(company.db, Storage(folder), 500)

    async def content(pitch):
        yield mp3(pitch, 3.0)

    made = {}
    for name, pitch in pitches.items():
        file = await library.upload(company.here, f"{name}.mp3", content(pitch))
        chain = (FilePart(file.id), Pause(200))
        made[name] = (await library.create(company.here, CreateMedia(name, chain))).id
    return made


async def handled(company, chain):
    """The default scenario does this with everybody."""
    (only,) = await scenarios.scenarios(company.db, company.here)
    command = scenarios.UpdateScenario(only.id, only.version, default=BranchDraft(chain=chain))
    await scenarios.update(company.db, company.here, command)
    await company.settled()


def forward(company, *, seconds=20):
    return Dial((Addressee(AddresseeKind.EMPLOYEE, str(company.admin.id)),), ring_seconds=seconds)


@pytest.mark.spec("OPT-01", at="call")
@pytest.mark.spec("OPT-02", at="call")
@pytest.mark.spec("MED-06", at="call")
async def test_greeting_then_melody_then_a_person(company):
    found = await media(company, greeting=GREETING, melody=MELODY)
    options = Options(greeting=found["greeting"], melody=found["melody"])
    await handled(company, Chain((forward(company),), options))
    async with peers(PCMA, PCMA) as (caller, callee):
        answer = called(callee, pause=4000).wait_for("BYE").ok()
        talk = company.caller(media=caller.address).invite(company.number).expect(200).ack()
        talk = talk.until_told().bye().expect(200)
        local = {"local": company.carrier_host}
        async with (
            company.phone(company.admin.sip, answer) as at_callee,
            talk.running(company.instance.sip, **local) as at_caller,
        ):
            caller.connect(await offered(at_caller))
            await until_hears(caller, GREETING, 1.2)
            await until_hears(caller, MELODY, 1.2)
            callee.connect(await offered(at_callee))
            callee.play(tone(CALLEE))
            await until_hears(caller, CALLEE, 0.6)
            await at_caller.go_on()
            seen = await at_caller.finish()
            await at_callee.finish()
    assert seen.count("SIP/2.0 200 OK") == 2, "one answer, and one of the BYE"
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    found = codes(card)
    assert found.index(StepCode.PLAYED) < found.index(StepCode.RINGING) < found.index(StepCode.ANSWERED)
    assert any("greeting" in line.text for line in card.trace)


@pytest.mark.spec("IVR-10", at="call")
async def test_a_key_leads_from_the_instruction_to_a_person(company):
    found = await media(company, instruction=GREETING)
    anna = Addressee(AddresseeKind.EMPLOYEE, str(company.admin.id))
    keys = (MenuKey("*", KeyAction.REPEAT), MenuKey("1", KeyAction.FORWARD, addressee=anna))
    menu = menus.CreateMenu("Главное", keys, instruction=found["instruction"], enabled=True)
    made = await menus.create(company.db, company.here, menu)
    block = {"menu_id": str(made.id), "otherwise": "hang_up"}
    await handled(company, Chain((PluginStep("ivr.menu", block),)))
    async with peers(PCMA, PCMA) as (caller, callee):
        answer = called(callee).wait_for("BYE").ok()
        talk = company.caller(media=caller.address).invite(company.number).expect(200).ack()
        talk = talk.until_told().bye().expect(200)
        local = {"local": company.carrier_host}
        async with (
            company.phone(company.admin.sip, answer) as at_callee,
            talk.running(company.instance.sip, **local) as at_caller,
        ):
            caller.connect(await offered(at_caller))
            caller.play([0] * 160)
            await until_hears(caller, GREETING, 1.2)
            await caller.press("1")
            callee.connect(await offered(at_callee))
            callee.play(tone(CALLEE))
            await until_hears(caller, CALLEE, 0.6)
            await at_caller.go_on()
            await at_caller.finish()
            await at_callee.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    pressed = codes(card).index(StepCode.PRESSED)
    assert codes(card).index(StepCode.PLAYED) < pressed < codes(card).index(StepCode.RINGING)


async def test_nobody_answers_and_the_caller_hears_why(company):
    found = await media(company, farewell=FAREWELL)
    await handled(company, Chain((forward(company, seconds=2), HangUp(media=found["farewell"]))))
    caller = await RtpPeer.open()
    talk = company.caller(media=caller.address).invite(company.number)
    talk = talk.expect(200).ack().wait_for("BYE").ok()
    busy = Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")
    local = {"local": company.carrier_host}
    async with (
        company.phone(company.admin.sip, busy) as phone,
        talk.running(company.instance.sip, **local) as at_caller,
    ):
        caller.connect(await offered(at_caller))
        await until_hears(caller, FAREWELL, 1.2)
        await at_caller.finish()
        await phone.finish()
    caller.close()
    card = await company.call()
    assert card.call.answered_at is None
    assert card.call.outcome in (Outcome.BUSY, Outcome.NO_ANSWER)
