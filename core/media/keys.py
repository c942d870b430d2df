"""Keys that people press, as rtpengine reports them: JSON in a datagram for each, once released."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog
from msgspec import Struct

from core.sdp import TELEPHONE_KEYS
from core.settings import Address

__all__ = ["KeyLog"]

log = structlog.get_logger(__name__)

OnKey = Callable[[str, str, str, int], None]


class _Reported(Struct):
    callid: str
    source_tag: str
    event: int
    duration: int = 100
    type: str = "DTMF"


class KeyLog(asyncio.DatagramProtocol):
    """The listener behind ``--dtmf-log-dest``. ``on_key`` hears rtpengine's names of the call and of
    the party, the key (``0-9*#A-D``) and for how many milliseconds it was pressed."""

    def __init__(self, on_key: OnKey) -> None:
        self._on_key = on_key
        self._transport: asyncio.BaseTransport | None = None

    async def open(self, address: Address) -> Address:
        """Listen; returns where, for port 0 asks the system for one."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(address.host, address.port)
        )
        self._transport = transport
        return Address(*transport.get_extra_info("sockname")[:2])

    def close(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Hand a key on; what is none is left alone, whoever sent it."""
        try:
            said = msgspec.json.decode(data, type=_Reported)
        except msgspec.MsgspecError:
            log.warning("media.key_unreadable")
            return
        if said.type == "DTMF" and 0 <= said.event < len(TELEPHONE_KEYS):
            self._on_key(said.callid, said.source_tag, TELEPHONE_KEYS[said.event], said.duration)
