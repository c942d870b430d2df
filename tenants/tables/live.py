"""The present moment as other processes see it: UNLOGGED, empty after a crash of the server.

The bindings of lines are not: they are what the SIP process needs in order to go on after a crash.
No foreign keys to the configuration: a batch must not fail because a phone was just deleted.
"""

from __future__ import annotations

from enum import StrEnum

from piccolo.columns import JSONB, UUID, SmallInt, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import TenantTable

__all__ = ["CallCommand", "LineBindings", "LiveCall", "LiveCallState", "LiveLine"]


class LiveCallState(StrEnum):
    """Where a present call stands."""

    STARTED = "started"  # nobody rings: who has called hears a greeting, a menu, a media
    RINGING = "ringing"
    WAITING = "waiting"  # in a queue, and nobody rings
    TALKING = "talking"


class LiveLine(TenantTable, tablename="live_lines"):
    """A line that has a phone registered; one row for each terminal."""

    terminal_id = UUID(default=None)
    registered_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    user_agent = Text(default="")
    source = Text(default="", help_text="Transport and address.")


class LineBindings(TenantTable, tablename="line_bindings"):
    """How the phones of a line are reached that did not register on a connection."""

    terminal_id = UUID(default=None, unique=True)
    login = Text(default=None)
    account = Text(default=None, help_text="What changes with the line's password.")
    contacts = JSONB(default=None, help_text="A list of core.sip.binding.Contact.")
    expires_at = Timestamptz(default=None, help_text="Of the one that lasts longest.")


class LiveCall(TenantTable, tablename="live_calls"):
    """A call that goes on now; one row for each call and employee it rings or talks with."""

    call_id = UUID(default=None)
    direction = Text(default=None)
    caller = Text(default=None, null=True)
    called = Text(default=None)
    state = Text(default=LiveCallState.STARTED)
    employee_id = UUID(default=None, null=True)
    terminal_id = UUID(default=None, null=True)
    started_at = Timestamptz(default=None)
    answered_at = Timestamptz(default=None, null=True)
    queue = Text(default=None, null=True, help_text="In which the caller waits.")
    queued_at = Timestamptz(default=None, null=True)
    priority = SmallInt(default=0, help_text="Lower ones go first, then who came earlier.")


class CallCommand(TenantTable, tablename="call_commands"):
    """What somebody wants of the calls: executed and answered by the SIP process that has them.

    Whoever asks takes the row away again; one that was left behind is void after ``expires_at``.
    """

    body = JSONB(default=None, help_text="tenants.callcommands.Command.")
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    answered_at = Timestamptz(default=None, null=True)
    answer = Text(default=None, null=True, help_text="tenants.callcommands.Answer.")
