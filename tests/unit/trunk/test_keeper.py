"""Carriers watched and registered with, in virtual time; the carrier is a function."""

import asyncio
from uuid import UUID

from msgspec.structs import replace

from core.contracts import CarrierAccount, Trunk, TrunkTransport
from core.sip import digest
from core.sip._wire import build_request, build_response, parse
from core.trunk.board import TrunkBoard
from core.trunk.keeper import TrunkKeeper
from tests.support.virtual_time import run

TRUNK = Trunk(
    UUID(int=1),
    "west",
    "192.0.2.1",
    account=CarrierAccount("sunsim", "s3cret"),
    registers=True,
    check_seconds=30,
)


class Clock:
    def now(self):
        return self.monotonic()

    def monotonic(self):
        return asyncio.get_running_loop().time()


class Carrier:
    """A far side. ``answers`` gives status and headers by method; a missing one is silence."""

    advertised = "198.51.100.9:5060"

    def reachable_by(self, transport):
        return f"198.51.100.9:5061;transport={transport.lower()}"

    def __init__(self):
        self.seen = []
        self.answers = {"OPTIONS": (200, ()), "REGISTER": (200, (("Expires", "600"),))}

    async def request(self, request, target):
        seen = (asyncio.get_running_loop().time(), request.method, target, dict(request.headers))
        self.seen.append(seen)
        answer = self.answers.get(request.method)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.sleep(3600)
        head = [("Via", "SIP/2.0/UDP x;branch=z9hG4bK1"), ("From", request.from_), ("To", request.to)]
        head += [("Call-ID", request.call_id), ("CSeq", f"1 {request.method}")]
        message = parse(build_request(request.method, request.uri, head))
        return parse(build_response(message, answer[0], "x", answer[1]))

    def methods(self):
        return [method for _, method, *_ in self.seen]


def scene(play, *trunks):
    """Run ``play(keeper, carrier, board, trunks)`` with a keeper that is started and stopped."""

    async def whole():
        carrier, board, present = Carrier(), TrunkBoard(), list(trunks or (TRUNK,))
        keeper = TrunkKeeper(carrier, lambda: present, board, Clock())
        keeper.start()
        try:
            await play(keeper, carrier, board, present)
        finally:
            await keeper.stop()
        return carrier

    return run(whole())


def test_it_registers_watches_and_says_farewell():
    async def play(keeper, carrier, board, trunks):
        await asyncio.sleep(100)
        (state,) = keeper.states()
        assert (state.name, state.up, state.registered, state.problem) == ("west", True, True, "")
        assert await keeper.any_up()
        options = [at for at, method, *_ in carrier.seen if method == "OPTIONS"]
        assert len(options) in (3, 4)

    carrier = scene(play)
    registers = [seen for seen in carrier.seen if seen[1] == "REGISTER"]
    assert [headers["Expires"] for *_, headers in registers] == ["600", "0"]
    _, _, target, headers = registers[0]
    assert (target.uri, target.host, target.port) == ("sip:192.0.2.1", "192.0.2.1", 5060)
    assert headers["Contact"] == "<sip:sunsim@198.51.100.9:5060>"


def test_a_carrier_on_tls_is_asked_and_registered_with_by_tls():
    async def play(keeper, carrier, board, trunks):
        await asyncio.sleep(10)

    trunk = replace(TRUNK, transport=TrunkTransport.TLS, registrar="192.0.2.7")
    carrier = scene(play, trunk)
    assert {(method, target.host, target.transport) for _, method, target, _ in carrier.seen} == {
        ("OPTIONS", "192.0.2.1", "TLS"),
        ("REGISTER", "192.0.2.7", "TLS"),
    }
    contacts = {headers["Contact"] for _, method, _, headers in carrier.seen if method == "REGISTER"}
    assert contacts == {"<sip:sunsim@198.51.100.9:5061;transport=tls>"}


def test_it_renews_before_the_registration_runs_out():
    async def play(keeper, carrier, board, trunks):
        for _ in range(150):
            await asyncio.sleep(10)
            assert keeper.states()[0].registered

    assert 3 <= scene(play, replace(TRUNK, check_seconds=0)).methods().count("REGISTER") <= 6


