"""The ready-made library in a company's hands: chosen by id wherever a media is chosen."""

import pytest
from msgspec.structs import replace

from core.errors import Forbidden, Invalid, NotFound
from core.library import Kind, Prompt, media_id
from core.media.prompts import Prompts
from core.scenarios import Chain, HangUp, KeyAction, MenuKey, Options
from tenants.services import company_settings, menus, scenarios
from tenants.services.company_settings import UpdateSettings
from tenants.services.menus import CreateMenu
from tenants.services.readymade import ReadyMade
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.scenarios import UpdateScenario
from tenants.words import Words
from tests.support.company import directory_of
from tests.support.instance import LIBRARY
from tests.support.sound import milliseconds

WRONG, GREETING, MUSIC = map(media_id, (Prompt.WRONG_KEY, Prompt.GREETING, Prompt.HOLD_MUSIC))


@pytest.fixture
def readymade(company):
    return ReadyMade(company.db, Prompts(LIBRARY))


async def settings(company, **fields):
    now = await company_settings.get(company.db, company.admin)
    return await company_settings.update(
        company.db, company.admin, UpdateSettings(now.version, **fields)
    )


@pytest.mark.spec("ACC-09", at="rule")
@pytest.mark.spec("MED-01", at="rule")
async def test_every_contract_has_greetings_and_notices_without_an_upload(company, readymade):
    entries = await readymade.entries(company.admin, str)
    kinds = {entry.kind for entry in entries}
    assert kinds == {*Kind} - {Kind.PART}, "no parts of sentences"
    assert all(entry.available for entry in entries)
    (wrong,) = (entry for entry in entries if entry.id == WRONG)
    assert wrong.says == "Извините, ваш выбор не понят системой."
    assert not wrong.synthesised
    sound = await readymade.sound(company.admin, WRONG)
    assert 2000 < milliseconds(sound) < 4000


async def test_it_speaks_the_company_s_language(company, readymade, vault):
    assert (await settings(company, language="en")).language == "en"
    entries = {entry.id: entry for entry in await readymade.entries(company.admin, str)}
    assert entries[WRONG].says == "I'm sorry, I did not understand your response."
    assert "/en/" in str(await readymade.sound(company.admin, WRONG))
    async with directory_of(company.db, vault) as directory:
        assert directory.snapshot(company.id).language == "en"
    with pytest.raises(Invalid) as caught:
        await settings(company, language="fr")
    assert set(caught.value.errors) == {"language"}


async def test_what_a_package_lacks_is_told_and_not_played(company, tmp_path):
    bare = ReadyMade(company.db, Prompts(tmp_path, tmp_path, tmp_path))
    assert not any(entry.available for entry in await bare.entries(company.admin, str))
    for media in (WRONG, media_id("number.3"), media_id("nothing")):
        with pytest.raises(NotFound):
            await bare.sound(company.admin, media)


@pytest.mark.spec("MED-08", at="rule")
async def test_all_sections_take_a_ready_made_media(company, vault):
    keys = (MenuKey("*", KeyAction.REPEAT), MenuKey("1", KeyAction.PLAY, target=GREETING))
    menu = await menus.create(
        company.db, company.admin, CreateMenu("Главное", keys, instruction=GREETING, wrong=WRONG)
    )
    assert (menu.instruction, menu.wrong) == (GREETING, WRONG)
    (first,) = await scenarios.scenarios(company.db, company.admin)
    chain = Chain((HangUp(media=GREETING),), Options(greeting=GREETING, melody=MUSIC))
    await scenarios.update(
        *(company.db, company.admin),
        UpdateScenario(first.id, first.version, default=BranchDraft(chain)),
    )
    told = await settings(company, announcement=media_id(Prompt.ANNOUNCEMENT), off_hours_media=GREETING)
    assert told.announcement == media_id(Prompt.ANNOUNCEMENT)
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
    assert snapshot.media == (), "they are no media of the company"
    assert snapshot.off_hours_media == GREETING
    assert Words(snapshot, None, str).media(MUSIC) == "Music: Morning coffee"
    with pytest.raises(Invalid) as caught:
        await settings(company, announcement=media_id("number.3"), off_hours_media=company.id)
    assert set(caught.value.errors) == {"announcement", "off_hours_media"}


async def test_who_may_not_see_media_sees_no_ready_made_ones(company, readymade):
    nobody = replace(company.admin, scopes=frozenset({"calls:read"}))
    with pytest.raises(Forbidden):
        await readymade.entries(nobody, str)
