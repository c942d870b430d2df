"""SIP lines: pending and active, who sees their data, what a SIP client is told."""

from datetime import UTC, datetime, timedelta

import pytest

from core import routing
from core.contracts import CallFacts, Direction, Encryption, Live, Ring
from core.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from core.ids import new_id
from core.settings import RecordingSettings
from core.sip.digest import ha1
from tenants.captures import Captures
from tenants.recordings import RecordingMaker
from tenants.secrets import Vault
from tenants.services import audit, employees, lines
from tenants.services.accounts import reset_password
from tenants.services.actor import Actor, Role, operator
from tenants.services.chores import chores
from tenants.services.employees import CreateEmployee
from tenants.services.lines import LineIssuer, RevealLine, SetEncryption
from tenants.storage import Storage
from tenants.tables import LiveLine, Terminal, TerminalState, User
from tests.support.company import DOMAIN, PASSWORD, activate, directory_of


async def signed_in(company, employee, source="1.1.1.1"):
    """The employee as a person with a user."""
    async with company.db.tenant(company.id):
        user = await User.select(User.id).where(User.employee_id == employee.id).first()
    return Actor(company.id, Role(employee.role), user["id"], employee.id, employee.name, source=source)


@pytest.mark.spec("INV-05", at="rule")
async def test_a_line_is_pending_until_it_is_activated(company, vault):
    """Between the creation and the activation there is a visible state, and no phone can register."""
    async with company.db.tenant(company.id):
        employee_id = await employees.insert(
            company.issuer, company.admin, CreateEmployee("Борис Кузнецов")
        )
    pending = await lines.lines(company.db, company.admin, employee_id)
    assert [line.state for line in pending] == [TerminalState.PENDING] * 3
    async with directory_of(company.db, vault) as directory:
        assert all(directory.line(line.login) is None for line in pending)
    with pytest.raises(Conflict):
        await reveal(company, pending[0])
    assert await lines.activate_all_pending(company.db, company.issuer) == 3
    active = await lines.lines(company.db, company.admin, employee_id)
    assert [line.state for line in active] == [TerminalState.ACTIVE] * 3
    assert [line.login for line in active] == [line.login for line in pending]
    async with directory_of(company.db, vault) as directory:
        assert all(directory.line(line.login) is not None for line in active)
    assert await lines.activate_all_pending(company.db, company.issuer) == 0


async def reveal(company, line, actor=None, throttle=None, password=PASSWORD):
    actor = actor or await signed_in(company, company.activated.employee)
    throttle = throttle or lines.LoginThrottle()
    return await lines.parameters(
        company.db, company.issuer, throttle, actor, RevealLine(line.id, password)
    )


@pytest.mark.spec("EMP-02", at="rule")
async def test_all_three_lines_take_calls_and_make_them(company, vault):
    """Rung by the scenario's plan when registered (incoming); known to the registrar with digests
    that fit the password, which is what a call from a line is authenticated by (outgoing)."""
    card = company.activated.employee
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
        accounts = {line.login: directory.line(line.login) for line in card.lines}
    number = company.activated.numbers[0]
    facts = CallFacts(
        new_id(), company.id, Direction.INCOMING, "+79031112233", number.e164, number_id=number.id
    )
    compiled = routing.compile(snapshot)
    (dial,) = routing.route(compiled, facts, 0.0).chain.steps
    for line in card.lines:
        live = Live(registered=frozenset({line.id}))
        plan = routing.plan(compiled, dial, facts, live, 0.0, seed=1)
        leaves = [plan.root] if isinstance(plan.root, Ring) else plan.root.items
        assert line.login in {leaf.address for leaf in leaves}
        password = (await reveal(company, line)).password
        assert accounts[line.login].employee_id == card.id
        assert accounts[line.login].ha1 == {
            name: ha1(line.login, DOMAIN, password, name) for name in ("MD5", "SHA-256")
        }


@pytest.mark.spec("EMP-05", at="rule")
async def test_the_parameters_for_an_arbitrary_sip_client(company):
    line = company.activated.employee.lines[1]
    shown = await reveal(company, line)
    assert (shown.login, shown.domain) == (line.login, DOMAIN)
    assert shown.uri == f"{line.login}@{DOMAIN}"
    assert len(shown.password) >= 20
    again = await reveal(company, line)
    assert again == shown
    entries = await audit.entries(company.db, company.admin)
    shown_entries = [e for e in entries if e.action == "line.reveal"]
    assert [(e.object_id, e.source) for e in shown_entries] == [(line.id, "1.1.1.1")] * 2
    assert shown.password not in repr(entries)


