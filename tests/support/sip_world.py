"""The SIP stack in virtual time: an agent whose network is a list and whose clock the test turns.

``World.receive`` is the network towards the agent, ``World.sent`` what the agent sent, each with the
instant. ``Peer`` writes the messages of one far side.
"""

from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

from core.contracts import Line, Trunk
from core.sip import digest
from core.sip._wire import Message, build_request, build_response, parse
from core.sip.advertised import Advertised, Way
from core.sip.agent import Agent
from core.sip.flow import Flow, Target
from core.sip.identity import Identity
from core.sip.outbound import OutgoingInvite
from core.sip.stats import Stats
from core.sip.timers import TICK, Wheel

DOMAIN = "sip.example.com"
HERE = ("192.0.2.1", 5060)
CARRIER = ("198.51.100.7", 5060)
PHONE = ("203.0.113.20", 40123)
STRANGER = ("203.0.113.99", 5060)
EPOCH = 1_800_000_000.0
SECRET = b"s" * 32
PASSWORD = "correct horse battery"
TRUNK = Trunk(id=UUID(int=7), name="carrier", host=CARRIER[0])
OFFER = b"v=0\r\no=offer\r\n"
ANSWER = b"v=0\r\no=answer\r\n"


def make_line(login: str, password: str = PASSWORD, number: int = 1) -> Line:
    return Line(
        login=login,
        tenant_id=UUID(int=1),
        employee_id=UUID(int=100 + number),
        terminal_id=UUID(int=200 + number),
        ha1={a: digest.ha1(login, DOMAIN, password, a) for a in digest.ALGORITHMS},
    )


class VirtualClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> float:
        return EPOCH + self.seconds


class Board:
    """Notes what the registrar tells of lines."""

    def __init__(self) -> None:
        self.did: list[tuple] = []

    def line_registered(self, line, at, expires_at, user_agent, source) -> None:
        self.did.append(("registered", line.login, expires_at - EPOCH, user_agent, source))

    def line_unregistered(self, line, at) -> None:
        self.did.append(("unregistered", line.login, at - EPOCH))


