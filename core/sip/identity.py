"""Who sends a request: a carrier known by address, one of our lines by digest, or nobody.

Whoever asks for a domain that is not ours hears nothing at all. A login that nobody has is answered
like a wrong password, to the byte and in the same time. Identity is what was authenticated, never
what a header claims: From must name the same account.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from zlib import crc32

from msgspec import Struct

from core.contracts import Line, Trunk
from core.ports import Clock
from core.sip import digest
from core.sip.digest import NonceState
from core.sip.flow import Flow
from core.sip.guard import Failures
from core.sip.stats import Stats
from core.sip.uri import NameAddr, SipUri, UriError

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.digest import Credentials

__all__ = ["FromLine", "FromTrunk", "Identity", "Origin", "Refusal"]

log = logging.getLogger(__name__)


class FromTrunk(Struct, frozen=True):
    """The source address belongs to this carrier."""

    trunk: Trunk


class FromLine(Struct, frozen=True):
    """The request was authenticated as this line, and its From names the same line."""

    line: Line


Origin = FromTrunk | FromLine


class Refusal(Struct, frozen=True):
    """What to answer instead of serving the request."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""


_FORBIDDEN = Refusal(403)

_MD5_ALONE = re.compile(r"baresip v[0-2]\.", re.IGNORECASE)
"""Phones that give up at any challenge of an algorithm that they lack, instead of taking another
(RFC 8760 §2.5): libre up to 2. Who lies about it gets a weaker challenge for himself only."""


_DECOYS = 256
"""Secrets that nobody's login is checked against: many, as memory that was touched lately is faster."""