async def test_showing_asks_for_the_persons_password_again(company, throttle):
    line = company.activated.employee.lines[1]
    with pytest.raises(Invalid) as caught:
        await reveal(company, line, throttle=throttle, password="wrong")
    assert set(caught.value.errors) == {"password"}
    with pytest.raises(TooManyRequests):
        for _ in range(5):
            with pytest.raises(Invalid):
                await reveal(company, line, throttle=throttle, password="wrong")
    assert "line.reveal" not in {e.action for e in await audit.entries(company.db, company.admin)}


async def test_an_employee_sees_their_own_lines_only(company):
    boris = await company.hire("Борис Кузнецов", email="boris@romashka.example")
    await reset_password(company.db, operator("x", company.id), boris.id, PASSWORD)
    me = await signed_in(company, boris)
    visible = await lines.lines(company.db, me)
    assert {line.employee_id for line in visible} == {boris.id}
    assert (await reveal(company, boris.lines[1], me)).login == boris.lines[1].login
    with pytest.raises(NotFound):
        await reveal(company, company.activated.employee.lines[1], me)
    # The administrator sees everybody's.
    assert (await reveal(company, boris.lines[0])).login == boris.lines[0].login
    assert len(await lines.lines(company.db, company.admin)) == 6


async def test_another_companys_line_does_not_exist(company):
    other = await activate(company.db, company.issuer, "x@y.example")
    with pytest.raises(NotFound):
        await reveal(company, other.activated.employee.lines[1])


async def test_the_external_number_has_no_sip_parameters(company):
    async with company.db.tenant(company.id):
        row = await Terminal.select(Terminal.id).where(Terminal.kind == "external").first()
    with pytest.raises(NotFound):
        await lines.parameters(
            company.db,
            company.issuer,
            lines.LoginThrottle(),
            await signed_in(company, company.activated.employee),
            RevealLine(row["id"], PASSWORD),
        )


async def test_a_token_needs_the_scope(company, throttle):
    line = company.activated.employee.lines[1]
    for scopes, allowed in ((frozenset({"lines:read"}), False), (frozenset({"lines:secret"}), True)):
        token = Actor(company.id, Role.ADMINISTRATOR, name="erp", scopes=scopes)
        if allowed:
            assert await reveal(company, line, token, throttle)
        else:
            with pytest.raises(Forbidden):
                await reveal(company, line, token, throttle)


async def test_a_new_password_replaces_the_old_one(company, throttle, vault):
    line = company.activated.employee.lines[1]
    old = await reveal(company, line)
    actor = await signed_in(company, company.activated.employee)
    new = await lines.change_password(
        company.db, company.issuer, throttle, actor, RevealLine(line.id, PASSWORD)
    )
    assert new.password != old.password
    async with directory_of(company.db, vault) as directory:
        assert directory.line(line.login).ha1["MD5"] == ha1(line.login, DOMAIN, new.password, "MD5")


async def test_who_is_registered_now(company):
    line, other, _ = company.activated.employee.lines
    now = datetime.now(UTC)
    async with company.db.tenant(company.id):
        for terminal_id, ends in ((line.id, now + timedelta(minutes=1)), (other.id, now)):
            await LiveLine.insert(
                LiveLine(
                    terminal_id=terminal_id,
                    registered_at=now,
                    expires_at=ends,
                    user_agent="baresip",
                    source="udp 127.0.0.1:5070",
                )
            )
    seen = {s.id: s for s in await lines.lines(company.db, company.admin)}
    assert (seen[line.id].registered, seen[line.id].user_agent) == (True, "baresip")
    assert not seen[other.id].registered


async def test_a_taken_login_is_drawn_again(company, monkeypatch):
    """Logins are unique over all companies, whose rows nobody sees from another one."""
    taken = company.activated.employee.lines[0].login
    draws = iter([taken, taken, "0050000001", taken, "0050000002", "0050000001", "0050000003"])
    monkeypatch.setattr(LineIssuer, "login", lambda self: next(draws))
    other = await activate(company.db, company.issuer, "x@y.example")
    assert [line.login for line in other.activated.employee.lines] == [
        "0050000001",
        "0050000002",
        "0050000003",
    ]


