"""Whether a call may come in or go out: contract, audio, destinations, limits, then the plugins."""

from __future__ import annotations

from typing import ClassVar

from core.call.record import CallRecord
from core.contracts import CallFacts, Direction, Snapshot, StepCode
from core.errors import SunSimError
from core.numbers import EMERGENCY, is_domestic
from core.tenant_hooks import TenantHooks

__all__ = ["Admission", "CallRefused"]

_FORBIDDEN = 403
_BUSY = 486
_NOT_ACCEPTABLE = 488
_NOT_NOW = 503


class CallRefused(SunSimError):
    """The call is not allowed: {reason}."""

    code = "call_refused"
    http_status: ClassVar[int] = 403

    def __init__(self, sip_status: int, reason: str) -> None:
        self.sip_status = sip_status
        super().__init__(None, reason=reason)


class Admission:
    """Of one call, and of those whom its parties pass others on to."""

    def __init__(
        self, snapshot: Snapshot, hooks: TenantHooks, *, usable: bool, outgoing_calls: int
    ) -> None:
        """``usable`` says whether the audio that is offered may be used as it is (``encryption``);
        ``outgoing_calls`` at once may a company make whose contract says nothing of it."""
        own = snapshot.outgoing_calls
        self._snapshot = snapshot
        self._hooks = hooks
        self._usable = usable
        self._most = outgoing_calls if own is None else own

    def check(
        self, facts: CallFacts, outgoing: int, external: int, record: CallRecord | None = None
    ) -> None:
        """Raises CallRefused. ``outgoing`` is how many other calls of the company go outside now,
        ``external`` how many go there or came from there. A record is told of limits and plugins."""
        if facts.direction is Direction.OUTGOING and facts.called in EMERGENCY:
            return  # neither debts nor limits nor plugins stand between people and help
        if self._snapshot.suspended:
            raise CallRefused(_FORBIDDEN, "the contract is suspended")
        if not self._usable:
            raise CallRefused(_NOT_ACCEPTABLE, "this audio, or its encryption, cannot be used")
        if facts.direction is Direction.OUTGOING:
            if facts.number_id is None:
                raise CallRefused(_FORBIDDEN, "the contract has no number to call from")
            if not is_domestic(facts.called):
                raise CallRefused(_FORBIDDEN, "only domestic destinations are open")
            if outgoing >= self._most:
                raise CallRefused(_FORBIDDEN, "too many outgoing calls at once")
        if facts.direction is not Direction.INTERNAL and self._full(external):
            if record is not None:
                record.add(StepCode.ADMISSION_REFUSED, reason="channels")
            status = _BUSY if facts.direction is Direction.INCOMING else _NOT_NOW
            raise CallRefused(status, "all channels of the contract are taken")
        refused = self._hooks.admit_call(self._snapshot.tenant, facts)
        if refused is not None:
            refusal = refused.item
            if record is not None:
                record.add(StepCode.ADMISSION_REFUSED, plugin=refused.plugin, reason=refusal.reason)
            raise CallRefused(refusal.sip_status, refusal.reason)

    def room(self, number: str, outgoing: int, external: int) -> bool:
        """Whether somebody outside may be called beyond the call itself, while so many go there."""
        return number in EMERGENCY or (outgoing < self._most and not self._full(external))

    def _full(self, external: int) -> bool:
        channels = self._snapshot.channels
        return channels is not None and external >= channels
