"""Our registration with a carrier (RFC 3261 §10.2), as a machine that knows time but has no clock.

Whoever drives it asks ``due``, sends what that returns and gives the answer to ``heard`` or, if none
came, calls ``silent``. Whatever ``heard`` returns is to be sent at once. A binding is renewed well
before it runs out; failures are repeated after a growing, random time (RFC 5626 §4.5), so that a
carrier that comes back is not met by all of us in one moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from core.contracts import CarrierAccount
from core.sip import digest
from core.sip._wire import Message
from core.sip.uri import NameAddr, SipUri, UriError

__all__ = ["EXPIRES", "Register", "Registration"]

EXPIRES = 600
"""Seconds that we ask for."""

_LONGEST = 86_400  # a carrier that asks for more is not obeyed
_FIRST_WAIT = 10.0
_FIRST_WAIT_REFUSED = 60.0  # wrong passwords must not look like an attack
_LONGEST_WAIT = 1800.0
_CHALLENGES = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class Register(NamedTuple):
    """One REGISTER to send: its URI is the registrar's, ``expires`` 0 takes the binding away."""

    expires: int
    headers: tuple[tuple[str, str], ...]


class Registration:
    """One binding at one registrar. ``problem`` says in a few words what went wrong last.

    ``uri`` is the registrar's, ``contact`` the URI at which we are reached, ``random`` gives numbers
    from 0 to 1.
    """

    def __init__(
        self, account: CarrierAccount, uri: str, contact: str, random: Callable[[], float]
    ) -> None:
        self.problem = ""
        self.next_at = 0.0
        self._account = account
        self._uri = uri
        self._contact = contact
        self._random = random
        self._expires = EXPIRES
        self._valid_until = 0.0
        self._failures = 0
        self._challenge: tuple[digest.Challenge, str] | None = None
        self._count = 0
        self._answered = False
        self._prolonged = False
        self._leaving = False

    def registered(self, now: float) -> bool:
        """Whether the carrier has our binding."""
        return now < self._valid_until

    def failed(self, now: float) -> bool:
        """Whether we tried and have none."""
        return self._failures > 0 and not self.registered(now)

    def due(self, now: float) -> Register | None:
        """What to send now, if it is time. Nothing further until its answer."""
        if now < self.next_at:
            return None
        self.next_at = float("inf")
        self._answered = self._prolonged = False
        return self._register()

    def leave(self, now: float) -> Register | None:
        """What takes the binding away, if there is one."""
        if not self.registered(now):
            return None
        self._leaving = True
        self._answered = False
        self.next_at = float("inf")
        self._valid_until = 0.0
        return self._register()

    def heard(self, now: float, response: Message) -> Register | None:
        """The final answer to what was sent last."""
        status = response.status
        if status in _CHALLENGES and self._accept(response):
            return self._register()
        if status == 423 and not self._prolonged and self._prolong(response):
            return self._register()
        if self._leaving:
            return None
        if 200 <= status < 300:
            self._bound(now, self._granted(response))
        else:
            after = _seconds(response.header("Retry-After"))
            refused = 400 <= status < 500 and status not in (408, 480)
            self._fail(now, f"{status} {response.reason}".strip(), refused=refused, after=after)
        return None

    def silent(self, now: float, problem: str = "no answer") -> None:
        """No answer came."""
        if not self._leaving:
            self._fail(now, problem)

    def _register(self) -> Register:
        expires = 0 if self._leaving else self._expires
        headers = [("Contact", f"<{self._contact}>"), ("Expires", str(expires))]
        if self._challenge is not None:
            challenge, name = self._challenge
            self._count += 1
            login, password = self._account.login, self._account.password
            value = digest.authorize(challenge, "REGISTER", self._uri, login, password, self._count)
            headers.append((name, value))
        return Register(expires, tuple(headers))

    def _accept(self, response: Message) -> bool:
        """Take up a challenge, one a round: a second one says that the password is wrong."""
        asks, answers = _CHALLENGES[response.status]
        challenge = digest.strongest(response.headers(asks), self._account.realm)
        if self._answered or challenge is None:
            self._challenge = None
            return False
        self._answered = True
        self._challenge, self._count = (challenge, answers), 0
        return True

    def _prolong(self, response: Message) -> bool:
        wanted = _seconds(response.header("Min-Expires"))
        if not self._expires < wanted <= _LONGEST:
            return False
        self._prolonged = True
        self._expires = int(wanted)
        return True

    def _granted(self, response: Message) -> float:
        """Seconds that the carrier keeps our binding: of its Contact, else of the whole answer."""
        ours = SipUri.parse(self._contact)
        for value in response.headers("Contact"):
            try:
                contact = NameAddr.parse(value)
                uri = SipUri.parse(contact.uri)
            except UriError:
                continue
            if (uri.user, uri.host, uri.port or 5060) == (ours.user, ours.host, ours.port or 5060):
                given = contact.params.get("expires") or response.header("Expires")
                return _seconds(given, self._expires)
        return _seconds(response.header("Expires"), self._expires)

    def _bound(self, now: float, granted: float) -> None:
        if granted < 1:
            self._fail(now, "the carrier keeps no registration", refused=True)
            return
        self.problem, self._failures = "", 0
        self._valid_until = now + granted
        self.next_at = now + granted * (0.7 + 0.15 * self._random())

    def _fail(self, now: float, problem: str, *, refused: bool = False, after: float = 0) -> None:
        self.problem = problem
        self._failures += 1
        first = _FIRST_WAIT_REFUSED if refused else _FIRST_WAIT
        longest = min(_LONGEST_WAIT, first * 2 ** min(self._failures - 1, 16))
        self.next_at = now + max(longest * (0.5 + 0.5 * self._random()), min(after, _LONGEST_WAIT))


def _seconds(text: str | None, default: float = 0) -> float:
    """The number of seconds that a header begins with."""
    digits = (text or "").strip().partition(";")[0].partition(" ")[0]
    return float(digits[:9]) if digits.isascii() and digits.isdigit() else default
