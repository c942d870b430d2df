"""Loading, checking and freezing plugins, and each tenant's view of them.

Every plugin is known before the first call: a ``Host`` is complete when it is constructed and there
is no way to add to it, because a cached view would not see what comes later. What plugins register
at boot is collected one plugin at a time, so that every route, step and job has a known owner.

Whether a plugin acts for a tenant is decided in one place, ``for_tenant``; menus, jobs, steps, pages,
API and calls all ask the view that it returns. A running call keeps the view it began with.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, TypeVar

import pluggy
import structlog

from core import hookspecs
from core._guard import Fault, Guarded, HookRule, Limits
from core.contracts import Manifest
from core.contributions import Job, OutboxConsumer, Owned, Routes, StepType, Tables
from core.errors import PluginError
from core.tenant_hooks import TenantHooks

__all__ = ["GROUP", "Host", "TenantHooks"]

GROUP = "sunsim"
"""The entry-point group of plugins, built-in ones and strangers' alike."""

T = TypeVar("T")
log = structlog.get_logger(__name__)

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_RULES = MappingProxyType(
    {
        name: HookRule.of(spec)
        for name, spec in vars(hookspecs).items()
        if hasattr(spec, f"{hookspecs.PROJECT}_spec")
    }
)


class Host:
    """All plugins of this installation. ``plugins`` maps names to modules or objects.

    Raises PluginError, which names the plugin, for whatever is wrong with one.
    """

    def __init__(self, plugins: Mapping[str, object], limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        # pluggy asks the last registered plugin first; users shall see the order of names.
        for name in sorted(plugins, reverse=True):
            self._register(name, plugins[name])
        self.manifests: Mapping[str, Manifest] = MappingProxyType(
            {name: _manifest(name, plugins[name]) for name in sorted(plugins)}
        )
        self._guarded = {rule.name: self._guard(rule) for rule in _RULES.values()}
        self.tables: tuple[Owned[Tables], ...] = self._collect("register_tables")
        self.routes: tuple[Owned[Routes], ...] = self._collect("register_routes")
        self.step_types: tuple[Owned[StepType], ...] = self._collect("register_step_types")
        self.jobs: tuple[Owned[Job], ...] = self._collect("register_jobs")
        self.outbox: tuple[Owned[OutboxConsumer], ...] = self._collect("register_outbox")
        for named in (self.step_types, self.jobs, self.outbox):
            _check_names(named)
        self._views: dict[frozenset[str], TenantHooks] = {}

    @classmethod
    def load(cls, limits: Limits | None = None) -> Host:
        """All plugins installed here, by their entry points."""
        found: dict[str, object] = {}
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            if entry.name in found:
                raise PluginError(plugin=entry.name, problem="two plugins have this name")
            found[entry.name] = _import(entry)
        return cls(found, limits)

    def for_tenant(self, plugins: Iterable[str]) -> TenantHooks:
        """The hooks of a tenant whose contract has these plugins; unknown names are left out.

        Views are shared: tenants with the same set have the same one.
        """
        enabled = self.manifests.keys() & plugins
        view = self._views.get(key := frozenset(enabled))
        if view is None:
            view = self._views[key] = self._view(key)
        return view

    @property
    def default_plugins(self) -> frozenset[str]:
        """What a new contract gets."""
        return frozenset(name for name, manifest in self.manifests.items() if manifest.default_on)

    async def startup(self, role: str) -> None:
        """Start every plugin in this process. Raises PluginError for the first that cannot."""
        for guarded in self._guarded["startup"]:
            try:
                await guarded.call_strictly(role)
            except Exception as error:  # whatever it is, the operator must learn whose it is
                raise PluginError(plugin=guarded.plugin, problem=f"startup: {error!r}") from error
        log.info("plugins_started", role=role, plugins=list(self.manifests))

    async def shutdown(self, role: str) -> None:
        """Stop every plugin, in reverse order; one that fails does not keep the others."""
        for guarded in reversed(self._guarded["shutdown"]):
            await guarded.call_async(self._limits.boot, role)

    def faults(self) -> list[Fault]:
        """What plugins did wrong in this process since its start."""
        return [
            fault for row in self._guarded.values() for guarded in row for fault in guarded.faults()
        ]

    @property
    def fault_counts(self) -> dict[str, int]:
        """How many faults each plugin has had; those without any are left out."""
        counts: Counter[str] = Counter()
        for fault in self.faults():
            counts[fault.plugin] += fault.count
        return counts

    def _register(self, name: str, plugin: object) -> None:
        if not _NAME.fullmatch(name):
            raise PluginError(plugin=name, problem="a name is 2 to 40 of a-z, 0-9 and _")
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(plugin=name, problem=_one_line(error)) from error

    def _guard(self, rule: HookRule) -> tuple[Guarded, ...]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, rule.name)
        return tuple(
            Guarded(impl.plugin_name, rule, _function(rule, impl), _takes(rule, impl), self._limits)
            for impl in reversed(caller.get_hookimpls())
        )

    def _collect(self, hook: str) -> tuple[Owned[Any], ...]:
        return tuple(
            Owned(guarded.plugin, item)
            for guarded in self._guarded[hook]
            for item in _answer(guarded.plugin, _RULES[hook], guarded.call_boot())
        )

    def _view(self, enabled: frozenset[str]) -> TenantHooks:
        def mine(items: Iterable[Owned[T]]) -> dict[str, Owned[T]]:
            return {_name_of(owned.item): owned for owned in items if owned.plugin in enabled}

        hooks = {
            name: tuple(guarded for guarded in row if guarded.plugin in enabled)
            for name, row in self._guarded.items()
        }
        return TenantHooks(
            plugins=enabled,
            hooks=hooks,
            limits=self._limits,
            step_types=mine(self.step_types),
            jobs=mine(self.jobs),
            outbox=mine(self.outbox),
        )


