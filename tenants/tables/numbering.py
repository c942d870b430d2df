"""The numbering plan of the country: the operator's, the same for all companies."""

from __future__ import annotations

from piccolo.columns import JSONB, Bytea, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import GlobalTable

__all__ = ["NumberingPlan"]


class NumberingPlan(GlobalTable, tablename="numbering_plans"):
    """A plan as it was imported; the newest one is in force. Never changed."""

    source = Text(default=None, help_text="Where the files came from.")
    ranges = Integer(default=0, help_text="Of the registry, before neighbours were joined.")
    edges = Bytea(default=None, help_text="core.routing.NumberingPlan's.")
    subjects = Bytea(default=None)
    report = JSONB(default=None, help_text="What could not be used, tenants.numbering.Report.")
    created_at = Timestamptz(default=TimestamptzNow())
