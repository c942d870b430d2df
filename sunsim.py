"""The plugin API: of our code a plugin imports this module and nothing else.

A plugin is a module with a ``manifest`` and hook implementations, named by an entry point in the
group ``sunsim``; ``docs/hooks.md`` describes every hook. What is exported here stays compatible
within a major version.

    from sunsim import CallEnded, Manifest, hookimpl

    manifest = Manifest(name="greeter", version="1.0", title="Greeter", summary="Says goodbye.")

    @hookimpl
    async def on_event(tenant, event):
        if isinstance(event, CallEnded): ...
"""

from __future__ import annotations

from functools import cache
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Branch,
    CallFacts,
    CallStep,
    Cdr,
    Chain,
    ContactKind,
    Decision,
    Dial,
    DialMode,
    DialPlan,
    Direction,
    Executor,
    ExecutorKind,
    ExtensionList,
    HangUp,
    Manifest,
    Menu,
    Outcome,
    Par,
    PlanNode,
    PluginStep,
    Ring,
    Seq,
    Step,
    StepCode,
    TaskKind,
    TaskRequest,
    Tenant,
    TerminalKind,
)
from core.contributions import (
    CallVerbs,
    DialOptions,
    Job,
    MenuItem,
    Next,
    OutboxConsumer,
    Panel,
    Place,
    Refusal,
    Routes,
    StepType,
    Tables,
)
from core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    SunSimError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from core.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    ConfigurationChanged,
    Event,
    LineRegistered,
    LineUnregistered,
)
from core.hookspecs import hookimpl
from core.ids import new_id
from core.library import Prompt
from core.metrics import REGISTRY
from core.numbers import normalize
from core.office import Client, Consequences, Office, Viewer
from core.scenarios import (
    ExtensionBlock,
    KeyAction,
    MenuBlock,
    MenuKey,
    MessageBlock,
    Otherwise,
    Queue,
)
from tenants.tables import TenantTable

__all__ = [
    "Addressee",
    "AddresseeKind",
    "AvailabilityMode",
    "Branch",
    "CallAnswered",
    "CallEnded",
    "CallFacts",
    "CallStarted",
    "CallStep",
    "CallVerbs",
    "Cdr",
    "Chain",
    "Client",
    "ConfigurationChanged",
    "Conflict",
    "Consequences",
    "ContactKind",
    "Decision",
    "Dial",
    "DialMode",
    "DialOptions",
    "DialPlan",
    "Direction",
    "Event",
    "Executor",
    "ExecutorKind",
    "ExtensionBlock",
    "ExtensionList",
    "FieldError",
    "Forbidden",
    "HangUp",
    "Invalid",
    "Job",
    "KeyAction",
    "LineRegistered",
    "LineUnregistered",
    "Manifest",
    "Menu",
    "MenuBlock",
    "MenuItem",
    "MenuKey",
    "MessageBlock",
    "Next",
    "NotFound",
    "Office",
    "Otherwise",
    "OutboxConsumer",
    "Outcome",
    "Panel",
    "Par",
    "Place",
    "PlanNode",
    "PluginStep",
    "Prompt",
    "Queue",
    "Refusal",
    "Ring",
    "Routes",
    "Seq",
    "Step",
    "StepCode",
    "StepType",
    "SunSimError",
    "Tables",
    "TaskKind",
    "TaskRequest",
    "Tenant",
    "TenantTable",
    "TerminalKind",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "Viewer",
    "counter",
    "gauge",
    "histogram",
    "hookimpl",
    "logger",
    "new_id",
    "normalize",
]


def logger(plugin: str) -> Any:
    """A structured logger whose lines carry the plugin's name: ``log.info("event", key=value)``."""
    return structlog.get_logger(f"plugins.{plugin}", plugin=plugin)


@cache
def counter(plugin: str, name: str, meaning: str, *labels: str) -> Counter:
    """The counter ``sunsim_<plugin>_<name>_total`` of ``/metrics``; the same one when asked again.

    Labels are for a handful of values each: never a tenant, a number or a call.
    """
    return Counter(f"sunsim_{plugin}_{name}", meaning, labels, registry=REGISTRY)


@cache
def gauge(plugin: str, name: str, meaning: str, *labels: str) -> Gauge:
    """The gauge ``sunsim_<plugin>_<name>``: what there is at the moment. Labels as for ``counter``."""
    return Gauge(f"sunsim_{plugin}_{name}", meaning, labels, registry=REGISTRY)


@cache
def histogram(
    plugin: str, name: str, meaning: str, *labels: str, buckets: tuple[float, ...]
) -> Histogram:
    """The histogram ``sunsim_<plugin>_<name>``, of what lasts so many seconds, say. Labels as for
    ``counter``."""
    return Histogram(f"sunsim_{plugin}_{name}", meaning, labels, registry=REGISTRY, buckets=buckets)