class Store:
    """Keeps bindings in a dictionary, as the database would."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple] = {}

    def keep(self, line, contacts) -> None:
        if contacts:
            self.kept[line.login] = tuple(contacts)
        else:
            self.kept.pop(line.login, None)


@dataclass
class Sent:
    at: float
    flow: Flow
    data: bytes
    message: Message = field(init=False)

    def __post_init__(self) -> None:
        self.message = parse(self.data)

    @property
    def what(self) -> str | int:
        return self.message.method if self.message.is_request else self.message.status


class World:
    def __init__(self, **options) -> None:
        self.clock = VirtualClock()
        self.wheel = Wheel(self.clock.monotonic)
        self.stats = Stats()
        self.board = Board()
        self.store = Store()
        self.sent: list[Sent] = []
        self.lines = {n: make_line(n, number=i) for i, n in enumerate(("0051234567", "0057654321"))}
        self.trunks = {CARRIER[0]: TRUNK}
        self.invites: list = []
        self.events: list = []
        self.on_invite = self._take
        self.agent = Agent(
            wheel=self.wheel,
            clock=self.clock,
            transmit=lambda flow, data: self.sent.append(Sent(self.clock.seconds, flow, data)),
            advertised=Advertised(Way("UDP", *HERE), Way("TCP", *HERE)),
            identity=Identity(
                domain=DOMAIN,
                lines=self.lines.get,
                trunk_from=self.trunks.get,
                secret=SECRET,
                clock=self.clock,
                stats=self.stats,
                failures=options.pop("failures", None),
            ),
            sink=self.board,
            on_invite=self._invited,
            stats=self.stats,
            max_sessions=options.pop("max_sessions", 100),
            bindings=self.store,
            quota=options.pop("quota", None),
            interval=options.pop("interval", None),
        )

    def _invited(self, session, origin) -> None:
        self.on_invite(session, origin)

    def _take(self, session, origin) -> None:
        session.listener = self.events.append
        self.invites.append((session, origin))

    @property
    def session(self):
        return self.invites[-1][0]

    def receive(self, data: bytes, source=CARRIER) -> list[Sent]:
        """Deliver a message; what was sent because of it."""
        before = len(self.sent)
        self.agent.receive(data, Flow("UDP", HERE, source))
        return self.sent[before:]

    def advance(self, seconds: float) -> list[Sent]:
        """Let time pass, tick by tick; what was sent meanwhile."""
        before = len(self.sent)
        start = self.clock.seconds
        for i in range(1, round(seconds / TICK) + 1):
            self.clock.seconds = round(start + i * TICK, 6)
            self.wheel.advance()
        return self.sent[before:]

    def take(self) -> list[Sent]:
        """What was sent since the last time, and forget it."""
        sent, self.sent[:] = list(self.sent), []
        return sent

    def invite(self, target: Target | None = None, headers=(), sdp: bytes = OFFER):
        """Call the carrier, or ``target``; events go to ``events``."""
        target = target or Target(f"sip:+74951234567@{CARRIER[0]}", host=CARRIER[0])
        invite = OutgoingInvite(target.uri, f'"A" <sip:a@{DOMAIN}>', f"<{target.uri}>", sdp)
        invite.headers = headers
        invite.path = target.path
        invite.any_transport = target.flow is None and not target.transport
        flow = target.flow or Flow("UDP", HERE, (target.host, target.port))
        return self.agent.invite(self.events.append, invite, target, flow)


_peers = count(1)


class Peer:
    """Writes the requests of a far side at ``source``; the identifiers are those of one call."""

    def __init__(self, source=CARRIER, user: str = "+79990000001", host: str | None = None) -> None:
        self.source = source
        self.host = host or source[0]
        self.number = next(_peers)
        self.call_id = f"call-{self.number}"
        self.tag = "peer"
        self.user = user
        self.cseq = 1
        self.branches = 0

    def request(self, method: str, uri: str, **given) -> bytes:
        """Any request; ``headers`` are added, other names replace the usual values."""
        self.branches += 1
        branch = given.get("branch") or f"z9hG4bK{self.number}.{self.branches}"
        to_tag = given.get("to_tag")
        seq = given.get("cseq", self.cseq)
        headers = [
            (
                "Via",
                given.get("via") or f"SIP/2.0/UDP {self.host}:{self.source[1]};rport;branch={branch}",
            ),
            ("Max-Forwards", str(given.get("max_forwards", 70))),
            ("From", given.get("from_") or f"<sip:{self.user}@{self.host}>;tag={self.tag}"),
            ("To", (given.get("to") or f"<{uri}>") + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", self.call_id),
            ("CSeq", f"{seq} {method}"),
            *given.get("headers", ()),
        ]
        body = given.get("body", b"")
        if body:
            headers.append(("Content-Type", "application/sdp"))
        return build_request(method, uri, headers, body)

    def invite(self, uri: str = f"sip:+74951234567@{HERE[0]}", **given) -> bytes:
        given.setdefault("body", OFFER)
        given.setdefault("headers", [])
        given["headers"] = [
            ("Contact", f"<sip:peer@{self.source[0]}:{self.source[1]}>"),
            *given["headers"],
        ]
        return self.request("INVITE", uri, **given)

    def same(self, method: str, invite: bytes, **given) -> bytes:
        """CANCEL or the ACK of a refusal: the branch and ids of an INVITE."""
        message = parse(invite)
        return self.request(
            method,
            message.uri,
            branch=message.branch,
            cseq=message.cseq,
            to=message.header("To"),
            **given,
        )


def reply(sent: Sent, status: int, tag: str = "there", **given) -> bytes:
    """The far side's answer to a request of ours."""
    headers = list(given.get("headers", ()))
    if sent.message.method == "INVITE" and 100 < status < 300:
        headers.append(("Contact", given.get("contact") or f"<sip:there@{CARRIER[0]}:5060>"))
    body = given.get("body", b"")
    if body:
        headers.append(("Content-Type", "application/sdp"))
    return build_response(sent.message, status, given.get("reason", "x"), headers, body, tag, None)


def whats(sent: list[Sent]) -> list[str | int]:
    """Methods and statuses of what was sent."""
    return [each.what for each in sent]


def inside(world: World, peer: Peer, method: str, **given) -> bytes:
    """A request of the far side in the dialog of the last session that came."""
    return peer.request(method, f"sip:{HERE[0]}:5060", to_tag=world.session.tag, **given)


def talking(peer: Peer, **given) -> World:
    """A world whom ``peer`` called, and with whom it talks."""
    world = World(**given)
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    world.take()
    world.events.clear()
    return world


def called(world: World):
    """We called, and talk; the session and its INVITE."""
    session = world.invite()
    (invite,) = world.take()
    world.receive(reply(invite, 200, body=ANSWER))
    world.take()
    world.events.clear()
    return session, invite


def theirs(session, invite: Sent, method: str, tag: str = "there", cseq: int = 1, **given) -> bytes:
    """A request of the far side that our INVITE made a dialog with."""
    peer = Peer()
    peer.call_id, peer.tag = session.id, tag
    target = f"sip:{HERE[0]}:5060"
    sent = invite.message
    from_ = f"{sent.header('To')};tag={tag}"
    to = (sent.header("From") or "").partition(";tag=")[0]
    return peer.request(method, target, to_tag=session.tag, to=to, from_=from_, cseq=cseq, **given)
