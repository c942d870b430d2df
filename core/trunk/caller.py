"""Who calls: as a carrier tells us, and as we tell a carrier.

A carrier that we trust may assert the caller's number (RFC 3325) although the caller wants nobody to
see it (RFC 3323); such a number goes on to a carrier that we trust, and to nobody else. Diversion
(RFC 5806) says through whose number a call was forwarded, the latest first.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from core.contracts import IdentityHeader, Trunk
from core.sip._wire import Message
from core.sip.uri import NameAddr, UriError
from core.trunk.numbers import from_uri, write

__all__ = ["NOBODY", "Caller", "Header", "caller_of", "hides", "introduce"]

Header = tuple[str, str]

NOBODY = "sip:anonymous@anonymous.invalid"
"""From of a caller who wants to stay unknown (RFC 3323 §4.1.1.3)."""

_HIDING = frozenset({"id", "user", "header"})  # RFC 3323 §4.2, RFC 3325 §9.3
_HIDING_RPID = frozenset({"full", "uri"})
_DIVERSIONS = 5  # more would be a loop


class Caller(Struct, frozen=True):
    """``number`` is what may be shown; ``asserted`` is for trusted carriers only."""

    number: str | None = None
    name: str = ""
    asserted: str | None = None
    hidden: bool = False
    diversions: tuple[str, ...] = ()


def caller_of(request: Message, trunk: Trunk) -> Caller:
    """Who calls through a carrier: its assertion if we trust it, else From; nobody if unreadable."""
    source = next(_sources(request, trunk), NameAddr(""))
    number = from_uri(source.uri, trunk.number_format)
    diversions = _readable(request.headers("Diversion")) if trunk.trusted else ()
    hidden = hides(request) or source.params.get("privacy", "").lower() in _HIDING_RPID
    return Caller(
        number=None if hidden else number,
        name="" if hidden else source.display_name,
        asserted=number if trunk.trusted else None,
        hidden=hidden,
        diversions=tuple(diversions)[:_DIVERSIONS],
    )


def hides(request: Message) -> bool:
    """Whether the caller wants not to be seen."""
    wishes = ";".join(request.headers("Privacy")).lower().split(";")
    return not _HIDING.isdisjoint(wish.strip() for wish in wishes)


def introduce(
    trunk: Trunk, own: str, caller: Caller, *, forwarded: bool, domain: str
) -> tuple[str, tuple[Header, ...]]:
    """From and further headers of an INVITE to a carrier.

    ``own`` is the company's number (``+E.164``): the caller's when the company calls; the one that
    was called when a call is ``forwarded``, whose caller then is seen outside.
    """
    here = trunk.host if trunk.account else domain
    if ":" in here:
        here = f"[{here}]"

    def uri(number: str) -> str:
        return f"<sip:{write(number, trunk.number_format)}@{here}>"

    headers: list[Header] = []
    if forwarded:
        headers.append(("Diversion", f"{uri(own)};reason=unconditional"))
        headers += [("Diversion", value) for value in caller.diversions]
    shown = caller.number if forwarded else own
    if caller.hidden or shown is None:
        known = caller.asserted if forwarded else own
        if trunk.trusted and known is not None:
            headers += _identity(trunk, uri(known), hidden=True)
        return f'"Anonymous" <{NOBODY}>', (*headers, ("Privacy", "id"))
    if not forwarded:
        headers += _identity(trunk, uri(own), hidden=False)
    return uri(shown), tuple(headers)


def _identity(trunk: Trunk, uri: str, *, hidden: bool) -> list[Header]:
    if trunk.identity_header is IdentityHeader.PAI:
        return [("P-Asserted-Identity", uri)]
    if trunk.identity_header is IdentityHeader.RPID:
        privacy = "full" if hidden else "off"
        return [("Remote-Party-ID", f"{uri};party=calling;screen=yes;privacy={privacy}")]
    return []


def _sources(request: Message, trunk: Trunk) -> Iterator[NameAddr]:
    """Where the caller may be named, the most reliable first."""
    if trunk.trusted:
        for value in _readable(request.headers("P-Asserted-Identity")):
            yield NameAddr.parse(value)
        for value in _readable(request.headers("Remote-Party-ID")):
            party = NameAddr.parse(value)
            if party.params.get("party", "calling").lower() == "calling":
                yield party
    for value in _readable([request.header("From") or ""]):
        yield NameAddr.parse(value)


def _readable(values: list[str]) -> Iterator[str]:
    for value in values:
        try:
            NameAddr.parse(value)
        except UriError:
            continue
        yield value