def _import(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:  # foreign code runs at import; the operator must learn whose it is
        raise PluginError(plugin=entry.name, problem=f"{entry.value}: {error!r}") from error


def _manifest(name: str, plugin: object) -> Manifest:
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(manifest, Manifest):
        raise PluginError(plugin=name, problem="it has no manifest")
    if manifest.name != name:
        raise PluginError(plugin=name, problem=f"its manifest says {manifest.name!r}")
    return manifest


def _function(rule: HookRule, impl: pluggy.HookImpl) -> Callable[..., Any]:
    """The implementation, unless it is of a kind that would break the guarantees of the host."""
    problem = ""
    if impl.hookwrapper or impl.wrapper:
        problem = "must not be a wrapper"
    elif inspect.iscoroutinefunction(impl.function) is not rule.is_async:
        # A coroutine is never None: an async implementation of a firstresult hook always wins.
        problem = "must be async" if rule.is_async else "must not be async"
    if problem:
        raise PluginError(plugin=impl.plugin_name, problem=f"{rule.name} {problem}")
    return impl.function


def _takes(rule: HookRule, impl: pluggy.HookImpl) -> tuple[int, ...]:
    return tuple(rule.arguments.index(name) for name in impl.argnames)


def _answer(plugin: str, rule: HookRule, answer: Any) -> Iterator[Any]:
    if not rule.allows(answer):
        problem = f"{rule.name} returned {type(answer).__name__}"
        raise PluginError(plugin=plugin, problem=problem)
    if rule.many:
        yield from answer or ()
    elif answer is not None:
        yield answer


def _name_of(item: Any) -> str:
    return str(item.name)


def _check_names(items: Iterable[Owned[Any]]) -> None:
    seen: set[str] = set()
    for owned in items:
        name = _name_of(owned.item)
        if name != owned.plugin and not name.startswith(f"{owned.plugin}."):
            raise PluginError(
                plugin=owned.plugin, problem=f"{name!r} must begin with its name and a dot"
            )
        if name in seen:
            raise PluginError(plugin=owned.plugin, problem=f"{name!r} is registered twice")
        seen.add(name)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
