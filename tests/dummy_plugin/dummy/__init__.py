"""Greets, counts, refuses and redirects: every hook once, each with something to see."""

from __future__ import annotations

from collections.abc import Sequence

from dummy import logic, routes, service
from sunsim import (
    CallEnded,
    CallFacts,
    CallStarted,
    Decision,
    DialOptions,
    Event,
    Job,
    Manifest,
    MenuItem,
    OutboxConsumer,
    Panel,
    Place,
    Refusal,
    Routes,
    StepType,
    Tables,
    Tenant,
    Viewer,
    hookimpl,
)

manifest = Manifest(name="dummy", version="1.2.3", title="Dummy", summary="Shows what a plugin can do.")


@hookimpl
def register_tables() -> Tables:
    return Tables(app="dummy.piccolo_app")


@hookimpl
def register_routes() -> Routes:
    return Routes(pages=(routes.page,), api=(routes.operation,), templates=routes.TEMPLATES)


@hookimpl
def register_step_types() -> Sequence[StepType]:
    return [StepType("dummy.detour", "Detour", logic.Detour, service.detour)]


@hookimpl
def register_jobs() -> Sequence[Job]:
    return [Job("dummy.nightly", "0 3 * * *", service.nightly)]


@hookimpl
def register_outbox() -> Sequence[OutboxConsumer]:
    return [OutboxConsumer("dummy.visits", (CallEnded,), service.note_visit)]


@hookimpl
async def startup(role: str) -> None:
    service.roles.append(role)


@hookimpl
async def shutdown(role: str) -> None:
    service.roles.remove(role)


@hookimpl
def admit_call(facts: CallFacts) -> Refusal | None:
    return Refusal("blocked", 603) if facts.caller in logic.BLOCKED else None


@hookimpl
def route_call(facts: CallFacts) -> Decision | None:
    return logic.shortcut(facts)


@hookimpl
def dial_options(tenant: Tenant, call: CallFacts) -> DialOptions:
    return DialOptions(caller_name=f"{tenant.name}: {call.caller}", headers=(("X-Dummy", "1"),))


@hookimpl
def cabinet_menu(user: Viewer) -> Sequence[MenuItem]:
    return [MenuItem("Visits", "/dummy/visits")] if user.administrator else []


@hookimpl
async def cabinet_panels(tenant: Tenant, place: Place) -> Sequence[Panel]:
    if place.name != "home":
        return []
    return [Panel("dummy/panel.html", {"started": service.started.get(tenant.id, 0)})]


@hookimpl
async def on_event(tenant: Tenant, event: Event) -> None:
    if isinstance(event, CallStarted):
        service.started[tenant.id] = service.started.get(tenant.id, 0) + 1
