"""SIP on one event loop: the transports, the timer wheel and the agent above them.

Everything below is sans-IO; this is where it meets sockets and time. ``clock`` is ``core.ports.Clock``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.contracts import Line, Trunk
from core.ports import Clock, LiveBoard
from core.settings import Address
from core.sip.flow import Target
from core.sip.identity import Origin
from core.sip.registrar import Contact
from core.sip.session import Headers, Listener, Session

__all__ = ["Endpoint"]


class Endpoint:
    """A user agent with a registrar, listening on one address."""

    def __init__(
        self,
        *,
        listen: Address,
        domain: str,
        external: str | None,
        lines: Callable[[str], Line | None],
        trunk_from: Callable[[str], Trunk | None],
        on_invite: Callable[[Session, Origin], None],
        registrar_sink: LiveBoard,
        clock: Clock,
        secret: bytes,
        max_sessions: int = 4000,
    ) -> None:
        """``domain`` is the SIP domain and digest realm of all lines; ``external`` the address for Via
        and Contact, by default the listening one; ``secret`` seals nonces; above ``max_sessions``
        an INVITE gets 503. ``on_invite`` sets the session's listener before it returns; it runs on
        the loop and must not block.
        """

    async def start(self) -> Address:
        """Listen; returns the bound address. OSError if it is taken."""

    async def stop(self) -> None:
        """Close the sockets. Sessions are not ended: that is the owner's business before."""

    def invite(
        self,
        target: Target,
        *,
        from_: str,
        to: str,
        sdp: bytes,
        headers: Headers = (),
        listener: Listener,
        max_forwards: int = 70,
    ) -> Session:
        """Call ``target``. ``from_`` and ``to`` are header values without tags, ``"Name" <sip:…>``.

        Events go to ``listener``, the first of them after this returns.
        """

    def contacts(self, login: str) -> list[Contact]:
        """Live bindings of a line, the freshest first; ``contact.target()`` is what to invite."""
