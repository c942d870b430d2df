"""A bad network between us and a peer: a UDP relay that loses and reorders by a seed.

A ``Link`` has two sockets. What a peer sends to ``near`` leaves from ``far`` towards us, and what we
send to ``far`` leaves from ``near`` towards the peer: we see a peer at ``far``, the peer sees us at
``near``. The fate of the nth packet of a direction depends on the seed alone, so a run can be repeated
as far as the peers send the same packets.
"""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager

LOSS = 0.05
REORDERED = 0.05
_LATE = 0.08  # seconds that a packet is held back for others to overtake it


class Network:
    """Links with one kind of weather. ``lost`` and ``late`` count packets of all of them."""

    def __init__(self, seed):
        self.seed = seed
        self.lost = self.late = 0
        self._links = 0
        self._open = AsyncExitStack()

    async def link(self, server, peer, host="127.0.0.1", port=0):
        """Between ``server`` (us) and ``peer``; we see the peer at ``host``."""
        self._links += 1
        made = Link(self, f"{self.seed}/{self._links}", server, peer)
        await made.open(host, port)
        self._open.callback(made.close)
        return made

    async def close(self):
        await self._open.aclose()


@asynccontextmanager
async def network(seed):
    """A network for the block."""
    made = Network(seed)
    try:
        yield made
    finally:
        await made.close()


class Link:
    """Both directions between one peer and us; ``near``, ``far`` and ``peer`` are (host, port)."""

    def __init__(self, weather, seed, server, peer):
        self.peer = peer
        self._towards_us = _Direction(weather, f"{seed}/in", server)
        self._towards_peer = _Direction(weather, f"{seed}/out", peer)

    async def open(self, host, port):
        near = await _socket("127.0.0.1", 0, self._towards_us)
        far = await _socket(host, port, self._towards_peer)
        self._towards_us.out, self._towards_peer.out = far, near
        self.near, self.far = (end.get_extra_info("sockname") for end in (near, far))

    def close(self):
        for direction in (self._towards_us, self._towards_peer):
            direction.out.close()


class _Direction(asyncio.DatagramProtocol):
    """What came in at one end leaves at the other, if the dice say so."""

    def __init__(self, weather, seed, goal):
        self._weather = weather
        self._dice = random.Random(seed)
        self._goal = goal
        self.out = None

    def datagram_received(self, data, _):
        weather, fate = self._weather, self._dice.random()
        if fate < LOSS:
            weather.lost += 1
        elif fate < LOSS + REORDERED:
            weather.late += 1
            asyncio.get_running_loop().call_later(_LATE, self._send, data)
        else:
            self._send(data)

    def _send(self, data):
        if not self.out.is_closing():
            self.out.sendto(data, self._goal)


async def _socket(host, port, protocol):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: protocol, local_addr=(host, port))
    return transport
