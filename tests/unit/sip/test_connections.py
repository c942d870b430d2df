"""Connections on real sockets: who may have one, and when one has to go. Time is the test's."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core.settings import Address
from core.sip._wire import build_request, build_response, parse
from core.sip.flow import OUTGOING, Flow
from core.sip.stats import Stats
from core.sip.timers import Wheel
from core.sip.transport_stream import Limits, Streams
from tests.support.waiting import until

OPTIONS = build_request("OPTIONS", "sip:h", [("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")])


class Net:
    """Streams whose owner answers every request with 200, and a clock that stands still."""

    def __init__(self, **limits):
        self.seconds = 0.0
        self.wheel = Wheel(lambda: self.seconds)
        self.stats = Stats()
        self.got, self.closed, self.used = [], [], set()
        self.admits = True
        self.streams = Streams(
            wheel=self.wheel,
            stats=self.stats,
            on_message=self._message,
            on_closed=self.closed.append,
            admit=lambda host: self.admits,
            in_use=lambda: self.used,
            limits=Limits(**limits),
        )

    def _message(self, data, flow, stream):
        assert stream
        if b"Via" not in data:
            return False
        self.got.append((parse(data, stream=True), flow))
        if data.startswith(b"OPTIONS"):
            message = parse(data, stream=True)
            self.streams.send(flow, build_response(message, 200, "OK"))
        return True

    async def pass_time(self, seconds):
        """Turn the wheel, and let the loop see what follows."""
        for _ in range(round(seconds * 2)):
            self.seconds += 0.5
            self.wheel.advance()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def net(host="127.0.0.1", **limits):
    made = Net(**limits)
    made.address = await made.streams.listen("TCP", Address(host, 0))
    try:
        yield made
    finally:
        await made.streams.close()


@asynccontextmanager
async def phone(made):
    reader, writer = await asyncio.open_connection(made.address.host, made.address.port)
    writer.reader = reader
    try:
        yield writer
    finally:
        writer.close()


async def read(writer, pattern=b"\r\n\r\n"):
    return await asyncio.wait_for(writer.reader.readuntil(pattern), 30)


async def ended(writer):
    """Whether the far side ends the connection, in order or not."""
    try:
        async with asyncio.timeout(30):
            while await writer.reader.read(65536):
                pass
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_request_is_answered_on_its_connection(host):
    async with net(host) as made, phone(made) as there:
        there.write(OPTIONS[:20])
        await there.drain()
        await asyncio.sleep(0.01)
        there.write(OPTIONS[20:])
        assert (await read(there)).startswith(b"SIP/2.0 200 OK")
        ((_, flow),) = made.got
        assert flow.transport == "TCP" and flow.remote == there.get_extra_info("sockname")[:2]
        assert flow.local == (made.address.host, made.address.port)
        assert made.streams.counts == {"TCP": 1}
        there.close()
        await until(lambda: made.closed)
        assert made.closed == [flow, flow._replace(local=OUTGOING)]
        assert made.streams.counts == {}


async def test_many_at_once_and_a_ping_between():
    async with net() as made, phone(made) as there:
        there.write(OPTIONS * 3 + b"\r\n\r\n" + OPTIONS)
        for _ in range(4):
            assert (await read(there)).lstrip().startswith(b"SIP/2.0 200 OK")
        assert len(made.got) == 4


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 0\r\n\r\n"]
)
async def test_what_is_no_sip_ends_the_connection(data):
    async with net() as made, phone(made) as there:
        there.write(data + OPTIONS)
        assert await ended(there)
        assert made.got == []


async def test_no_more_than_so_many_connections_from_one_address():
    async with net(address=2) as made, phone(made), phone(made):
        await until(lambda: made.streams.counts["TCP"] == 2)
        async with phone(made) as third:
            assert await ended(third)
        assert made.stats.dropped["connections"] == 1
    assert made.closed


async def test_one_that_left_makes_room():
    async with net(address=1) as made:
        for _ in range(3):
            async with phone(made) as there:
                there.write(OPTIONS)
                await read(there)
            await until(lambda: not made.streams.counts)
            await until(lambda: not made.streams._sources)
        assert made.stats.dropped["connections"] == 0


async def test_no_more_than_so_many_connections_at_all():
    async with net(total=1) as made, phone(made):
        await until(lambda: made.streams.counts)
        async with phone(made) as second:
            assert await ended(second)


async def test_a_source_that_asks_too_much_gets_no_connection():
    async with net() as made:
        made.admits = False
        async with phone(made) as there:
            assert await ended(there)


async def test_who_says_nothing_or_half_of_it_has_ten_seconds():
    async with net() as made, phone(made) as silent, phone(made) as slow:
        await until(lambda: made.streams.counts["TCP"] == 2)
        for i in range(5):  # a byte now and then does not help
            slow.write(OPTIONS[i : i + 1])
            await slow.drain()
            await made.pass_time(2)
        assert made.streams.counts == {"TCP": 2}
        await made.pass_time(4)
        assert await ended(silent) and await ended(slow)
        assert made.stats.dropped["slow"] == 2


async def test_a_connection_of_no_use_is_ended_whatever_it_pings():
    async with net() as made, phone(made) as used, phone(made) as pinging:
        for each in (used, pinging):
            each.write(OPTIONS)
            await read(each)
        made.used.add(made.got[0][1])
        for _ in range(4):
            await made.pass_time(44)
            pinging.write(b"\r\n\r\n")
            await read(pinging, b"\r\n")
        await made.pass_time(8)
        assert await ended(pinging)
        assert made.streams.counts == {"TCP": 1}
        used.write(OPTIONS)
        await read(used)


async def test_a_peer_that_does_not_read_is_cut_off():
    async with net() as made, phone(made) as there:
        there.write(OPTIONS)
        await read(there)
        flow = made.got[0][1]
        there.reader._transport.pause_reading()
        message = build_request("MESSAGE", "sip:h", [("Via", "SIP/2.0/TCP h")], b"x" * 60000)
        for _ in range(300):
            made.streams.send(flow, message)
            await asyncio.sleep(0)
        await until(lambda: made.closed)
        assert made.stats.dropped["backlog"] == 1


# --- connections that we open ---------------------------------------------------------------------


async def test_an_outgoing_flow_is_connected_once_and_reused():
    async with net() as here, net() as there:
        flow = Flow("TCP", OUTGOING, (there.address.host, there.address.port))
        for _ in range(3):
            here.streams.send(flow, OPTIONS)
        await until(lambda: len(here.got) == 3)
        assert {message.status for message, _ in here.got} == {200}
        assert {f for _, f in here.got} == {flow}
        assert there.streams.counts == {"TCP": 1}
        await here.pass_time(50)
        assert there.got and here.closed == []


async def test_a_connection_that_the_far_side_made_serves_requests_to_it():
    async with net() as here, phone(here) as there:
        there.write(OPTIONS)
        await read(there)
        here.streams.send(Flow("TCP", OUTGOING, here.got[0][1].remote), OPTIONS)
        assert (await read(there)).startswith(b"OPTIONS sip:h")
        assert here.streams.counts == {"TCP": 1}


async def test_nobody_there():
    async with net() as gone:
        address = gone.address
    async with net() as here:
        flow = Flow("TCP", OUTGOING, (address.host, address.port))
        here.streams.send(flow, OPTIONS)
        assert here.closed == []  # never before send() returned
        await until(lambda: here.closed)
        assert here.closed == [flow] and here.stats.dropped["unreachable"] == 1
        assert here.streams.counts == {}


async def test_who_does_not_answer_the_connection_is_not_waited_for(monkeypatch):
    loop = asyncio.get_running_loop()

    async def never(*args, **kwargs):
        await asyncio.Event().wait()

    monkeypatch.setattr(loop, "create_connection", never)
    async with net(connect=0.05) as here:
        flow = Flow("TCP", OUTGOING, ("192.0.2.1", 5060))
        here.streams.send(flow, OPTIONS)
        await until(lambda: here.closed)
        assert here.closed == [flow]


async def test_a_message_for_a_connection_that_is_gone_tells_so():
    async with net() as here:
        flow = Flow("TCP", ("127.0.0.1", 5060), ("127.0.0.1", 9))
        here.streams.send(flow, OPTIONS)
        assert here.closed == []
        await until(lambda: here.closed)
        assert here.closed == [flow]
