"""The whole plugin surface: every hook, and what an implementation returns.

A plugin is a module named by an entry point in the group ``sunsim``. It has a ``manifest`` and any of
these functions, marked with ``sunsim.hookimpl``; arguments it does not need may be left out. Plugins
are asked in the order of their names; ``tryfirst`` and ``trylast`` move one.

Boot hooks are asked once, before the first call or page. Hooks that decide about a call are plain
functions in memory: whoever waits for anything delays somebody's call. Cabinet and event hooks get
the tenant first and are asked only for tenants whose contract has the plugin.
"""

from __future__ import annotations

from collections.abc import Sequence

from pluggy import HookimplMarker, HookspecMarker

from core.contracts import CallFacts, Decision, Tenant
from core.contributions import (
    DialOptions,
    Job,
    MenuItem,
    OutboxConsumer,
    Panel,
    Place,
    Refusal,
    Routes,
    StepType,
    Tables,
)
from core.events import Event
from core.office import Viewer

__all__ = ["hookimpl", "hookspec"]

PROJECT = "sunsim"

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


# --- boot -------------------------------------------------------------------------------------


@hookspec
def register_tables() -> Tables | None:
    """Return the plugin's own tables with their migrations.

    ``sunsim db migrate`` creates them, after the core's, and puts them under row-level security.
    """


@hookspec
def register_routes() -> Routes | None:
    """Return the plugin's pages, API operations and templates."""


@hookspec
def register_step_types() -> Sequence[StepType]:
    """Return the blocks that this plugin adds to scenarios."""
    return ()


@hookspec
def register_jobs() -> Sequence[Job]:
    """Return periodic work; it runs in the ``worker`` role, once for each tenant with the plugin."""
    return ()


@hookspec
def register_outbox() -> Sequence[OutboxConsumer]:
    """Return consumers of the outbox: what must happen after an event even if we crash meanwhile."""
    return ()


@hookspec
async def startup(role: str) -> None:
    """Open what the plugin needs in a process of this role: ``web``, ``sip`` or ``worker``.

    Return nothing. Raising, or taking longer than 30 seconds, stops the start of that process.
    """


@hookspec
async def shutdown(role: str) -> None:
    """Close what ``startup`` opened; asked even if another plugin's ``shutdown`` raised.

    Return nothing.
    """


# --- decisions about one call: sync, in memory ------------------------------------------------


@hookspec(firstresult=True)
def admit_call(tenant: Tenant, facts: CallFacts) -> Refusal | None:
    """Return a Refusal to end the call now, or ``None`` to let it pass.

    The first refusal counts. A plugin that raises is passed over.
    """


@hookspec(firstresult=True)
def route_call(tenant: Tenant, facts: CallFacts) -> Decision | None:
    """Return a Decision to handle the call in place of the tenant's scenario, or ``None``.

    The first decision counts. A plugin that raises is passed over.
    """


@hookspec
def dial_options(tenant: Tenant, call: CallFacts, decision: Decision | None) -> DialOptions | None:
    """Return what the called phones shall show and hear, or ``None``.

    ``decision`` is ``None`` for calls that no scenario handles. Of several plugins the first name
    counts and all headers are sent.
    """


# --- cabinet ----------------------------------------------------------------------------------


@hookspec
def cabinet_menu(tenant: Tenant, user: Viewer) -> Sequence[MenuItem]:
    """Return entries for the menu of this user."""
    return ()


@hookspec
async def cabinet_panels(tenant: Tenant, user: Viewer, place: Place) -> Sequence[Panel]:
    """Return panels for this place; an empty sequence where the plugin has nothing to show.

    A plugin that raises or takes longer than a second is left out of the page.
    """
    return ()


# --- events -----------------------------------------------------------------------------------


@hookspec
async def on_event(tenant: Tenant, event: Event) -> None:
    """React to something that happened, for screens and the like. Return nothing.

    Best effort: each plugin has five seconds, and what is lost in a crash stays lost. Money, tasks
    and messages belong into ``register_outbox``.
    """
