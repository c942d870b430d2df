"""TLS in memory under another codec, and the contexts for it: nothing below TLS 1.2."""

from __future__ import annotations

import logging
import ssl
from contextlib import suppress
from pathlib import Path

from core.sip._wire import WireError
from core.sip.stream import Codec

__all__ = ["Certificate", "Tls", "client_context", "server_context"]

log = logging.getLogger(__name__)

_CHUNK = 65536


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What clients meet: our chain and key, both PEM. OSError (ssl.SSLError is one) if unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(certificate, key)
    return context


def client_context() -> ssl.SSLContext:
    """For connections that we open: the far side must prove its name to the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Certificate:
    """Our chain and key on disk. A renewed one serves the next connection without a restart."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """OSError (ssl.SSLError is one) if they cannot be used."""
        self._paths = certificate, key
        self._stamps = self._look()
        self._context = server_context(certificate, key)

    def _look(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._paths)

    def context(self) -> ssl.SSLContext:
        """For a connection made now. While the files do not fit together the old ones serve on."""
        try:
            stamps = self._look()
            if stamps != self._stamps:
                self._stamps = stamps
                self._context = server_context(*self._paths)
        except OSError as error:
            log.warning("certificate not renewed: %s", error)
        return self._context


class Tls(Codec):
    """``inner`` encrypted. ``name`` is whom we expect, on a connection that we opened."""

    def __init__(self, context: ssl.SSLContext, inner: Codec, name: str | None = None) -> None:
        self._inner = inner
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._in, self._out, server_side=name is None, server_hostname=name
        )
        self._ready = False
        self.stream = inner.stream
        self._shake_hands()  # a client speaks first

    @property
    def pending(self) -> bool:
        """Whether the handshake or something inside is not complete."""
        return not self._ready or self._inner.pending

    def receive(self, data: bytes) -> list[bytes]:
        """Messages that are complete now; WireError if this is no TLS that we accept."""
        messages: list[bytes] = []
        self._in.write(data)
        try:
            if not self._ready:
                self._shake_hands()
            while self._ready:
                plain = self._tls.read(_CHUNK)
                if not plain:
                    self.closed = True
                    break
                messages += self._inner.receive(plain)
                self.closed = self._inner.closed
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        except ssl.SSLError as error:
            raise WireError(f"TLS: {error.reason}") from None
        return messages

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self._ready = True

    def send(self, message: bytes) -> None:
        """Put a message behind what is to be written; it waits for the handshake."""
        self._inner.send(message)

    def take(self) -> bytes:
        """What is to be written now."""
        if self._ready and (plain := self._inner.take()):
            try:
                self._tls.write(plain)
            except ssl.SSLError:  # the peer has ended it
                self.closed = True
        return self._out.read()

    def close(self) -> None:
        """Put the farewells of both layers behind what is to be written."""
        if not self._ready:
            return
        self._inner.close()
        with suppress(ssl.SSLError):  # the peer's own farewell is not waited for
            self._tls.write(self._inner.take())
            self._tls.unwrap()

    def ping(self) -> None:
        """The keep-alive of what is inside."""
        self._inner.ping()
