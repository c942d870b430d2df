"""What a lost database may raise, for loops that wait for it and go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import structlog

from core.errors import Unavailable

__all__ = ["DATABASE_AWAY", "told"]

log = structlog.get_logger(__name__)

DATABASE_AWAY = (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Sessions raise Unavailable; bare connections what asyncpg does; TimeoutError is an OSError."""


@contextmanager
def told(trouble: str, **whose: object) -> Iterator[None]:
    """What the database refuses during the block is logged and ends the block only: what comes after
    it, other companies' above all, goes on."""
    try:
        yield
    except DATABASE_AWAY as error:
        log.warning(trouble, error=type(error).__name__, **{k: str(v) for k, v in whose.items()})
