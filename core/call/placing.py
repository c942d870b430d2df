"""How a ring becomes INVITEs: to each phone registered with a line, or to a carrier.

What the called side sees as the caller is decided here. Phones of the company see the caller's number
and name; the outside world sees one of the company's numbers, or the client's when a call for the
company is forwarded to an employee's external number (with Diversion, RFC 5806).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.call.dialling import Place
from core.call.leg import Header
from core.contracts import CallFacts, Direction, Ring
from core.contributions import DialOptions
from core.ports import TenantDirectory
from core.sip.endpoint import Endpoint
from core.sip.flow import Target
from core.sip.session import Session, SessionEvent

__all__ = ["Placing"]


class Placing:
    """The placer of one call; ``options`` is what plugins want the phones to be told."""

    def __init__(
        self,
        endpoint: Endpoint,
        directory: TenantDirectory,
        facts: CallFacts,
        *,
        domain: str,
        max_forwards: int,
    ) -> None:
        """``max_forwards`` is what the caller's INVITE still allows, so that loops end (RFC 7332)."""
        self._endpoint = endpoint
        self._directory = directory
        self._facts = facts
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
        trunk = self._directory.trunk(self._facts.trunk_id)
        if trunk is None:
            return ()
        target = Target(f"sip:{number}@{trunk.host}", host=trunk.host, port=trunk.port)
        from_, headers = self._as_seen_outside()
        return [self._invite(target, from_, f"<sip:{number}@{trunk.host}>", headers)]

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
        user = facts.caller or "anonymous"
        name = (self.options.caller_name or facts.caller_name).replace("\\", "").replace('"', "")
        return f'"{name}" <sip:{user}@{self._domain}>' if name else f"<sip:{user}@{self._domain}>"

    def _as_seen_outside(self) -> tuple[str, tuple[Header, ...]]:
        facts = self._facts
        user = facts.caller or "anonymous"
        from_ = f"<sip:{user}@{self._domain}>"
        if facts.direction is Direction.INCOMING:
            diversion = f"<sip:{facts.called}@{self._domain}>;reason=unconditional"
            return from_, (("Diversion", diversion),)
        return from_, (("P-Asserted-Identity", from_),)
