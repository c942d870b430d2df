"""SIP over WebSocket, the server's side: one message in each of its messages (RFC 7118)."""

from __future__ import annotations

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from core.sip._wire import MAX_MESSAGE, WireError
from core.sip.stream import Codec, keep_alive

__all__ = ["SUBPROTOCOL", "WebSocket"]

SUBPROTOCOL = "sip"
"""What a client must offer (RFC 7118 §4); others speak something else here."""

_SLICE = 16384
_TOO_BIG = 1009


class WebSocket(Codec):
    """The server's end of one WebSocket. No compression: a small frame must not become a big one."""

    stream = False

    def __init__(self) -> None:
        self._socket = WSConnection(ConnectionType.SERVER)
        self._out: list[bytes] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._open = False

    def receive(self, data: bytes) -> list[bytes]:
        """Messages that are complete now; WireError if this is no WebSocket, or none for SIP."""
        messages: list[bytes] = []
        try:
            for start in range(0, len(data), _SLICE):
                self._socket.receive_data(data[start : start + _SLICE])
                for event in self._socket.events():
                    self._on(event, messages)
        except RemoteProtocolError as error:
            if error.event_hint is not None and not self.closed:
                self._say(error.event_hint)
            raise WireError(f"not a WebSocket: {error}") from None
        except UnicodeDecodeError:  # wsproto trusts the handshake's headers to be ASCII
            raise WireError("not a WebSocket: a header is not ASCII") from None
        except LocalProtocolError:  # the peer goes on behind the end
            self.closed = True
        return messages

    def _on(self, event: Event, messages: list[bytes]) -> None:
        if isinstance(event, TextMessage):
            self._part(event.data.encode(), event.message_finished, messages)
        elif isinstance(event, BytesMessage):
            self._part(bytes(event.data), event.message_finished, messages)
        elif isinstance(event, Request):
            self._handshake(event)
        elif isinstance(event, Ping):
            self._say(event.response())
        elif isinstance(event, CloseConnection):
            self._say(event.response())
            self.closed = True

    def _handshake(self, request: Request) -> None:
        if SUBPROTOCOL in request.subprotocols:
            self._say(AcceptConnection(subprotocol=SUBPROTOCOL))
            self._open = True
        else:
            self._say(RejectConnection(status_code=400))
            self.closed = True

    def _part(self, data: bytes, finished: bool, messages: list[bytes]) -> None:
        self._size += len(data)
        if self._size > MAX_MESSAGE:
            self._say(CloseConnection(code=_TOO_BIG))
            raise WireError("message over 64 KB")
        if data:
            self._parts.append(data)
        if not finished:
            return
        message = b"".join(self._parts)
        self._parts, self._size = [], 0
        if message.strip(b"\r\n"):
            messages.append(message)
        elif answer := keep_alive(message):
            self.send(answer)

    def send(self, message: bytes) -> None:
        """As text where it is text: browsers' stacks expect that (RFC 7118 §5 allows either)."""
        event: TextMessage | BytesMessage
        try:
            event = TextMessage(data=message.decode())
        except UnicodeDecodeError:
            event = BytesMessage(data=message)
        self._say(event)

    def take(self) -> bytes:
        """What is to be written now."""
        out, self._out = self._out, []
        return b"".join(out)

    def close(self) -> None:
        """Say goodbye, once the handshake is over."""
        if self._open and not self.closed:
            self._say(CloseConnection(code=1001))
            self.closed = True

    def ping(self) -> None:
        """A ping of the protocol; every browser answers."""
        if self._open:
            self._say(Ping())

    @property
    def pending(self) -> bool:
        """Whether the handshake or a message is not complete."""
        return not self._open or bool(self._parts)

    def _say(self, event: Event) -> None:
        try:
            self._out.append(self._socket.send(event))
        except LocalProtocolError:  # behind the end, or before the handshake
            self.closed = self.closed or self._open
