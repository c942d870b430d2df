"""Which phones are reachable where: the bindings of all lines, in memory (RFC 3261 §10)."""

from __future__ import annotations

from core.sip.flow import Flow, Target

__all__ = ["Contact"]


class Contact:
    """One phone of a line: a Contact URI bound to the flow that it registered from.

    ``expires_at`` is in seconds of the timer clock. Requests to the contact leave on its flow,
    whatever address the URI names, which is what makes phones behind NAT reachable.
    """

    __slots__ = ("call_id", "cseq", "expires_at", "flow", "instance", "path", "uri", "user_agent")

    def __init__(self, uri: str, flow: Flow, path: tuple[str, ...]) -> None:
        self.uri = uri
        self.flow = flow
        self.path = path
        self.call_id = ""
        self.cseq = 0
        self.expires_at = 0.0
        self.user_agent = ""
        self.instance = ""

    def target(self) -> Target:
        """What to invite in order to ring this phone."""
        return Target(self.uri, self.flow, path=self.path)
