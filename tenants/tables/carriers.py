"""The operator's side: carriers and the numbers for sale. Global; tenants do not read these."""

from __future__ import annotations

from piccolo.columns import UUID, Array, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import GlobalTable

__all__ = ["NumberStock", "Trunk"]


class Trunk(GlobalTable, tablename="trunks"):
    """A carrier, known by address: where calls to it are sent, and the networks its calls come from."""

    name = Text(default=None, unique=True)
    host = Text(default=None)
    port = Integer(default=5060)
    networks = Array(base_column=Text(), help_text="CIDR blocks.")
    max_calls = Integer(default=None, null=True)
    enabled = Boolean(default=True)
    created_at = Timestamptz(default=TimestamptzNow())


class NumberStock(GlobalTable, tablename="number_stock"):
    """A number the operator has: for sale, or held by a company."""

    e164 = Text(default=None, unique=True)
    trunk_id = UUID(default=None, null=True, help_text="The carrier that delivers its calls.")
    city = Text(default="")
    category = Text(default="standard")
    # Not called tenant_id: the row is the operator's, whoever holds the number.
    holder_id = UUID(default=None, null=True, help_text="The tenant that has it; NULL: for sale.")
    created_at = Timestamptz(default=TimestamptzNow())
