"""One table; row-level security comes by itself."""

from __future__ import annotations

from piccolo.columns import UUID, Varchar

from sunsim import TenantTable


class Visit(TenantTable, tablename="dummy_visits"):
    """A call that ended."""

    call_id = UUID(default=None, null=False)
    outcome = Varchar(length=20)
