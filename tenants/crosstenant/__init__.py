"""Reading across tenants: one of the few places that open sessions of the directory role.

The modules are named by what is read. Each function answers one question that cannot be asked within a
tenant; whoever needs another such answer adds a function here rather than a session elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tenants.db import Database, Session

__all__ = ["Row", "operator_session"]

Row = Mapping[str, Any]


@asynccontextmanager
async def operator_session(database: Database) -> AsyncIterator[Session]:
    """The operator at work: reads everything, writes the global tables.

    ``database.tenant(tenant_id)`` inside it steps into one tenant and writes that tenant's rows, all
    in one transaction.
    """
    async with database.directory() as session:
        yield session
