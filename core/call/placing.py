"""How a ring becomes INVITEs: to each phone registered with a line, or to a carrier.

What the called side sees as the caller is decided here. Phones of the company see the caller's number
and name; the outside world sees one of the company's numbers, or the client's when a call for the
company is forwarded to an employee's external number (with Diversion, RFC 5806). A colleague whose
external number rings sees the company's number, too: no carrier takes an extension for a caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.call.dialling import Place
from core.call.facts import number_shown
from core.call.leg import Header
from core.contracts import CallFacts, Direction, Number, Ring, Snapshot
from core.contributions import DialOptions
from core.ports import TenantDirectory
from core.sip.endpoint import Endpoint
from core.sip.flow import Target
from core.sip.session import Session, SessionEvent

__all__ = ["Placing"]

_NOBODY = "sip:anonymous@anonymous.invalid"  # RFC 3323 §4.1.1.3


class Placing:
    """The placer of one call; ``options`` is what plugins want the phones to be told."""

    def __init__(
        self,
        endpoint: Endpoint,
        directory: TenantDirectory,
        facts: CallFacts,
        snapshot: Snapshot,
        *,
        domain: str,
        max_forwards: int,
    ) -> None:
        """``max_forwards`` is what the caller's INVITE still allows, so that loops end (RFC 7332)."""
        self._endpoint = endpoint
        self._directory = directory
        self._facts = facts
        self._snapshot = snapshot
        self._domain = domain
        self._max_forwards = max_forwards
        self.options = DialOptions()

    def __call__(self, ring: Ring) -> Sequence[Place]:
        """One INVITE for each contact of the line, or one to the trunk."""
        if ring.address.startswith("+"):
            return self._outside(ring.address)
        to = f"<sip:{ring.address}@{self._domain}>"
        return [
            self._invite(contact.target(), self._as_seen_inside(), to, self.options.headers)
            for contact in self._endpoint.contacts(ring.address)
        ]

    def _outside(self, number: str) -> Sequence[Place]:
        own = self._own_number()
        if own is None or (self._forwarded and self._is_ours(number)):
            return ()  # the carrier would bring a call for ourselves back, again and again
        trunk = self._directory.trunk(self._facts.trunk_id or own.trunk_id)
        if trunk is None:
            return ()
        target = Target(f"sip:{number}@{trunk.host}", host=trunk.host, port=trunk.port)
        from_, headers = self._as_seen_outside(own)
        return [self._invite(target, from_, f"<sip:{number}@{trunk.host}>", headers)]

    @property
    def _forwarded(self) -> bool:
        return self._facts.direction is Direction.INCOMING

    def _is_ours(self, number: str) -> bool:
        return any(own.e164 == number for own in self._snapshot.numbers)

    def _own_number(self) -> Number | None:
        """The company's number of this call: it was called, or it is what the caller shows."""
        facts = self._facts
        if facts.number_id is None and facts.employee_id is not None:
            return number_shown(self._snapshot, facts.employee_id)
        return next((n for n in self._snapshot.numbers if n.id == facts.number_id), None)

    def _invite(self, target: Target, from_: str, to: str, headers: Sequence[Header]) -> Place:
        def place(sdp: bytes, listener: Callable[[SessionEvent], None]) -> Session:
            return self._endpoint.invite(
                target,
                from_=from_,
                to=to,
                sdp=sdp,
                headers=headers,
                listener=listener,
                max_forwards=self._max_forwards,
            )

        return place

    def _as_seen_inside(self) -> str:
        facts = self._facts
        uri = f"sip:{facts.caller}@{self._domain}" if facts.caller else _NOBODY
        name = (self.options.caller_name or facts.caller_name).replace("\\", "").replace('"', "")
        return f'"{name}" <{uri}>' if name else f"<{uri}>"

    def _as_seen_outside(self, own: Number) -> tuple[str, tuple[Header, ...]]:
        number = f"<sip:{own.e164}@{self._domain}>"
        if not self._forwarded:
            return number, (("P-Asserted-Identity", number),)
        diversion = ("Diversion", f"{number};reason=unconditional")
        caller = self._facts.caller
        if caller is None:
            return f'"Anonymous" <{_NOBODY}>', (diversion, ("Privacy", "id"))
        return f"<sip:{caller}@{self._domain}>", (diversion,)
