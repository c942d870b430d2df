"""«Настройки ВАТС»: what holds for the whole contract (features.md SET, PMA).

Who becomes the personal manager of a new contact, and what calls leave behind: tasks, deals. Calls that
come from now on go by it; administrators change it, and every change is in the journal.
"""

from __future__ import annotations

import re
from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from core.contracts import Addressee, AddresseeKind, MissedManager
from core.errors import Conflict, FieldError, Invalid, NotFound
from core.features import DEFAULTS, Feature
from core.library import LANGUAGES
from core.media.mixdown import FORMATS
from tenants.db import Database, Session
from tenants.services import audit, employees, phones, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import given
from tenants.services.scenario_blocks import known
from tenants.tables import Contract, Tenant

__all__ = ["SettingsView", "UpdateSettings", "default_manager", "get", "update"]

_CODE = re.compile(r"\*[0-9*]{1,5}")


_LONGEST_KEPT = 3650


class SettingsView(Struct, frozen=True):
    """``default_manager`` is the personal manager of every newly saved contact, an employee or whoever
    has an extension (PMA-02); ``missed_manager`` says who it is after a missed call (PMA-03).

    ``timezone`` governs the whole PBX (SET-02).

    Callers hear the ready-made library in ``language``, ``announcement`` where conversations are
    recorded and a branch has none of its own (SET-04), ``off_hours_media`` where nothing handles a call
    (H-3).

    ``recording`` is the service «Запись разговоров» (SET-03), without which nothing is recorded but
    messages. What is recorded becomes ``recording_form``, mp3 or opus, and is kept for
    ``recording_days``, 0 for ever, null as the operator says; with ``recording_pause`` employees may
    pause it.

    ``feature_codes`` are what employees dial, or press while they talk: a code by what it does.

    ``outgoing_tasks`` makes tasks of calls that did not reach a client (SET-06), ``auto_deals`` a deal
    for every client who calls (SET-07); ``check_duplicates`` puts a call to an open task of the same
    contact, type and kind of executor instead of making another (TSK-03).
    """

    default_manager: Addressee | None
    missed_manager: MissedManager
    outgoing_tasks: bool
    auto_deals: bool
    check_duplicates: bool
    timezone: str
    language: str
    announcement: UUID | None
    off_hours_media: UUID | None
    recording: bool
    recording_form: str
    recording_days: int | None
    recording_pause: bool
    feature_codes: dict[Feature, str]
    version: int


class UpdateSettings(Struct, frozen=True):
    """Changes; what is left out stays. ``version`` is the one that was looked at."""

    version: int
    default_manager: Addressee | UnsetType | None = UNSET
    missed_manager: MissedManager | UnsetType = UNSET
    outgoing_tasks: bool | UnsetType = UNSET
    auto_deals: bool | UnsetType = UNSET
    check_duplicates: bool | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    announcement: UUID | UnsetType | None = UNSET
    off_hours_media: UUID | UnsetType | None = UNSET
    recording: bool | UnsetType = UNSET
    recording_form: str | UnsetType = UNSET
    recording_days: int | UnsetType | None = UNSET
    recording_pause: bool | UnsetType = UNSET
    feature_codes: dict[Feature, str] | UnsetType = UNSET


async def get(db: Database, actor: Actor) -> SettingsView:
    """The settings as they are."""
    async with db.tenant(require_scope(actor, "settings:read")):
        return _view(await _row())


async def update(db: Database, actor: Actor, command: UpdateSettings) -> SettingsView:
    """Change them. Raises Conflict if their version moved on, Invalid by field."""
    values = given(command, "version")
    async with db.tenant(require_administrator(actor, "settings:write")) as session:
        await uses.lock_references(session)
        row = await _row()
        if row["settings_version"] != command.version:
            raise Conflict
        values = await _checked(session, values)
        before = msgspec.to_builtins(_view(row))
        stored = values | {"settings_version": command.version + 1}
        zone = stored.pop("timezone", None)
        if "default_manager" in values:
            stored["default_manager"] = _json(values["default_manager"])
        if "feature_codes" in values:
            stored["feature_codes"] = msgspec.json.encode(values["feature_codes"]).decode()
        await Contract.update(stored).where(Contract.id == row["id"])
        changed = audit.changes(before, msgspec.to_builtins(values))
        await audit.record(actor, "settings.update", row["id"], *changed)
        if zone is not None:  # last, as the company's row is with all who change the configuration
            await Tenant.update({Tenant.timezone: zone}).where(Tenant.id == row["tenant_id"])
        return _view(await _row())


