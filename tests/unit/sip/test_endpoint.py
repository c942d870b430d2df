"""The endpoint on a real loop and real sockets: a line registers and calls, two endpoints talk."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from core.settings import Address
from core.sip import digest
from core.sip._wire import WireError, build_request, parse
from core.sip.certificate import self_signed
from core.sip.endpoint import Endpoint
from core.sip.flow import Target
from core.sip.identity import FromLine, FromTrunk
from core.sip.listen import CannotListen, Listen
from core.sip.overload import Load
from core.sip.request import OutgoingRequest
from core.sip.session import Answered, Cancelled, Confirmed, Ended, Failed, Progress
from core.sip.tls import Certificate, client_context
from core.sip.transport import UdpTransport, route_address
from core.sip.transports import _advertised
from tests.support.sip_world import ANSWER, DOMAIN, OFFER, PASSWORD, TRUNK, Board, make_line
from tests.support.waiting import until

LOGIN = "0051234567"


class RealClock:
    def now(self):
        return time.time()

    def monotonic(self):
        return time.monotonic()


@asynccontextmanager
async def endpoint(*, trunk=TRUNK, **options):
    """An endpoint on a free loopback port whose inbound sessions and events go to a queue."""
    queue = asyncio.Queue()

    def on_invite(session, origin):
        session.listener = queue.put_nowait
        queue.put_nowait((session, origin))

    board = Board()
    options.setdefault("listen", Address("127.0.0.1", 0))
    options.setdefault("load", Load(60))  # a pause of a busy machine is no overload
    stack = Endpoint(
        domain=DOMAIN,
        external=None,
        lines={LOGIN: make_line(LOGIN)}.get,
        trunk_from=lambda host: trunk,
        on_invite=on_invite,
        registrar_sink=board,
        clock=RealClock(),
        secret=b"s" * 32,
        **options,
    )
    assert await stack.start() == stack.address
    stack.queue, stack.board = queue, board
    try:
        yield stack
    finally:
        await stack.stop()


async def soon(queue):
    return await asyncio.wait_for(queue.get(), 30)


def call(caller, callee, **given):
    events = asyncio.Queue()
    given.setdefault("target", Target("sip:+7495@x", host="127.0.0.1", port=callee.address.port))
    session = caller.invite(
        from_="<sip:a@x>", to="<sip:+7495@x>", sdp=OFFER, listener=events.put_nowait, **given
    )
    return session, events


async def test_two_endpoints_call_each_other():
    async with endpoint() as caller, endpoint() as callee:
        session, events = call(caller, callee, headers=[("X-Test", "1")], max_forwards=9)
        other, origin = await soon(callee.queue)
        assert origin == FromTrunk(TRUNK)
        assert other.request.header("X-Test") == "1"
        assert other.max_forwards == 8
        assert other.remote_sdp == OFFER
        other.progress(180)
        assert await soon(events) == Progress(180, "Ringing")
        other.answer(ANSWER)
        assert await soon(events) == Answered(ANSWER)
        assert await soon(callee.queue) == Confirmed()
        assert (caller.sessions, callee.sessions) == (1, 1)
        session.bye()
        assert await soon(callee.queue) == Ended(by_remote=True)
        await until(lambda: (caller.sessions, callee.sessions) == (0, 0))
        assert callee.stats.requests == {"INVITE": 1, "ACK": 1, "BYE": 1}


async def test_datagrams_that_wait_in_the_socket_make_us_late_though_the_loop_never_is():
    loop = asyncio.get_running_loop()
    came = []
    udp = await UdpTransport.listen("127.0.0.1", 0, lambda *message: came.append(message))
    sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=udp.local)
    try:
        sender.sendto(b"the first one makes the kernel note the time of all")
        await until(lambda: len(came) == 1)
        udp.late()
        sender.sendto(b"one that waits")
        time.sleep(0.2)
        sender.sendto(b"one that does not")
        await until(lambda: len(came) == 3)
        assert 0.2 <= udp.late() <= 2.0
        assert udp.late() == 0.0
    finally:
        sender.close()
        udp.close()


async def test_calls_are_refused_while_something_that_they_need_is_late():
    late = [0.0]
    async with endpoint(late=lambda: late[0]) as callee, endpoint() as caller:
        late[0] = 600.0
        await until(lambda: callee.lag > 60)
        _, events = call(caller, callee)
        assert (await soon(events)).status == 503
        assert callee.stats.shed == {"overload": 1}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_a_call_over_each_transport(tmp_path, transport, host):
    paths = self_signed(tmp_path, [host])
    trusting = client_context()
    trusting.load_verify_locations(paths[0])
    free = Address(host, 0)
    certificate = Certificate(*paths)
    listens = [Listen(free, tls=[free], certificate=certificate, client=trusting) for _ in range(2)]
    async with endpoint(listen=listens[0]) as caller, endpoint(listen=listens[1]) as callee:
        place = callee.addresses[transport][0]
        target = Target("sip:+7495@x", host=host, port=place.port, transport=transport.lower())
        _, events = call(caller, callee, target=target)
        other, _ = await soon(callee.queue)
        assert other.request.via.transport == transport
        assert other.request.via.port == caller.addresses[transport][0].port
        other.answer(ANSWER)
        assert await soon(events) == Answered(ANSWER)
        assert await soon(callee.queue) == Confirmed()
        other.bye()  # on a connection of its own, to our Contact, or by UDP
        assert await soon(events) == Ended(by_remote=True)
        await until(lambda: (caller.sessions, callee.sessions) == (0, 0))
        assert caller.stats.requests == {"BYE": 1}
        used = {} if transport == "UDP" else {transport: 2}
        assert caller.connections == used


async def test_a_large_invite_takes_tcp_and_udp_where_that_is_refused(monkeypatch):
    large = OFFER + b"a=" + b"x" * 1400 + b"\r\n"
    events = asyncio.Queue()
    given = {"from_": "<sip:a@x>", "to": "<sip:b@x>", "sdp": large, "listener": events.put_nowait}
    async with endpoint() as caller, endpoint() as callee:
        target = Target("sip:b@x", host="127.0.0.1", port=callee.address.port)
        caller.invite(target, **given)
        first, _ = await soon(callee.queue)
        assert first.request.via.transport == "TCP"
        first.reject(486)
        assert await soon(events) == Failed(486, "Busy Here")
        for server in callee._transports.streams._listeners:
            server.close()
        for connection in list(caller._transports.streams._connections.values()):
            connection.close()
        caller.invite(target, **given)
        second, _ = await soon(callee.queue)
        assert second.request.via.transport == "UDP"
        second.reject(486)
        assert await soon(events) == Failed(486, "Busy Here")


async def test_both_families_on_one_endpoint():
    listen = Listen(Address("127.0.0.1", 0), Address("::1", 0))
    async with endpoint(listen=listen) as caller, endpoint(listen=listen) as callee:
        for host in ("127.0.0.1", "::1", "localhost"):
            place = callee.addresses["UDP"][host == "::1"]
            _, events = call(caller, callee, target=Target("sip:1@x", host=host, port=place.port))
            other, _ = await soon(callee.queue)
            assert (other.request.via.host == "::1") == (host == "::1")
            assert ("[::1]" in other.request.header("Contact")) == (host == "::1")
            other.reject(404)
            assert (await soon(events)).status == 404


async def test_cancel_and_refusal():
    async with endpoint() as caller, endpoint() as callee:
        session, events = call(caller, callee)
        other, _ = await soon(callee.queue)
        other.progress(183, ANSWER)
        assert await soon(events) == Progress(183, "Session Progress", ANSWER)
        session.cancel()
        assert await soon(callee.queue) == Cancelled("")
        assert await soon(events) == Failed(487, "Request Terminated")
        session, events = call(caller, callee)
        other, _ = await soon(callee.queue)
        other.reject(486)
        assert await soon(events) == Failed(486, "Busy Here")


@pytest.mark.parametrize("error", [OSError, UnicodeError])
async def test_a_host_name_without_an_address_fails(monkeypatch, error):
    async def nothing(host, port, local):
        raise error

    monkeypatch.setattr("core.sip.transports.resolve", nothing)
    async with endpoint() as caller:
        _, events = call(caller, caller, target=Target("sip:1@x", host="no.invalid"))
        assert await soon(events) == Failed(503, "Host Not Found")
        assert caller.sessions == 0


async def test_a_header_that_would_break_the_message_leaves_nothing_behind():
    async with endpoint() as caller:
        with pytest.raises(WireError):
            call(caller, caller, headers=[("X", "a\r\nEvil: 1")])
        target = Target("sip:1@x", host="localhost", port=caller.address.port)
        _, events = call(caller, caller, target=target, headers=[("X", "a\nb")])
        assert (await soon(events)).status == 500
        assert caller.sessions == 0


async def test_requests_outside_of_dialogs_wait_for_their_final_answer():
    async with endpoint() as asking, endpoint() as asked:
        target = Target("sip:127.0.0.1", host="localhost", port=asked.address.port)
        answer = await asking.request(
            OutgoingRequest("OPTIONS", target.uri, "<sip:a@x>", "<sip:b@x>"), target
        )
        assert answer.status == 200
        assert "INVITE" in answer.headers("Allow")


async def test_a_host_name_is_resolved():
    async with endpoint() as caller, endpoint() as callee:
        port = callee.address.port
        session, events = call(caller, callee, target=Target("sip:1@x", host="localhost", port=port))
        other, _ = await soon(callee.queue)
        other.reject(404)
        assert (await soon(events)).status == 404
        session, events = call(caller, callee, target=Target("sip:1@x", host="localhost", port=port))
        session.cancel()  # before the address is known: nothing ever leaves
        assert await soon(events) == Failed(487, "Request Terminated")
        assert callee.queue.empty()


class Phone(asyncio.DatagramProtocol):
    """A socket and the few words of SIP that it takes to register and to answer."""

    def __init__(self):
        self.received = asyncio.Queue()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.received.put_nowait(parse(data))

    async def register(self, stack, cseq, authorization=()):
        here = self.transport.get_extra_info("sockname")
        headers = [
            ("Via", f"SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{cseq}"),
            ("From", f"<sip:{LOGIN}@{DOMAIN}>;tag=p"),
            ("To", f"<sip:{LOGIN}@{DOMAIN}>"),
            ("Call-ID", "phone"),
            ("CSeq", f"{cseq} REGISTER"),
            ("Contact", f"<sip:{LOGIN}@10.0.0.9>"),
            *authorization,
        ]
        address = ("127.0.0.1", stack.address.port)
        self.transport.sendto(build_request("REGISTER", f"sip:{DOMAIN}", headers), address)
        assert here
        return await asyncio.wait_for(self.received.get(), 30)


async def test_a_phone_behind_nat_registers_and_rings_at_its_real_address():
    loop = asyncio.get_running_loop()
    async with endpoint(trunk=None) as stack:
        transport, phone = await loop.create_datagram_endpoint(Phone, local_addr=("127.0.0.1", 0))
        challenged = await phone.register(stack, 1)
        assert challenged.status == 401
        challenge = digest.strongest(challenged.headers("WWW-Authenticate"))
        value = digest.authorize(challenge, "REGISTER", f"sip:{DOMAIN}", LOGIN, PASSWORD)
        assert (await phone.register(stack, 2, [("Authorization", value)])).status == 200
        assert stack.registered_lines == 1
        assert stack.board.did[0][:2] == ("registered", LOGIN)
        (contact,) = stack.contacts(LOGIN)
        call(stack, stack, target=contact.target())
        invite = await asyncio.wait_for(phone.received.get(), 30)
        assert invite.uri == f"sip:{LOGIN}@10.0.0.9"
        stack.forget(LOGIN)
        assert stack.contacts(LOGIN) == []
        transport.close()


async def test_a_flood_is_dropped_and_counted():
    loop = asyncio.get_running_loop()
    async with endpoint(trunk=None, source_rate=0.001, source_burst=3) as stack:
        transport, phone = await loop.create_datagram_endpoint(Phone, local_addr=("127.0.0.1", 0))
        for i in range(3):
            assert (await phone.register(stack, i)).status == 401
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(phone.register(stack, 9), 0.1)
        await until(lambda: stack.stats.dropped["flood"] == 1)
        assert phone.received.empty()
        transport.close()


async def test_a_line_calls_out_through_the_endpoint():
    """FromLine needs the whole way: challenge, proof, 100, then the owner."""
    loop = asyncio.get_running_loop()
    async with endpoint(trunk=None) as stack:
        transport, phone = await loop.create_datagram_endpoint(Phone, local_addr=("127.0.0.1", 0))
        uri = f"sip:+74951234567@{DOMAIN}"
        authorization = []
        for cseq in (1, 2):
            headers = [
                ("Via", f"SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bKi{cseq}"),
                ("From", f"<sip:{LOGIN}@{DOMAIN}>;tag=p"),
                ("To", f"<{uri}>"),
                ("Call-ID", "c"),
                ("CSeq", f"{cseq} INVITE"),
                ("Contact", f"<sip:{LOGIN}@10.0.0.9>"),
                *authorization,
            ]
            data = build_request("INVITE", uri, headers)
            transport.sendto(data, ("127.0.0.1", stack.address.port))
            answer = await asyncio.wait_for(phone.received.get(), 30)
            if cseq == 1:
                assert answer.status == 401
                challenge = digest.strongest(answer.headers("WWW-Authenticate"))
                value = digest.authorize(challenge, "INVITE", uri, LOGIN, PASSWORD)
                authorization = [("Authorization", value)]
        assert answer.status == 100
        session, origin = await soon(stack.queue)
        assert origin == FromLine(make_line(LOGIN))
        session.reject(404)
        assert (await asyncio.wait_for(phone.received.get(), 30)).status == 404
        transport.close()


async def test_a_taken_address_is_an_error():
    async with endpoint() as stack:
        other = Endpoint(
            listen=stack.address,
            domain=DOMAIN,
            external=None,
            lines=lambda login: None,
            trunk_from=lambda host: None,
            on_invite=lambda session, origin: None,
            registrar_sink=Board(),
            clock=RealClock(),
            secret=b"s",
        )
        with pytest.raises(CannotListen, match="in use") as caught:
            await other.start()
        assert caught.value.transport == "UDP"
        await other.stop()


@pytest.mark.parametrize(
    ("external", "expected"),
    [
        (None, ("10.0.0.1", 5062)),
        ("192.0.2.7", ("192.0.2.7", 5062)),
        ("192.0.2.7:5080", ("192.0.2.7", 5080)),
        ("pbx.example.com", ("pbx.example.com", 5062)),
        ("2001:db8::1", ("2001:db8::1", 5062)),
        ("[2001:db8::1]:5080", ("2001:db8::1", 5080)),
    ],
)
def test_what_via_and_contact_say(external, expected):
    assert _advertised(external, "10.0.0.1", 5062) == expected


def test_listening_on_any_address_advertises_one_that_exists():
    assert route_address("192.0.2.9") == "192.0.2.9"
    assert route_address("0.0.0.0") not in ("", "0.0.0.0")
    assert route_address("::") not in ("", "::")
