"""A dialog: what two user agents agreed on by a 2xx, and requests inside it (RFC 3261 §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.flow import Flow, address, towards
from core.sip.transaction_client import Head
from core.sip.uri import NameAddr, SipUri, UriError

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["Dialog"]


class Dialog:
    """One dialog, seen from our side.

    ``local`` and ``remote`` are the values of From and To of our requests, tags included; ``target``
    is the far side's Contact URI, ``route`` its route set. ``local_seq`` and ``remote_seq`` are the
    last CSeq numbers used. ``source`` is the flow that the far side was heard on. A *pinned* dialog
    never leaves it: phones behind NAT name addresses in Contact that lead nowhere.
    """

    __slots__ = (
        "_hop",
        "call_id",
        "local",
        "local_seq",
        "pinned",
        "remote",
        "remote_seq",
        "remote_tag",
        "route",
        "source",
        "target",
    )

    def __init__(
        self,
        call_id: str,
        local: str,
        remote: str,
        remote_tag: str,
        *,
        source: Flow,
        pinned: bool,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.remote_tag = remote_tag
        self.source = source
        self.pinned = pinned
        self.local_seq = 1
        self.remote_seq = 0
        self.target = ""
        self.route: tuple[str, ...] = ()
        self._hop: Flow | None = None

    @classmethod
    def of_server(cls, request: Message, local_tag: str, source: Flow, *, pinned: bool) -> Dialog:
        """The dialog that our answer to ``request`` makes (§12.1.1)."""
        dialog = cls(
            request.call_id,
            f"{request.header('To')};tag={local_tag}",
            request.header("From") or "",
            request.from_tag,
            source=source,
            pinned=pinned,
        )
        dialog.remote_seq = request.cseq
        dialog.route = tuple(request.headers("Record-Route"))
        dialog.refresh(request)
        if not dialog.target:  # no Contact, or none that can be written: From will have to do
            dialog.target = _uri_of(dialog.remote)
        return dialog

    @classmethod
    def of_client(cls, response: Message, head: Head, source: Flow, *, pinned: bool) -> Dialog:
        """The dialog that an answer to our INVITE ``head`` makes (§12.1.2)."""
        dialog = cls(
            head.call_id,
            head.from_,
            response.header("To") or head.to,
            response.to_tag,
            source=source,
            pinned=pinned,
        )
        dialog.local_seq = head.cseq
        dialog.route = tuple(reversed(response.headers("Record-Route")))
        dialog.target = head.uri
        dialog.refresh(response)
        return dialog

    def confirm(self, response: Message) -> None:
        """An early dialog got its 2xx, whose Record-Route counts (§13.2.2.4)."""
        self.route = tuple(reversed(response.headers("Record-Route")))
        self._hop = None
        self.refresh(response)

    def refresh(self, message: Message) -> None:
        """Take the far side's Contact as the new target (§12.2)."""
        contact = message.header("Contact")
        if contact is not None:
            self.target = _uri_of(contact) or self.target
            self._hop = None

    def in_order(self, request: Message) -> bool:
        """Whether a request is newer than those before (§12.2.2: 500 if not); remembers its CSeq."""
        if request.cseq < self.remote_seq:
            return False
        self.remote_seq = request.cseq
        return True

    def heard_at(self, flow: Flow) -> bool:
        """Whether the far side is known to speak from there.

        A phone does on its flow only, a carrier at the address where it was heard or is to be
        reached. A proxy with several addresses may use for a dialog the one in its Record-Route.
        """
        if flow == self.source:
            return True
        host = flow.remote[0]
        if not self.pinned and host in (self.source.remote[0], self.hop().remote[0]):
            return True
        return bool(self.route) and host == self._proxy()

    def near(self, flow: Flow) -> bool:
        """Whether it is at least the same host."""
        return flow.remote[0] == self.source.remote[0]

    def _proxy(self) -> str | None:
        if not self.route:
            return None
        try:
            return address(SipUri.parse(_uri_of(self.route[0])).host)
        except UriError:
            return None

    def follow(self, flow: Flow) -> None:
        """Take to the connection that the far side now speaks on: the one before may be gone."""
        if flow != self.source:
            self.source = flow
            self._hop = None

    def hop(self) -> Flow:
        """Where our requests go: first route, else target; a name that is no address means the source.

        Names would need RFC 3263, and whoever gives one in Contact is reached where it was heard.
        """
        if self._hop is None:
            self._hop = self.source if self.pinned else self._next_hop()
        return self._hop

    def head(self, via: str, branch: str, cseq: int | None = None) -> Head:
        """The head of our next request, or of one with a given CSeq (an ACK has its INVITE's)."""
        if cseq is None:
            self.local_seq += 1
            cseq = self.local_seq
        uri, route = self.target, self.route
        if route and ";lr" not in route[0].lower():  # a strict router (§12.2.1.1)
            router = _uri_of(route[0])
            if router:
                uri, route = router, (*route[1:], f"<{uri}>")
        return Head(uri, via, branch, self.local, self.remote, self.call_id, cseq, route)

    def _next_hop(self) -> Flow:
        try:
            uri = SipUri.parse(_uri_of(self.route[0]) if self.route else self.target)
        except UriError:
            return self.source
        host = address(uri.host)
        transport = self._transport(uri)
        if host is None or transport is None:
            return self.source
        port = uri.port or (5061 if transport == "TLS" else 5060)
        return towards(transport, self.source.local, (host, port))

    def _transport(self, uri: SipUri) -> str | None:
        """By what the far side is to be reached; None if only by what it made itself.

        It may say so by ``transport=`` or ``sips:``; else what was used so far will do.
        """
        stated = "TLS" if uri.scheme == "sips" else uri.transport.upper()
        transport = stated or self.source.transport
        return transport if transport in ("UDP", "TCP", "TLS") else None


def _uri_of(value: str) -> str:
    """The URI of an address, or nothing if it cannot be written into a request line."""
    try:
        uri = NameAddr.parse(value).uri
    except UriError:
        return ""
    return uri if uri.isprintable() and " " not in uri else ""
