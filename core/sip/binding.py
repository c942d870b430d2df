"""One binding of a line: a Contact of a REGISTER and the flow that it came on (RFC 3261 §10.3).

What identifies a binding is its URI, or for a client that keeps several flows at once its device and
``reg-id`` (RFC 5626 §6). Bindings are values: a refresh makes another one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from core.sip.flow import Flow, Target
from core.sip.uri import REMEMBERED, NameAddr, SipUri, UriError

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["Asked", "Contact", "RegisterRefused", "asked"]

MIN_EXPIRES, DEFAULT_EXPIRES, MAX_EXPIRES = 60, 3600, 3600
"""Seconds; shorter is refused with 423, longer is cut."""

_LONGEST = 200
"""Characters kept of a User-Agent."""


class RegisterRefused(Exception):
    """A REGISTER that changes nothing, with the answer to it."""

    def __init__(
        self, status: int, reason: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(status)
        self.status = status
        self.reason = reason
        self.headers = headers


class Contact(Struct, frozen=True, omit_defaults=True):
    """One phone of the line ``login``: a Contact URI bound to the flow that it registered from.

    ``expires_at`` is in epoch seconds. ``path`` are the values of Path, for Route (RFC 3327);
    ``instance`` is the device of RFC 5626, which replaces its own older binding, and ``reg_id`` tells
    its flows apart (0: it keeps only one). ``key`` is what a later REGISTER for the same phone shares.
    """

    login: str
    key: str
    uri: str
    flow: Flow
    expires_at: float
    path: tuple[str, ...] = ()
    call_id: str = ""
    cseq: int = 0
    user_agent: str = ""
    instance: str = ""
    reg_id: int = 0

    def target(self) -> Target:
        """What to invite in order to ring this phone."""
        return Target(self.uri, self.flow, path=self.path, login=self.login)


class Asked(Struct, frozen=True):
    """What one Contact of a REGISTER says. ``expires`` is None if it does not say how long."""

    key: str
    uri: str
    expires: int | None
    instance: str
    reg_id: int

    def seconds(self, request: Message) -> int:
        """How long it is to be bound, 0 for no longer; RegisterRefused(423) if that is too short."""
        expires = self.expires
        if expires is None:
            given = _number(request.header("Expires"))
            expires = DEFAULT_EXPIRES if given is None else given
        if 0 < expires < MIN_EXPIRES:
            raise RegisterRefused(423, headers=(("Min-Expires", str(MIN_EXPIRES)),))
        return min(expires, MAX_EXPIRES)

    def bound(self, login: str, request: Message, flow: Flow, expires_at: float) -> Contact:
        """The binding that it makes on the flow that the request came on."""
        return Contact(
            login,
            self.key,
            self.uri,
            flow,
            expires_at,
            tuple(request.headers("Path")),
            request.call_id,
            request.cseq,
            _printable((request.header("User-Agent") or "")[:_LONGEST]),
            self.instance,
            self.reg_id,
        )


def asked(value: str) -> Asked | None:
    """Read a Contact of a REGISTER; ``None`` if nobody could be called there.

    A phone sends the same one every time.
    """
    return _known(value) if len(value) <= REMEMBERED else _read(value)


@lru_cache(maxsize=20_000)
def _known(value: str) -> Asked | None:
    return _read(value)


def _read(value: str) -> Asked | None:
    try:
        address = NameAddr.parse(value)
        uri = SipUri.parse(address.uri)
    except UriError:
        return None
    if uri.scheme == "tel" or uri.headers or not address.uri.isprintable():
        return None
    instance, reg_id = address.params.get("+sip.instance", ""), _number(address.params.get("reg-id"))
    several = bool(instance and reg_id)
    return Asked(
        key=f"{instance};{reg_id}" if several else _same(uri),
        uri=address.uri,
        expires=_number(address.params.get("expires")),
        instance=instance,
        reg_id=reg_id or 0 if several else 0,
    )


def _number(text: str | None) -> int | None:
    """What is no number counts as not given (§10.2.1.1); ten digits are plenty."""
    return int(text[:10]) if text and text.isascii() and text.isdigit() else None


def _same(uri: SipUri) -> str:
    """A key that equal URIs share (§19.1.4, as far as phones vary): scheme, host, parameter case."""
    params = ";".join(f"{k}={v.lower()}" for k, v in sorted(uri.params.items()))
    return f"{uri.scheme}:{uri.user}@{uri.host}:{uri.port};{params}"


@lru_cache(maxsize=1_000)
def _printable(agent: str) -> str:
    return "".join(filter(str.isprintable, agent))
