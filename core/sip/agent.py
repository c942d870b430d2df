"""The user agent: which part of the stack a message concerns, and what is answered at once.

The order of an incoming request, each step sparing the later ones: a transaction that has it already,
an ACK, a CANCEL, the dialog that its To-tag names, and last a request out of any dialog, where the
first question is who sends it (``identity``). What is refused before it becomes a session or a
binding is answered without state (RFC 3261 §8.2.7), so that strangers cannot fill our memory.

Sans-IO: bytes come in through ``receive`` with their flow and leave through ``transmit``; time is the
wheel's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from zlib import crc32

from core.contracts import Line
from core.ports import Clock, LineBoard
from core.sip._wire import Message, WireError, build_response, parse, problem
from core.sip.advertised import Advertised
from core.sip.capabilities import ALLOW, CAPABILITIES, METHODS, SUPPORTED
from core.sip.dialog import Dialog
from core.sip.flow import Flow, Target, Transmit, towards
from core.sip.guard import is_scanner
from core.sip.identity import FromLine, FromTrunk, Identity, Origin, Refusal
from core.sip.in_dialog import serve
from core.sip.inbound import InboundSession
from core.sip.outbound import OutboundSession, OutgoingInvite
from core.sip.overload import Load, Quota, retry_after
from core.sip.registrar import BindingStore, RegisterRefused, Registrar
from core.sip.replaces import find_replaced
from core.sip.session import Headers, Listener, Session
from core.sip.session_timer import Interval, asking, too_brief
from core.sip.stats import Stats
from core.sip.status import phrase
from core.sip.timers import Wheel
from core.sip.transaction import Key, Transactions, server_key
from core.sip.transaction_server import InviteServer, NonInviteServer, reply_flow

__all__ = ["Agent"]

log = logging.getLogger(__name__)

_ALLOWED = ("Allow", ALLOW)
_OFFER = ("Content-Type", "application/sdp")
_DATAGRAM = 1300
_WITHOUT_TCP, _REMEMBERED = 600.0, 1000


class Agent:
    """User agent client and server, registrar included.

    ``advertised`` is what Via and Contact say. ``load`` is told by the endpoint how
    far the loop lags; new calls get 503 when it does, as they do above ``max_sessions``, and when
    ``quota`` says that their company has enough. ``interval`` is what we
    want of session timers, ``asking`` how our INVITEs say it.
    """

    __slots__ = (
        "_identity",
        "_max_sessions",
        "_on_invite",
        "_ours",
        "_quota",
        "_without_tcp",
        "advertised",
        "asking",
        "interval",
        "load",
        "registrar",
        "sessions",
        "stats",
        "transactions",
        "wheel",
    )

    def __init__(
        self,
        *,
        wheel: Wheel,
        clock: Clock,
        transmit: Transmit,
        advertised: Advertised,
        identity: Identity,
        sink: LineBoard,
        on_invite: Callable[[Session, Origin], None],
        stats: Stats,
        max_sessions: int,
        bindings: BindingStore | None = None,
        quota: Quota | None = None,
        interval: Interval | None = None,
        load: Load | None = None,
    ) -> None:
        self.wheel = wheel
        self.stats = stats
        self.transactions = Transactions(wheel, transmit, stats)
        self.registrar = Registrar(wheel, clock, sink, bindings)
        self.sessions: dict[str, Session] = {}
        self.load = load or Load()
        self._identity = identity
        self._on_invite = on_invite
        self._max_sessions = max_sessions
        self._quota = quota
        self._ours = advertised
        self._without_tcp: dict[tuple[str, int], float] = {}
        self.advertised = advertised.usual
        self.interval = interval or Interval()
        self.asking = asking(self.interval)

    def reachable_by(self, transport: str) -> str:
        """What a URI says of us to a peer that is to use this transport."""
        return self._ours.place(transport)

    def via(self, flow: Flow, branch: str) -> str:
        """The value of Via for a request that leaves on ``flow``."""
        return self._ours.of(flow).via + branch

    def larger(self, flow: Flow, size: int) -> Flow | None:
        """The flow for a request of so many bytes if it should not go by UDP, as ``flow`` does.

        Fragments of a datagram get lost at many a router (RFC 3261 §18.1.1).
        """
        if flow.reliable or size <= _DATAGRAM:
            return None
        if self._without_tcp.get(flow.remote, 0.0) > self.wheel.clock():
            return None
        return towards("TCP", flow.local, flow.remote)

    def without_tcp(self, remote: tuple[str, int]) -> None:
        """TCP does not lead there: for ten minutes do not try again."""
        if len(self._without_tcp) >= _REMEMBERED:
            self._without_tcp.clear()
        self._without_tcp[remote] = self.wheel.clock() + _WITHOUT_TCP

    def headers(self, flow: Flow, *, sdp: bytes) -> tuple[tuple[str, str], ...]:
        """What every message that makes or changes a dialog says of us, and of its body."""
        contact = ("Contact", self._ours.of(flow).contact)
        return (contact, _ALLOWED, _OFFER) if sdp else (contact, _ALLOWED)

    def invite(
        self, listener: Listener, invite: OutgoingInvite, target: Target, flow: Flow | None
    ) -> OutboundSession:
        """Begin a session; without ``flow`` its ``start`` is to be called once that is known.

        WireError if a header would break the message.
        """
        session = OutboundSession(self, listener, invite)
        session.line = target.login
        if flow is not None:
            try:
                session.start(flow, pinned=target.flow is not None)
            except WireError:
                del self.sessions[session.tag]
                raise
        return session

    def receive(self, data: bytes, flow: Flow, stream: bool = False) -> bool:
        """One message from the network; whether it was SIP. Never raises for what a stranger sends.

        In a ``stream`` it must tell its length.
        """
        try:
            message = parse(data, stream)
            if message.is_request:
                self._request(message, flow)
            else:
                self._response(message)
        except WireError:
            self.stats.dropped["malformed"] += 1
            return False
        return True

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone: its bindings go, its requests fail; calls go on without it, for a
        phone that comes back speaks in its dialogs on its new connection."""
        self.registrar.flow_closed(flow)
        self.transactions.flow_closed(flow)

    def flows_in_use(self) -> set[Flow]:
        """Connections that phones, dialogs or transactions hang on."""
        flows = {*self.registrar.flows(), *self.transactions.flows}
        for session in self.sessions.values():
            if session.dialog is not None:
                flows |= {session.dialog.source, session.dialog.hop()}
        return flows

    # --- answers ------------------------------------------------------------------------------

    def _response(self, message: Message) -> None:
        self.stats.responses[message.status] += 1
        if problem(message) is None:
            self.transactions.response(message)
        else:
            self.stats.dropped["malformed"] += 1

    # --- requests -----------------------------------------------------------------------------

    def _request(self, request: Message, flow: Flow) -> None:
        method = request.method
        self.stats.requests[method if method in METHODS else "other"] += 1
        if not request.branch and not request.via.host:
            self.stats.dropped["malformed"] += 1
            return
        key = server_key(request, "INVITE" if method == "ACK" else method)
        transaction = self.transactions.servers.get(key)
        if method == "ACK":
            if transaction is None or not transaction.acknowledge():
                self._acknowledge(request, flow)
        elif transaction is not None:
            transaction.repeat()
        elif method == "CANCEL":
            self._cancel(request, flow, key)
        elif request.to_tag:
            self._in_dialog(request, flow, key)
        else:
            self._out_of_dialog(request, flow, key)

    def _acknowledge(self, request: Message, flow: Flow) -> None:
        """Nobody can be asked for a password for an ACK: the same host will do."""
        session = self.sessions.get(request.to_tag)
        dialog = None if session is None else session.dialog_of(request)
        if session is None or dialog is None or problem(request) is not None:
            return
        if dialog.heard_at(flow) or dialog.near(flow) or self._same_carrier(dialog, flow):
            session.acknowledged(request)
        else:
            self._stranger(flow)

    def _cancel(self, request: Message, flow: Flow, key: Key) -> None:
        """CANCEL has the branch of its INVITE; only who sent that may cancel it."""
        found = self.transactions.servers.get((*key[:3], "INVITE"))
        if not isinstance(found, InviteServer) or found.source[0] != flow.remote[0]:
            self._stray(request, flow)
            return
        session = found.session
        tag = session.tag if session is not None else found.tag or _stateless_tag(request)
        NonInviteServer(self.transactions, key, request, flow).respond(200, to_tag=tag)
        if session is not None:
            session.cancelled(request)

    def _in_dialog(self, request: Message, flow: Flow, key: Key) -> None:
        session = self.sessions.get(request.to_tag)
        dialog = None if session is None else session.dialog_of(request)
        if session is None or dialog is None:
            self._stray(request, flow)
        elif self._malformed(request, flow):
            pass
        elif dialog.heard_at(flow) or self._same_carrier(dialog, flow):
            if flow.reliable:
                dialog.follow(flow)
            serve(self, session, dialog, request, flow, key)
        elif session.line:
            self._moved(session.line, dialog, request, flow, partial(serve, self, session, key=key))
        else:
            self._stranger(flow)

    def _moved(
        self, login: str, dialog: Dialog, request: Message, flow: Flow, go_on: Callable[..., None]
    ) -> None:
        """A phone speaks from somewhere else: its NAT chose another port, it connected again, or it
        is somebody else who knows the tags. Whoever knows the line's password is believed."""
        result = self._identity.signed(request, flow)
        if isinstance(result, Line) and result.login == login:
            dialog.follow(flow)
            go_on(dialog=dialog, request=request, flow=flow)
        elif isinstance(result, Refusal):
            log.warning("request in a dialog from elsewhere", extra={"source": str(flow)})
            self.refuse(request, flow, result.status, result.reason, result.headers)
        elif isinstance(result, Line):
            self._stranger(flow)
            self.refuse(request, flow, 403)

    def _same_carrier(self, dialog: Dialog, flow: Flow) -> bool:
        """A carrier may speak from any address that is its own."""
        trunk = self._identity.trunk(flow)
        return trunk is not None and trunk == self._identity.trunk(dialog.source)

    def _stranger(self, flow: Flow) -> None:
        log.warning("request in a dialog from a stranger", extra={"source": str(flow)})
        self.stats.dropped["hijack"] += 1

    def _stray(self, request: Message, flow: Flow) -> None:
        """Of no dialog and no transaction. Only who may be a peer of ours hears 481 (§12.2.2)."""
        if self._identity.trunk(flow) is not None or self._identity.ours(request.uri):
            self.refuse(request, flow, 481)
        else:
            self.stats.dropped["stray_request"] += 1

    def _out_of_dialog(self, request: Message, flow: Flow, key: Key) -> None:
        identity = self._identity
        method = request.method
        if identity.trunk(flow) is None and not identity.ours(request.uri):
            self.stats.dropped["unknown_domain"] += 1
        elif is_scanner(request.header("User-Agent") or ""):
            self.stats.dropped["scanner"] += 1
        elif self._malformed(request, flow):
            pass
        elif self.transactions.merged(request):
            self.refuse(request, flow, 482)
        elif method == "INVITE":
            self._invite(request, flow, key)
        elif method == "REGISTER":
            self._register(request, flow, key)
        elif method == "OPTIONS":
            self.refuse(request, flow, 200, headers=CAPABILITIES)
        elif method == "REFER":
            self.refuse(request, flow, 403, "Refer Within a Dialog")
        elif method in METHODS:
            self.refuse(request, flow, 481)
        else:
            self.refuse(request, flow, 405, headers=(("Allow", ALLOW),))

    def _invite(self, request: Message, flow: Flow, key: Key) -> None:
        if self.load.sheds_calls or len(self.sessions) >= self._max_sessions:
            self._shed(request, flow, "overload", retry_after(request, 2, 8))
            return
        origin = self._identity.caller(request, flow)
        if isinstance(origin, FromTrunk | FromLine):
            reason = self._quota and self._quota.call(request, origin, self.wheel.clock())
            if reason:
                self._shed(request, flow, reason, retry_after(request, 2, 8))
            else:
                self._admit(request, flow, key, origin)
        elif origin is not None:
            self.refuse(request, flow, origin.status, origin.reason, origin.headers)

    def _admit(self, request: Message, flow: Flow, key: Key, origin: Origin) -> None:
        """An INVITE of somebody we know; what it asks of its dialog must be possible."""
        if too_brief(request, self.interval):
            minimum = ("Min-SE", str(self.interval.minimum))
            self.refuse(request, flow, 422, headers=(minimum,))
            return
        replaced = None
        if request.header("Replaces") is not None:
            found = find_replaced(request, self.sessions)
            if isinstance(found, int):
                self.refuse(request, flow, found)
                return
            replaced = found
        transaction = InviteServer(self.transactions, key, request, flow)
        transaction.respond(100)
        pinned = isinstance(origin, FromLine)
        session = InboundSession(*(self, request, transaction, flow), pinned=pinned, replaced=replaced)
        session.line = origin.line.login if isinstance(origin, FromLine) else ""
        self._offer(session, origin)

    def _offer(self, session: InboundSession, origin: Origin) -> None:
        try:
            self._on_invite(session, origin)
        except Exception:  # whatever the owner got wrong, the caller must not wait for ever
            log.exception("call not accepted", extra={"call_id": session.id})
            session.reject(500)

    def _register(self, request: Message, flow: Flow, key: Key) -> None:
        identity = self._identity
        if identity.trunk(flow) is not None and not identity.ours(request.uri):
            self.stats.dropped["unknown_domain"] += 1
            return
        if self.load.sheds_registrations:
            self._shed(request, flow, "overload", retry_after(request, 10, 60))
            return
        result = identity.authenticate(request, flow)
        if isinstance(result, Refusal):
            self.refuse(request, flow, result.status, result.reason, result.headers)
        elif isinstance(result, Line):
            if identity.account(request, "To") != result.login:
                self.refuse(request, flow, 403)
                return
            reason = self._quota and self._quota.registration(result.tenant_id, self.wheel.clock())
            if reason:
                self._shed(request, flow, reason, retry_after(request, 10, 60))
                return
            transaction = NonInviteServer(self.transactions, key, request, flow)
            tag = _stateless_tag(request)
            try:
                headers = self.registrar.register(result, request, flow)
            except RegisterRefused as refused:
                self.stats.refused[refused.status] += 1
                transaction.respond(refused.status, refused.reason, refused.headers, to_tag=tag)
            else:
                transaction.respond(200, headers=headers, to_tag=tag)

    def _shed(self, request: Message, flow: Flow, reason: str, when: tuple[str, str]) -> None:
        """Not now: 503 and when to come back (RFC 3261 §20.33)."""
        self.stats.shed[reason] += 1
        self.refuse(request, flow, 503, headers=(when,))

    def _malformed(self, request: Message, flow: Flow) -> bool:
        fault = problem(request, SUPPORTED)
        if fault is None:
            return False
        status, reason = fault
        headers: Headers = ()
        if status == 420:
            required = request.headers("Require")
            headers = [("Unsupported", o) for o in required if o.lower() not in SUPPORTED]
        elif status in (406, 415):
            headers = (("Accept", "application/sdp"),)
        self.refuse(request, flow, status, reason, headers)
        return True

    def refuse(
        self, request: Message, flow: Flow, status: int, reason: str = "", headers: Headers = ()
    ) -> None:
        """Answer without remembering it; the same request gets the same To-tag again."""
        if status >= 300:
            self.stats.refused[status] += 1
        reason = reason or phrase(status)
        tag = _stateless_tag(request)
        data = build_response(request, status, reason, headers, b"", tag, flow.remote)
        self.transactions.transmit(reply_flow(request, flow), data)


def _stateless_tag(request: Message) -> str:
    return f"{crc32(f'{request.branch}{request.call_id}'.encode()):08x}"
