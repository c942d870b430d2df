"""A call as a ladder: a column for each party, an arrow for each message, time running down.

    12:00:07.013  UDP 192.0.2.1:5060          SunSim           UDP 198.51.100.7:40112
       +0.000     |--- INVITE 1 ------------->|                |                        SDP …
       +0.001     |<-- 100 Trying, INVITE 1 --|                |

Pure: traced messages in, lines out. What strangers sent cannot steer the terminal that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from core.sip._wire import Message, WireError, parse
from core.sip.flow import host_port
from core.sip.tap import Traced
from core.sip.uri import printable

__all__ = ["groups", "ladder", "line"]

_US = "SunSim"
_NARROWEST, _WIDEST = 28, 44
_INDENT = 14
_STATIC = {"0": "PCMU", "8": "PCMA", "9": "G722"}  # RFC 3551: these need no rtpmap


class _Row(NamedTuple):
    """One message as it will be drawn."""

    at: float
    sent: bool
    party: int
    label: str
    remark: str


def groups(messages: Iterable[Traced]) -> list[list[Traced]]:
    """The messages of each call together, in the order in which the calls began."""
    found: dict[str, list[Traced]] = {}
    for message in messages:
        key = str(message.call_id or message.sip_call_id)
        found.setdefault(key, []).append(message)
    return list(found.values())


def ladder(messages: Sequence[Traced], *, full: bool = False) -> Iterator[str]:
    """The lines of one call's ladder; with ``full`` every message stands below its arrow."""
    if messages:
        yield from map(printable, _drawn(messages, full=full))


def _drawn(messages: Sequence[Traced], *, full: bool) -> Iterator[str]:
    parties: dict[tuple[str, tuple[str, int]], int] = {}
    names: list[str] = []
    rows: list[_Row] = []
    seen: set[tuple[bool, bytes]] = set()
    for each in messages:
        key = each.sip_call_id, each.remote
        if key not in parties:
            parties[key] = len(names)
            names.append(f"{each.transport} {host_port(*each.remote)}")
        label, remark = _said(each.data)
        again = (each.sent, each.data) in seen
        seen.add((each.sent, each.data))
        rows.append(_Row(each.at, each.sent, parties[key], label, f"again  {remark}" * again or remark))
    width = max(len(row.label) + 9 for row in rows)
    width = min(max(width, _NARROWEST, *(len(name) + 2 for name in names)), _WIDEST)
    yield from _heading(messages, names, width)
    for row, each in zip(rows, messages, strict=True):
        yield f"{_offset(row.at - rows[0].at)}{_arrow(row, len(names), width)}   {row.remark}".rstrip()
        if full:
            yield from (f"{'':{_INDENT}}  {text}".rstrip() for text in _text(each.data))


def line(message: Traced) -> str:
    """One message on one line, for following what happens."""
    label, remark = _said(message.data)
    arrow = "->" if message.sent else "<-"
    peer = f"{message.transport} {host_port(*message.remote)}"
    call = str(message.call_id)[24:] if message.call_id else "-"
    text = f"{_clock(message.at)}  {call:12}  {arrow} {peer:28}  {label}  {remark}"
    return printable(text.rstrip())


def _heading(messages: Sequence[Traced], names: Sequence[str], width: int) -> Iterator[str]:
    first = next((each for each in messages if each.call_id), messages[0])
    if first.call_id:
        yield f"Call {first.call_id} of tenant {first.tenant_id}"
    elif first.tenant_id:
        yield f"Call-ID {first.sip_call_id} of tenant {first.tenant_id}"
    else:
        yield f"Call-ID {first.sip_call_id or 'unreadable'}"
    columns = [names[0], _US, *names[1:]]
    cells = "".join(name[: width - 1].ljust(width) for name in columns)
    yield f"{_clock(messages[0].at):{_INDENT}}{cells}".rstrip()


def _arrow(row: _Row, parties: int, width: int) -> str:
    """All life lines, with the arrow between our column, the second one, and the party's."""
    at = 0 if row.party == 0 else row.party + 1
    left, right = min(at, 1), max(at, 1)
    room = (right - left) * width - 1
    rightwards = row.sent is (at > 1)
    label = f" {row.label[: room - 8]} "
    shaft = f"---{label}".ljust(room - 1, "-") if rightwards else f"--{label}".ljust(room - 1, "-")
    shaft = f"{shaft}>" if rightwards else f"<{shaft}"
    lines = ["|".ljust(width) for _ in range(parties + 1)]
    drawn = "".join(lines[:left]) + f"|{shaft}" + "".join(lines[right:])
    return drawn.rstrip()


def _said(data: bytes) -> tuple[str, str]:
    """What an arrow is called, and what is worth saying beside it."""
    try:
        message = parse(data)
    except WireError as error:
        return f"({len(data)} bytes)", f"not SIP: {error}"
    if message.is_request:
        label = f"{message.method} {message.cseq}"
    else:
        label = f"{message.status} {message.reason}, {message.method} {message.cseq}"
    return label, "  ".join(_remarks(message))


def _remarks(message: Message) -> Iterator[str]:
    if message.is_request and message.method in ("INVITE", "REGISTER", "REFER"):
        yield message.uri
    for name in ("Reason", "Refer-To", "Retry-After", "Warning"):
        value = message.header(name)
        if value:
            yield f"{name}: {value}"
    if message.body.startswith(b"v=0"):
        yield f"SDP {_sdp(message.body.decode(errors='replace').splitlines())}"


def _sdp(lines: Sequence[str]) -> str:
    """``192.0.2.1:4000 PCMA telephone-event sendonly`` for each medium."""
    address, names = "", dict(_STATIC)
    media: list[tuple[str, str, list[str]]] = []
    for text in lines:
        kind, _, value = text.partition("=")
        words = value.split()
        if kind == "c" and len(words) == 3:
            address = words[2]
        elif kind == "m" and len(words) >= 4:
            media.append((words[0], words[1], words[3:]))
        elif kind == "a" and value.startswith("rtpmap:") and len(words) == 2:
            names[words[0].partition(":")[2]] = words[1].partition("/")[0]
        elif kind == "a" and value in ("sendonly", "recvonly", "inactive") and media:
            media[-1][2].append(value)
    return "; ".join(
        " ".join((f"{medium} {address}:{port}", *(names.get(each, each) for each in formats)))
        for medium, port, formats in media
    )


def _text(data: bytes) -> list[str]:
    return data.decode(errors="replace").replace("\r", "").rstrip("\n").split("\n")


def _offset(seconds: float) -> str:
    return f"{f'+{seconds:.3f}':>{_INDENT - 3}}   "


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
