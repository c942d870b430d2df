"""«Проверка сценария»: what is wrong with a company's configuration in the coming 12 months.

Checked on every save: whoever saves over the API is told what is new (``Saving``); whoever changes the
configuration, by whatever way, the database notifies, and ``CheckKeeper`` checks what has become of it.
The work is done in a thread, one company at a time, in processes without calls; a report is kept by
what it was made of, so asking costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import structlog
from msgspec.structs import replace

from core.contracts import AvailabilityMode, Snapshot
from core.errors import NotFound
from core.routing.check import Origins, Report, Severity, check, fresh
from tenants.checktext import Checked, CheckView, Removed, SaveCheck, describe
from tenants.crosstenant.numbering import numbering_plan
from tenants.db import Database
from tenants.failures import DATABASE_AWAY
from tenants.listener import CONFIG, CONTACTS, MODES, Listener
from tenants.regions import origins_of
from tenants.services.actor import Actor, require_scope
from tenants.services.contracts import step_names
from tenants.services.decisions import present
from tenants.words import Gettext

__all__ = ["CheckKeeper", "Checks", "Saving", "check_company", "check_scenario"]

C = TypeVar("C", bound=Checked)

log = structlog.get_logger(__name__)

KEPT = 200
FRESH_SECONDS = 3600
"""A report begins at the instant at which it was made; an older one is made anew."""

Modes = dict[UUID, AvailabilityMode]
Key = tuple[str, frozenset[tuple[UUID, AvailabilityMode]], frozenset[UUID], UUID | None]


class Checks:
    """The reports of one process: the latest ones, by what they were made of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reports: OrderedDict[Key, Report] = OrderedDict()
        self._one = asyncio.Lock()
        self._plan_id: UUID | None = None
        self._origins: Origins | None = None

    async def of(self, tenant_id: UUID) -> tuple[Snapshot, Report]:
        """The company's present configuration and what is wrong with it. Raises NotFound."""
        snapshot, modes = await present(self._database, tenant_id)
        async with self._one:
            return snapshot, await self._report(snapshot, modes)

    async def _report(self, snapshot: Snapshot, modes: Modes) -> Report:
        await self._compare_plan()
        tags = await self._tags_in_use(snapshot.tenant_id)
        key = snapshot.hash, frozenset(modes.items()), tags, self._plan_id
        report, now = self._reports.get(key), time.time()
        if report is None or not report.start <= now < report.start + FRESH_SECONDS:
            report = await asyncio.to_thread(
                check,
                snapshot,
                now,
                modes=modes,
                tags_in_use=tags,
                origins=self._origins,
                steps=step_names(),
            )
            self._reports[key] = report
        self._reports.move_to_end(key)
        while len(self._reports) > KEPT:
            self._reports.popitem(last=False)
        return report

    async def _compare_plan(self) -> None:
        row = await numbering_plan(self._database, self._plan_id)
        if row is not None:
            found = await asyncio.to_thread(origins_of, row["edges"], row["subjects"])
            self._plan_id, self._origins = row["id"], found

    async def _tags_in_use(self, tenant_id: UUID) -> frozenset[UUID]:
        async with self._database.tenant(tenant_id) as session:
            rows = await session.fetch(
                "SELECT t.id FROM tags AS t WHERE EXISTS ("
                " SELECT FROM contact_tags AS c WHERE c.tenant_id = t.tenant_id AND c.tag_id = t.id)"
            )
        return frozenset(row["id"] for row in rows)


async def check_company(checks: Checks, actor: Actor, gettext: Gettext) -> CheckView:
    """Everything that is wrong with the company's configuration."""
    snapshot, report = await checks.of(require_scope(actor, "scenarios:read"))
    return describe(report, snapshot, gettext)


async def check_scenario(
    checks: Checks, actor: Actor, scenario_id: UUID, gettext: Gettext
) -> CheckView:
    """What is wrong with one scenario, and the gaps of its numbers. Raises NotFound."""
    snapshot, report = await checks.of(require_scope(actor, "scenarios:read"))
    if all(scenario.id != scenario_id for scenario in snapshot.scenarios):
        raise NotFound
    numbers = {number.id for number in snapshot.numbers if number.scenario_id == scenario_id}
    findings = (
        finding
        for finding in report.findings
        if finding.place.scenario_id == scenario_id or str(scenario_id) in _named(finding.data)
    )
    gaps = (gap for gap in report.gaps if gap.number_id in numbers)
    return describe(replace(report, findings=tuple(findings), gaps=tuple(gaps)), snapshot, gettext)


class Saving:
    """Saves for somebody who is told what the check says after it."""

    def __init__(self, checks: Checks, actor: Actor, gettext: Gettext) -> None:
        self._checks = checks
        self._actor = actor
        self._gettext = gettext

    async def __call__(self, save: Awaitable[C]) -> C:
        """What ``save`` gives, with its ``check``. Raises whatever ``save`` does, and nothing else."""
        before = await self._report()
        saved = await save
        after = await self._report() if before else None
        if before is None or after is None:
            return saved
        snapshot, report = after
        found = replace(report, findings=fresh(before[1], report), gaps=())
        new = describe(found, snapshot, self._gettext).findings
        return replace(saved, check=SaveCheck(new, len(report.findings)))

    async def removal(self, removal: Awaitable[None]) -> Removed:
        """As a save, for what is deleted."""

        async def removed() -> Removed:
            await removal
            return Removed()

        return await self(removed())

    async def _report(self) -> tuple[Snapshot, Report] | None:
        if not self._actor.allows("scenarios:read"):
            return None
        try:
            return await self._checks.of(self._actor.tenant)
        except (*DATABASE_AWAY, NotFound) as error:
            log.warning("check.not_done", tenant=str(self._actor.tenant), error=type(error).__name__)
        except Exception:  # whatever it is, the save is what was asked for
            log.exception("check.failed", tenant=str(self._actor.tenant))
        return None


def _named(data: dict[str, Any]) -> list[str]:
    scenarios: list[str] = data.get("scenarios", [])
    return scenarios


class CheckKeeper:
    """Checks a company whenever its configuration was saved; ``tell`` hears of each report."""

    def __init__(
        self,
        checks: Checks,
        listener: Listener,
        tell: Callable[[UUID, Report], None] = lambda tenant_id, report: None,
    ) -> None:
        self._checks = checks
        self._listener = listener
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the changes."""
        self._task = asyncio.create_task(self._follow(), name="checks")

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        with self._listener.subscribe(CONFIG) as subscription:
            while True:
                saved = {
                    notice.tenant_id
                    for notice in await subscription.take()
                    if notice.kind not in (CONTACTS, MODES)  # no part of the configuration
                }
                for tenant_id in saved - {None}:
                    await self._checked(tenant_id)

    async def _checked(self, tenant_id: UUID | None) -> None:
        if tenant_id is None:
            return
        try:
            _, report = await self._checks.of(tenant_id)
        except (*DATABASE_AWAY, NotFound) as error:
            log.warning("check.not_done", tenant=str(tenant_id), error=type(error).__name__)
            return
        except Exception:  # whatever one company has configured, the others are still checked
            log.exception("check.failed", tenant=str(tenant_id))
            return
        counts = {
            severity.value: sum(found.severity is severity for found in report.findings)
            for severity in Severity
        }
        log.info("check.done", tenant=str(tenant_id), snapshot=report.snapshot_hash, **counts)
        self._tell(tenant_id, report)
