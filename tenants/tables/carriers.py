"""The operator's side: carriers and the numbers for sale. Global; tenants do not read these."""

from __future__ import annotations

from piccolo.columns import UUID, Array, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from core.contracts import IdentityHeader, NumberFormat, TrunkTransport
from tenants.tables.base import GlobalTable

__all__ = ["LiveTrunk", "NumberRoute", "NumberStock", "Trunk"]


class Trunk(GlobalTable, tablename="trunks"):
    """A carrier: where calls to it are sent, the networks its calls come from, our account there.

    ``core.contracts.Trunk`` says what the fields mean.
    """

    name = Text(default=None, unique=True)
    host = Text(default=None)
    port = Integer(default=5060)
    transport = Text(default=TrunkTransport.UDP)
    networks = Array(base_column=Text(), help_text="CIDR blocks.")
    max_calls = Integer(default=None, null=True)
    enabled = Boolean(default=True)
    login = Text(default=None, null=True)
    password_sealed = Text(default=None, null=True, secret=True)
    realm = Text(default=None, null=True)
    registers = Boolean(default=False)
    registrar = Text(default=None, null=True)
    check_seconds = Integer(default=0, help_text="Between two OPTIONS; 0: none.")
    number_format = Text(default=NumberFormat.E164)
    identity_header = Text(default=IdentityHeader.PAI)
    trusted = Boolean(default=True)
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


class NumberRoute(GlobalTable, tablename="number_routes"):
    """A further carrier through which calls with a number may leave, beside ``stock.trunk_id``."""

    stock_id = UUID(default=None)
    trunk_id = UUID(default=None)
    position = Integer(default=0, help_text="The lowest is tried first.")


class LiveTrunk(GlobalTable, tablename="live_trunks"):
    """How a carrier is at this moment, as the SIP process sees it; ``id`` is the trunk's."""

    up = Boolean(default=True)
    registered = Boolean(default=None, null=True, help_text="NULL: we do not register there.")
    calls = Integer(default=0)
    problem = Text(default="")
    seen_at = Timestamptz(default=TimestamptzNow())
