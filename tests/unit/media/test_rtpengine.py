"""The ng client against a server that loses, repeats and refuses as it is told."""

import asyncio
import re
import time

import pytest

from core.errors import MediaRefused, MediaUnavailable
from core.media.rtpengine import NgClient, NoRoom, ServerGone, UnknownCall
from core.settings import Address
from tests.support.waiting import until

PONG = b"d6:result4:ponge"


class Server(asyncio.DatagramProtocol):
    """Keeps what it received and answers each datagram with the next of ``answers``."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.received = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.received.append(data)
        cookie = data.split(b" ", 1)[0]
        for answer in self.answers.pop(0) if self.answers else ():
            self.transport.sendto(answer.replace(b"COOKIE", cookie), addr)


@pytest.fixture
async def talk():
    """Makes a client and its server; each answer is a list of datagrams, empty for a lost request."""
    opened = []

    async def make(*answers):
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(
            lambda: Server(answers), local_addr=("127.0.0.1", 0)
        )
        client = await NgClient.open(Address(*transport.get_extra_info("sockname")))
        opened.extend((transport, client))
        return client, server

    yield make
    for each in opened:
        each.close()


async def test_a_message_byte_for_byte(talk):
    client, server = await talk([b"COOKIE d3:sdp3:v=06:result2:oke"])
    offer = {"call-id": "C", "sdp": b"v=0\r\n", "flags": ("port-latching",), "delete-delay": 0}
    reply = await client.request("offer", offer)
    assert reply == {"result": b"ok", "sdp": b"v=0"}
    cookie, body = server.received[0].split(b" ", 1)
    assert cookie.endswith(b"_1")
    assert body == (
        b"d7:call-id1:C7:command5:offer12:delete-delayi0e5:flagsl13:port-latchinge3:sdp5:v=0\r\ne"
    )


async def test_a_lost_request_is_repeated_with_its_cookie(talk):
    client, server = await talk([], [b"COOKIE " + PONG])
    await client.request("ping")
    assert len(server.received) > 1
    assert len(set(server.received)) == 1


async def test_every_request_has_a_cookie_of_its_own(talk):
    client, server = await talk([b"COOKIE " + PONG], [b"COOKIE " + PONG])
    await asyncio.gather(client.request("ping"), client.request("ping"))
    assert len({data.split(b" ")[0] for data in server.received}) == 2


async def test_strange_and_double_answers_are_passed_over(talk):
    answers = [b"other " + PONG, b"COOKIE ", b"COOKIE le", b"", b"COOKIE " + PONG, b"COOKIE " + PONG]
    client, _ = await talk(answers)
    assert (await client.request("ping"))["result"] == b"pong"


async def test_silence_ends_with_the_deadline(talk):
    client, server = await talk()
    began = time.monotonic()
    with pytest.raises(MediaUnavailable):
        await client.request("ping", deadline=0.3)
    assert time.monotonic() - began > 0.29
    async with asyncio.timeout(20):
        while len(server.received) < 2:
            await asyncio.sleep(0.01)


async def test_a_closed_port_is_known_at_once(talk):
    client, server = await talk()
    server.transport.close()
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        with pytest.raises(MediaUnavailable):
            await client.request("ping", deadline=3600)


async def test_closing_fails_what_waits_and_what_comes(talk):
    client, _ = await talk()
    waiting = asyncio.create_task(client.request("ping"))
    await asyncio.sleep(0)
    client.close()
    with pytest.raises(MediaUnavailable):
        await waiting
    with pytest.raises(MediaUnavailable):
        await client.request("ping")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"d12:error-reason19:Failed to parse SDP6:result5:errore", MediaRefused),
        (b"d12:error-reason16:Ran out of ports6:result5:errore", NoRoom),
        (b"d6:result10:load limite", NoRoom),
        (b"d12:error-reason15:Unknown call-ID6:result5:errore", UnknownCall),
        (b"d6:resultd1:ai1eee", MediaUnavailable),
        (b"de", MediaUnavailable),
    ],
)
async def test_refusals(talk, answer, error):
    client, _ = await talk([b"COOKIE " + answer])
    with pytest.raises(MediaUnavailable) as raised:
        await client.request("offer")
    assert type(raised.value) is error


async def crowd(client, name, count, **given):
    """So many requests at once, of which only some can be under way."""
    ids = [f"{name}-{number:03}" for number in range(count)]
    asked = [
        asyncio.create_task(
            client.request("offer", {"call-id": each, "sdp": b"v" * 1000}, deadline=3600, **given)
        )
        for each in ids
    ]
    await asyncio.sleep(0)
    return asked


async def test_what_a_late_server_is_asked_fits_into_its_buffer(talk):
    client, server = await talk()  # which answers nothing
    asked = await crowd(client, "call", 200)
    await until(lambda: len(server.received) >= 40)
    with pytest.raises(MediaUnavailable):
        await client.request("ping", deadline=0.3)
    assert 40 <= len(set(server.received)) <= 92
    assert client.late > 0
    assert any(b"ping" in data for data in server.received), "a question of its health does not queue"
    client.abandon()
    assert all(
        isinstance(each, ServerGone) for each in await asyncio.gather(*asked, return_exceptions=True)
    )
    assert client.late == 0
    server.answers = [[b"COOKIE " + PONG]]
    await client.request("offer", {"call-id": "last"}, deadline=20)


async def test_those_that_wait_go_in_turn_and_calls_that_began_before_new_ones(talk):
    client, server = await talk()
    first = await crowd(client, "first", 100)
    new = await crowd(client, "new", 50, begins=True)
    begun = await crowd(client, "begun", 50)
    begun.pop(7).cancel()
    await asyncio.sleep(0.1)
    assert client.late >= 0.1
    server.answers = [[b"COOKIE " + PONG]] * 5000
    await asyncio.gather(*first, *new, *begun)
    assert client.late == 0
    order = [re.search(rb"(first|new|begun)-\d{3}", data)[0] for data in dict.fromkeys(server.received)]
    wanted = [b"first-%03d" % n for n in range(100)]
    wanted += [b"begun-%03d" % n for n in range(50) if n != 7] + [b"new-%03d" % n for n in range(50)]
    assert order == wanted


async def test_what_waited_too_long_for_its_turn_is_not_asked_any_more(talk):
    client, server = await talk()
    first = await crowd(client, "first", 100)
    with pytest.raises(MediaUnavailable):
        await client.request("offer", {"call-id": "never"}, deadline=0.2)
    server.answers = [[b"COOKIE " + PONG]] * 5000
    await asyncio.gather(*first)
    assert not any(b"never" in data for data in server.received)
