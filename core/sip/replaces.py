"""Which dialog an INVITE with Replaces means (RFC 3891 §3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from core.sip.session import Session, SessionState

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["Replaces", "find_replaced", "named", "read_replaces"]


class Replaces(NamedTuple):
    """A dialog as its other side names it: ``to_tag`` is the tag of whoever is asked to replace it."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False


def read_replaces(value: str) -> Replaces | None:
    """The value of a Replaces header; ``None`` if it names no dialog."""
    call_id, *params = (part.strip() for part in value.split(";"))
    fields: dict[str, str] = {}
    for param in params:
        name, _, given = param.partition("=")
        if name.strip().lower() in fields:
            return None
        fields[name.strip().lower()] = given.strip()
    to_tag, from_tag = fields.get("to-tag", ""), fields.get("from-tag", "")
    if not call_id or not to_tag or not from_tag:
        return None
    return Replaces(call_id, to_tag, from_tag, "early-only" in fields)


def named(replaces: Replaces, sessions: Mapping[str, Session]) -> Session | None:
    """The session with this dialog."""
    session = sessions.get(replaces.to_tag)
    known = session is not None and session.known_as(replaces.call_id, replaces.from_tag)
    return session if known else None


def find_replaced(request: Message, sessions: Mapping[str, Session]) -> Session | int:
    """The session that an INVITE wants to replace, or the status that refuses the INVITE.

    Whether its sender may do so is for the owner to decide.
    """
    values = request.headers("Replaces")
    replaces = read_replaces(values[0]) if len(values) == 1 else None
    if replaces is None or request.header("Join") is not None:
        return 400
    session = named(replaces, sessions)
    if session is None:
        return 481
    if session.state >= SessionState.CLOSING:
        return 603
    if session.state is SessionState.EARLY:
        return session if session.called else 481  # who rings us is not replaced (§3)
    return 486 if replaces.early_only else session
