"""The hooks of one set of plugins: what calls, pages and jobs of a tenant ask.

A view without an implementation of a hook answers at once, so a call of a company without plugins
pays nothing. Views are made by ``Host.for_tenant`` only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from core._guard import Guarded, Limits
from core.contracts import CallFacts, Decision, Tenant
from core.contributions import (
    DialOptions,
    Job,
    MenuItem,
    OutboxConsumer,
    Owned,
    Panel,
    Place,
    Refusal,
    StepType,
)
from core.events import Event
from core.office import Viewer

__all__ = ["TenantHooks"]

_NO_OPTIONS = DialOptions()


class TenantHooks:
    """What the plugins of one contract do. Results carry the plugin that gave them.

    ``step_types``, ``jobs`` and ``outbox`` map names to contributions.
    """

    def __init__(
        self,
        *,
        plugins: frozenset[str],
        hooks: Mapping[str, tuple[Guarded, ...]],
        limits: Limits,
        step_types: Mapping[str, Owned[StepType]],
        jobs: Mapping[str, Owned[Job]],
        outbox: Mapping[str, Owned[OutboxConsumer]],
    ) -> None:
        self.plugins = plugins
        self.step_types = step_types
        self.jobs = jobs
        self.outbox = outbox
        self._limits = limits
        self._admit = hooks["admit_call"]
        self._route = hooks["route_call"]
        self._dial = hooks["dial_options"]
        self._menu = hooks["cabinet_menu"]
        self._panels = hooks["cabinet_panels"]
        self._events = hooks["on_event"]

    def __contains__(self, plugin: str) -> bool:
        """Whether the contract has this plugin."""
        return plugin in self.plugins

    @property
    def wants_events(self) -> bool:
        """Whether any plugin listens, so that nobody makes a task for nothing."""
        return bool(self._events)

    def admit_call(self, tenant: Tenant, facts: CallFacts) -> Owned[Refusal] | None:
        """The first refusal, or ``None``: the call passes."""
        return self._first(self._admit, tenant, facts) if self._admit else None

    def route_call(self, tenant: Tenant, facts: CallFacts) -> Owned[Decision] | None:
        """The first decision of a plugin, or ``None``: the tenant's scenario decides."""
        return self._first(self._route, tenant, facts) if self._route else None

    def dial_options(self, tenant: Tenant, call: CallFacts, decision: Decision | None) -> DialOptions:
        """What all plugins together want the called phones to be told."""
        if not self._dial:
            return _NO_OPTIONS
        given: list[DialOptions] = [
            options for impl in self._dial if (options := impl.call(tenant, call, decision)) is not None
        ]
        names = (options.caller_name for options in given if options.caller_name is not None)
        headers = tuple(header for options in given for header in options.headers)
        return DialOptions(next(names, None), headers)

    def cabinet_menu(self, tenant: Tenant, user: Viewer) -> list[Owned[MenuItem]]:
        """All entries for this user in the order to show them."""
        found = [
            Owned(impl.plugin, item) for impl in self._menu for item in impl.call(tenant, user) or ()
        ]
        return sorted(found, key=lambda owned: (owned.item.order, owned.item.title))

    async def cabinet_panels(self, tenant: Tenant, user: Viewer, place: Place) -> list[Owned[Panel]]:
        """All panels for this place in the order to show them; plugins are asked at once."""
        answers = await self._all(self._panels, self._limits.panels, tenant, user, place)
        found = [
            Owned(impl.plugin, panel)
            for impl, answer in zip(self._panels, answers, strict=True)
            for panel in answer or ()
        ]
        return sorted(found, key=lambda owned: owned.item.order)

    async def on_event(self, tenant: Tenant, event: Event) -> None:
        """Tell every plugin at once; returns when all are done or stopped. Never raises."""
        if self._events:
            await self._all(self._events, self._limits.event, tenant, event)

    async def _all(self, hook: tuple[Guarded, ...], seconds: float, *args: object) -> list[Any]:
        return await asyncio.gather(*[impl.call_async(seconds, *args) for impl in hook])

    @staticmethod
    def _first(hook: tuple[Guarded, ...], *args: object) -> Owned[Any] | None:
        for impl in hook:
            if (answer := impl.call(*args)) is not None:
                return Owned(impl.plugin, answer)
        return None
