"""A company and its contract."""

from __future__ import annotations

from enum import StrEnum

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from core.contracts import MissedManager
from tenants.tables.base import GlobalTable, TenantTable

__all__ = ["Calendar", "Contract", "Schedule", "Tenant", "TenantStatus"]


class TenantStatus(StrEnum):
    """A suspended company keeps everything and can neither call nor be called nor sign in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Tenant(GlobalTable, tablename="tenants"):
    """A company. The application sees its own row only; the operator creates and suspends."""

    name = Text(default=None)
    status = Text(default=TenantStatus.ACTIVE)
    timezone = Text(default="Europe/Moscow", help_text="IANA name; governs the PBX (SET-02).")
    created_at = Timestamptz(default=TimestamptzNow())
    config_version = BigInt(
        default=1, help_text="Counts changes of the routing configuration; kept by triggers."
    )


class Contract(TenantTable, tablename="contracts"):
    """What the company has bought: plugins, tariff, services. One for each tenant."""

    plugins = Array(base_column=Text(), help_text="Names of the enabled plugins.")
    tariff = Text(default="start")
    channels = Integer(default=10, help_text="Calls at once.")
    most_numbers = Integer(default=10, help_text="Numbers that it may have by buying them itself.")
    recording = Boolean(default=False, help_text="The service «Запись разговоров» (SET-03).")
    recording_form = Text(default="mp3", help_text="mp3 or opus: what recordings are kept as.")
    recording_days = Integer(default=None, null=True, help_text="That they are kept; else the setting.")
    recording_pause = Boolean(default=False, help_text="Employees may pause a recording.")
    announcement = UUID(default=None, null=True, help_text="Media of the announcement (SET-04).")
    off_hours_media = UUID(default=None, null=True, help_text="Where nothing handles a call (H-3).")
    default_manager = JSONB(
        default=None, null=True, help_text="core.contracts.Addressee, of new contacts (PMA-02)."
    )
    missed_manager = Text(default=MissedManager.DEFAULT, help_text="After a missed call (PMA-03).")
    outgoing_calls = Integer(default=None, null=True, help_text="Limit of its own; else the setting's.")
    feature_codes = JSONB(
        default=None, null=True, help_text="Code by feature, if others than the usual ones."
    )
    outgoing_tasks = Boolean(default=False, help_text="Tasks for clients not reached (SET-06).")
    auto_deals = Boolean(default=False, help_text="A deal for every client who calls (SET-07).")
    language = Text(default="ru", help_text="Callers hear the library in it (core.library.LANGUAGES).")
    check_duplicates = Boolean(default=True, help_text="Of tasks, «проверка дубликатов» (TSK-03).")
    settings_version = Integer(default=1, help_text="For conflicting edits of «Настройки ВАТС».")
    activated_at = Timestamptz(default=TimestamptzNow())


class Schedule(TenantTable, tablename="schedules"):
    """A work schedule [График рабочего времени]; exactly one is the default (SCH-09)."""

    name = Text(default=None)
    week = JSONB(
        default="[[],[],[],[],[],[],[]]",
        help_text="For each day from Monday, intervals [start, end) in local minutes since midnight.",
    )
    is_default = Boolean(default=False)
    version = Integer(default=1)


class Calendar(TenantTable, tablename="calendars"):
    """Special dates of the company [Календарь]; at most one is the default (ACC-05)."""

    name = Text(default=None)
    days = JSONB(default="[]", help_text="List of core.hours.CalendarDay, each date once.")
    official = JSONB(
        default="{}", help_text="By year, the official days as they were loaded (ACC-05, H-18)."
    )
    is_default = Boolean(default=False)
    version = Integer(default=1)
