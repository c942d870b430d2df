"""Digest authentication for SIP (RFC 3261 §22, RFC 8760), both sides, as pure functions.

The server keeps no nonces: a nonce holds the time it was made and a keyed hash of that time and the
sender's address. What it must remember is which counts of a nonce were used: ``ReplayWindow``, to be
asked only after the response proved right, so that a stranger cannot use up somebody's counts.

Order for a request: ``parse_credentials``; the line's HA1, or a ``decoy_ha1`` for a login that nobody
has, so that both take the same time; ``verify``; ``check_nonce``; ``ReplayWindow.accept``. A right
response to a nonce that is not OK, or to a count used before, gets a fresh challenge with ``stale``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b
from itertools import count

from msgspec import Struct

from core.sip._wire import auth_params

__all__ = [
    "ALGORITHMS",
    "NONCE_SECONDS",
    "Challenge",
    "Credentials",
    "NonceState",
    "ReplayWindow",
    "authorize",
    "challenge",
    "challenges",
    "check_nonce",
    "decoy_ha1",
    "ha1",
    "make_nonce",
    "parse_challenge",
    "parse_credentials",
    "strongest",
    "verify",
]

ALGORITHMS = ("SHA-256", "MD5")
"""What we offer and accept, best first (RFC 8760 §2.3). HA1 is stored for each."""

NONCE_SECONDS = 300
"""How long a nonce is good for."""

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_SIZES = {"MD5": 16, "SHA-256": 32}  # bytes of a hash
_COUNT = re.compile("[0-9a-f]{8}")  # 8LHEX, as it was hashed
_TIME_DIGITS = 11  # hex digits of milliseconds since 1970 in a nonce
_SALT_DIGITS = 12
_SALT_END = 16**_SALT_DIGITS
_SALTS = count(secrets.randbelow(_SALT_END))


class NonceState(StrEnum):
    """What a nonce is worth."""

    OK = "ok"
    STALE = "stale"  # ours, but too old
    FORGED = "forged"  # not ours, or made for another address


class Challenge(Struct, frozen=True):
    """A WWW-Authenticate or Proxy-Authenticate of the Digest scheme."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False


