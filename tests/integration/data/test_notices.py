"""Changes of the configuration have versions and are announced; so is the present."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from tenants.tables import Contract, Employee, Group, LiveLine, Tenant, Terminal, Trunk, User
from tests.support.database import add_tenant


@pytest.fixture
async def heard(database) -> AsyncIterator:
    """What is announced on both channels until asked; asking empties it."""
    connection = await database.listen_connection()
    notices: asyncio.Queue[tuple[str, dict]] = asyncio.Queue()
    mark = ("live", {"kind": "mark"})

    def note(_connection, _pid, channel, payload) -> None:
        notices.put_nowait((channel.removeprefix("sunsim_"), json.loads(payload)))

    for channel in ("sunsim_config", "sunsim_live"):
        await connection.add_listener(channel, note)

    async def take() -> list[tuple[str, dict]]:
        # Notices arrive in the order of commits, so this one is behind all of ours.
        await connection.execute("SELECT pg_notify('sunsim_live', $1)", json.dumps(mark[1]))
        found = []
        async with asyncio.timeout(5):
            while (notice := await notices.get()) != mark:
                found.append(notice)
        return found

    yield take
    await connection.close()


async def version(database, tenant_id) -> int:
    async with database.tenant(tenant_id):
        return (await Tenant.select(Tenant.config_version).first())["config_version"]


async def test_a_switched_mode_is_announced_and_no_version_of_the_configuration(database, heard):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id):
        person = Employee(name="Иван")
        await person.save()
    before = await version(database, tenant_id)
    await heard()
    for mode in ("available", "available", "schedule"):
        async with database.tenant(tenant_id):
            await Employee.update(mode=mode, version=Employee.version + 1).where(
                Employee.id == person.id
            )
    assert await version(database, tenant_id) == before
    assert await heard() == [
        ("config", {"tenant_id": str(tenant_id), "kind": "modes", "version": number})
        for number in (1, 2)
    ]


async def test_one_transaction_is_one_version_and_a_notice_for_each_kind(database, heard):
    tenant_id = await add_tenant(database)
    await heard()
    before = await version(database, tenant_id)
    async with database.tenant(tenant_id):
        person = Employee(name="Иван", extension="101")
        await person.save()
        for kind, login in (("mobile", "0051234561"), ("sip", "0051234562"), ("web", "0051234563")):
            await Terminal.insert(Terminal(employee_id=person.id, kind=kind, address=login))
    assert await version(database, tenant_id) == before + 1
    assert sorted(await heard(), key=str) == [
        ("config", {"tenant_id": str(tenant_id), "kind": kind, "version": before + 1})
        for kind in ("employees", "extensions", "terminals")
    ]


async def test_what_calls_do_not_depend_on_is_not_announced(database, heard):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id):
        person = Employee(name="Иван")
        await person.save()
    await heard()
    before = await version(database, tenant_id)
    async with database.tenant(tenant_id):
        await User.insert(User(email="ivan@example.org", employee_id=person.id))
        await Employee.update({Employee.name: "Иван"}, force=True)  # nothing changed
    assert await version(database, tenant_id) == before
    assert await heard() == []


async def test_what_is_rolled_back_is_not_announced(database, heard):
    tenant_id = await add_tenant(database)
    await heard()
    before = await version(database, tenant_id)
    async with database.tenant(tenant_id):
        with contextlib.suppress(ZeroDivisionError):
            async with database.tenant(tenant_id):
                await Employee.insert(Employee(name="Иван"))
                raise ZeroDivisionError
        await Group.insert(Group(name="Продажи"))
    assert await version(database, tenant_id) == before + 1
    assert [(channel, payload["kind"]) for channel, payload in await heard()] == [("config", "groups")]


async def test_every_step_of_two_tenants_counts_for_its_own(database, heard):
    tenants = [await add_tenant(database, name) for name in ("Ромашка", "Василёк")]
    before = [await version(database, tenant_id) for tenant_id in tenants]
    async with database.directory():
        for tenant_id in tenants:
            async with database.tenant(tenant_id):
                await Employee.insert(Employee(name="Иван"))
    assert [await version(database, tenant_id) for tenant_id in tenants] == [v + 1 for v in before]


async def test_suspending_and_the_contract_are_changes_too(database, heard):
    tenant_id = await add_tenant(database)
    await heard()
    before = await version(database, tenant_id)
    async with database.directory():
        await Tenant.update({Tenant.status: "suspended"}).where(Tenant.id == tenant_id)
    async with database.tenant(tenant_id):
        await Contract.update({Contract.plugins: ["crm"]}, force=True)
    assert await version(database, tenant_id) == before + 2
    assert await heard() == [
        ("config", {"tenant_id": str(tenant_id), "kind": "tenants", "version": before + 1}),
        ("config", {"tenant_id": str(tenant_id), "kind": "contracts", "version": before + 2}),
    ]


async def test_carriers_are_nobodys_change(database, heard):
    async with database.directory():
        await Trunk.insert(Trunk(name="Оператор", host="127.0.0.1"))
    assert await heard() == [("config", {"tenant_id": None, "kind": "trunks", "version": 0})]


async def test_deleting_an_employee_announces_what_goes_along(database, heard):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id):
        person = Employee(name="Иван", extension="101")
        await person.save()
        await Terminal.insert(Terminal(employee_id=person.id, kind="sip", address="0051234562"))
    await heard()
    before = await version(database, tenant_id)
    async with database.tenant(tenant_id):
        await person.remove()
    assert await version(database, tenant_id) == before + 1
    kinds = {payload["kind"] for _, payload in await heard()}
    assert kinds == {"employees", "extensions", "terminals"}


async def test_the_present_is_announced_but_a_renewal_is_no_news(database, heard):
    tenant_id = await add_tenant(database)
    await heard()
    async with database.tenant(tenant_id) as session:
        await session.execute(
            "INSERT INTO live_lines (tenant_id, terminal_id, registered_at, expires_at)"
            " VALUES ($1, gen_random_uuid(), now(), now())",
            tenant_id,
        )
    assert await heard() == [("live", {"tenant_id": str(tenant_id), "kind": "live_lines"})]
    async with database.tenant(tenant_id) as session:
        await session.execute("UPDATE live_lines SET expires_at = now() + interval '1 hour'")
    assert await heard() == []
    async with database.tenant(tenant_id):
        await LiveLine.delete(force=True)
    assert [channel for channel, _ in await heard()] == ["live"]
