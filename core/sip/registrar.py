"""Which phones are reachable where: the bindings of all lines, in memory (RFC 3261 §10).

A phone is reached on the flow that it registered from, not at the address in its Contact, so that it
may be behind NAT. The board and the store are told of every change and write it down behind our back;
what the store kept is put back when the process starts again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from core.contracts import Line
from core.ports import Clock, LineBoard
from core.sip.binding import Asked, Contact, RegisterRefused, asked
from core.sip.flow import Flow
from core.sip.timers import Timer, Wheel

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["BindingStore", "Contact", "RegisterRefused", "Registrar"]

MAX_CONTACTS = 10
"""Phones per line; a further one takes the place of the one that refreshed longest ago."""

_OUTBOUND = (("Require", "outbound"), ("Flow-Timer", "120"))
"""What a client hears that keeps several flows (RFC 5626 §6): how often to keep each alive."""


class BindingStore(Protocol):
    """Keeps bindings over a restart. Calls return at once; writes are batched."""

    def keep(self, line: Line, contacts: Sequence[Contact]) -> None:
        """These are all the phones that the line has now, maybe none."""
        ...


class NoStore:
    """Keeps nothing."""

    def keep(self, line: Line, contacts: Sequence[Contact]) -> None:
        """Forget it."""


class Registrar:
    """The bindings of all lines. Instants are epoch seconds of ``clock``."""

    __slots__ = (
        "_bindings",
        "_by_flow",
        "_clock",
        "_due",
        "_lines",
        "_sink",
        "_store",
        "_timers",
        "_wheel",
    )

    def __init__(
        self, wheel: Wheel, clock: Clock, sink: LineBoard, store: BindingStore | None = None
    ) -> None:
        self._wheel = wheel
        self._clock = clock
        self._sink = sink
        self._store = store or NoStore()
        self._bindings: dict[str, dict[str, Contact]] = {}  # login → key → contact, freshest last
        self._by_flow: dict[Flow, set[str]] = {}  # connection → logins registered on it
        self._lines: dict[str, Line] = {}
        self._due: dict[str, float] = {}  # login → when its timer fires
        self._timers: dict[str, Timer] = {}

    def __len__(self) -> int:
        """Lines with at least one phone."""
        return len(self._bindings)

    def contacts(self, login: str) -> list[Contact]:
        """Live bindings of a line, the freshest first; of a device with several flows only one."""
        bindings = self._bindings.get(login)
        if not bindings:
            return []
        now = self._clock.now()
        found = [contact for contact in reversed(bindings.values()) if contact.expires_at > now]
        if len(found) > 1 and any(contact.reg_id for contact in found):
            freshest: dict[object, Contact] = {}
            for contact in found:
                freshest.setdefault(contact.instance if contact.reg_id else contact.key, contact)
            found = list(freshest.values())
        return found

    def register(self, line: Line, request: Message, flow: Flow) -> list[tuple[str, str]]:
        """Apply an authenticated REGISTER; returns the headers of its 200.

        Without Contact it only reads. All of it is applied, or nothing and RegisterRefused is raised.
        """
        values = request.headers("Contact")
        if not values:
            return self._listing(line.login)
        now = self._clock.now()
        bindings = dict(self._bindings.get(line.login, {}))
        if any(value.strip() == "*" for value in values):
            self._check_star(request, values)
            for contact in bindings.values():
                self._check_order(contact, request)
            bindings = {}
        else:
            for value in values:
                change = asked(value)
                if change is None:
                    raise RegisterRefused(400, "Bad Contact")
                self._apply(line.login, bindings, change, request, flow, now)
        self._put(line, bindings, flow, now)
        return self._listing(line.login) + self._agreed(request, bindings)

    def restore(self, line: Line, contacts: Sequence[Contact]) -> None:
        """Put back what a store kept of a line; what has run out meanwhile stays away."""
        now = self._clock.now()
        alive = {contact.key: contact for contact in contacts if contact.expires_at > now}
        if alive:
            self._bindings[line.login] = alive
            self._lines[line.login] = line
            self._tell(line.login, now)
            self._arm(line.login)

    def forget(self, login: str) -> None:
        """Drop all bindings of a line, because it was deleted or its password changed."""
        line = self._lines.pop(login, None)
        if self._bindings.pop(login, None) and line is not None:
            self._gone(line, self._clock.now())

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

    def by_transport(self) -> dict[str, int]:
        """Bindings by the transport that leads to them."""
        contacts = (contact for each in self._bindings.values() for contact in each.values())
        return Counter(contact.flow.transport for contact in contacts)

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
    def _check_order(old: Contact, request: Message) -> None:
        """A request that was overtaken by a later one of the same client changes nothing."""
        if old.call_id == request.call_id and request.cseq <= old.cseq:
            raise RegisterRefused(500, "Out of Order")  # §10.3 step 7

    def _apply(
        self,
        login: str,
        bindings: dict[str, Contact],
        change: Asked,
        request: Message,
        flow: Flow,
        now: float,
    ) -> None:
        expires = change.seconds(request)
        old = bindings.pop(change.key, None)
        if old is not None:
            self._check_order(old, request)
        if change.instance and bindings:
            same = change.instance, change.reg_id
            for key in [k for k, c in bindings.items() if (c.instance, c.reg_id) == same]:
                del bindings[key]
        if not expires:
            return
        while len(bindings) >= MAX_CONTACTS:
            del bindings[next(iter(bindings))]
        bindings[change.key] = change.bound(login, request, flow, now + expires)

    def _put(self, line: Line, bindings: dict[str, Contact], flow: Flow, now: float) -> None:
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
        """Board and store hear of what the line has now."""
        contacts = list(self._bindings[login].values())
        newest, line = contacts[-1], self._lines[login]
        expires_at = max(contact.expires_at for contact in contacts)
        self._sink.line_registered(line, now, expires_at, newest.user_agent, str(newest.flow))
        self._store.keep(line, contacts)

    def _gone(self, line: Line, now: float) -> None:
        self._sink.line_unregistered(line, now)
        self._store.keep(line, ())

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
            self._gone(self._lines.pop(login), now)

    def _listing(self, login: str) -> list[tuple[str, str]]:
        now = self._clock.now()
        return [
            (
                "Contact",
                f"<{contact.uri}>{_flow_params(contact)}"
                f";expires={max(round(contact.expires_at - now), 1)}",
            )
            for contact in self._bindings.get(login, {}).values()
            if contact.expires_at > now
        ]

    @staticmethod
    def _agreed(request: Message, bindings: dict[str, Contact]) -> list[tuple[str, str]]:
        """Path as it was taken (RFC 3327 §5.3), and that several flows were understood."""
        agreed = [("Path", value) for value in request.headers("Path")]
        call_id, cseq = request.call_id, request.cseq
        if any(c.reg_id and c.call_id == call_id and c.cseq == cseq for c in bindings.values()):
            agreed += _OUTBOUND
        return agreed


def _flow_params(contact: Contact) -> str:
    """Which flow of which device it is, if the device has several."""
    if not contact.reg_id:
        return ""
    instance = contact.instance.replace("\\", "\\\\").replace('"', '\\"')
    return f';+sip.instance="{instance}";reg-id={contact.reg_id}'
