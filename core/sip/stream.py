"""SIP messages out of a connection's bytes, and keep-alives between them: no sockets, no clock.

A codec turns what a connection received into messages, and a message into what it sends. They are
put on top of one another: WSS is WebSocket in TLS.
"""

from __future__ import annotations

from core.sip._wire import frame

__all__ = ["Codec", "SipStream", "keep_alive"]

_SLICE = 8192
"""Bytes looked at together, so that thousands of messages in one packet are not copied as often."""

_PING, _PONG = b"\r\n\r\n", b"\r\n"


def keep_alive(data: bytes) -> bytes:
    """What answers a keep-alive: a ping of two empty lines is answered by one (RFC 5626 §4.4.1)."""
    return _PONG if data == _PING else b""


class Codec:
    """What all codecs have in common; by itself SIP as it stands on TCP.

    ``stream`` says whether messages must tell their length; ``closed`` that the peer wants to end.
    """

    stream = True
    closed = False

    def receive(self, data: bytes) -> list[bytes]:
        """Messages that are complete now. WireError (a ValueError) if this leads nowhere."""
        raise AssertionError(data)  # pragma: no cover - every codec overrides it

    def send(self, message: bytes) -> None:
        """Put a message behind what is to be written."""
        raise AssertionError(message)  # pragma: no cover - every codec overrides it

    def take(self) -> bytes:
        """What is to be written now; it is not said again."""
        raise AssertionError  # pragma: no cover - every codec overrides it

    def close(self) -> None:
        """Put a farewell behind what is to be written, if the protocol has one."""

    def ping(self) -> None:
        """Put a keep-alive behind what is to be written."""

    @property
    def pending(self) -> bool:
        """Whether the peer began something that it must go on with: a message, a handshake."""
        return False


class SipStream(Codec):
    """Messages one behind the other, each as long as its Content-Length says (RFC 3261 §18.3)."""

    def __init__(self) -> None:
        self._buffer = b""
        self._out: list[bytes] = []
        self._pinged = False

    def receive(self, data: bytes) -> list[bytes]:
        """Messages that are complete now; WireError if the stream cannot be followed further."""
        messages: list[bytes] = []
        for start in range(0, len(data), _SLICE):
            self._buffer += data[start : start + _SLICE]
            self._read(messages)
        if self._pinged:  # one answer for all that came together
            self._pinged = False
            self._out.append(_PONG)
        return messages

    def _read(self, messages: list[bytes]) -> None:
        while True:
            self._skip_empty_lines()
            size = frame(self._buffer)
            if not size:
                return
            messages.append(self._buffer[:size])
            self._buffer = self._buffer[size:]

    def _skip_empty_lines(self) -> None:
        buffer, at = self._buffer, 0
        while buffer.startswith(_PING, at):
            at += 4
            self._pinged = True
        if buffer.startswith(b"\r\n", at) and len(buffer) > at + 2 and buffer[at + 2] != 13:
            at += 2  # the answer to a ping of ours, or an empty line before a message
        if at:
            self._buffer = buffer[at:]

    def send(self, message: bytes) -> None:
        """Put a message behind what is to be written."""
        self._out.append(message)

    def take(self) -> bytes:
        """What is to be written now."""
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def ping(self) -> None:
        """Two empty lines, which whoever knows RFC 5626 answers by one."""
        self._out.append(_PING)

    @property
    def pending(self) -> bool:
        """Whether there is half a message. An empty line is none: half a ping, or an answer to one."""
        return self._buffer not in (b"", b"\r", b"\r\n", b"\r\n\r")
