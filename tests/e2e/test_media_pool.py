"""A SunSim over two rtpengines that others run: one dies, one sleeps, both are full, we are killed."""

import asyncio
import os
import signal

import pytest

from core.contracts import StepCode
from core.media.g711 import PCMA
from core.settings import Address
from tests.e2e.test_calls import codes
from tests.e2e.test_media_loss import asked_again, called, calling, hear_each_other, offered
from tests.e2e.test_transfers import ANNA, BORIS, CLIENT, RINGBACK, answered, people, press
from tests.support.free_ports import free_port
from tests.support.instance import company_in, own_instance
from tests.support.media import Rtpengine, peers
from tests.support.sipp import Script
from tests.support.waiting import until

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Two rtpengines and the SunSim that uses them."""
    folder = tmp_path_factory.mktemp("rtpengine")
    keys = Address("127.0.0.1", free_port("127.0.0.1"))
    engines = [asyncio.run(Rtpengine(folder / str(n), keys=keys).start()) for n in range(2)]
    environ = {
        "SUNSIM_MEDIA_RTPENGINE": ",".join(str(engine.address) for engine in engines),
        "SUNSIM_MEDIA_DTMF_LISTEN": str(keys),
    }
    try:
        with own_instance("pool", environ=environ) as running:
            yield running, engines
    finally:
        for engine in engines:
            engine.stop()


@pytest.fixture
async def engines(pool):
    """The two rtpengines, both alive."""
    for engine in pool[1]:
        if not engine.runs:
            await engine.start()
    return pool[1]


@pytest.fixture
async def company(pool, engines):
    """A company in the SunSim over the pool, once that sees both."""
    async with company_in(pool[0]) as made:
        await until(lambda: metric(made, "sunsim_media_up") == 2)
        yield made


@pytest.fixture(name="peers")
async def _peers():
    async with peers(PCMA, PCMA) as made:
        yield made


async def home(engines):
    """The server of the only call."""
    holding = [engine for engine in engines if await engine.calls()]
    assert len(holding) == 1
    return holding[0]


def metric(company, name):
    return sum(v for k, v in company.instance.metrics().items() if k.startswith(name))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_call_moves_to_the_other_server(company, engines, peers, number):
    caller, callee = peers
    talk = asked_again(calling(company, caller)).pause(4000).bye().expect(200)
    answer = asked_again(called(callee)).wait_for("BYE").ok()
    async with company.phone(company.admin.sip, answer) as at_callee:
        options = {"local": company.carrier_host}
        async with talk.running(company.instance.sip, **options) as at_caller:
            caller.connect(await offered(at_caller))
            callee.connect(await offered(at_callee))
            await hear_each_other(caller, callee)
            victim = await home(engines)
            other = next(engine for engine in engines if engine is not victim)
            victim.signal(number)
            caller.connect(await offered(at_caller, 2))
            callee.connect(await offered(at_callee, 2))
            await hear_each_other(caller, callee)
            assert len(await other.calls()) == 1
            await at_caller.finish(20)
            await at_callee.finish(20)
    assert StepCode.MEDIA_MOVED in codes(await company.call())
    assert await other.calls() == []
    if number == signal.SIGSTOP:
        victim.signal(signal.SIGCONT)
        async with asyncio.timeout(20):
            while await victim.calls():
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("stays", ["talks", "rings"])
async def test_who_waits_and_who_rings_move_too(company, engines, stays):
    """A consultation, after the other one answered and before."""
    company.boris = await company.hire("Борис Титов", "102")
    async with people(company) as (outside, anna, boris), answered(company, outside, anna) as talk:
        his, mine = talk
        await press(mine, "*2102")
        theirs = None
        if stays == "talks":
            theirs = await boris.answer()
            await asyncio.gather(theirs.hears(ANNA), mine.hears(BORIS))
        else:
            await mine.heard(RINGBACK)
        await his.hears_music()
        (await home(engines)).signal(signal.SIGKILL)
        await his.hears_music()
        assert his.reoffers == 1
        if theirs is None:
            await mine.heard(RINGBACK)
            theirs = await boris.answer()
        await asyncio.gather(theirs.hears(ANNA), mine.hears(BORIS))
        await mine.hang_up()
        await asyncio.gather(theirs.hears(CLIENT), his.hears(BORIS))
        assert (his.reoffers, theirs.reoffers) == (1, 1)
        await theirs.hang_up()
        await his.ended()
    assert StepCode.MEDIA_MOVED in codes(await company.call())


async def test_without_ports_callers_hear_503_and_nothing_is_left(company, engines, peers):
    """Both servers together have 200 ports, a ringing call takes four to eight."""
    ringing = Script().wait_for("INVITE").answer(180, "Ringing")
    ringing.cancelled()
    await company.sql("UPDATE terminals SET channels = 100")
    caller = company.caller(media=peers[0].address).invite(company.number)
    caller.expect(180).pause(200_000)  # none gives its ports back before the test is over
    refused = company.caller(media=peers[0].address).invite(company.number).expect(503).ack_refusal()
    async with company.phone(company.admin.sip, ringing, calls=100):
        sip, host = company.instance.sip, company.carrier_host
        async with caller.running(sip, host, calls=100, rate=100) as many:
            await until(lambda: metric(company, "sunsim_media_full_total") > 0)
            await refused.run(sip, host)
            await many.stop()
    company.instance.cli("calls", "hangup", "--all")
    for engine in engines:
        async with asyncio.timeout(20):
            while await engine.calls():
                await asyncio.sleep(0.1)
    await until(lambda: metric(company, "sunsim_media_ports_used") == 0)


async def test_sessions_of_a_killed_process_are_cleaned_when_it_is_back(company, engines, peers):
    caller, callee = peers
    talk = calling(company, caller).wait_for("BYE", timeout=120_000)
    async with company.phone(company.admin.sip, called(callee).wait_for("BYE")):
        options = {"local": company.carrier_host}
        async with talk.running(company.instance.sip, **options) as at_caller:
            await offered(at_caller)
            await home(engines)
            os.kill(company.instance.endpoints["roles"]["sip"]["pid"], signal.SIGKILL)
            async with asyncio.timeout(60):
                while sum([len(await engine.calls()) for engine in engines]):
                    await asyncio.sleep(0.2)