def test_a_challenge_is_answered():
    def challenging(request):
        if "Authorization" in dict(request.headers):
            return 200, (("Expires", "600"),)
        return 401, (("WWW-Authenticate", digest.challenge("carrier", "n")),)

    async def play(keeper, carrier, board, trunks):
        carrier.answers["REGISTER"] = challenging
        await asyncio.sleep(1)
        assert keeper.states()[0].registered

    scene(play)


def test_a_silent_carrier_goes_down_and_comes_back():
    async def play(keeper, carrier, board, trunks):
        del carrier.answers["OPTIONS"]
        await asyncio.sleep(12)
        assert board.up(TRUNK)
        await asyncio.sleep(60)
        assert not board.up(TRUNK)
        assert keeper.states()[0].problem == "no answer"
        assert not await keeper.any_up()
        carrier.answers["OPTIONS"] = (200, ())
        await asyncio.sleep(60)
        assert board.up(TRUNK)

    scene(play)


def test_one_of_two_that_works_is_enough():
    async def play(keeper, carrier, board, trunks):
        carrier.answers["REGISTER"] = OSError("no such host")
        await asyncio.sleep(2)
        west, east = keeper.states()
        assert (west.up, west.registered, west.problem) == (False, False, "no such host")
        assert (east.up, east.registered) == (True, None)
        assert await keeper.any_up()

    scene(play, TRUNK, Trunk(UUID(int=2), "east", "192.0.2.2"))


def test_a_registration_that_is_refused_makes_the_carrier_down():
    async def play(keeper, carrier, board, trunks):
        carrier.answers["REGISTER"] = (403, ())
        await asyncio.sleep(2)
        assert not board.up(TRUNK)
        assert carrier.methods().count("REGISTER") == 1
        carrier.answers["REGISTER"] = (200, (("Expires", "600"),))
        await asyncio.sleep(70)
        assert board.up(TRUNK)

    scene(play)


def test_changes_of_the_directory_are_followed():
    async def play(keeper, carrier, board, trunks):
        await asyncio.sleep(2)
        trunks[0] = replace(TRUNK, registrar="registrar.test:5090", host="192.0.2.7")
        await asyncio.sleep(2)
        farewell, newcomer = [seen for seen in carrier.seen if seen[1] == "REGISTER"][1:]
        assert (farewell[2].host, farewell[3]["Expires"]) == ("192.0.2.1", "0")
        assert (newcomer[2].uri, newcomer[2].port) == ("sip:registrar.test:5090", 5090)
        trunks.clear()
        await asyncio.sleep(2)
        assert carrier.seen[-1][3]["Expires"] == "0"
        count = len(carrier.seen)
        await asyncio.sleep(1000)
        assert len(carrier.seen) == count
        assert keeper.states() == []
        assert await keeper.any_up()

    scene(play)


def test_a_changed_carrier_is_registered_with_after_the_old_farewell_was_answered():
    async def play(keeper, carrier, board, trunks):
        await asyncio.sleep(2)
        answered = []

        async def slowly(request, target):
            if dict(request.headers)["Expires"] == "0":
                await asyncio.sleep(5)
            answered.append(dict(request.headers)["Expires"])
            return await Carrier.request(carrier, request, target)

        carrier.request = slowly
        trunks[0] = replace(TRUNK, check_seconds=0, max_calls=5)
        await asyncio.sleep(20)
        assert answered == ["0", "600"]
        assert keeper.states()[0].registered

    scene(play, replace(TRUNK, check_seconds=0))


def test_a_carrier_that_does_not_answer_the_farewell_is_not_waited_for():
    async def play(keeper, carrier, board, trunks):
        await asyncio.sleep(2)
        del carrier.answers["REGISTER"]
        began = asyncio.get_running_loop().time()
        await keeper.stop()
        assert asyncio.get_running_loop().time() - began <= 2.1

    scene(play)


def test_channels_are_counted_to_the_limit():
    board, trunk = TrunkBoard(), replace(TRUNK, max_calls=2)
    assert [board.take(trunk) for _ in range(3)] == [True, True, False]
    assert board.calls(trunk.id) == 2
    board.release(trunk)
    assert board.take(trunk)
    assert all(board.take(replace(TRUNK, id=UUID(int=9))) for _ in range(50))
