"""Signing in, staying signed in, and what ends it."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from core.errors import Invalid, TooManyRequests, Unauthenticated
from tenants.secrets import hash_token
from tenants.services import accounts, audit, contracts, employees, sessions
from tenants.services.accounts import ChangePassword, Preferences
from tenants.services.actor import Role, operator
from tenants.services.employees import UpdateEmployee
from tenants.services.sessions import Login
from tenants.tables import LoginSession, TenantStatus, User, UserStatus
from tests.support.company import PASSWORD, activate

EMAIL = "olga@romashka.example"
HOURS = 12


async def sign_in(company, throttle, **more):
    login = Login(**{"email": EMAIL, "password": PASSWORD, "address": "1.1.1.1", **more})
    return await sessions.login(company.db, throttle, login, HOURS)


async def me(company, signed_in):
    return await sessions.authenticate(company.db, signed_in.token, HOURS, "1.1.1.1")


async def test_an_identity_has_what_pages_need(company, throttle):
    identity = await me(company, await sign_in(company, throttle))
    assert identity.name == identity.actor.name == "Ольга Иванова"
    assert identity.actor.source == "1.1.1.1"
    assert (identity.email, identity.tenant_name) == (EMAIL, "ООО «Ромашка»")
    assert (identity.locale, identity.timezone) == ("ru", "Europe/Moscow")


async def test_every_reason_to_refuse_looks_the_same(company, throttle):
    async def message(**login):
        with pytest.raises(Unauthenticated) as caught:
            await sign_in(company, throttle, address=str(login), **login)
        return caught.value.message

    answers = {
        await message(password="wrong"),
        await message(email="nobody@x.example"),
        await message(email="not an address"),
        await message(email=""),
    }
    async with company.db.tenant(company.id):
        await User.update({User.status: UserStatus.DISABLED}, force=True)
    answers.add(await message())
    assert answers == {sessions.WRONG}


async def test_a_suspended_company_is_out_at_once_and_cannot_come_back(company, throttle):
    signed_in = await sign_in(company, throttle)
    await contracts.set_status(company.db, operator(), company.id, TenantStatus.SUSPENDED)
    with pytest.raises(Unauthenticated):
        await me(company, signed_in)
    with pytest.raises(Unauthenticated):
        await sign_in(company, throttle)
    await contracts.set_status(company.db, operator(), company.id, TenantStatus.ACTIVE)
    await me(company, await sign_in(company, throttle))
    with pytest.raises(Unauthenticated):  # the old session stays ended
        await me(company, signed_in)


async def test_guessing_is_slowed_down_before_the_password_is_looked_at(company, throttle):
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await sign_in(company, throttle, password="wrong")
    with pytest.raises(TooManyRequests):
        await sign_in(company, throttle)  # even with the right one
    await sign_in(company, throttle, address="2.2.2.2")


async def test_a_login_makes_a_new_session_and_ends_the_one_it_came_with(company, throttle):
    first = await sign_in(company, throttle)
    second = await sign_in(company, throttle, previous=first.token)
    assert second.token != first.token
    with pytest.raises(Unauthenticated):
        await me(company, first)
    await me(company, second)


async def test_only_the_hash_of_a_token_is_stored(company, throttle):
    signed_in = await sign_in(company, throttle)
    async with company.db.tenant(company.id):
        rows = await LoginSession.select(exclude_secrets=False)
    assert [row["token_hash"] for row in rows] == [hash_token(signed_in.token)]
    assert signed_in.token not in repr(rows)
    with pytest.raises(Unauthenticated):
        await sessions.authenticate(company.db, hash_token(signed_in.token), HOURS)


async def test_logging_out_ends_the_session(company, throttle):
    signed_in = await sign_in(company, throttle)
    await sessions.logout(company.db, signed_in.token)
    with pytest.raises(Unauthenticated):
        await me(company, signed_in)
    await sessions.logout(company.db, signed_in.token)  # and again does no harm


async def move(company, **columns):
    async with company.db.tenant(company.id):
        await LoginSession.update(columns, force=True)


async def test_an_idle_session_expires_and_a_used_one_goes_on(company, throttle):
    signed_in = await sign_in(company, throttle)
    now = datetime.now(UTC)
    await move(company, last_seen_at=now - timedelta(hours=11), expires_at=now + timedelta(hours=1))
    await me(company, signed_in)
    async with company.db.tenant(company.id):
        row = await LoginSession.select().first()
    assert row["expires_at"] > now + timedelta(hours=11)
    await move(company, expires_at=now - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        await me(company, signed_in)


async def test_no_session_lives_for_ever(company, throttle):
    signed_in = await sign_in(company, throttle)
    await move(company, created_at=datetime.now(UTC) - timedelta(days=31))
    with pytest.raises(Unauthenticated):
        await me(company, signed_in)


async def test_the_role_is_read_anew_with_every_click(company, throttle):
    second = await company.hire("Второй", role=Role.ADMINISTRATOR)
    signed_in = await sign_in(company, throttle)
    first = company.activated.employee
    await employees.update(
        company.db,
        structs.replace(company.admin, employee_id=second.id),
        UpdateEmployee(first.id, first.version, role=Role.EMPLOYEE),
    )
    assert (await me(company, signed_in)).actor.role is Role.EMPLOYEE


async def test_changing_the_password_ends_all_other_sessions(company, throttle):
    here, elsewhere = await sign_in(company, throttle), await sign_in(company, throttle)
    identity = await me(company, here)
    wish = ChangePassword(PASSWORD, "neva-river-1703")
    await accounts.change_password(company.db, throttle, identity.actor, wish, identity.session_id)
    await me(company, here)
    with pytest.raises(Unauthenticated):
        await me(company, elsewhere)
    with pytest.raises(Unauthenticated):
        await sign_in(company, throttle)
    await sign_in(company, throttle, password="neva-river-1703")
    log = await audit.entries(company.db, company.admin)
    assert "user.password" in {entry.action for entry in log}
    assert "neva-river-1703" not in repr(log)


async def test_passwords_that_are_not_taken(company, throttle):
    identity = await me(company, await sign_in(company, throttle))
    for old, new, field in (
        ("wrong", "neva-river-1703", "password"),
        (PASSWORD, "short", "new"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "Ольга Иванова", "new"),
        (PASSWORD, "aaaaaaaaaaaa", "new"),
        (PASSWORD, "x" * 201, "new"),
    ):
        wish = ChangePassword(old, new)
        with pytest.raises(Invalid) as caught:
            await accounts.change_password(company.db, throttle, identity.actor, wish, None)
        assert set(caught.value.errors) == {field}


async def test_preferences(company, throttle):
    signed_in = await sign_in(company, throttle)
    actor = (await me(company, signed_in)).actor
    await accounts.set_preferences(company.db, actor, Preferences(locale="en"))
    await accounts.set_preferences(company.db, actor, Preferences(theme="dark"))
    identity = await me(company, signed_in)
    assert (identity.locale, identity.theme) == ("en", "dark")
    for wrong in (Preferences(locale="xx"), Preferences(theme="pink")):
        with pytest.raises(Invalid):
            await accounts.set_preferences(company.db, actor, wrong)


async def test_a_login_is_in_the_audit_of_its_own_company(company, throttle):
    other = await activate(company.db, company.issuer, "x@y.example")
    await sign_in(company, throttle)
    log = await audit.entries(company.db, company.admin)
    assert [(e.action, e.source) for e in log[:1]] == [("session.login", "1.1.1.1")]
    foreign = await audit.entries(company.db, other.admin)
    assert "session.login" not in {entry.action for entry in foreign}