class Identity:
    """Tells who sends a request. ``secret`` seals nonces; ``failures`` counts wrong passwords."""

    __slots__ = (
        "_algorithms",
        "_clock",
        "_decoys",
        "_domain",
        "_lines",
        "_realm",
        "_secret",
        "_stats",
        "_trunk_from",
        "_used",
        "failures",
    )

    def __init__(
        self,
        *,
        domain: str,
        lines: Callable[[str], Line | None],
        trunk_from: Callable[[str], Trunk | None],
        secret: bytes,
        clock: Clock,
        stats: Stats,
        failures: Failures | None = None,
        algorithms: tuple[str, ...] = digest.ALGORITHMS,
    ) -> None:
        self._algorithms = algorithms
        self._domain = domain.lower()
        self._realm = domain
        self._lines = lines
        self._trunk_from = trunk_from
        self._secret = secret
        self._clock = clock
        self._stats = stats
        self.failures = failures or Failures()
        self._used = digest.ReplayWindow()
        self._decoys = [
            {name: digest.decoy_ha1(secret, str(number), name) for name in digest.ALGORITHMS}
            for number in range(_DECOYS)
        ]

    def trunk(self, flow: Flow) -> Trunk | None:
        """The carrier at the far end of a flow."""
        return self._trunk_from(flow.remote[0])

    def ours(self, uri: str) -> bool:
        """Whether a request-URI is in our domain."""
        return _place(uri)[1] == self._domain

    def caller(self, request: Message, flow: Flow) -> Origin | Refusal | None:
        """Who sends this INVITE; ``None`` to stay silent.

        From a carrier's address a request is the carrier's, unless its From is one of our lines:
        that needs the password there, too (a softphone on the carrier's machine, or a liar).
        """
        trunk = self._trunk_from(flow.remote[0])
        if trunk is not None:
            login = self.account(request, "From")
            if not login or self._lines(login) is None:
                return FromTrunk(trunk)
        elif not self.ours(request.uri):
            return None
        result = self.authenticate(request, flow)
        return FromLine(result) if isinstance(result, Line) else result

    def authenticate(self, request: Message, flow: Flow) -> Line | Refusal | None:
        """The line whose password the request proves to know and whose name is in From.

        ``None`` when the source is banned. The request-URI must be known to be ours.
        """
        result = self.signed(request, flow)
        if isinstance(result, Line) and self.account(request, "From") != result.login:
            log.warning("From is not the account that signed in", extra={"source": str(flow)})
            return _FORBIDDEN
        return result

    def signed(self, request: Message, flow: Flow) -> Line | Refusal | None:
        """The line whose password the request proves to know, whatever its From says: in a dialog
        that is what was called."""
        credentials = self._credentials(request)
        now = self._clock.now()
        host = flow.remote[0]
        login = credentials.username if credentials else self.account(request, "From") or ""
        if self.failures.banned(host, login, now):
            self._stats.dropped["banned"] += 1
            return None
        if credentials is None:
            return self._challenge(request, host, now)
        line = self._lines(login)
        decoy = self._decoys[crc32(login.encode("utf-8", "replace")) % _DECOYS]
        keys = decoy if line is None else line.ha1
        if not self._proved(credentials, request.method, keys) or line is None:
            self._failed(credentials, host, now)
            return self._challenge(request, host, now)
        if not self._fresh(credentials, host, now):
            return self._challenge(request, host, now, stale=True)
        self._stats.logins += 1
        self.failures.forgive(host, login, now)
        return line

    def account(self, request: Message, header: str) -> str | None:
        """The user of From or To if its URI is in our domain."""
        value = request.header(header) or ""
        if '"' in value:
            try:
                uri = NameAddr.parse(value).uri
            except UriError:
                return None
        else:  # nothing can hide a bracket
            uri = value[value.find("<") + 1 :].partition(">")[0]
        user, host = _place(uri)
        return user if host == self._domain else None

    def _credentials(self, request: Message) -> Credentials | None:
        for value in request.headers("Authorization"):
            credentials = digest.parse_credentials(value)
            if credentials is not None and credentials.realm == self._realm:
                return credentials
        return None

    def _proved(self, credentials: Credentials, method: str, keys: dict[str, str]) -> bool:
        """Whether the response is right."""
        key = keys.get(credentials.algorithm, "")
        allowed = bool(key) and credentials.algorithm in self._algorithms
        return digest.verify(credentials, method, key) and allowed

    def _fresh(self, credentials: Credentials, host: str, now: float) -> bool:
        state = digest.check_nonce(self._secret, credentials.nonce, now, host)
        return state is NonceState.OK and self._used.accept(credentials.nonce, credentials.nc, now)

    def _failed(self, credentials: Credentials, host: str, now: float) -> None:
        """Count it, unless the nonce was never given to this source: anybody can forge an address."""
        state = digest.check_nonce(self._secret, credentials.nonce, now, host)
        if state is NonceState.FORGED:
            return
        self._stats.failed_logins += 1
        if self.failures.record(host, credentials.username, now):
            self._stats.banned += 1
            log.warning("too many wrong passwords", extra={"source": host})

    def _challenge(self, request: Message, host: str, now: float, *, stale: bool = False) -> Refusal:
        self._stats.challenges += 1
        nonce = digest.make_nonce(self._secret, now, host)
        algorithms = self._algorithms
        if "MD5" in algorithms and _knows_md5_alone(request):
            algorithms = ("MD5",)
        values = digest.challenges(self._realm, nonce, stale, algorithms)
        return Refusal(401, tuple(("WWW-Authenticate", value) for value in values))


def _knows_md5_alone(request: Message) -> bool:
    """Phones in browsers, too: SIP.js looks at the last challenge only, JsSIP at the first."""
    if request.via.transport in ("WS", "WSS"):
        return True
    agent = request.header("User-Agent") or ""
    return agent[:1] in ("b", "B") and _MD5_ALONE.match(agent) is not None


def _place(uri: str) -> tuple[str, str]:
    """User and host of a URI; nobody nowhere if it is none."""
    try:
        parsed = SipUri.parse(uri)
    except UriError:
        return "", ""
    return parsed.user, parsed.host
