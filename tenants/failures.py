"""What a lost database may raise, for loops that wait for it and go on."""

from __future__ import annotations

import asyncpg

from core.errors import Unavailable

__all__ = ["DATABASE_AWAY"]

DATABASE_AWAY = (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Sessions raise Unavailable; bare connections what asyncpg does; TimeoutError is an OSError."""
