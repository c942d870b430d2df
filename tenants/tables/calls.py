"""What calls leave behind (``core.contracts.Cdr``), and the outbox of what must happen next."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, BigInt, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import TenantTable

__all__ = ["Call", "CallStep", "Outbox", "OutboxDone"]


class Call(TenantTable, tablename="calls"):
    """An ended call; ``id`` is the call's id.

    Ids of the configuration are kept without foreign keys: history outlives what it names.
    """

    direction = Text(default=None)
    caller = Text(default=None, null=True, help_text="+E.164, an extension, NULL if anonymous.")
    caller_name = Text(default="")
    called = Text(default=None)
    outcome = Text(default=None)
    sip_status = Integer(default=0)
    started_at = Timestamptz(default=None)
    ringing_at = Timestamptz(default=None, null=True)
    answered_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None)
    ended_by = Text(default="")
    number_id = UUID(default=None, null=True)
    trunk_id = UUID(default=None, null=True)
    scenario_id = UUID(default=None, null=True)
    caller_employee_id = UUID(default=None, null=True)
    answered_employee_id = UUID(default=None, null=True)
    answered_terminal_id = UUID(default=None, null=True)
    snapshot_hash = Text(default="")
    seed = BigInt(default=0)
    facts = JSONB(default=None, null=True, help_text="core.contracts.CallFacts.")
    decision = JSONB(default=None, null=True, help_text="core.contracts.Decision, if a plugin's.")
    attempts = JSONB(default=None, null=True, help_text="A list of core.contracts.Attempt.")


class CallStep(TenantTable, tablename="call_steps"):
    """One entry of a call's own log."""

    call_id = UUID(default=None)
    seq = Integer(default=0)
    at = Timestamptz(default=None)
    code = Text(default=None)
    terminal_id = UUID(default=None, null=True)
    employee_id = UUID(default=None, null=True)
    address = Text(default=None, null=True)
    data = JSONB(default="{}")


class Outbox(TenantTable, tablename="outbox"):
    """An event that must have its effect; ``id`` is the event's id, written with its cause."""

    type = Text(default=None, help_text="Name of the class in core.events.")
    body = JSONB(default=None, help_text="The event.")
    created_at = Timestamptz(default=TimestamptzNow())


class OutboxDone(TenantTable, tablename="outbox_done"):
    """A consumer's effect of an event, written in the same transaction as the effect."""

    consumer = Text(default=None)
    event_id = UUID(default=None)
    done_at = Timestamptz(default=TimestamptzNow())
