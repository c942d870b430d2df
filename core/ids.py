"""Identifiers: UUID version 7 (RFC 9562 §5.7), so that keys sort by the time they were made."""

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["new_id"]


def new_id() -> UUID:
    """A fresh time-ordered key for a row, a call or an event."""
    return uuid7()
