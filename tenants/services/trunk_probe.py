"""Asking a carrier by OPTIONS whether it is there (RFC 3261 §11), without a SIP process."""

from __future__ import annotations

import asyncio
import time

from msgspec import Struct

from core.contracts import TrunkTransport
from core.sip import _wire as wire
from core.sip.stream import SipStream
from core.sip.tls import client_context
from tenants.secrets import new_token

__all__ = ["TrunkTest", "probe"]

PROBE_SECONDS = 2.0
PROBE_TRIES = 2


class TrunkTest(Struct, frozen=True):
    """What a carrier answered to OPTIONS (RFC 3261 §11), if anything."""

    reachable: bool
    status: int = 0
    reason: str = ""
    milliseconds: float = 0.0
    user_agent: str = ""


async def probe(
    host: str,
    port: int,
    seconds: float = PROBE_SECONDS,
    transport: TrunkTransport = TrunkTransport.UDP,
) -> TrunkTest:
    """Send OPTIONS, by UDP twice if need be, and wait for any answer."""
    if transport is TrunkTransport.UDP:
        return await _by_datagram(host, port, seconds)
    try:
        async with asyncio.timeout(seconds):
            return await _by_connection(host, port, transport)
    except TimeoutError:
        return TrunkTest(reachable=False, reason="no answer")
    except OSError as error:  # refused, or a certificate that is not the carrier's
        return TrunkTest(reachable=False, reason=error.strerror or str(error))


async def _by_connection(host: str, port: int, transport: TrunkTransport) -> TrunkTest:
    tls = client_context() if transport is TrunkTransport.TLS else None
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(_options(host, port, writer.get_extra_info("sockname")[:2], transport))
        stream = SipStream()
        while data := await reader.read(65536):
            for message in map(wire.parse, stream.receive(data)):
                if not message.is_request:
                    return _heard(message, began)
        return TrunkTest(reachable=False, reason="it hung up without an answer")
    except wire.WireError:
        return TrunkTest(reachable=False, reason="the answer is not SIP")
    finally:
        writer.close()


async def _by_datagram(host: str, port: int, seconds: float) -> TrunkTest:
    loop = asyncio.get_running_loop()
    try:
        transport, answers = await loop.create_datagram_endpoint(_Answers, remote_addr=(host, port))
    except OSError as error:
        return TrunkTest(reachable=False, reason=error.strerror or str(error))
    reason = "no answer"
    try:
        local = transport.get_extra_info("sockname")
        for _ in range(PROBE_TRIES):
            began = time.monotonic()
            transport.sendto(_options(host, port, local))
            try:
                async with asyncio.timeout(seconds):
                    answer = await answers.next()
            except TimeoutError:
                continue
            except OSError as error:  # the machine is there and says that nobody listens
                reason = error.strerror or str(error)
                break
            return _heard(answer, began)
    finally:
        transport.close()
    return TrunkTest(reachable=False, reason=reason)


def _heard(answer: wire.Message, began: float) -> TrunkTest:
    return TrunkTest(
        reachable=True,
        status=answer.status,
        reason=answer.reason,
        milliseconds=round((time.monotonic() - began) * 1000, 1),
        user_agent=answer.header("User-Agent") or answer.header("Server") or "",
    )


class _Answers(asyncio.DatagramProtocol):
    """The first responses that come back, or the error that the system reports for the address."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[wire.Message | OSError] = asyncio.Queue()

    async def next(self) -> wire.Message:
        """The next answer. Raises OSError if nobody listens there."""
        found = await self._queue.get()
        if isinstance(found, OSError):
            raise found
        return found

    def datagram_received(self, data: bytes, addr: object) -> None:
        try:
            message = wire.parse(data)
        except wire.WireError:
            return
        if not message.is_request:
            self._queue.put_nowait(message)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._queue.put_nowait(exc)


def _options(
    host: str, port: int, local: tuple[str, int], transport: TrunkTransport = TrunkTransport.UDP
) -> bytes:
    here = f"[{local[0]}]:{local[1]}" if ":" in local[0] else f"{local[0]}:{local[1]}"
    there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return wire.build_request(
        "OPTIONS",
        f"sip:{there}",
        [
            ("Via", f"SIP/2.0/{transport.upper()} {here};branch=z9hG4bK{new_token()};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:probe@{here}>;tag={new_token()[:16]}"),
            ("To", f"<sip:{there}>"),
            ("Call-ID", new_token()),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<sip:probe@{here}>"),
            ("Accept", "application/sdp"),
            ("Content-Length", "0"),
        ],
    )
