"""The worker role: chores, plugins' jobs in their queue, and the outbox together."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import asyncpg
import msgspec
import pytest

from core.contracts import Manifest
from core.contributions import Job, OutboxConsumer, Owned
from core.events import CallEnded
from core.hookspecs import hookimpl
from core.host import Host
from tenants import jobs, tables
from tenants.callstore import DatabaseCallStore
from tenants.engine import Session
from tenants.jobs import Chore, Jobs, run_worker
from tenants.jobs_schema import SCHEMA, install
from tests.integration.directory.conftest import call_of
from tests.support.waiting import eventually, until

EVERY_SECOND = "* * * * * *"


class Counter:
    """A plugin with a job each second and a consumer of ended calls."""

    manifest = Manifest(name="counter", version="1", title="Counter", summary="Counts.")

    def __init__(self) -> None:
        self.runs: list[object] = []
        self.calls: list[object] = []

    @hookimpl
    def register_jobs(self):
        return (Job("counter.tick", EVERY_SECOND, self.tick, seconds=1),)

    @hookimpl
    def register_outbox(self):
        return (OutboxConsumer("counter.calls", (CallEnded,), self.count),)

    async def tick(self, tenant):
        self.runs.append(tenant.id)

    async def count(self, tenant, event):
        self.calls.append(tenant.id)


@pytest.fixture
def plugin() -> Counter:
    return Counter()


@pytest.fixture
async def company(make_company):
    return await make_company(plugins=("counter",))


@pytest.fixture
async def working(database, data_settings, listener, plugin, company):
    """The worker at work; the value counts rounds of a chore that fails at first."""
    rounds = SimpleNamespace(count=0)

    async def chore() -> None:
        rounds.count += 1
        if rounds.count == 1:
            raise RuntimeError("the first time")

    host = Host({"counter": plugin})
    task = asyncio.create_task(
        run_worker(database, data_settings, host, listener, [Chore("rounds", 0.05, chore)])
    )
    yield rounds
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_all_kinds_of_work(working, plugin, company, make_company, database, tmp_path):
    other = await make_company(2, "Лютик")  # without the plugin
    store = DatabaseCallStore(database, tmp_path)
    await store.save(call_of(company))
    await store.save(call_of(other))
    await store.close()
    await until(lambda: working.count >= 3)
    await until(lambda: plugin.calls == [company.id])
    await until(lambda: len(plugin.runs) >= 2)
    assert set(plugin.runs) == {company.id}


async def test_a_job_that_fails_or_hangs_stops_nothing(
    plugin, company, database, data_settings, monkeypatch
):
    host = Host({"counter": plugin})
    queue = Jobs(database, data_settings, host.jobs)
    fails = [RuntimeError("no"), None]

    async def tick(tenant):
        if error := fails.pop(0):
            raise error
        await asyncio.sleep(60)

    slow = Job("counter.tick", EVERY_SECOND, tick, seconds=0)
    queue = Jobs(database, data_settings, [Owned("counter", slow)])
    async with asyncio.timeout(50):  # the second run would take 60
        await queue.do(str(company.id), "counter.tick")
        await queue.do(str(company.id), "counter.tick")
        await queue.do(str(company.id), "gone.with.its.plugin")
    assert fails == []


async def test_a_contract_that_lost_the_plugin_meanwhile(plugin, company, database, data_settings):
    queue = Jobs(database, data_settings, Host({"counter": plugin}).jobs)
    await queue.do(str(company.id), "counter.tick")
    async with database.tenant(company.id):
        await tables.Contract.update(plugins=[], force=True)
    await queue.do(str(company.id), "counter.tick")
    assert plugin.runs == [company.id]


async def test_jobs_go_on_after_the_database_was_away(working, plugin, postgres, monkeypatch):
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0.5)
    await until(lambda: plugin.runs)
    postgres.embedded.stop()
    await asyncio.sleep(0.5)
    postgres.embedded.start()
    plugin.runs.clear()
    await until(lambda: plugin.runs)


async def test_the_queue_holds_ids_and_names_once_each(
    database, data_settings, company, owner_dsn, plugin
):
    queue = Jobs(database, data_settings, Host({"counter": plugin}).jobs)
    async with queue._app().open_async() as app:
        for _ in range(3):
            await jobs._defer(app.tasks["tenant-job"], company.id, "counter.tick")
        owner = await asyncpg.connect(owner_dsn)
        try:
            rows = await owner.fetch(f"SELECT args FROM {SCHEMA}.procrastinate_jobs")
        finally:
            await owner.close()
    [waiting] = [msgspec.json.decode(row["args"]) for row in rows]
    assert waiting == {"tenant_id": str(company.id), "name": "counter.tick"}


async def test_a_job_of_a_dead_worker_does_not_block_the_next(
    plugin, company, database, data_settings, owner_dsn, working
):
    """A worker died in the middle of a job: its lock must not outlive it."""
    await until(lambda: plugin.runs)
    owner = await asyncpg.connect(owner_dsn)
    try:
        await owner.execute(
            f"INSERT INTO {SCHEMA}.procrastinate_jobs (queue_name, task_name, lock, args, status)"
            " VALUES ('default', 'tenant-job', 'dead', '{}', 'doing')"
        )
        queue = Jobs(database, data_settings, [])
        async with queue._app().open_async() as app:
            sweeping = asyncio.create_task(jobs._sweep(app))
            count = f"SELECT count(*) FROM {SCHEMA}.procrastinate_jobs WHERE lock = 'dead'"
            await eventually(lambda: owner.fetchval(count), lambda left: left == 0)
            sweeping.cancel()
    finally:
        await owner.close()


async def test_the_schema_is_made_once_and_kept_up(owner_dsn):
    owner = await asyncpg.connect(owner_dsn)
    update = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
    try:
        async with owner.transaction():
            await install(Session(owner, None, None))  # nothing to do
        await owner.execute(f"DELETE FROM {SCHEMA}.applied WHERE name = $1", update)
        async with owner.transaction():
            await install(Session(owner, None, None))  # as after an upgrade
        assert await owner.fetchval(f"SELECT true FROM {SCHEMA}.applied WHERE name = $1", update)
    finally:
        await owner.close()
