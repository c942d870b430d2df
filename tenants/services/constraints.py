"""Constraints of the database as errors of fields: the database decides who of two was first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from core.errors import FieldError, Invalid
from tenants.db import violated

__all__ = ["fields_for"]


@asynccontextmanager
async def fields_for(**constraints: tuple[str, str]) -> AsyncIterator[None]:
    """Turn a broken constraint, by name, into Invalid for a field: ``(field, message)``.

    Put it around the whole transaction: PostgreSQL refuses every statement after the error.
    """
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        known = constraints.get(violated(error))
        if known is None:
            raise
        field, message = known
        raise Invalid(**{field: FieldError(message)}) from error
