"""A stranger's table in a real database: migrated, kept apart by tenant, written through the outbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.contracts import Tenant
from core.host import Host
from core.testing import make_cdr, make_facts
from tenants.apps import CORE_APP, app_modules
from tenants.callstore import DatabaseCallStore
from tenants.catalogue import problems
from tenants.db import Database
from tenants.listener import Listener
from tenants.migrate import migrate
from tenants.outbox import Outbox
from tests.support import dummy
from tests.support.database import add_tenant

MIGRATION = "dummy/2026-11-23T09:00:00:000001"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """All plugins with the dummy one."""
    with dummy.importable(dummy.install(tmp_path_factory.mktemp("dummy"))):
        yield Host.load()


def test_apps_of_plugins_follow_the_cores(host):
    assert app_modules() == [CORE_APP, "plugins.crm.piccolo_app", "dummy.piccolo_app"]


async def test_a_plugins_table_is_migrated_once_and_secured(host, owner_dsn, database: Database):
    assert await migrate(owner_dsn) == [MIGRATION]
    assert await migrate(owner_dsn) == []
    async with database.directory() as session:
        assert await problems(session) == []


async def test_a_call_reaches_the_plugins_table_of_its_tenant_only(
    host, owner_dsn, database: Database, tmp_path
):
    from dummy.tables import Visit

    await migrate(owner_dsn)
    ours = await add_tenant(database, plugins=["dummy"])
    other = await add_tenant(database, plugins=["dummy"])
    without = await add_tenant(database, plugins=[])
    cdrs = {tenant: make_cdr(make_facts(Tenant(tenant, ""))) for tenant in (ours, without)}
    store = DatabaseCallStore(database, tmp_path)
    for cdr in cdrs.values():
        await store.save(cdr)
    await store.close()
    for _ in range(2):  # at least once, with one effect
        await Outbox(database, host.outbox, Listener(database.listen_connection)).drain()
    seen = {}
    for tenant in (ours, other, without):
        async with database.tenant(tenant):
            seen[tenant] = [row["call_id"] for row in await Visit.select(Visit.call_id)]
    assert seen == {ours: [cdrs[ours].call_id], other: [], without: []}
