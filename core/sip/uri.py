"""SIP, SIPS and tel URIs, and the addresses that carry them (RFC 3261 §19.1, §20.10; RFC 3966).

What comes back is unescaped text for programs; what goes out by ``str`` is escaped again. Control
characters become U+FFFD, so that ``%00`` cannot reach a log or the database.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote

from msgspec import Struct

__all__ = ["REMEMBERED", "NameAddr", "SipUri", "UriError", "printable"]

REMEMBERED = 256
"""Texts up to so many characters are remembered with what they say: those of strangers are longer."""

_SAFE_USER = "-_.!~*'()&=+$,;?/"  # RFC 3261 §25.1: unreserved, user-unreserved
_SAFE_PARAM = "-_.!~*'()[]/:&+$"
_SAFE_HEADER = "-_.!~*'()[]/?:+$"

_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PLACE = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)(?::([0-9]{1,5}))?"
)
_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#().-]*[0-9*#][0-9A-Fa-f*#().-]*")  # RFC 3966: with separators
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_PARAM = re.compile(
    r"""\s*;\s*(?:([\w.!%*+`'~-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^;"\s]*))?)?""", re.DOTALL
)
_NOT_IN_URI = re.compile(r'["<>]')


class UriError(ValueError):
    """Not a URI or address that SIP can use."""


class SipUri(Struct, frozen=True):
    """A ``sip:``, ``sips:`` or ``tel:`` URI.

    Of a telephone number ``user`` is the number alone; its parameters (``phone-context``) are in
    ``user_params``. A ``tel:`` URI has no host. Names of parameters are in lower case; one without
    a value has an empty one.
    """

    scheme: str = "sip"
    user: str = ""
    host: str = ""
    port: int | None = None
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    password: str | None = None
    user_params: dict[str, str] = {}

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read a URI; UriError if it is none or of another scheme."""
        return _known_uri(text) if len(text) <= REMEMBERED else cls._read(text)

    @classmethod
    def _read(cls, text: str) -> SipUri:
        scheme, colon, rest = text.strip().partition(":")
        scheme = scheme.lower()
        if not colon or any(c in ' \t\r\n<>"' for c in rest):
            raise UriError(f"not a URI: {text!r}")
        if scheme == "tel":
            return _tel(rest)
        if scheme not in ("sip", "sips"):
            raise UriError(f"not a SIP URI: {text!r}")
        userinfo, at, place = rest.rpartition("@")
        if "@" in userinfo or (at and not userinfo):
            raise UriError(f"no user before @: {text!r}")
        user, secret, password = userinfo.partition(":")
        user, user_params = _number_and_params(user)
        place, _, headers = place.partition("?")
        place, *params = place.split(";")
        host, port = _host_and_port(place)
        return cls(
            scheme=scheme,
            user=_unescape(user),
            host=host,
            port=port,
            params=_pairs(params),
            headers=_pairs(headers.split("&")),
            password=_unescape(password) if secret else None,
            user_params=user_params,
        )

    @property
    def transport(self) -> str:
        """The ``transport`` parameter in lower case, empty without one."""
        return self.params.get("transport", "").lower()

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address; ``host`` has no brackets."""
        return ":" in self.host

    def __str__(self) -> str:
        safe = _SAFE_USER
        if _NUMBER.fullmatch(self.user.partition(";")[0]):
            safe = safe.replace(";", "")  # or it would be read as a parameter of the number
        user = quote(self.user, safe=safe) + _written(self.user_params, _SAFE_PARAM)
        if self.scheme == "tel":
            return f"tel:{user}{_written(self.params, _SAFE_PARAM)}"
        if self.password is not None:
            user += ":" + quote(self.password, safe="-_.!~*'()&=+$,")
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        port = "" if self.port is None else f":{self.port}"
        headers = _written(self.headers, _SAFE_HEADER, "&")
        return (
            f"{self.scheme}:{user}{'@' if user else ''}{host}{port}"
            f"{_written(self.params, _SAFE_PARAM)}{'?' + headers[1:] if headers else ''}"
        )


class NameAddr(Struct, frozen=True):
    """The value of From, To, Contact, Route…: a display name, a URI as text, header parameters.

    ``uri`` is ``*`` for ``Contact: *``. Quotes around parameter values are taken off.
    """

    uri: str
    display_name: str = ""
    params: dict[str, str] = {}

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one address; UriError if a quote or bracket is not closed or the URI is missing."""
        return _known_address(text) if len(text) <= REMEMBERED else cls._read(text)

    @classmethod
    def _read(cls, text: str) -> NameAddr:
        quoted = _QUOTED.match(text)
        start = quoted.end() if quoted else 0
        bracket = text.find("<", start) if quoted else _bracket(text)
        if bracket < 0:
            uri, semicolon, rest = text.partition(";")
            display, params = "", semicolon + rest
        else:
            display = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else text[:bracket]
            uri, closed, params = text[bracket + 1 :].partition(">")
            if not closed:
                raise UriError(f"no closing bracket: {text!r}")
        uri = uri.strip()
        if not uri or _NOT_IN_URI.search(uri) or (quoted and text[start:bracket].strip()):
            raise UriError(f"not an address: {text!r}")
        return cls(uri=uri, display_name=printable(display.strip()), params=_header_params(params))

    @property
    def tag(self) -> str:
        """The ``tag`` parameter, empty without one."""
        return self.params.get("tag", "")

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        name = printable(self.display_name).replace("\\", "\\\\").replace('"', '\\"')
        params = "".join(f";{k}={_value(v)}" if v else f";{k}" for k, v in self.params.items())
        return f'"{name}" <{self.uri}>{params}' if name else f"<{self.uri}>{params}"


# The same texts come again and again: From in every question about an INVITE, our own targets in every
# call. Values are frozen, and nobody changes their dictionaries.
@lru_cache(4096)
def _known_uri(text: str) -> SipUri:
    return SipUri._read(text)


@lru_cache(4096)
def _known_address(text: str) -> NameAddr:
    return NameAddr._read(text)


def _tel(rest: str) -> SipUri:
    written, *params = rest.split(";")
    number = _unescape(written)
    if not _NUMBER.fullmatch(number):
        raise UriError(f"not a telephone number: {rest!r}")
    return SipUri(scheme="tel", user=number, params=_pairs(params))


def _number_and_params(user: str) -> tuple[str, dict[str, str]]:
    """``+7495…;phone-context=x`` taken apart; ``;`` in any other user is part of the name."""
    number, *params = user.split(";")
    is_number = _NUMBER.fullmatch(_unescape(number))  # ``#`` may have been written as ``%23``
    return (number, _pairs(params)) if is_number else (user, {})


def _host_and_port(place: str) -> tuple[str, int | None]:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UriError(f"not a host: {place!r}")
    host, port = match.groups()
    if host.startswith("["):
        try:
            host = str(IPv6Address(host[1:-1]))
        except ValueError:
            raise UriError(f"not an IPv6 address: {place!r}") from None
    if port and int(port) > 65535:
        raise UriError(f"not a port: {place!r}")
    return host.lower(), int(port) if port else None


def _pairs(parts: list[str]) -> dict[str, str]:
    """``name=value`` pieces of a URI; of equal names the first counts, one without a name is none."""
    pairs: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name:
            pairs.setdefault(_unescape(name).lower(), _unescape(value))
    return pairs


def _written(pairs: dict[str, str], safe: str, separator: str = ";") -> str:
    return "".join(
        separator + quote(name, safe=safe) + ("=" + quote(value, safe=safe) if value else "")
        for name, value in pairs.items()
    )


def _header_params(text: str) -> dict[str, str]:
    params: dict[str, str] = {}
    at = 0
    while at < len(text.rstrip()):
        match = _PARAM.match(text, at)
        if match is None or match.end() == at:
            raise UriError(f"not parameters: {text!r}")
        at = match.end()
        name, value = match.groups(default="")
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        if name:
            params.setdefault(name.lower(), printable(value))
    return params


def _bracket(text: str) -> int:
    """Where an address without a quoted name has its bracket; a quoted parameter may hold one."""
    quote_at, bracket = text.find('"'), text.find("<")
    return -1 if 0 <= quote_at < bracket else bracket


def _value(value: str) -> str:
    """A header parameter's value, in quotes unless it is a token or a host."""
    if re.fullmatch(r"[\w.!%*+`'~:\[\]-]+", value, re.ASCII):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unescape(text: str) -> str:
    """Percent escapes as UTF-8, once."""
    return _ESCAPED.sub(_decoded, text)


def _decoded(match: re.Match[str]) -> str:
    return printable(bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"))


def printable(text: str) -> str:
    """The text with U+FFFD in place of what would make a terminal or a log do anything but show it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