async def default_manager(session: Session) -> UUID | None:
    """Who is the manager of every newly saved contact: the employee that the contract names, or who has
    the extension now (PMA-02, H-6); ``None`` if there is no such."""
    return await session.fetchval(
        "SELECT e.id FROM contracts c JOIN employees e ON CASE c.default_manager ->> 'kind'"
        " WHEN $1 THEN e.id::text WHEN $2 THEN e.extension END = c.default_manager ->> 'ref'",
        AddresseeKind.EMPLOYEE,
        AddresseeKind.EXTENSION,
    )


async def _checked(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    """In stored form. Raises Invalid by field."""
    errors: dict[str, FieldError] = {}
    if named := values.get("default_manager"):
        try:
            values = values | {"default_manager": await _employee(session, named)}
        except FieldError as error:
            errors["default_manager"] = error
    try:
        if "timezone" in values:
            employees.timezone(values["timezone"])
    except FieldError as error:
        errors["timezone"] = error
    if values.get("language", LANGUAGES[0]) not in LANGUAGES:
        errors["language"] = FieldError("Callers are spoken to in Russian (ru) or English (en).")
    if values.get("recording_form", "mp3") not in FORMATS:
        errors["recording_form"] = FieldError("Recordings are kept as mp3 or opus.")
    if not 0 <= (values.get("recording_days") or 0) <= _LONGEST_KEPT:
        errors["recording_days"] = FieldError("From 0 to {most} days are possible.", most=_LONGEST_KEPT)
    there = (await known()).media
    for name in ("announcement", "off_hours_media"):
        if values.get(name) is not None and values[name] not in there:
            errors[name] = FieldError("There is no such media.")
    if problem := _misfit(values.get("feature_codes", {})):
        errors["feature_codes"] = problem
    if errors:
        raise Invalid(**errors)
    return values


def _misfit(codes: dict[Feature, str]) -> FieldError | None:
    """What is wrong with codes. They begin with ``*``, which no extension has, so none is one."""
    for code in codes.values():
        if not _CODE.fullmatch(code):
            return FieldError("A code is * and up to five digits or further *.")
    for first, second in permutations(codes.values(), 2):
        if second.startswith(first):
            return FieldError("No code may be the beginning of another.")
    return None


async def _employee(session: Session, named: Addressee) -> Addressee:
    """An employee or the extension of one, in stored form. Raises FieldError."""
    if named.kind is AddresseeKind.EXTENSION:
        number = phones.extension(named.ref)
        owned = "SELECT count(*) FROM employees WHERE extension = $1"
        if await session.fetchval(owned, number):
            return Addressee(AddresseeKind.EXTENSION, number)
    elif named.kind is AddresseeKind.EMPLOYEE:
        there = "SELECT id::text FROM employees WHERE id::text = lower($1)"
        if found := await session.fetchval(there, named.ref):
            return Addressee(AddresseeKind.EMPLOYEE, found)
    raise FieldError("Choose an employee, or the extension of one.")


async def _row() -> dict[str, Any]:
    row, tenant = await Contract.select().first(), await Tenant.select(Tenant.timezone).first()
    if row is None or tenant is None:
        raise NotFound
    return row | {"timezone": tenant["timezone"]}


def _json(manager: Addressee | None) -> str | None:
    return None if manager is None else msgspec.json.encode(manager).decode()


def _codes(chosen: str | None) -> dict[Feature, str]:
    if chosen is None:
        return {each.feature: each.code for each in DEFAULTS}
    return msgspec.json.decode(chosen, type=dict[Feature, str])


def _view(row: dict[str, Any]) -> SettingsView:
    manager = row["default_manager"]
    return SettingsView(
        default_manager=msgspec.json.decode(manager, type=Addressee) if manager else None,
        missed_manager=MissedManager(row["missed_manager"]),
        outgoing_tasks=row["outgoing_tasks"],
        auto_deals=row["auto_deals"],
        check_duplicates=row["check_duplicates"],
        timezone=row["timezone"],
        language=row["language"],
        announcement=row["announcement"],
        off_hours_media=row["off_hours_media"],
        recording=row["recording"],
        recording_form=row["recording_form"],
        recording_days=row["recording_days"],
        recording_pause=row["recording_pause"],
        feature_codes=_codes(row["feature_codes"]),
        version=row["settings_version"],
    )
