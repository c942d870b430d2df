"""A whole SunSim with 2000 lines: all of them register at once, somebody floods, somebody measures."""

import asyncio
import random
import signal
import socket
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.load import Carrier, percentiles
from benchmarks.register import everywhere, lines
from benchmarks.town import Phone, Town
from tenants.db import Database
from tests.support.free_ports import free_port
from tests.support.instance import Company, own_instance
from tests.support.sipp import Script
from tests.unit.sip.test_timing import rank_sum_p

pytestmark = pytest.mark.proof

LINES = 2000


@pytest.fixture(scope="module")
def town():
    """An instance on a port of its own, and a phone for each of its lines."""
    listen = f"127.0.0.1:{free_port('127.0.0.1')}"
    environ = {"SUNSIM_SIP_CALLS_PER_TENANT": "15"}  # its RTP ports are for some fifty calls
    with own_instance("storm", "--sip", listen, environ=environ, end=signal.SIGKILL) as instance:
        yield instance, asyncio.run(known(instance))


async def known(instance):
    """The phones of lines that the SIP process knows."""
    phones = await lines(instance, LINES)
    database = await Database.open(instance.settings.data)
    try:
        await instance.settled(database)
    finally:
        await database.close()
    return phones


async def storm(instance, phones):
    """All phones at once, within two seconds."""
    homes = Town(phones)
    await homes.open(instance.sip)
    try:
        return await homes.register(LINES / 2, LINES)
    finally:
        homes.close()


async def test_2000_lines_register_within_seconds_and_again_after_a_crash(town):
    instance, phones = town
    all_of_them = dict.fromkeys(("registrar", "board", "kept"), LINES)
    for _ in range(2):
        result = await storm(instance, phones)
        assert len(result.took) == LINES and not result.failed
        assert await everywhere(instance, LINES) == all_of_them
        instance.process.kill()
        instance.process.wait()  # the next one waits for what is left of it
        instance.start()
        assert await everywhere(instance, LINES) == all_of_them, "nobody registered again"


# --- time -----------------------------------------------------------------------------------------


def attempts_in(sock, phone, nonce, number):
    """How long the answer to a wrong password takes, in seconds."""
    request = phone.register(sock.getsockname(), f"timing{number}", nonce)
    begun = time.perf_counter()
    sock.send(request)
    answer = sock.recv(4096)
    took = time.perf_counter() - begun
    assert answer.startswith(b"SIP/2.0 401 ")
    return took


def p_of_a_round(instance, phones, seed):
    """A thousand lines that exist and a thousand that do not, in random order, forty an address."""
    domain = phones[0].domain
    known = [(True, Phone(phone.login, domain, "wrong")) for phone in phones[:1000]]
    unknown = [(False, Phone(f"0058{number:06}", domain, "wrong")) for number in range(1000)]
    order = known + unknown
    random.Random(seed).shuffle(order)
    took = {True: [], False: []}
    for start in range(0, len(order), 40):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((f"127.{70 + seed}.3.{start // 40 + 1}", 0))
            sock.settimeout(10)
            sock.connect(instance.sip)
            sock.send(order[start][1].register(sock.getsockname(), f"first{start}"))
            nonce = sock.recv(4096).partition(b'nonce="')[2].partition(b'"')[0].decode()
            for number, (exists, phone) in enumerate(order[start : start + 40], start):
                took[exists].append(attempts_in(sock, phone, nonce, number))
    return rank_sum_p(took[True], took[False])


async def test_an_unknown_line_and_a_wrong_password_take_the_same_time(town):
    """One round in twenty looks unlike by chance (p ≤ 0.05), hardly five in turn."""
    instance, phones = town
    tried = []
    for seed in range(5):
        tried.append(await asyncio.to_thread(p_of_a_round, instance, phones, seed))
        if tried[-1] > 0.05:
            return
    raise AssertionError(f"they can be told apart: p = {tried}")


# --- floods ---------------------------------------------------------------------------------------


@asynccontextmanager
async def flood(script, server, local):
    """SIPp sends the script's first request 2000 times a second, and writes nothing down."""
    with tempfile.TemporaryDirectory(prefix="flood-") as folder:
        (Path(folder) / "flood.xml").write_text(script.xml())
        process = await asyncio.create_subprocess_exec(
            *("sipp", f"{server[0]}:{server[1]}", "-sf", "flood.xml", "-i", local, "-nostdin"),
            *("-p", str(free_port(local)), "-r", "2000", "-l", "20000", "-timeout", "90s"),
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def companies(instance):
    """One whose calls are measured, and a noisy one."""
    db = await Database.open(instance.settings.data)
    try:
        victim = await Company(instance, db).activate()
        async with db.tenant(victim.id) as session:
            await session.execute("UPDATE terminals SET channels = 100")
        yield victim, await Company(instance, db).activate(external="+79160000010")
    finally:
        await db.close()


@pytest.mark.parametrize("kind", ["calls", "registrations"])
async def test_a_company_that_is_flooded_does_not_slow_down_another(town, kind):
    """2000 INVITEs a second for one company through its carrier, or REGISTERs from one address, while
    another company's calls go on: p99 of their set-up against that of the quiet time just before."""
    instance, phones = town
    async with companies(instance) as (victim, noisy):
        await asyncio.sleep(2)
        carrier = Carrier([victim.number], victim.carrier_host)
        carrier.callee_port = victim.carrier_port

        async def steady():
            return await asyncio.to_thread(carrier.run, instance.sip, 10, 150)

        if kind == "calls":
            script = Script().invite(noisy.number, retrans=0).expect(503).ack_refusal()
            local, sign = noisy.carrier_host, 'sunsim_sip_shed_total{reason="tenant_calls"}'
        else:
            script = Script(phones[0].login, phones[0].domain).register(phones[0].login).expect(401)
            local, sign = "127.90.0.1", 'sunsim_sip_dropped_total{cause="flood"}'
        await steady()
        quiet = await steady()
        before = instance.metrics().get(sign, 0)
        async with flood(script, instance.sip, local):
            loud = await steady()
        assert instance.metrics()[sign] - before > 5000, "it was a flood"
        assert loud.failed == quiet.failed == 0
        p99 = [percentiles(traffic.setups)["p99"] for traffic in (quiet, loud)]
        assert p99[1] < 2 * p99[0], p99