async def test_after_a_change_of_the_domain_digests_are_made_anew(company, vault):
    line = company.activated.employee.lines[1]
    before = await reveal(company, line)
    moved = LineIssuer(vault, "sip.elsewhere")
    assert await lines.renew_digests(company.db, company.issuer) == 0
    assert await lines.renew_digests(company.db, moved) == 3
    assert await lines.renew_digests(company.db, moved) == 0
    assert (await reveal(company, line)).password == before.password
    async with directory_of(company.db, vault) as directory:
        digest = directory.line(line.login).ha1["SHA-256"]
    assert digest == ha1(line.login, "sip.elsewhere", before.password, "SHA-256")


async def test_a_new_master_key_takes_over_and_a_lost_one_stops_only_its_own_lines(company, vault):
    old, new = b"k" * 32, b"n" * 32
    rotated = LineIssuer(Vault({"new": new, "test": old}), DOMAIN)
    assert await lines.renew_digests(company.db, rotated) == 3
    only_new = LineIssuer(Vault({"new": new}), DOMAIN)
    shown = await lines.reveal_all(company.db, only_new, operator("x", company.id))
    assert len(shown) == 3
    other = await activate(company.db, company.issuer, "x@y.example")
    assert await lines.renew_digests(company.db, only_new) == 0
    newest = LineIssuer(Vault({"newest": b"z" * 32, "new": new}), DOMAIN)
    assert await lines.renew_digests(company.db, newest) == 3
    assert await lines.renew_digests(company.db, other.issuer) == 0


async def test_the_workers_chores_finish_what_was_left_half_done(company, tmp_path):
    async with company.db.tenant(company.id):
        await employees.insert(company.issuer, company.admin, CreateEmployee("Борис Кузнецов"))
    recordings = RecordingMaker(company.db, Storage(tmp_path), Captures(tmp_path), RecordingSettings())
    for chore in chores(company.db, company.issuer, Storage(tmp_path), recordings):
        await chore.run()
    states = {line.state for line in await lines.lines(company.db, company.admin)}
    assert states == {TerminalState.ACTIVE}


async def test_no_secret_is_in_the_database_in_clear(company):
    revealed = [await reveal(company, line) for line in company.activated.employee.lines]
    async with company.db.directory() as session:
        tables = await session.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND has_table_privilege(oid, 'SELECT')"
        )
        stored = ""
        for table in tables:
            stored += str(await session.fetch(f'SELECT t::text FROM "{table["relname"]}" AS t'))
    assert company.activated.employee.lines[0].login in stored
    for parameters in revealed:
        assert parameters.password not in stored
        assert ha1(parameters.login, DOMAIN, parameters.password) not in stored
    assert PASSWORD not in stored


async def test_an_administrator_says_whether_a_line_encrypts(company, vault):
    line, other, _ = company.activated.employee.lines
    assert line.encryption is Encryption.PREFERRED
    wanted = SetEncryption(line.id, Encryption.REQUIRED)
    changed = await lines.set_encryption(company.db, company.admin, wanted)
    assert (changed.id, changed.encryption) == (line.id, Encryption.REQUIRED)
    async with directory_of(company.db, vault) as directory:
        assert directory.line(line.login).encryption is Encryption.REQUIRED
        assert directory.line(other.login).encryption is Encryption.PREFERRED
    await lines.set_encryption(company.db, company.admin, wanted)  # nothing new, nothing noted
    noted = [e.action for e in await audit.entries(company.db, company.admin)]
    assert noted.count("line.encryption") == 1


async def test_nobody_else_says_so(company):
    line = company.activated.employee.lines[0]
    own = Actor(company.id, Role.EMPLOYEE, None, company.activated.employee.id, "Анна")
    with pytest.raises(Forbidden):
        await lines.set_encryption(company.db, own, SetEncryption(line.id, Encryption.NONE))
    other = await activate(company.db, company.issuer, "x@y.example")
    theirs = other.activated.employee.lines[0]
    with pytest.raises(NotFound):
        await lines.set_encryption(company.db, company.admin, SetEncryption(theirs.id, Encryption.NONE))
