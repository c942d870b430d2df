"""A backup holds everything and comes back whole, with its locks on."""

from __future__ import annotations

import gzip

import asyncpg
import pytest

from core.settings import DataSettings
from tenants import backup as backups
from tenants.backup import BackupFailed, NotEmpty, backup, restore
from tenants.db import Database
from tenants.tables import AuditEntry, Employee, LiveLine, Tenant
from tests.support.database import Server, add_tenant


@pytest.fixture
def empty(postgres: Server):
    name = postgres.create()
    yield postgres.dsn(name)
    postgres.drop(name)


@pytest.fixture
async def filled(database: Database):
    tenants = [await add_tenant(database, name) for name in ("Ромашка", "Василёк")]
    for tenant_id in tenants:
        async with database.tenant(tenant_id) as session:
            await Employee.insert(Employee(name="Ёлкин; DROP TABLE", extension="101"))
            await AuditEntry.insert(*(AuditEntry(actor="Иван", action="step") for _ in range(3)))
            await session.execute(
                "INSERT INTO live_lines (tenant_id, terminal_id, registered_at, expires_at)"
                " VALUES ($1, gen_random_uuid(), now(), now())",
                tenant_id,
            )
    return tenants


async def test_a_backup_restores_every_tenant_and_keeps_them_apart(filled, owner_dsn, empty, tmp_path):
    target = tmp_path / "sunsim.backup"
    assert await backup(owner_dsn, target) > 1000
    assert target.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sunsim.backup"]
    assert await restore(empty, target) == []
    restored = await Database.open(DataSettings(dir=tmp_path, dsn=empty, pool=2))
    try:
        async with restored.directory():
            assert {row["id"] for row in await Tenant.select()} == set(filled)
        for tenant_id in filled:
            async with restored.tenant(tenant_id) as session:
                assert [row["name"] for row in await Employee.select()] == ["Ёлкин; DROP TABLE"]
                assert await session.fetchval("SELECT audit_broken($1)", tenant_id) is None
                assert await LiveLine.count() == 0  # the present is not backed up
                with pytest.raises(asyncpg.UniqueViolationError):
                    async with restored.tenant(tenant_id):
                        await Employee.insert(Employee(name="Второй", extension="101"))
    finally:
        await restored.close()


async def test_restoring_over_something_must_be_asked_for(database, filled, owner_dsn, tmp_path):
    target = tmp_path / "sunsim.backup"
    await backup(owner_dsn, target)
    async with database.tenant(filled[0]):
        await Employee.delete(force=True)
    with pytest.raises(NotEmpty):
        await restore(owner_dsn, target)
    async with database.tenant(filled[0]):
        assert await Employee.count() == 0
    await restore(owner_dsn, target, replace=True)
    reopened = await Database.open(DataSettings(dir=tmp_path, dsn=owner_dsn, pool=2))
    try:
        async with reopened.tenant(filled[0]):
            assert await Employee.count() == 1
    finally:
        await reopened.close()


async def test_a_broken_backup_changes_nothing(database, filled, owner_dsn, tmp_path):
    target = tmp_path / "sunsim.backup"
    await backup(owner_dsn, target)
    whole = target.read_bytes()
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 0x20
    for damaged in (whole[: len(whole) * 3 // 4], bytes(altered), b"", gzip.compress(b"SELECT 1;")):
        target.write_bytes(damaged)
        with pytest.raises(BackupFailed):
            await restore(owner_dsn, target, replace=True)
    async with database.tenant(filled[0]):
        assert await Employee.count() == 1
    with pytest.raises(BackupFailed):
        await restore(owner_dsn, tmp_path / "missing")


async def test_a_role_that_does_not_see_everything_makes_no_backup(
    database, filled, owner_dsn, postgres, tmp_path
):
    name = owner_dsn.partition("/sunsim?")[0].rpartition("/")[2]
    assert name
    postgres.run("ALTER ROLE sunsim NOBYPASSRLS")
    try:
        with pytest.raises(BackupFailed):
            await backup(owner_dsn, tmp_path / "half")
    finally:
        postgres.run("ALTER ROLE sunsim BYPASSRLS")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("dsn", "public", "password"),
    [
        ("postgresql://u:p%40ss@h:5/d?sslmode=require", "postgresql://u@h:5/d?sslmode=require", "p@ss"),
        ("postgresql://u@/d?host=/run/x&password=geheim", "postgresql://u@/d?host=/run/x", "geheim"),
        ("postgresql://h/d", "postgresql://h/d", None),
    ],
)
def test_the_password_does_not_stand_on_the_command_line(dsn, public, password):
    assert backups._without_password(dsn) == (public, password)
