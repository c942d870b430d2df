"""2,000 calls with audio and 20,000 registrations leave nothing behind: no transaction, session, port,
call or memory. A whole instance as its user starts it; SIPp is the carrier on both sides.
"""

import asyncio
import json
import re

import pytest

from benchmarks.cpu import children, resident_kib
from benchmarks.register import lines
from benchmarks.town import Town
from core.media.g711 import PCMA
from core.media.rtpengine import NgClient
from core.media.tones import tone
from core.settings import Address
from tenants.live import live_calls
from tests.support.free_ports import free_port
from tests.support.instance import company_in, own_instance
from tests.support.sipp import Script

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1800),
]

CALLS, REGISTRATIONS, LINES = 2000, 20_000, 400
CALL_RATE, REGISTER_RATE = 15, 200
TALK = 1000  # milliseconds
WARM_UP = 0.5  # until the allocator has seen it all
GROWTH = {"sip": 16 * 1024, "rtpengine": 10 * 1024}
"""KiB that a process may be larger after all this than after the warm-up. What the SIP process keeps on
purpose are the nonces of the last minutes, 100,000 at the most: some 400 bytes a registration."""
NOTHING = ("sunsim_calls", "sunsim_sip_sessions", "sunsim_sip_transactions")


@pytest.fixture
def instance():
    # The ring of traced messages is to be full before anything is weighed.
    environ = {"SUNSIM_SIP_TRACE_MEGABYTES": "1"}
    with own_instance("soak", environ=environ, rtp_ports=1000) as running:
        yield running


@pytest.fixture
async def company(instance):
    """A company whose telephone takes many calls at once."""
    async with company_in(instance) as made:
        await made.sql("UPDATE terminals SET channels = 100")
        yield made


class Soak:
    """Calls and registrations; ``pids`` are the SIP process and its rtpengine."""

    def __init__(self, instance, company, town, folder):
        self.instance = instance
        self.company = company
        self.town = town
        self.speech = folder / "speech.al"
        self.speech.write_bytes(PCMA.encode(tone(440, 2)))
        self.sip = instance.endpoints["roles"]["sip"]["pid"]
        (self.rtpengine,) = children(self.sip)

    async def load(self, share):
        """This share of all calls and registrations, side by side."""
        registrations = self.town.register(REGISTER_RATE, int(REGISTRATIONS * share))
        result, _ = await asyncio.gather(registrations, self.calls(int(CALLS * share)))
        assert result.failed == {}

    async def calls(self, count):
        """Calls in which the caller speaks and hears its own echo from the far side."""
        media = ("[media_ip]", "[media_port]")
        far = Script(media=media).wait_for("INVITE").answer(180, "Ringing")
        far.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE").ok()
        near = self.company.caller(media=("[media_ip]", "[rtpstream_audio_port]"))
        near.invite(self.company.number).expect(180).expect(200).ack()
        near._add(f'<nop><action><exec rtp_stream="{self.speech},-1,8"/></action></nop>')
        near.pause(TALK).bye().expect(200)
        port = free_port(self.company.carrier_host)
        echo = ("-rtp_echo", "-mp", str(port))
        async with self.company.outside(far, calls=count, options=echo) as callee:
            running = near.running(
                self.instance.sip,
                self.company.carrier_host,
                calls=count,
                rate=CALL_RATE,
            )
            async with running as caller:
                await caller.finish(count / CALL_RATE + 120)
            await callee.finish(60)

    async def nothing_left(self):
        """Wait until the last transaction is forgotten; every gauge is then at nought."""
        async with asyncio.timeout(120):
            while any(self.gauges().values()):
                await asyncio.sleep(0.5)
        assert await live_calls(self.company.db, self.company.id) == []
        return {"sip": resident_kib(self.sip), "rtpengine": resident_kib(self.rtpengine)}

    def gauges(self):
        metrics = self.instance.metrics()
        at_media = {name: value for name, value in metrics.items() if _of_media(name)}
        assert at_media
        return {name: metrics[name] for name in NOTHING} | at_media

    async def media(self):
        """What rtpengine itself says: its calls, and how many packets it relayed so far."""
        ng = next(row["ng"] for row in _rows(self.instance.log()) if row.get("event") == READY)
        client = await NgClient.open(Address.parse(ng))
        try:
            calls = (await client.request("list", {"limit": 100}))["calls"]
            told = (await client.request("statistics"))["statistics"]
        finally:
            client.close()
        return calls, told["totalstatistics"]["relayedpackets"]


READY = "rtpengine.ready"


def _of_media(name):
    return re.match(r"sunsim_media_(calls|sessions|ports_used)\{", name)


def _rows(log):
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


async def test_calls_and_registrations_leave_nothing_behind(instance, company, tmp_path):
    town = Town(await lines(instance, LINES))
    await company.settled()
    await town.open(instance.sip)
    soak = Soak(instance, company, town, tmp_path)
    try:
        await soak.load(WARM_UP)
        before = await soak.nothing_left()
        await soak.load(1)
        after = await soak.nothing_left()
    finally:
        town.close()
    ended = instance.metrics()['sunsim_calls_ended_total{outcome="answered"}']
    assert ended == CALLS * (1 + WARM_UP)
    calls, packets = await soak.media()
    assert calls == []
    assert packets > CALLS * TALK / 1000 * 50  # of each call's second one way at least
    assert instance.metrics()["sunsim_sip_lines"] == LINES
    async with company.db.tenant(company.id) as session:
        assert await session.fetchval("SELECT count(*) FROM calls") == ended
    print("resident KiB:", before, after)
    assert all(after[name] - before[name] <= GROWTH[name] for name in GROWTH), (before, after)