class Credentials(Struct, frozen=True):
    """An Authorization or Proxy-Authorization of the Digest scheme. ``nc`` is 0 without a count."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    nc: int = 0
    cnonce: str = ""
    opaque: str | None = None


def ha1(login: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """H(login:realm:password) in hex: what is kept of a password. KeyError for other algorithms."""
    return _hash(algorithm, login, realm, password)


def decoy_ha1(secret: bytes, login: str, algorithm: str) -> str:
    """An HA1 that no password has, always the same for a login: a name that nobody has is checked
    against one, so that it is refused as slowly as a real one with a bad password."""
    text = f"decoy:{algorithm}:{login}".encode("utf-8", "replace")
    return blake2b(text, key=secret, digest_size=_SIZES[algorithm]).hexdigest()


# --- server -----------------------------------------------------------------------------------


def challenge(realm: str, nonce: str, algorithm: str = "MD5", stale: bool = False) -> str:
    """The value of one WWW-Authenticate header."""
    return (
        f'Digest realm="{_escape(realm)}", nonce="{_escape(nonce)}", algorithm={algorithm}, qop="auth"'
        + (", stale=true" if stale else "")
    )


def challenges(
    realm: str, nonce: str, stale: bool = False, algorithms: Iterable[str] = ALGORITHMS
) -> list[str]:
    """One WWW-Authenticate value per algorithm, the preferred one first (RFC 8760 §2.4)."""
    return [challenge(realm, nonce, algorithm, stale) for algorithm in algorithms]


def parse_credentials(value: str) -> Credentials | None:
    """Read an Authorization header; ``None`` for another scheme, a missing or repeated parameter."""
    params = _params(value)
    if params is None or not params.keys() >= {"username", "realm", "nonce", "uri", "response"}:
        return None
    count = params.get("nc", "0")
    if count != "0" and not _COUNT.fullmatch(count):
        return None
    return Credentials(
        username=params["username"],
        realm=params["realm"],
        nonce=params["nonce"],
        uri=params["uri"],
        response=params["response"].lower(),
        algorithm=_algorithm(params),
        qop=params.get("qop", "").lower(),
        nc=int(count, 16),
        cnonce=params.get("cnonce", ""),
        opaque=params.get("opaque"),
    )


def verify(credentials: Credentials, method: str, ha1: str) -> bool:
    """Whether the response proves knowledge of the password behind ``ha1``.

    ``ha1`` belongs to ``credentials.algorithm``. Responses without ``qop=auth`` and a count are
    refused: nothing would protect them from being replayed.
    """
    if credentials.algorithm not in _HASHES or credentials.qop != "auth" or not credentials.nc:
        return False
    expected = _response(
        credentials.algorithm,
        ha1,
        credentials.nonce,
        f"{credentials.nc:08x}",
        credentials.cnonce,
        method,
        credentials.uri,
    )
    return hmac.compare_digest(expected.encode(), credentials.response.encode("utf-8", "replace"))


def make_nonce(secret: bytes, now: float, source: str, salt: bytes | None = None) -> str:
    """A nonce for the sender at ``source`` (its address without the port, which a NAT may change).

    ``now`` is in epoch seconds. The salt keeps two phones behind one address apart; what nobody can
    guess is the seal, so by default it is only another one each time.
    """
    if salt is None:
        salt = (next(_SALTS) % _SALT_END).to_bytes(_SALT_DIGITS // 2, "big")
    head = f"{int(now * 1000):0{_TIME_DIGITS}x}{salt.hex()}"
    return head + _seal(secret, head, source)


def check_nonce(
    secret: bytes, nonce: str, now: float, source: str, lifetime: float = NONCE_SECONDS
) -> NonceState:
    """Whether we made this nonce for this address, and no longer than ``lifetime`` seconds ago."""
    head = nonce[: _TIME_DIGITS + _SALT_DIGITS]
    sealed = nonce[len(head) :].encode("utf-8", "replace")
    if not hmac.compare_digest(sealed, _seal(secret, head, source).encode()):
        return NonceState.FORGED
    age = now - _made_at(nonce)
    return NonceState.OK if -1 <= age <= lifetime else NonceState.STALE


class ReplayWindow:
    """Which counts of which nonces were used. Bounded: at ``capacity`` nonces the oldest go, and
    whatever was made before them is refused from then on, rather than believed twice."""

    _WIDTH = 64  # a count may come this late: UDP reorders

    def __init__(self, capacity: int = 100_000, lifetime: float = NONCE_SECONDS) -> None:
        self._capacity = capacity
        self._lifetime = lifetime
        self._seen: dict[str, tuple[int, int]] = {}  # nonce → highest count, bits below it
        self._floor = 0.0

    def __len__(self) -> int:
        return len(self._seen)

    def accept(self, nonce: str, nc: int, now: float) -> bool:
        """Use up count ``nc`` (from 1) of a nonce that ``check_nonce`` found OK; False if it was
        used before, or is too far behind to tell."""
        if nc < 1:
            return False
        known = self._seen.get(nonce)
        if known is None:
            if _made_at(nonce) <= self._floor:
                return False
            self._make_room(now)
            self._seen[nonce] = (nc, 1)
            return True
        highest, bits = known
        if nc > highest:
            shifted = bits << min(nc - highest, self._WIDTH) | 1
            self._seen[nonce] = (nc, shifted & ((1 << self._WIDTH) - 1))
            return True
        bit = 1 << (highest - nc)
        if highest - nc >= self._WIDTH or bits & bit:
            return False
        self._seen[nonce] = (highest, bits | bit)
        return True

    def _make_room(self, now: float) -> None:
        """Forget what is too old to pass ``check_nonce``; if that is not enough, the oldest half."""
        if len(self._seen) < self._capacity:
            return
        alive = sorted((n for n in self._seen if now - _made_at(n) <= self._lifetime), key=_made_at)
        gone = alive[: len(alive) - self._capacity // 2]
        if gone:
            self._floor = max(self._floor, _made_at(gone[-1]))
        self._seen = {n: self._seen[n] for n in alive[len(gone) :]}


# --- client -----------------------------------------------------------------------------------


def parse_challenge(value: str) -> Challenge | None:
    """Read a WWW-Authenticate header; ``None`` for another scheme or without realm and nonce."""
    params = _params(value)
    if params is None or not params.keys() >= {"realm", "nonce"}:
        return None
    return Challenge(
        realm=params["realm"],
        nonce=params["nonce"],
        algorithm=_algorithm(params),
        qop=tuple(q.strip().lower() for q in params.get("qop", "").split(",") if q.strip()),
        opaque=params.get("opaque"),
        stale=params.get("stale", "").lower() == "true",
    )


def strongest(values: Iterable[str], realm: str | None = None) -> Challenge | None:
    """The best challenge among WWW-Authenticate values that ``authorize`` can answer.

    With ``realm`` only those of that realm count.
    """
    read = (parse_challenge(value) for value in values)
    usable = [
        c
        for c in read
        if c and c.algorithm in _HASHES and (not c.qop or "auth" in c.qop)
        if realm is None or c.realm == realm
    ]
    return min(usable, key=lambda c: ALGORITHMS.index(c.algorithm), default=None)


def authorize(
    challenge: Challenge,
    method: str,
    uri: str,
    login: str,
    password: str,
    nc: int = 1,
    cnonce: str | None = None,
) -> str:
    """The value of Authorization that answers a challenge from ``strongest``.

    ``nc`` counts the requests sent with this nonce, from 1. Without ``qop`` in the challenge the
    answer has the old form of RFC 2617 §3.2.2.1.
    """
    key = ha1(login, challenge.realm, password, challenge.algorithm)
    fields = [
        f'username="{_escape(login)}"',
        f'realm="{_escape(challenge.realm)}"',
        f'nonce="{_escape(challenge.nonce)}"',
        f'uri="{_escape(uri)}"',
    ]
    if challenge.qop:
        cnonce = secrets.token_hex(8) if cnonce is None else cnonce
        count = f"{nc:08x}"
        response = _response(challenge.algorithm, key, challenge.nonce, count, cnonce, method, uri)
        fields += [f'response="{response}"', "qop=auth", f"nc={count}", f'cnonce="{_escape(cnonce)}"']
    else:
        request = _hash(challenge.algorithm, method, uri)
        fields.append(f'response="{_hash(challenge.algorithm, key, challenge.nonce, request)}"')
    fields.append(f"algorithm={challenge.algorithm}")
    if challenge.opaque is not None:
        fields.append(f'opaque="{_escape(challenge.opaque)}"')
    return "Digest " + ", ".join(fields)


def _hash(algorithm: str, *parts: str) -> str:
    return _HASHES[algorithm](":".join(parts).encode("utf-8", "replace")).hexdigest()


def _response(
    algorithm: str, ha1: str, nonce: str, count: str, cnonce: str, method: str, uri: str
) -> str:
    """RFC 7616 §3.4.1 with ``qop=auth``."""
    return _hash(algorithm, ha1, nonce, count, cnonce, "auth", _hash(algorithm, method, uri))


def _seal(secret: bytes, head: str, source: str) -> str:
    text = f"nonce:{head}:{source}".encode("utf-8", "replace")
    return blake2b(text, key=secret, digest_size=16).hexdigest()


def _made_at(nonce: str) -> float:
    """Epoch seconds at which one of our own nonces was made."""
    return int(nonce[:_TIME_DIGITS], 16) / 1000


def _params(value: str) -> dict[str, str] | None:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    return auth_params(rest)


def _algorithm(params: dict[str, str]) -> str:
    """In upper case, as the names of RFC 7616 are; MD5 if it is not said."""
    return params.get("algorithm", "MD5").upper()


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
