"""The phones of lines as the next process finds them: batched, of all companies, sealed by password."""

from __future__ import annotations

import time

import msgspec
import pytest
from msgspec import structs

from core.sip.binding import Contact
from core.sip.flow import Flow
from tenants.bindings import DatabaseBindings
from tenants.secrets import seal_ha1
from tests.integration.directory.conftest import HA1
from tests.support.waiting import eventually, until

NOW = time.time()
SECRET = b"b" * 32
HERE = ("192.0.2.1", 5060)


def contact(port=40000, transport="UDP", **fields):
    flow = Flow(transport, HERE, ("203.0.113.9", port))
    uri = f"sip:phone@10.0.0.1:{port}"
    given = {
        "path": ("<sip:edge;lr>",),
        "call_id": "c1",
        "cseq": 7,
        "user_agent": "Телефон/1",
        **fields,
    }
    return Contact("0050000001", uri, uri, flow, NOW + 86_400, **given)


@pytest.fixture
async def bindings(database):
    opened = DatabaseBindings(database, SECRET)
    opened.start()
    yield opened
    await opened.close()


async def found(database, line):
    """What a process that starts now would put back."""
    store = DatabaseBindings(database, SECRET)
    await store.load()
    return {known.login: contacts for known, contacts in store.restored(line)}


async def test_everything_of_a_binding_comes_back(database, directory, bindings, company):
    line = directory.line(company.login)
    kept = [contact(), contact(40001, instance="<urn:uuid:1>", reg_id=2)]
    bindings.keep(line, kept)
    back = await eventually(lambda: found(database, directory.line), bool)
    assert back == {company.login: kept}
    assert back[company.login][0].flow.remote == ("203.0.113.9", 40000)
    bindings.keep(line, ())
    await eventually(lambda: found(database, directory.line), lambda rows: not rows)


async def test_what_was_registered_on_a_connection_is_not_kept(database, directory, bindings, company):
    line = directory.line(company.login)
    bindings.keep(line, [contact(), contact(40001, "TCP"), contact(40002, "WSS")])
    back = await eventually(lambda: found(database, directory.line), bool)
    assert [each.flow.transport for each in back[company.login]] == ["UDP"]
    bindings.keep(line, [contact(40001, "TCP")])
    await eventually(lambda: found(database, directory.line), lambda rows: not rows)


async def test_what_no_database_holds_does_not_stop_the_others(
    database, directory, bindings, make_company
):
    other = await make_company(2)
    await until(lambda: directory.line(other.login))
    bindings.keep(
        directory.line(other.login), [contact(call_id="a\0b"), contact(path=("<sip:\ud800>",))]
    )
    other = await make_company(3)
    await until(lambda: directory.line(other.login))
    bindings.keep(directory.line(other.login), [contact()])
    back = await eventually(lambda: found(database, directory.line), bool)
    assert list(back) == [other.login]


async def test_a_line_with_another_password_or_none_is_not_put_back(
    database, directory, bindings, company
):
    line = directory.line(company.login)
    bindings.keep(line, [contact()])
    await eventually(lambda: found(database, directory.line), bool)
    changed = structs.replace(line, ha1={"MD5": "f" * 32})
    assert await found(database, {line.login: changed}.get) == {}
    assert await found(database, lambda login: None) == {}
    assert await found(database, directory.line)  # only looking removed nothing


async def test_who_registers_with_a_new_password_is_put_back_with_that(
    database, directory, bindings, company
):
    line = directory.line(company.login)
    changed = structs.replace(line, ha1=dict.fromkeys(line.ha1, "f" * 32))
    bindings.keep(line, [contact()])
    await eventually(lambda: found(database, lambda _: line), bool)
    bindings.keep(changed, [contact()])
    await eventually(lambda: found(database, lambda _: changed), bool)
    assert not await found(database, lambda _: line)


async def test_the_last_word_is_written_when_the_process_ends(database, directory, company):
    bindings = DatabaseBindings(database, SECRET)
    bindings.start()
    bindings.keep(directory.line(company.login), [contact()])
    await bindings.close()
    assert await found(database, directory.line)


async def test_many_lines_are_one_transaction(database, directory, bindings, company, monkeypatch):
    await until(lambda: not bindings._waiting)
    opened: list[int] = []
    across = database.directory
    monkeypatch.setattr(database, "directory", lambda: (opened.append(1), across())[1])
    line = directory.line(company.login)
    for _ in range(1000):
        bindings.keep(line, [contact()])
    await until(lambda: opened)
    await until(lambda: not bindings._waiting)
    assert len(opened) == 1


async def test_a_tenant_sees_its_own(database, directory, bindings, company, make_company):
    other = await make_company(2)
    bindings.keep(directory.line(company.login), [contact()])
    await eventually(lambda: found(database, directory.line), bool)
    for tenant, count in ((company.id, 1), (other.id, 0)):
        async with database.tenant(tenant) as session:
            assert await session.fetchval("SELECT count(*) FROM line_bindings") == count


# --- lines that are no more -----------------------------------------------------------------------


@pytest.fixture
def gone(directory):
    heard: list[str] = []
    directory.watch_lines(heard.append)
    return heard


CHANGES = {
    "another password": "UPDATE terminals SET ha1 = $1 WHERE id = $2",
    "not active any more": "UPDATE terminals SET state = 'pending', ha1 = $1 WHERE id = $2",
    "deleted": "DELETE FROM terminals WHERE id = $2 AND $1::text IS NOT NULL",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
async def test_a_line_that_is_no_more_is_told(database, vault, company, directory, gone, statement):
    ha1 = seal_ha1(vault, company.login, {**HA1, "MD5": "9" * 32})
    async with database.tenant(company.id) as session:
        await session.execute(statement, msgspec.json.encode(ha1).decode(), company.terminal_id)
    await until(lambda: gone)
    assert gone == [company.login]


async def test_the_lines_of_a_suspended_company_are_told(database, company, directory, gone):
    async with database.directory() as session:
        await session.execute("UPDATE tenants SET status = 'suspended' WHERE id = $1", company.id)
    await until(lambda: gone)
    assert gone == [company.login] and directory.line(company.login) is None


async def test_any_other_change_leaves_the_phones_alone(database, company, directory, gone):
    before, line = directory.snapshot(company.id), directory.line(company.login)
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE employees SET name = 'Петров'")
    await until(lambda: directory.snapshot(company.id) is not before)
    assert gone == []
    assert directory.line(company.login) is line  # opened once, asked for a thousand times
