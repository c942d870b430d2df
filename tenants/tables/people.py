"""Employees, their telephones, their groups."""

from __future__ import annotations

from enum import StrEnum

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from core.contracts import AvailabilityMode, DialMode, Encryption, Recording
from tenants.tables.base import TenantTable

__all__ = [
    "Employee",
    "EmployeeRole",
    "Extension",
    "Group",
    "GroupMember",
    "ModeVersion",
    "Terminal",
    "TerminalState",
]


class EmployeeRole(StrEnum):
    """The two access roles (NAV-01)."""

    ADMINISTRATOR = "administrator"
    EMPLOYEE = "employee"


class TerminalState(StrEnum):
    """A line is pending from its request until it can be used (INV-05)."""

    PENDING = "pending"
    ACTIVE = "active"


class Employee(TenantTable, tablename="employees"):
    """A person of the company, who may have a cabinet account (``User``)."""

    name = Text(default=None)
    email = Text(default=None, null=True, help_text="Where an invitation goes; the login is User's.")
    extension = Text(default=None, null=True, help_text="2-6 digits, unique with groups' (EMP-12).")
    role = Text(default=EmployeeRole.EMPLOYEE)
    mode = Text(default=AvailabilityMode.SCHEDULE)
    dial_mode = Text(default=DialMode.PARALLEL)
    timezone = Text(default=None, null=True, help_text="IANA name; NULL: the company's (EMP-17).")
    schedule_id = UUID(default=None, null=True, help_text="NULL: round the clock (EMP-18).")
    calendar_id = UUID(default=None, null=True)
    extra_periods = JSONB(default="[]", help_text="List of core.hours.ExtraPeriod (EMP-19).")
    dialled_from_menu = Boolean(default=False, help_text="Callers may dial the extension (EMP-13).")
    recording = Text(default=Recording.INHERIT)
    caller_id = UUID(default=None, null=True, help_text="Number shown for outgoing calls (EMP-14).")
    position = Integer(default=0)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1, help_text="For conflicting edits.")


class ModeVersion(TenantTable, tablename="mode_versions"):
    """Counts switches of employees' modes; kept by a trigger, one row for each tenant."""

    version = BigInt(default=1)


class Terminal(TenantTable, tablename="terminals"):
    """What rings: the external number or one of the three SIP lines of an employee (ACC-10)."""

    employee_id = UUID(default=None)
    kind = Text(default=None)
    address = Text(default=None, help_text="SIP login (globally unique) or +E.164.")
    active = Boolean(default=True)
    main = Boolean(default=True)
    ring_seconds = Integer(default=25)
    channels = Integer(default=1)
    schedule_id = UUID(default=None, null=True, help_text="NULL: round the clock (EMP-07).")
    position = Integer(default=0)
    state = Text(default=TerminalState.ACTIVE)
    encryption = Text(default=Encryption.PREFERRED, help_text="Of the audio of a line.")
    password_sealed = Text(default=None, null=True, secret=True)
    ha1 = JSONB(
        default=None, null=True, secret=True, help_text="Digest algorithm to sealed HA1 (RFC 8760)."
    )
    created_at = Timestamptz(default=TimestamptzNow())


class Group(TenantTable, tablename="groups"):
    """Employees dialled together (GRP-02, GRP-04)."""

    name = Text(default=None)
    extension = Text(default=None, null=True)
    dial_mode = Text(default=DialMode.PARALLEL)
    ring_seconds = Integer(default=30)
    dialled_from_menu = Boolean(default=False, help_text="Callers may dial the extension (GRP-03).")
    position = Integer(default=0)
    version = Integer(default=1)


class GroupMember(TenantTable, tablename="group_members"):
    """A member of a group; the order is explicit (GRP-09)."""

    group_id = UUID(default=None)
    employee_id = UUID(default=None)
    position = Integer(default=0)


class Extension(TenantTable, tablename="extensions"):
    """Who has an extension: the one place where they are unique over employees, groups and features.

    Rows of employees and groups are written by triggers on those tables; a feature code is a row
    with ``feature`` set. A second owner violates ``extensions_unique``.
    """

    number = Text(default=None)
    employee_id = UUID(default=None, null=True)
    group_id = UUID(default=None, null=True)
    feature = Text(default=None, null=True)
