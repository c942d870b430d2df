"""SIP on one event loop: the sockets, the clock and the agent between them and the calls.

Everything below is sans-IO; this is where it meets the world. One timer of the loop turns the wheel,
and how late it comes, and how long datagrams waited to be read, tells how far we lag (``overload``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from uuid import UUID

from core.contracts import CarrierAccount, Line, Trunk
from core.errors import Unavailable
from core.ports import Clock, LineBoard
from core.settings import Address
from core.sip._wire import Message, WireError
from core.sip.agent import Agent
from core.sip.digest import ALGORITHMS
from core.sip.flow import Flow, Target
from core.sip.guard import Ban, Buckets, Lift
from core.sip.identity import Identity, Origin
from core.sip.listen import Listen
from core.sip.outbound import OutboundSession, OutgoingInvite
from core.sip.overload import Load, Quota
from core.sip.registrar import BindingStore, Contact
from core.sip.replaces import Replaces, named
from core.sip.request import OutgoingRequest
from core.sip.session import Headers, Listener, Session
from core.sip.session_timer import Interval
from core.sip.stats import Stats
from core.sip.tap import Owner, Tap
from core.sip.timers import TICK, Wheel
from core.sip.transports import Transports

__all__ = ["Endpoint"]

log = logging.getLogger(__name__)


class Endpoint:
    """A user agent with a registrar. ``stats`` counts for metrics."""

    def __init__(
        self,
        *,
        listen: Address | Listen,
        domain: str,
        external: str | None,
        lines: Callable[[str], Line | None],
        trunk_from: Callable[[str], Trunk | None],
        on_invite: Callable[[Session, Origin], None],
        registrar_sink: LineBoard,
        clock: Clock,
        secret: bytes,
        max_sessions: int = 4000,
        source_rate: float = 100.0,
        source_burst: float = 400.0,
        algorithms: tuple[str, ...] = ALGORITHMS,
        bindings: BindingStore | None = None,
        quota: Quota | None = None,
        interval: Interval | None = None,
        load: Load | None = None,
        late: Callable[[], float] = lambda: 0.0,
        trace_bytes: int = 0,
    ) -> None:
        """``domain`` is the SIP domain and digest realm of all lines; ``external`` the address for Via
        and Contact (``host`` or ``host:port``), by default the listening one; ``secret`` seals
        nonces. Above ``max_sessions`` (two for a call) an INVITE gets 503. A source that is no
        carrier may send ``source_rate`` requests a second, ``source_burst`` at once. ``algorithms``
        are the digests that lines may use, in the order of the challenges; ``bindings`` keeps the
        phones of lines for the next process. ``interval`` is for session timers, ``load`` says
        how late we may be, ``late`` by how many seconds something else is that calls need. So many
        ``trace_bytes`` of the last messages are kept in ``tap``.

        ``on_invite`` sets the session's listener before it returns; it runs on the loop and must
        not block.
        """
        self.stats = Stats()
        self.tap = Tap(clock.now, _owner_of(lines), trace_bytes)
        self._listen = Listen(listen) if isinstance(listen, Address) else listen
        self._external = external
        self._on_invite = on_invite
        self._sink = registrar_sink
        self._bindings = bindings
        self._quota = quota
        self._interval = interval
        self._load = load
        self._late = late
        self._clock = clock
        self._max_sessions = max_sessions
        self._wheel = Wheel(clock.monotonic)
        self._buckets: Buckets[str] = Buckets(
            source_rate, source_burst, lambda host: trunk_from(host) is not None
        )
        self._identity = Identity(
            domain=domain,
            lines=lines,
            trunk_from=trunk_from,
            secret=secret,
            clock=clock,
            stats=self.stats,
            algorithms=algorithms,
        )
        self._transports: Transports | None = None
        self._agent: Agent | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._ticked = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, restored: Iterable[tuple[Line, Sequence[Contact]]] = ()) -> Address:
        """Listen; returns the bound address, the usual one. CannotListen if one is taken.

        ``restored`` are the phones of lines that an earlier process had, as its store kept them.
        """
        transports = Transports(
            self._listen,
            wheel=self._wheel,
            stats=self.stats,
            on_message=self._received,
            on_closed=self._closed,
            admit=self._admit,
            in_use=self._in_use,
        )
        await transports.start()
        self._transports = transports
        self.tap.local = transports.local_of
        note, send = self.tap.note, transports.send

        def transmit(flow: Flow, data: bytes) -> None:
            note(True, flow, data)
            send(flow, data)

        self._agent = Agent(
            wheel=self._wheel,
            clock=self._clock,
            transmit=transmit if self.tap.on else send,
            advertised=transports.advertised(self._external),
            identity=self._identity,
            sink=self._sink,
            on_invite=self._on_invite,
            stats=self.stats,
            max_sessions=self._max_sessions,
            bindings=self._bindings,
            quota=self._quota,
            interval=self._interval,
            load=self._load,
        )
        for line, contacts in restored:
            self._agent.registrar.restore(line, contacts)
        self._ticked = self._clock.monotonic()
        self._ticker = asyncio.get_running_loop().call_later(TICK, self._tick)
        return self.address

    async def stop(self) -> None:
        """Close the sockets. Sessions are not ended: that is the owner's business before."""
        if self._ticker is not None:
            self._ticker.cancel()
        for task in self._tasks:
            task.cancel()
        if self._transports is not None:
            await self._transports.close()

    @property
    def addresses(self) -> dict[str, list[Address]]:
        """Where it listens, by transport as in Via."""
        return {} if self._transports is None else self._transports.addresses

    @property
    def connections(self) -> dict[str, int]:
        """Connections now, by transport."""
        return {} if self._transports is None else self._transports.streams.counts

    def session_of(self, replaces: Replaces) -> Session | None:
        """The session with a dialog that somebody outside names."""
        return named(replaces, self._agent.sessions) if self._agent is not None else None

    @property
    def sessions(self) -> int:
        """INVITE usages alive now."""
        return len(self._agent.sessions) if self._agent is not None else 0

    @property
    def dialogs(self) -> int:
        """Those of them that have a dialog."""
        if self._agent is None:
            return 0
        return sum(session.dialog is not None for session in self._agent.sessions.values())

    @property
    def registrations(self) -> dict[str, int]:
        """Phones registered now, by transport."""
        return {} if self._agent is None else self._agent.registrar.by_transport()

    @property
    def transactions(self) -> int:
        """Transactions remembered now, those included that only wait for repetitions."""
        if self._agent is None:
            return 0
        layer = self._agent.transactions
        return len(layer.servers) + len(layer.clients)

    @property
    def lag(self) -> float:
        """Seconds that we were late in the last moment."""
        return self._agent.load.lag if self._agent is not None else 0.0

    def banned(self) -> int:
        """How many bans last now, because of wrong passwords."""
        return len(self._identity.failures.bans(self._clock.now()))

    async def bans(self, lift: Lift) -> AsyncIterator[Ban]:
        """All bans of now, or those that are lifted hereby."""
        failures, now = self._identity.failures, self._clock.now()
        if lift.source:
            log.info("bans lifted", extra={"source": lift.source})
        for ban in failures.lift(lift.source, now) if lift.source else failures.bans(now):
            yield ban

    @property
    def registered_lines(self) -> int:
        """Lines with at least one phone now."""
        return len(self._agent.registrar) if self._agent is not None else 0

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
        account: CarrierAccount | None = None,
        patience: float | None = None,
        on_close: Callable[[], None] | None = None,
        owner: Owner | None = None,
    ) -> Session:
        """Call ``target``. ``from_`` and ``to`` are header values without tags, ``"Name" <sip:…>``.

        Events go to ``listener``, the first of them after this returns. A host that cannot be
        resolved ends as Failed(503). ``account`` answers the carrier's challenges; after
        ``patience`` seconds without any answer it is Failed(408), else after 32; ``on_close`` is
        called once, when that is so or all is over; ``owner`` is the call that this is a leg of.
        WireError if a header would break the message.
        """
        agent, transports = self._agent, self._transports
        assert agent is not None and transports is not None, "start() comes first"
        invite = OutgoingInvite(target.uri, from_, to, sdp)
        invite.headers = tuple(headers)
        invite.max_forwards = max_forwards
        invite.path = target.path
        invite.account = account
        invite.patience = patience
        invite.on_close = on_close
        invite.any_transport = target.flow is None and not target.transport
        flow = transports.flow(target)
        session = agent.invite(listener, invite, target, flow)
        if owner is not None:
            self.tap.bind(session.id, owner)
        if flow is None:
            task = asyncio.ensure_future(self._start_later(session, target, transports))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return session

    async def request(self, request: OutgoingRequest, target: Target) -> Message:
        """Send a request outside of any dialog and wait for its final answer, whatever it says.

        Raises Unavailable when none comes in 32 s, OSError for a host that cannot be resolved.
        """
        agent, transports = self._agent, self._transports
        assert agent is not None and transports is not None, "start() comes first"
        flow = transports.flow(target) or await transports.resolve(target)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def heard(response: Message) -> None:
            if not answer.done():
                answer.set_result(response)

        def silence() -> None:
            if not answer.done():
                answer.set_exception(Unavailable("{target} does not answer.", target=target.uri))

        request.send(agent, flow, heard, silence)
        return await answer

    @property
    def advertised(self) -> str:
        """``host:port`` at which others reach us, as in Via and Contact."""
        assert self._agent is not None, "start() comes first"
        return self._agent.advertised

    def reachable_by(self, transport: str) -> str:
        """``host:port;transport=…`` at which others reach us by TCP or TLS, if we listen there."""
        assert self._agent is not None, "start() comes first"
        return self._agent.reachable_by(transport)

    @property
    def address(self) -> Address:
        """Where it listens by UDP and TCP, once started; the first if there are several."""
        assert self._transports is not None, "start() comes first"
        return self._transports.addresses["UDP"][0]

    def contacts(self, login: str) -> list[Contact]:
        """Live bindings of a line, the freshest first; ``contact.target()`` is what to invite."""
        return self._agent.registrar.contacts(login) if self._agent is not None else []

    def forget(self, login: str) -> None:
        """Drop the bindings of a line that was deleted, suspended or got another password."""
        if self._agent is not None:
            self._agent.registrar.forget(login)

    async def _start_later(
        self, session: OutboundSession, target: Target, transports: Transports
    ) -> None:
        try:
            session.start(await transports.resolve(target), pinned=False)
        except (OSError, UnicodeError) as error:  # a name may break the rules of IDNA, too
            log.warning("no address for %s: %s", target.host, error)
            session.fail(503, "Host Not Found")
        except WireError as error:
            log.warning("INVITE cannot be written: %s", error)
            session.fail(500, "Server Internal Error")

    def _received(self, data: bytes, flow: Flow, stream: bool) -> bool:
        """A message; False if it is none. An answer was asked for by ourselves and costs no token."""
        agent = self._agent
        if agent is None:
            return True
        answer = data.startswith(b"SIP/2.0 ")
        if answer or self._buckets.admit(flow.remote[0], self._wheel.clock()):
            self.tap.note(False, flow, data)
            return agent.receive(data, flow, stream)
        self.stats.dropped["flood"] += 1
        return True

    def _admit(self, host: str) -> bool:
        """Whether a connection may be made from there; it costs as much as a request."""
        return self._buckets.admit(host, self._wheel.clock())

    def _closed(self, flow: Flow) -> None:
        if self._agent is not None:
            self._agent.flow_closed(flow)

    def _in_use(self) -> set[Flow]:
        return set() if self._agent is None else self._agent.flows_in_use()

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if self._agent is not None and self._transports is not None:
            late = now - self._ticked - TICK
            self._agent.load.note(max(late, self._transports.late(), self._late()))
        self._ticked = now
        self._ticker = asyncio.get_running_loop().call_later(TICK, self._tick)
        self._wheel.advance()


def _owner_of(lines: Callable[[str], Line | None]) -> Callable[[str], UUID | None]:
    def owner(login: str) -> UUID | None:
        line = lines(login) if login else None
        return line.tenant_id if line else None

    return owner
