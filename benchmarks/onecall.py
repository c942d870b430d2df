"""One call through the whole SIP role in this process: no sockets, no database, no rtpengine.

    python -m benchmarks.onecall [--calls 2000] [--rounds 5] [--profile]

From the INVITE of a carrier to the answer of a registered phone and the caller's BYE: the real
endpoint, switchboard, routing and registrar over memory. Prints microseconds of CPU for a call, the
least of the
rounds; with ``--profile`` what they were spent on. ``World`` also serves the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import sys
import time
from uuid import UUID

import uvloop

from core.call.switchboard import Switchboard
from core.clock import SystemClock
from core.contracts import (
    Addressee,
    AddresseeKind,
    Branch,
    Chain,
    Dial,
    Employee,
    Line,
    Number,
    Scenario,
    Snapshot,
    Terminal,
    TerminalKind,
    Trunk,
)
from core.host import Host
from core.logs import configure
from core.settings import Address, LogSettings, SipSettings
from core.sip._wire import parse
from core.sip.endpoint import Endpoint
from core.sip.flow import Flow
from core.testing import MemoryBoard, MemoryCallStore, MemoryDirectory, MemoryMedia

TENANT, ANNA, TERMINAL, TRUNK = (UUID(int=number) for number in range(1, 5))
NUMBER, LOGIN = "+74951234567", "0050000001"
CARRIER = Trunk(TRUNK, "carrier", "192.0.2.1", networks=("192.0.2.0/24",))
_SDP = (
    "v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 9000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


class Directory(MemoryDirectory):
    """As quick as the real one, which looks numbers and addresses up in dictionaries."""

    def put(self, snapshot: Snapshot) -> None:
        super().put(snapshot)
        self._owned = {number.e164: (snapshot, number) for number in snapshot.numbers}

    def number(self, e164: str) -> tuple[Snapshot, Number] | None:
        return self._owned.get(e164)

    def trunk_from(self, host: str) -> Trunk | None:
        return CARRIER if host == CARRIER.host else None


class Endless(SystemClock):
    """The system's time and ``ahead`` seconds, so that a benchmark can let transactions end."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class World:
    """A company whose only line has a phone, and a carrier; ``sent`` is what left us."""

    def __init__(self) -> None:
        self.sent: list[tuple[Flow, bytes]] = []
        self.store = MemoryCallStore()
        self.clock = Endless()
        directory = Directory()
        dial = Dial((Addressee(AddresseeKind.EMPLOYEE, str(ANNA)),))
        scenario = Scenario(UUID(int=40), "All", 1, Branch(UUID(int=20), "top", Chain((dial,))))
        directory.put(
            Snapshot(
                tenant_id=TENANT,
                version=1,
                hash="0" * 64,
                name="Company",
                employees=(Employee(ANNA, "Anna", "101", terminals=(TERMINAL,)),),
                terminals=(Terminal(TERMINAL, ANNA, TerminalKind.SIP, LOGIN, channels=100),),
                numbers=(Number(UUID(int=30), NUMBER, scenario_id=scenario.id, trunk_id=TRUNK),),
                scenarios=(scenario,),
            )
        )
        directory.add_trunk(CARRIER)
        board = MemoryBoard()
        self.switchboard = Switchboard(
            settings=SipSettings(),
            directory=directory,
            media=MemoryMedia(),
            store=self.store,
            board=board,
            host=Host({}),
            publish=lambda event: None,
            clock=self.clock,
        )
        self.endpoint = Endpoint(
            listen=Address("127.0.0.1", 0),
            domain="pbx.test",
            external="192.0.2.9:5060",
            lines=directory.line,
            trunk_from=directory.trunk_from,
            on_invite=self.switchboard.on_invite,
            registrar_sink=board,
            clock=self.clock,
            secret=b"secret",
        )
        self.switchboard.endpoint = self.endpoint
        self._count = 0

    async def start(self) -> None:
        """Listen, and let what is sent come to us instead of the network."""
        await self.endpoint.start()
        agent = self.endpoint._agent
        assert agent is not None
        agent.transactions.transmit = lambda flow, data: self.sent.append((flow, data))
        local = (self.endpoint.address.host, self.endpoint.address.port)
        self.carrier = Flow("UDP", local, (CARRIER.host, 5060))
        self.phone = Flow("UDP", local, ("198.51.100.7", 5060))
        line = Line(LOGIN, TENANT, ANNA, TERMINAL, {})
        register = (
            f"REGISTER sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKr\r\n"
            f"From: <sip:{LOGIN}@pbx.test>;tag=r\r\nTo: <sip:{LOGIN}@pbx.test>\r\nCall-ID: r\r\n"
            f"CSeq: 1 REGISTER\r\nContact: <sip:{LOGIN}@198.51.100.7>;expires=3600\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        agent.registrar.register(line, parse(register.encode()), self.phone)

    async def stop(self) -> None:
        """Close the sockets."""
        await self.endpoint.stop()

    async def call(self) -> None:
        """One call from its first message to its record."""
        self._count += 1
        name = f"c{self._count}"
        self._receive(self.carrier, self._from_carrier("INVITE", name, _SDP))
        invite = (await self._until("INVITE "))[1]
        self._receive(self.phone, _answer(invite, "100 Trying", ""))
        self._receive(self.phone, _answer(invite, "180 Ringing", ";tag=p"))
        await self._until("SIP/2.0 180")
        self._receive(self.phone, _answer(invite, "200 OK", ";tag=p", _SDP))
        ok = parse((await self._until("SIP/2.0 200"))[1])
        tag = ok.to_tag
        self._receive(self.carrier, self._from_carrier("ACK", name, "", tag))
        self._receive(self.carrier, self._from_carrier("BYE", name, "", tag))
        bye = (await self._until("BYE "))[1]
        self._receive(self.phone, _answer(bye, "200 OK", ""))
        while self.switchboard._tasks:  # noqa: ASYNC110 - turns of the loop are what is counted
            await asyncio.sleep(0)
        self.sent.clear()

    def forget(self) -> None:
        """Let half a minute pass: what transactions hold is freed."""
        self.clock.ahead += 40
        self.endpoint._ticked += 40  # the loop does not lag
        self.endpoint._wheel.advance()

    def _receive(self, flow: Flow, data: bytes) -> None:
        assert self.endpoint._received(data, flow, False)

    async def _until(self, beginning: str) -> tuple[Flow, bytes]:
        wanted = beginning.encode()
        while True:
            for flow, data in self.sent:
                if data.startswith(wanted):
                    return flow, data
            await asyncio.sleep(0)

    def _from_carrier(self, method: str, name: str, body: str, tag: str = "") -> bytes:
        to = f"<sip:{NUMBER}@carrier.test>" + (f";tag={tag}" if tag else "")
        uri = "sip:192.0.2.9:5060" if tag else f"sip:{NUMBER}@192.0.2.9:5060"
        cseq = 2 if method == "BYE" else 1
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{name}{method}\r\n"
            f'Max-Forwards: 70\r\nFrom: "Caller {name}" <sip:+79160000001@carrier.test>;tag={name}\r\n'
            f"To: {to}\r\nCall-ID: {name}\r\nCSeq: {cseq} {method}\r\n"
            "Contact: <sip:+79160000001@192.0.2.1:5060>\r\n"
            f"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nUser-Agent: Carrier\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def _answer(request: bytes, status: str, tag: str, body: str = "") -> bytes:
    lines = request.split(b"\r\n\r\n")[0].decode().split("\r\n")
    kept = [each for each in lines if each.startswith(("Via", "From", "To:", "Call-ID", "CSeq"))]
    text = "\r\n".join(each + tag if each.startswith("To:") else each for each in kept)
    kind = "Content-Type: application/sdp\r\n" if body else ""
    contact = (
        f"Contact: <sip:{LOGIN}@198.51.100.7:5060>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    )
    return f"SIP/2.0 {status}\r\n{text}\r\n{contact}".encode()


async def measure(calls: int, rounds: int, profile: bool) -> float:
    """Microseconds of CPU for a call, the least of the rounds."""
    world = World()
    await world.start()
    best = float("inf")
    for _ in range(50):
        await world.call()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 3, 10)
    profiler = cProfile.Profile()
    for _ in range(rounds):
        if profile:
            profiler.enable()
        begun = time.process_time()
        for _ in range(calls):
            await world.call()
        best = min(best, (time.process_time() - begun) / calls)
        profiler.disable()
        world.forget()
        world.store.cdrs.clear()
    await world.stop()
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumtime").print_stats(170)
    return best * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.onecall", description="CPU of one call")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    configure(LogSettings(json=True), "sip")
    said, sys.stderr = sys.stderr, open(os.devnull, "w")  # noqa: SIM115, PTH123 - log lines cost
    configure(LogSettings(json=True), "sip")
    sys.stderr = said
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(round(runner.run(measure(options.calls, options.rounds, options.profile)), 1))


if __name__ == "__main__":
    main()
