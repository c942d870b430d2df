"""Many phones that register by digest, each answering its challenge: the load of ``bench-register``.

Phones live at several loopback addresses, so that to the server they are an office each and not one
flood. A request without an answer is sent again as RFC 3261 has it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import md5

__all__ = ["Phone", "Result", "Town"]

_T1 = 0.5
_TRIES = 7
_NONCE = re.compile(rb'WWW-Authenticate: Digest [^\r]*nonce="([^"]+)"[^\r]*algorithm=MD5')


@dataclass
class Result:
    """What became of a round: how long each registration took from its first REGISTER to its 200, in
    seconds, requests sent again, and registrations that ended otherwise, by the last status seen."""

    took: list[float] = field(default_factory=list)
    retransmissions: int = 0
    failed: dict[int, int] = field(default_factory=dict)


class Phone:
    """One line's phone; ``ha1`` is that of MD5."""

    def __init__(self, login: str, domain: str, password: str) -> None:
        self.login = login
        self.domain = domain
        self.ha1 = md5(f"{login}:{domain}:{password}".encode()).hexdigest()
        self.cseq = 0

    def register(self, address: tuple[str, int], branch: str, nonce: str = "") -> bytes:
        """A REGISTER from an address; with a nonce it is signed."""
        self.cseq += 1
        login, domain, place = self.login, self.domain, f"{address[0]}:{address[1]}"
        signed = self._signed(nonce) if nonce else ""
        return (
            f"REGISTER sip:{domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {place};rport;branch=z9hG4bK{branch}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:{login}@{domain}>;tag={login}\r\n"
            f"To: <sip:{login}@{domain}>\r\n"
            f"Call-ID: {login}@{place}\r\n"
            f"CSeq: {self.cseq} REGISTER\r\n"
            f"Contact: <sip:{login}@{place}>\r\n"
            "Expires: 3600\r\n"
            "User-Agent: bench-register\r\n"
            f"{signed}"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def _signed(self, nonce: str) -> str:
        uri = f"sip:{self.domain}"
        request = md5(f"REGISTER:{uri}".encode()).hexdigest()
        text = f"{self.ha1}:{nonce}:00000001:c0ffee:auth:{request}"
        response = md5(text.encode()).hexdigest()
        return (
            f'Authorization: Digest username="{self.login}", realm="{self.domain}", nonce="{nonce}",'
            f' uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc=00000001,'
            ' cnonce="c0ffee"\r\n'
        )


class _Attempt:
    """One registration on its way."""

    def __init__(self, phone: Phone, begun: float) -> None:
        self.phone = phone
        self.begun = begun
        self.status = 0
        self.data = b""
        self.branch = ""
        self.signed = False
        self.timer: asyncio.TimerHandle | None = None


class Phones(asyncio.DatagramProtocol):
    """The phones at one address."""

    def __init__(self, host: str, phones: Sequence[Phone]) -> None:
        self.host = host
        self.phones = phones
        self.result = Result()
        self._pending: dict[str, _Attempt] = {}
        self._count = 0
        self._transport: asyncio.DatagramTransport
        self._on_end: Callable[[], None] = lambda: None
        self._address = (host, 0)

    async def open(self, server: tuple[str, int]) -> None:
        """Bind a free port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, 0), remote_addr=server
        )
        self._address = self._transport.get_extra_info("sockname")[:2]

    def close(self) -> None:
        """Give up what goes on and free the port."""
        for attempt in self._pending.values():
            if attempt.timer is not None:
                attempt.timer.cancel()
        self._transport.close()

    def register(self, phone: Phone, on_end: Callable[[], None]) -> None:
        """Begin a registration; ``on_end`` hears when it has ended, well or not."""
        self._on_end = on_end
        self._send(_Attempt(phone, time.perf_counter()))

    def _send(self, attempt: _Attempt, nonce: str = "") -> None:
        self._count += 1
        attempt.branch = f"{self._address[0]}.{self._address[1]}.{self._count}"
        attempt.data = attempt.phone.register(self._address, attempt.branch, nonce)
        attempt.signed = bool(nonce)
        self._pending[attempt.branch] = attempt
        self._transport.sendto(attempt.data)
        self._arm(attempt, _T1, 1)

    def _arm(self, attempt: _Attempt, seconds: float, tries: int) -> None:
        loop = asyncio.get_running_loop()
        attempt.timer = loop.call_later(seconds, self._again, attempt, seconds, tries)

    def _again(self, attempt: _Attempt, seconds: float, tries: int) -> None:
        if tries >= _TRIES:
            self._end(attempt, 408)
            return
        self.result.retransmissions += 1
        self._transport.sendto(attempt.data)
        self._arm(attempt, min(seconds * 2, 4.0), tries + 1)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """An answer: the challenge is answered, anything else is the end."""
        start = data.find(b"z9hG4bK") + 7
        branch = data[start : data.find(b"\r", start)].partition(b";")[0].decode()
        attempt = self._pending.get(branch)
        if attempt is None:
            return
        status = int(data[8:11])
        if status == 401 and not attempt.signed and (found := _NONCE.search(data)):
            del self._pending[branch]
            if attempt.timer is not None:
                attempt.timer.cancel()
            self._send(attempt, found[1].decode())
        else:
            self._end(attempt, status)

    def _end(self, attempt: _Attempt, status: int) -> None:
        del self._pending[attempt.branch]
        if attempt.timer is not None:
            attempt.timer.cancel()
        if status == 200:
            self.result.took.append(time.perf_counter() - attempt.begun)
        else:
            self.result.failed[status] = self.result.failed.get(status, 0) + 1
        self._on_end()


class Town:
    """All phones, spread over ``offices`` addresses, which stay the same from round to round."""

    def __init__(self, phones: Sequence[Phone], offices: int = 100) -> None:
        self._places = [
            Phones(f"127.10.{index // 250}.{index % 250 + 1}", phones[index::offices])
            for index in range(min(offices, len(phones)))
        ]

    async def open(self, server: tuple[str, int]) -> None:
        """Move in: bind a port at each address."""
        for place in self._places:
            await place.open(server)

    def close(self) -> None:
        """Free the ports."""
        for place in self._places:
            place.close()

    async def register(self, rate: float, count: int) -> Result:
        """``count`` registrations at ``rate`` a second, the phones in turn; waits for the last one."""
        places = self._places
        ended, done = 0, asyncio.Event()

        def on_end() -> None:
            nonlocal ended
            ended += 1
            if ended == count:
                done.set()

        for place in places:
            place.result = Result()
        begun = time.perf_counter()
        for index in range(count):
            ahead = begun + index / rate - time.perf_counter()
            if ahead > 0.001:
                await asyncio.sleep(ahead)
            elif index % 20 == 0:
                await asyncio.sleep(0)
            place = places[index % len(places)]
            place.register(place.phones[index // len(places) % len(place.phones)], on_end)
        async with asyncio.timeout(60):
            await done.wait()
        return _sum([place.result for place in places])


def _sum(results: Sequence[Result]) -> Result:
    total = Result()
    for each in results:
        total.took += each.took
        total.retransmissions += each.retransmissions
        for status, number in each.failed.items():
            total.failed[status] = total.failed.get(status, 0) + number
    return total
