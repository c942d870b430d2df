"""The demo company: made once, told again, and left as people changed it."""

import pytest

from core.contracts import TerminalKind
from core.library import Prompt, media_id
from core.settings import Settings
from core.sip.digest import ha1
from tenants.demo import COLLEAGUES, create_demo
from tenants.secrets import Vault
from tenants.services import accounts, contracts, employees, numbers, scenarios, sessions, trunks
from tenants.services.actor import Role, operator
from tenants.services.checks import Checks, check_company
from tenants.services.numbers import UpdateNumber
from tenants.services.sessions import Login
from tests.support.company import directory_of


@pytest.fixture
def settings(data_settings):
    return Settings(data=data_settings)


async def test_everything_that_is_printed_works(database, settings, throttle):
    demo = await create_demo(database, settings)
    assert [login.role for login in demo.logins] == [Role.ADMINISTRATOR] + [Role.EMPLOYEE] * 3
    assert [login.extension for login in demo.logins] == ["101", "102", "103", "104"]
    for login in demo.logins:
        signed_in = await sessions.login(database, throttle, Login(login.email, login.password), 12)
        me = await sessions.authenticate(database, signed_in.token, 12)
        assert (me.name, me.tenant_name) == (login.name, demo.company)
    assert len(demo.lines) == 12
    assert len(demo.numbers) == 2
    async with directory_of(database, Vault.open(settings.data)) as directory:
        for line in demo.lines:
            known = directory.line(line.login)
            assert known.ha1["MD5"] == ha1(line.login, demo.domain, line.password)
        for number in demo.numbers:
            assert directory.number(number)[0].tenant_id == demo.tenant_id
        carrier = directory.trunk_from("127.0.0.1")
        assert (carrier.name, carrier.host, carrier.port) == ("carrier", *demo.carrier)
        assert carrier.port != settings.sip.listen.port


async def test_a_second_start_tells_the_same_and_changes_nothing(database, settings):
    first = await create_demo(database, settings)
    people = await employees.employees(database, operator("x", first.tenant_id))
    assert await create_demo(database, settings) == first
    assert await employees.employees(database, operator("x", first.tenant_id)) == people
    assert len(await contracts.tenants(database, operator())) == 1
    assert len(await trunks.trunks(database, operator())) == 1
    assert len(await numbers.stock(database, operator())) == 2
    view = await check_company(Checks(database), operator("x", first.tenant_id), str)
    assert (view.findings, len(view.gaps)) == ((), 2)  # no false alarm


@pytest.mark.spec("ACC-09", at="rule")
async def test_the_second_number_shows_greeting_menu_and_queue_until_somebody_changes_it(
    database, settings
):
    here = operator("x", (await create_demo(database, settings)).tenant_id)
    plain, shown = await numbers.numbers(database, here)
    there = {each.id: each for each in await scenarios.scenarios(database, here)}
    assert there[plain.scenario_id].is_default
    chain = there[shown.scenario_id].default.chain
    assert chain.options.greeting == media_id(Prompt.GREETING)
    assert chain.steps[1].queue.media == media_id(Prompt.HOLD_MUSIC)
    back = UpdateNumber(shown.id, shown.version, scenario_id=plain.scenario_id)
    await numbers.update(database, here, back)
    await create_demo(database, settings)
    assert (await numbers.numbers(database, here))[1].scenario_id == plain.scenario_id
    assert len(await scenarios.scenarios(database, here)) == 2


async def test_a_start_that_was_interrupted_is_finished(database, settings, monkeypatch):
    """Killed after the company and one colleague were there, without that colleague's password."""
    real, made = employees.create, []

    async def create(db, issuer, actor, command):
        if made:
            raise KeyboardInterrupt
        made.append(command)
        return await real(db, issuer, actor, command)

    with monkeypatch.context() as patch:
        patch.setattr(employees, "create", create)
        with pytest.raises(KeyboardInterrupt):
            await create_demo(database, settings)
    demo = await create_demo(database, settings)
    assert [login.extension for login in demo.logins] == ["101", "102", "103", "104"]
    assert all(login.password for login in demo.logins)


async def test_a_changed_password_is_not_told_any_more_nor_undone(database, settings, throttle):
    demo = await create_demo(database, settings)
    here = operator("x", demo.tenant_id)
    first = (await employees.employees(database, here))[0]
    await accounts.reset_password(database, here, first.id, "neva-river-1703")
    again = await create_demo(database, settings)
    assert [login.password is None for login in again.logins] == [True, False, False, False]
    await sessions.login(database, throttle, Login(first.email, "neva-river-1703"), 12)


async def test_a_lost_file_of_passwords_is_made_anew(database, settings, throttle):
    first = await create_demo(database, settings)
    (settings.data.dir / "demo.json").unlink()
    again = await create_demo(database, settings)
    assert again.lines == first.lines
    for login in again.logins:
        await sessions.login(database, throttle, Login(login.email, login.password), 12)


async def test_the_file_holds_no_password_in_clear(database, settings):
    demo = await create_demo(database, settings)
    path = settings.data.dir / "demo.json"
    assert path.stat().st_mode & 0o077 == 0
    assert not any(login.password in path.read_text() for login in demo.logins)
    assert {line.kind for line in demo.lines} == {
        TerminalKind.MOBILE,
        TerminalKind.SIP,
        TerminalKind.WEB,
    }
    assert len(COLLEAGUES) == 3
