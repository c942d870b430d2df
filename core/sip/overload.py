"""Who waits when there is too much to do: what the loop cannot keep up with, and what one company may
ask for so that the others get theirs.

When the loop lags new calls are refused first, later registrations, never a request in a dialog: who
talks goes on talking. A refusal says after how many seconds to come back, and spreads those who must,
so that they do not come back together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID
from zlib import crc32

from core.sip.guard import Buckets

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.identity import Origin

__all__ = ["Load", "Quota", "retry_after"]

log = logging.getLogger(__name__)

_CALLS_LAG, _REGISTRATIONS_LATER = 0.3, 10 / 3
_FADING = 0.9
_SAY_SECONDS = 60.0
_CALL_BURST, _REGISTER_RATE, _REGISTER_BURST = 2, 4, 10


class Load:
    """How late the loop is: the worst of the last moment in seconds, an eighth of it a second later."""

    __slots__ = ("_limit", "lag")

    def __init__(self, limit: float = _CALLS_LAG) -> None:
        """Beyond ``limit`` seconds calls are refused, beyond some three times that registrations."""
        self.lag = 0.0
        self._limit = limit

    def note(self, late: float) -> None:
        """A tick, due every 50 ms, came so late."""
        self.lag = max(late, self.lag * _FADING, 0.0)

    @property
    def sheds_calls(self) -> bool:
        """Whether new calls are to be refused now."""
        return self.lag > self._limit

    @property
    def sheds_registrations(self) -> bool:
        """Whether registrations are to be refused now, too."""
        return self.lag > self._limit * _REGISTRATIONS_LATER


class Quota:
    """How many calls and registrations a company may begin a second, and how many calls it may have.

    ``rate`` is of calls, two seconds' worth of which may come at once. Registrations may be four times
    as many, and ten seconds' worth at once: after a power cut a whole office registers together.
    """

    __slots__ = ("_calls", "_calls_of", "_limit", "_registrations", "_said", "_tenant_of")

    def __init__(
        self,
        rate: float,
        limit: int,
        tenant_of: Callable[[Message, Origin], UUID | None],
        calls_of: Callable[[UUID], int],
    ) -> None:
        """``tenant_of`` knows whose call a request begins, ``calls_of`` how many they have now."""
        self._calls: Buckets[UUID] = Buckets(rate, _CALL_BURST * rate)
        registrations = _REGISTER_RATE * rate
        self._registrations: Buckets[UUID] = Buckets(registrations, _REGISTER_BURST * registrations)
        self._limit = limit
        self._tenant_of = tenant_of
        self._calls_of = calls_of
        self._said: dict[UUID, float] = {}

    def call(self, request: Message, origin: Origin, now: float) -> str:
        """Why this call may not begin, in a word; empty if it may."""
        tenant_id = self._tenant_of(request, origin)
        if tenant_id is None:
            return ""
        if self._calls_of(tenant_id) >= self._limit:
            return self._refused(tenant_id, "tenant_calls", now)
        if not self._calls.admit(tenant_id, now):
            return self._refused(tenant_id, "tenant_rate", now)
        return ""

    def registration(self, tenant_id: UUID, now: float) -> str:
        """Why a line of this company may not register now, in a word; empty if it may."""
        if self._registrations.admit(tenant_id, now):
            return ""
        return self._refused(tenant_id, "tenant_rate", now)

    def _refused(self, tenant_id: UUID, reason: str, now: float) -> str:
        """A flood is one line in the log, not one for each of its requests."""
        if now - self._said.get(tenant_id, -_SAY_SECONDS) >= _SAY_SECONDS:
            self._said[tenant_id] = now
            log.warning("company over its quota", extra={"tenant": str(tenant_id), "reason": reason})
        return reason


def retry_after(request: Message, least: int, most: int) -> tuple[str, str]:
    """The header; the same request hears the same, different ones are spread evenly."""
    return "Retry-After", str(
        least + crc32(request.call_id.encode("utf-8", "replace")) % (most - least)
    )
