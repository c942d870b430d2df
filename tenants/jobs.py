"""Work in the background, in the ``worker`` role: the outbox, periodic jobs of plugins, our own chores.

Jobs are kept by procrastinate in the schema ``sunsim_jobs`` of the same database. There is one kind of
job, *run this plugin's work for this tenant*: its arguments are a tenant's id and a name, nothing
else, so the queue holds no tenant's data. At a job's time one entry is made for each tenant that has
the plugin then; an entry that still waits is not made twice, and no two of the same tenant and name run
at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status

from core.contributions import Job, Owned
from core.errors import Unavailable
from core.host import Host
from core.settings import DataSettings
from tenants import callers
from tenants.crosstenant.configuration import tenants_with_plugin
from tenants.db import APP_ROLE, Database
from tenants.embedded import endpoint
from tenants.jobs_schema import SCHEMA
from tenants.listener import Listener
from tenants.outbox import Outbox, tenant_of

__all__ = ["Chore", "Jobs", "run_worker"]

log = structlog.get_logger(__name__)

AT_ONCE = 4
RETRY_SECONDS = 5.0
SWEEP_SECONDS = 30.0


class Chore(Struct, frozen=True):
    """Something of our own that is repeated every so many seconds; it must bear being done twice."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]


async def run_worker(
    database: Database,
    settings: DataSettings,
    host: Host,
    listener: Listener,
    chores: Sequence[Chore] = (),
) -> None:
    """The whole of the worker role, until cancelled. A lost database is waited for."""
    async with asyncio.TaskGroup() as group:
        group.create_task(Outbox(database, host.outbox, listener, callers.CONSUMERS).run())
        group.create_task(Jobs(database, settings, host.jobs).run())
        for chore in chores:
            group.create_task(_repeat(chore), name=chore.name)


async def _repeat(chore: Chore) -> None:
    while True:
        try:
            await chore.run()
        except Exception as error:  # tried again next time; other chores go on
            log.warning("chore_failed", chore=chore.name, error=type(error).__name__)
        await asyncio.sleep(chore.seconds)


# --- jobs of plugins ----------------------------------------------------------------------------


class Jobs:
    """The queue and its worker."""

    def __init__(self, database: Database, settings: DataSettings, jobs: Sequence[Owned[Job]]) -> None:
        """``jobs`` are ``Host.jobs``."""
        self._database = database
        self._settings = settings
        self._jobs = {owned.item.name: owned for owned in jobs}

    async def run(self) -> None:
        """Do jobs at their times until cancelled; running ones may finish within ten seconds."""
        while True:
            try:
                async with self._app().open_async() as app:
                    await self._work(app)
            except (ConnectorException, Unavailable) as error:
                if ending():  # the failure came in place of the cancellation
                    raise asyncio.CancelledError from error
                log.warning("jobs_wait", error=type(error).__name__)
            # A worker that lost its database also just ends, so either way it is started anew.
            await asyncio.sleep(RETRY_SECONDS)

    async def _work(self, app: App) -> None:
        sweeping = asyncio.create_task(_sweep(app))
        try:
            await app.run_worker_async(
                concurrency=AT_ONCE,
                delete_jobs="always",
                install_signal_handlers=False,
                shutdown_graceful_timeout=10,
            )
        finally:
            sweeping.cancel()

    def _app(self) -> App:
        app = App(connector=_connector(self._settings))
        run = app.task(name="tenant-job")(self.do)
        for name, owned in self._jobs.items():
            self._plan(app, run, name, owned)
        return app

    def _plan(self, app: App, run: Any, name: str, owned: Owned[Job]) -> None:
        async def plan(timestamp: int) -> None:
            for tenant_id in await tenants_with_plugin(self._database, owned.plugin):
                await _defer(run, tenant_id, name)

        app.periodic(cron=owned.item.cron)(app.task(name=f"plan {name}", queueing_lock=name)(plan))

    async def do(self, tenant_id: str, name: str) -> None:
        """One plugin's work for one tenant, unless the contract has lost the plugin meanwhile."""
        owned = self._jobs.get(name)
        if owned is None:
            return
        async with self._database.tenant(UUID(tenant_id)) as session:
            tenant = await tenant_of(session)
        if owned.plugin not in tenant.plugins:
            return
        try:
            async with asyncio.timeout(owned.item.seconds):
                await owned.item.run(tenant)
        except Exception as error:  # the plugin's; the next time comes by the clock
            log.error("job_failed", job=name, tenant=tenant_id, error=type(error).__name__)


async def _defer(run: Any, tenant_id: UUID, name: str) -> None:
    key = f"{name} {tenant_id}"
    try:
        await run.configure(lock=key, queueing_lock=key).defer_async(
            tenant_id=str(tenant_id), name=name
        )
    except AlreadyEnqueued:
        log.info("job_still_waits", job=name, tenant=str(tenant_id))


async def _sweep(app: App) -> None:
    """End the jobs of workers that died, which would keep their next ones from running."""
    while True:
        with contextlib.suppress(ConnectorException):
            for job in await app.job_manager.get_stalled_jobs():
                log.warning("job_of_dead_worker", args=job.task_kwargs)
                await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        await asyncio.sleep(SWEEP_SECONDS)


def ending() -> bool:
    """Whether the present task was asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _told_once(record: logging.LogRecord) -> bool:
    """A lost database is told by ``jobs_wait``, not by a traceback of each listener as well."""
    return getattr(record, "action", "") != "listener_error"


logging.getLogger("procrastinate.utils").addFilter(_told_once)


def _connector(settings: DataSettings) -> PsycopgConnector:
    """As the application's role, which may use this schema and sees no tenant's rows from here."""
    options = f"-c search_path={SCHEMA} -c timezone=UTC"
    if settings.dsn_app is None:
        options += f" -c role={APP_ROLE}"
    dsn = settings.dsn_app or settings.dsn or endpoint(settings.dir)
    return PsycopgConnector(
        conninfo=dsn,
        min_size=1,
        max_size=AT_ONCE,
        timeout=2,  # so long the end waits for a database that is away
        kwargs={"options": options, "application_name": "sunsim jobs"},
    )
