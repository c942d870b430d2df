"""Which phones are reachable where: the bindings of all lines, in memory (RFC 3261 §10).

A phone is reached on the flow that it registered from, not at the address in its Contact, so that it
may be behind NAT. The board is told of every change and writes it down behind our back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.contracts import Line
from core.ports import Clock, LiveBoard
from core.sip.flow import Flow, Target
from core.sip.timers import Timer, Wheel
from core.sip.uri import NameAddr, SipUri, UriError

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["Contact", "RegisterRefused", "Registrar"]

MAX_CONTACTS = 10
"""Phones per line; a further one takes the place of the one that refreshed longest ago."""

MIN_EXPIRES, DEFAULT_EXPIRES, MAX_EXPIRES = 60, 3600, 3600
"""Seconds; shorter is refused with 423, longer is cut."""


class RegisterRefused(Exception):
    """A REGISTER that changes nothing, with the answer to it."""

    def __init__(
        self, status: int, reason: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(status)
        self.status = status
        self.reason = reason
        self.headers = headers


class Contact:
    """One phone of a line: a Contact URI bound to the flow that it registered from.

    ``expires_at`` is in epoch seconds. ``path`` are the values of Path, for Route (RFC 3327);
    ``instance`` is the device of RFC 5626, which replaces its own older binding.
    """

    __slots__ = ("call_id", "cseq", "expires_at", "flow", "instance", "path", "uri", "user_agent")

    def __init__(self, uri: str, flow: Flow, path: tuple[str, ...], expires_at: float) -> None:
        self.uri = uri
        self.flow = flow
        self.path = path
        self.expires_at = expires_at
        self.call_id = ""
        self.cseq = 0
        self.user_agent = ""
        self.instance = ""

    def target(self) -> Target:
        """What to invite in order to ring this phone."""
        return Target(self.uri, self.flow, path=self.path)


class _Change:
    """One Contact of a REGISTER, read but not yet applied."""

    __slots__ = ("expires", "instance", "key", "uri")

    def __init__(self, key: str, uri: str, expires: int, instance: str) -> None:
        self.key = key
        self.uri = uri
        self.expires = expires
        self.instance = instance


class Registrar:
    """The bindings of all lines. Instants are epoch seconds of ``clock``."""

    __slots__ = (
        "_bindings",
        "_by_flow",
        "_clock",
        "_due",
        "_lines",
        "_sink",
        "_timers",
        "_wheel",
    )

    def __init__(self, wheel: Wheel, clock: Clock, sink: LiveBoard) -> None:
        self._wheel = wheel
        self._clock = clock
        self._sink = sink
        self._bindings: dict[str, dict[str, Contact]] = {}  # login → key of URI → contact
        self._by_flow: dict[Flow, set[str]] = {}  # connection → logins registered on it
        self._lines: dict[str, Line] = {}
        self._due: dict[str, float] = {}  # login → when its timer fires
        self._timers: dict[str, Timer] = {}

    def __len__(self) -> int:
        """Lines with at least one phone."""
        return len(self._bindings)

    def contacts(self, login: str) -> list[Contact]:
        """Live bindings of a line, the freshest first."""
        bindings = self._bindings.get(login)
        if not bindings:
            return []
        now = self._clock.now()
        return [contact for contact in reversed(bindings.values()) if contact.expires_at > now]

    def register(self, line: Line, request: Message, flow: Flow) -> list[tuple[str, str]]:
        """Apply an authenticated REGISTER; returns the headers of its 200.

        Without Contact it only reads. All of it is applied, or nothing and RegisterRefused is raised.
        """
        values = request.headers("Contact")
        if values:
            now = self._clock.now()
            bindings = dict(self._bindings.get(line.login, {}))
            if any(value.strip() == "*" for value in values):
                self._check_star(request, values)
                changes = [_Change(key, c.uri, 0, c.instance) for key, c in bindings.items()]
            else:
                changes = [self._read(value, request) for value in values]
            for change in changes:
                self._apply(bindings, change, request, flow, now)
            self._store(line, bindings, request, flow, now)
        return self._listing(line.login)

    def forget(self, login: str) -> None:
        """Drop all bindings of a line, because it was deleted or its password changed."""
        line = self._lines.pop(login, None)
        if self._bindings.pop(login, None) and line is not None:
            self._sink.line_unregistered(line, self._clock.now())

    def flow_closed(self, flow: Flow) -> None:
        """Drop the bindings that were made on a connection: nothing reaches them any more."""
        now = self._clock.now()
        for login in self._by_flow.pop(flow, ()):
            bindings = self._bindings.get(login, {})
            gone = [key for key, contact in bindings.items() if contact.flow == flow]
            if len(gone) == len(bindings):
                self.forget(login)
            elif gone:
                for key in gone:
                    del bindings[key]
                self._tell(login, now)

    def flows(self) -> set[Flow]:
        """Connections that phones are registered on."""
        return {
            flow
            for flow, logins in self._by_flow.items()
            for login in logins
            for contact in self._bindings.get(login, {}).values()
            if contact.flow == flow
        }

    @staticmethod
    def _check_star(request: Message, values: Sequence[str]) -> None:
        """``Contact: *`` stands alone and only removes (§10.2.2)."""
        if len(values) > 1 or (request.header("Expires") or "").strip() != "0":
            raise RegisterRefused(400, "Bad Contact")

    @staticmethod
    def _read(value: str, request: Message) -> _Change:
        try:
            address = NameAddr.parse(value)
            uri = SipUri.parse(address.uri)
        except UriError:
            raise RegisterRefused(400, "Bad Contact") from None
        if uri.scheme == "tel" or uri.headers or not address.uri.isprintable():
            raise RegisterRefused(400, "Bad Contact")
        given = address.params.get("expires") or request.header("Expires") or ""
        # What is no number counts as not given (§10.2.1.1); ten digits are plenty.
        expires = int(given[:10]) if given.isascii() and given.isdigit() else DEFAULT_EXPIRES
        if 0 < expires < MIN_EXPIRES:
            raise RegisterRefused(423, headers=(("Min-Expires", str(MIN_EXPIRES)),))
        instance = address.params.get("+sip.instance", "")
        return _Change(_same(uri), address.uri, min(expires, MAX_EXPIRES), instance)

    @staticmethod
    def _apply(
        bindings: dict[str, Contact], change: _Change, request: Message, flow: Flow, now: float
    ) -> None:
        key = change.key
        old = bindings.get(key)
        if old is not None and old.call_id == request.call_id and request.cseq <= old.cseq:
            raise RegisterRefused(500, "Out of Order")  # §10.3 step 7
        bindings.pop(key, None)
        if change.instance:
            for other in [k for k, c in bindings.items() if c.instance == change.instance]:
                del bindings[other]
        if not change.expires:
            return
        while len(bindings) >= MAX_CONTACTS:
            del bindings[next(iter(bindings))]
        contact = Contact(change.uri, flow, tuple(request.headers("Path")), now + change.expires)
        contact.call_id = request.call_id
        contact.cseq = request.cseq
        contact.instance = change.instance
        agent = (request.header("User-Agent") or "")[:200]
        contact.user_agent = "".join(filter(str.isprintable, agent))
        bindings[key] = contact

    def _store(
        self, line: Line, bindings: dict[str, Contact], request: Message, flow: Flow, now: float
    ) -> None:
        login = line.login
        if not bindings:
            self._lines[login] = line
            self.forget(login)
            return
        self._bindings[login] = bindings
        self._lines[login] = line
        if flow.reliable:
            self._by_flow.setdefault(flow, set()).add(login)
        self._tell(login, now)
        self._arm(login)

    def _tell(self, login: str, now: float) -> None:
        bindings = self._bindings[login]
        newest = next(reversed(bindings.values()))
        expires_at = max(contact.expires_at for contact in bindings.values())
        self._sink.line_registered(
            self._lines[login], now, expires_at, newest.user_agent, str(newest.flow)
        )

    def _arm(self, login: str) -> None:
        """One timer per line. One that fires too early is set again then: a phone that refreshes
        every minute leaves no trail of timers behind."""
        soonest = min(contact.expires_at for contact in self._bindings[login].values())
        due = self._due.get(login)
        if due is not None:
            if due <= soonest:
                return
            self._timers[login].cancel()
        self._due[login] = soonest
        delay = max(soonest - self._clock.now(), 0.0)
        self._timers[login] = self._wheel.after(delay, lambda: self._expire(login))

    def _expire(self, login: str) -> None:
        del self._due[login], self._timers[login]
        bindings = self._bindings.get(login)
        if bindings is None:
            return
        now = self._clock.now()
        for key in [key for key, contact in bindings.items() if contact.expires_at <= now]:
            del bindings[key]
        if bindings:
            self._arm(login)
        else:
            del self._bindings[login]
            self._sink.line_unregistered(self._lines.pop(login), now)

    def _listing(self, login: str) -> list[tuple[str, str]]:
        now = self._clock.now()
        return [
            ("Contact", f"<{contact.uri}>;expires={max(round(contact.expires_at - now), 1)}")
            for contact in self._bindings.get(login, {}).values()
            if contact.expires_at > now
        ]


def _same(uri: SipUri) -> str:
    """A key that equal URIs share (§19.1.4, as far as phones vary): scheme, host, parameter case."""
    params = ";".join(f"{k}={v.lower()}" for k, v in sorted(uri.params.items()))
    return f"{uri.scheme}:{uri.user}@{uri.host}:{uri.port};{params}"
