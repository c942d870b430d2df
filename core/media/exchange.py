"""One call as rtpengine has it: offers and answers from tag to tag, each said as its parties need it.

Every pair of tags has a via-branch of its own: by one that it knows rtpengine takes a tag that is new
for the party of that branch (measured). Which server has the call is chosen by the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from core import sdp
from core.errors import MediaRefused, MediaUnavailable
from core.media import profiles
from core.media.bencode import Value
from core.media.party import Party
from core.media.rtpengine import Reply
from core.sdp import PLAIN, Profile

__all__ = ["AT_ONCE", "Exchange", "Place"]

log = structlog.get_logger(__name__)

_Codec = Mapping[str, tuple[str, ...]]
AT_ONCE: Mapping[str, Value] = {"delete-delay": 0}


class Place(Protocol):
    """The server of one call."""

    async def request(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        """As ``NgClient.request``; the first one chooses the server."""
        ...

    def leave(self) -> None:
        """The call is deleted."""
        ...


class Exchange:
    """What is said to rtpengine of one call; tags that no one of ``parties`` has are stubs of ours."""

    def __init__(self, call_id: str, engine: Callable[[], Place]) -> None:
        self.parties: dict[str, Party] = {}
        self.injects = False  # keys are put into the audio
        self.call_id = call_id
        self._engine = engine
        self._client: Place | None = None
        self._closed = False

    @property
    def open(self) -> bool:
        """Whether the call has begun and is not closed."""
        return self._client is not None and not self._closed

    def begin(self) -> None:
        """The call opens; if it did before, it begins anew, at another server."""
        if self._client is not None:
            self._client.leave()
        self._client = self._engine()

    async def offer(
        self, from_tag: str, to_tag: str, body: bytes, codec: _Codec | None = None
    ) -> bytes:
        """A party, or a stub, offers this to another; returns what that one is offered."""
        arguments = profiles.for_offer(self._profile(from_tag), self._profile(to_tag))
        if codec is not None:
            arguments["codec"] = codec
        return await self._exchange("offer", from_tag, to_tag, body, arguments)

    async def answer(self, from_tag: str, to_tag: str, body: bytes) -> bytes:
        """``to_tag`` answers an offer of ``from_tag``; returns what that one is answered."""
        arguments = profiles.for_answer(self._profile(to_tag), self._profile(from_tag))
        return await self._exchange("answer", from_tag, to_tag, body, arguments)

    async def _exchange(
        self, command: str, from_tag: str, to_tag: str, body: bytes, arguments: dict[str, Value]
    ) -> bytes:
        """An offer of ``from_tag`` to ``to_tag``, or the answer that goes the other way."""
        sender, receiver = (from_tag, to_tag) if command == "offer" else (to_tag, from_tag)
        # The address 0.0.0.0 of a stub, or of a browser before ICE, is not to look like hold.
        if sender not in self.parties or self._profile(sender).ice:
            arguments["flags"] = (*_words(arguments["flags"]), "original-sendrecv")
        if self.injects:
            arguments["flags"] = (*_words(arguments["flags"]), "inject-DTMF")
        reply = await self.request(
            command,
            {
                "from-tag": from_tag,
                "to-tag": to_tag,
                "via-branch": f"br-{from_tag}-{to_tag}",
                "replace": ("origin", "zero-address"),
                "sdp": body,
                **arguments,
            },
        )
        told = reply.get("sdp")
        if not isinstance(told, bytes):
            raise MediaRefused()
        if self._profile(sender).ice and not self._profile(receiver).ice:
            told = sdp.without_webrtc(told)
        return self.parties[receiver].without_events(told) if receiver in self.parties else told

    def _profile(self, tag: str) -> Profile:
        return self.parties[tag].profile if tag in self.parties else PLAIN

    async def delete(self, tag: str) -> None:
        """Free the ports of a stub."""
        await self.request("delete", {"from-tag": tag, **AT_ONCE})

    async def request(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        """A command for this call. Raises MediaUnavailable, MediaRefused."""
        # A closed call must not come to life again: an offer makes a call that it does not find.
        if self._closed or self._client is None:
            raise MediaUnavailable()
        return await self._client.request(command, {"call-id": self.call_id, **arguments})

    async def close(self) -> None:
        """Free everything. What happens to the server is no concern of an ended call."""
        if self._closed or self._client is None:
            self._closed = True
            return
        self._closed = True
        try:
            await self._client.request("delete", {"call-id": self.call_id, **AT_ONCE})
        except MediaUnavailable:
            log.warning("media.close_failed", call_id=self.call_id)
        finally:
            self._client.leave()


def _words(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else ()
