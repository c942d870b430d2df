"""The last messages that were sent and received, kept so that a call can be looked at afterwards.

Every message passes here, so what is done to it on the way is next to nothing: it is put at the end of
a row, as it is. Reading is what costs: whose message it is, is found out then, and secrets are taken
out (``redact``). Both rows are bounded by bytes and by messages; registrations and OPTIONS have a row
of their own, or else a few hundred phones would leave no room for calls.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from operator import itemgetter
from uuid import UUID

from msgspec import Struct

from core.sip._wire import WireError, parse
from core.sip.flow import Flow
from core.sip.redact import redact
from core.sip.uri import NameAddr, SipUri, UriError

__all__ = ["Owner", "Tap", "Traced", "Wanted"]

_COST = 400  # bytes that a message takes beside its own, measured with sys.getsizeof
_MESSAGES = 50_000
_OWNERS = 20_000
_SHARE = 8  # the row of registrations is so much smaller than that of calls
_SLICE = 500
_BEHIND = 10_000  # messages that a slow reader may lag
_OTHER = re.compile(rb"(?im)^cseq[ \t]*:[ \t]*\d+[ \t]+(?:REGISTER|OPTIONS)\r\n")


class Owner(Struct, frozen=True):
    """Of which call of which company a dialog is a leg."""

    call_id: UUID
    tenant_id: UUID


class Wanted(Struct, frozen=True):
    """Which messages: those of one call (our id or a Call-ID, or how it begins) or of one peer.

    ``others`` are registrations and OPTIONS, which are passed over unless one asks for them, or for a
    call or a peer. ``recent`` are those that are kept, ``seconds`` how long to wait for further ones.
    """

    call: str = ""
    host: str = ""
    others: bool = False
    recent: bool = True
    seconds: float = 0.0


class Traced(Struct, frozen=True):
    """One message without its secrets. ``at`` is in epoch seconds; ``sent`` is by us; addresses are
    (host, port). ``call_id`` and ``tenant_id`` are ours and unknown for what is no call of anybody."""

    at: float
    sent: bool
    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    data: bytes
    sip_call_id: str = ""
    call_id: UUID | None = None
    tenant_id: UUID | None = None


_Entry = tuple[float, bool, Flow, bytes]


class _Row:
    """Messages in order, the oldest of which make room."""

    __slots__ = ("_bytes", "_limit", "_messages", "entries")

    def __init__(self, limit: int, messages: int) -> None:
        self.entries: deque[_Entry] = deque()
        self._bytes = 0
        self._limit = limit
        self._messages = messages

    def add(self, entry: _Entry) -> None:
        entries = self.entries
        entries.append(entry)
        self._bytes += len(entry[3]) + _COST
        while self._bytes > self._limit or len(entries) > self._messages:
            self._bytes -= len(entries.popleft()[3]) + _COST


class Tap:
    """One for each endpoint. ``local`` finds the real local address of a flow."""

    __slots__ = ("_calls", "_line_owner", "_now", "_others", "_owners", "_readers", "local", "on")

    def __init__(
        self,
        now: Callable[[], float],
        line_owner: Callable[[str], UUID | None],
        limit: int,
        messages: int = _MESSAGES,
    ) -> None:
        """``now`` gives epoch seconds, ``line_owner`` whose a login is. ``limit`` is in bytes for both
        rows together; with 0 nothing is kept."""
        self._now = now
        self._line_owner = line_owner
        self.on = limit > 0
        share = limit // _SHARE
        self._calls = _Row(limit - share, messages - messages // _SHARE)
        self._others = _Row(share, messages // _SHARE)
        self._owners: OrderedDict[str, Owner] = OrderedDict()
        self._readers: set[asyncio.Queue[_Entry]] = set()
        self.local: Callable[[Flow], tuple[str, int]] = lambda flow: flow.local

    def note(self, sent: bool, flow: Flow, data: bytes) -> None:
        """A message passes."""
        if not self.on:
            return
        entry = (self._now(), sent, flow, data)
        if _other(data):
            self._others.add(entry)
        else:
            self._calls.add(entry)
        if self._readers:
            for reader in self._readers:
                with suppress(asyncio.QueueFull):  # who reads too slowly misses some
                    reader.put_nowait(entry)

    def bind(self, sip_call_id: str, owner: Owner) -> None:
        """This dialog is a leg of that call."""
        if not self.on:
            return
        owners = self._owners
        owners[sip_call_id] = owner
        if len(owners) > _OWNERS:
            owners.popitem(last=False)

    async def read(self, wanted: Wanted) -> AsyncIterator[Traced]:
        """What is wanted, in the order of time; further ones as they come, until the time is over."""
        reader: asyncio.Queue[_Entry] = asyncio.Queue(_BEHIND)
        if wanted.seconds:
            self._readers.add(reader)  # first, so that nothing is missed in between
        try:
            kept = self._kept(wanted) if wanted.recent else []
            for start in range(0, len(kept), _SLICE):
                for traced in self._chosen(kept[start : start + _SLICE], wanted):
                    yield traced
                await asyncio.sleep(0)  # calls go first
            with suppress(TimeoutError):
                async with asyncio.timeout(wanted.seconds):
                    while wanted.seconds:
                        for traced in self._chosen([await reader.get()], wanted):
                            yield traced
        finally:
            self._readers.discard(reader)

    def _kept(self, wanted: Wanted) -> list[_Entry]:
        if not (wanted.others or wanted.call or wanted.host):
            return list(self._calls.entries)
        return sorted((*self._calls.entries, *self._others.entries), key=itemgetter(0))

    def _chosen(self, entries: Iterable[_Entry], wanted: Wanted) -> Iterable[Traced]:
        for entry in entries:
            if wanted.host and entry[2].remote[0] != wanted.host:
                continue
            if not (wanted.others or wanted.call or wanted.host) and _other(entry[3]):
                continue
            traced = self._traced(entry)
            own = str(traced.call_id) if traced.call_id else ""
            names = (own, own[24:], traced.sip_call_id)
            if not wanted.call or any(name.startswith(wanted.call) for name in names if name):
                yield traced

    def _traced(self, entry: _Entry) -> Traced:
        at, sent, flow, data = entry
        sip_call_id, login = _names(data)
        owner = self._owners.get(sip_call_id)
        return Traced(
            at=at,
            sent=sent,
            transport=flow.transport,
            local=self.local(flow),
            remote=flow.remote,
            data=redact(data),
            sip_call_id=sip_call_id,
            call_id=owner.call_id if owner else None,
            tenant_id=owner.tenant_id if owner else self._line_owner(login),
        )


def _other(data: bytes) -> bool:
    """Whether it concerns no call, as its CSeq says."""
    maybe = b"REGISTER\r\n" in data or b"OPTIONS\r\n" in data  # or an Allow ends so
    return maybe and _OTHER.search(data) is not None


def _names(data: bytes) -> tuple[str, str]:
    """Call-ID and the user of From, as far as they can be read."""
    try:
        message = parse(data)
        sender = NameAddr.parse(message.header("From") or "").uri
        return message.call_id, SipUri.parse(sender).user
    except (WireError, UriError):
        return "", ""
