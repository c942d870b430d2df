"""Half an hour of calls through a menu, a queue and to an employee who is recorded, five a second.

A fifth of the callers hangs up in the menu, a fifth of the others does not wait long. Every call has
its record with the outcome that it had, every conversation its recording; nothing stays behind.
"""

import asyncio
import json
import os
from collections import Counter
from contextlib import ExitStack

import pytest

from benchmarks.media import OFFICE, ONWARD, PROMPTS, Processes, furnish, load
from benchmarks.mediaload import Plan
from benchmarks.phones import register
from core.contracts import Outcome
from tenants.live import live_calls
from tenants.tables.recordings import RecordingState
from tests.support.free_ports import free_port
from tests.support.instance import company_in, own_instance
from tests.support.waiting import until

pytestmark = [pytest.mark.proof, pytest.mark.alone, pytest.mark.timeout(7200)]

MINUTES = float(os.environ.get("SUNSIM_PROOF_MINUTES", "30"))
RATE, TALK = 5.0, 2.0
WARM_UP = max(60, MINUTES * 6)  # seconds, until the allocator has seen it all
GROWTH = {"sip": 24 * 1024, "rtpengine": 10 * 1024}
"""KiB that a process may be larger afterwards than after the warm-up."""
NOTHING = ("sunsim_calls", "sunsim_sip_sessions", "sunsim_sip_transactions")


@pytest.fixture
def instance():
    # The ring of traced messages is to be full before anything is weighed.
    environ = {"SUNSIM_SIP_TRACE_MEGABYTES": "1"}
    with own_instance("way", environ=environ, rtp_ports=1000) as running:
        yield running


class Way:
    """A company with a menu and a queue, and callers who take that way."""

    def __init__(self, instance, company, office):
        self.instance = instance
        self.company = company
        self.office = office
        self.processes = Processes(instance)

    async def calls(self, seconds):
        """Let them come for so long; what the load found."""
        plan = Plan(
            server=self.instance.sip,
            carrier=(self.company.carrier_host, self.company.carrier_port),
            office=self.office,
            number=self.company.number,
            prompts=PROMPTS,
            onward=ONWARD,
            callers=0,
            presses=2,
            rate=RATE,
            talk=TALK,
            seconds=seconds,
            leave=0.2,
        )
        with ExitStack() as stack:
            playing = stack.enter_context(load(plan))
            lines = await asyncio.to_thread(playing.stdout.read)
        found = json.loads(lines.splitlines()[-1])
        print({name: value for name, value in found.items() if not isinstance(value, list)})
        return found

    async def nothing_left(self):
        """Wait until the last transaction is forgotten; every gauge is then at nought."""
        await until(lambda: not any(self.gauges().values()), 120)
        assert await live_calls(self.company.db, self.company.id) == []
        return self.processes.memory()

    def gauges(self):
        metrics = self.instance.metrics()
        of_media = ("sunsim_media_calls{", "sunsim_media_sessions{", "sunsim_media_ports_used{")
        media = {name: value for name, value in metrics.items() if name.startswith(of_media)}
        assert media
        return {name: metrics[name] for name in NOTHING} | media

    async def outcomes(self):
        rows = await self.select("SELECT outcome, count(*) AS many FROM calls GROUP BY outcome")
        return Counter({row["outcome"]: row["many"] for row in rows})

    async def recordings(self):
        rows = await self.select("SELECT state, count(*) AS many FROM recordings GROUP BY state")
        return Counter({row["state"]: row["many"] for row in rows})

    async def select(self, statement):
        async with self.company.db.tenant(self.company.id) as session:
            return await session.fetch(statement)


async def test_every_call_has_its_record_its_recording_and_its_outcome(instance):
    async with company_in(instance) as company:
        accounts = await furnish(company)
        office = OFFICE, free_port(OFFICE)
        register(instance.sip, company.domain, accounts, office)
        way = Way(instance, company, office)
        begun = [await way.calls(WARM_UP)]
        before = await way.nothing_left()
        begun.append(await way.calls(MINUTES * 60 - WARM_UP))
        after = await way.nothing_left()
        total = Counter()
        for found in begun:
            total.update({name: value for name, value in found.items() if isinstance(value, int)})
        # What a busy machine delays or drops on its way is for `make bench-media`.
        assert total["refused"] == total["hung"] == total["one_way"] == 0, total
        assert total["answered"] > total["calls"] / 2
        outcomes = await way.outcomes()
        assert sum(outcomes.values()) == total["calls"]
        answered = total["answered"] + total["crossed"]
        assert total["answered"] <= outcomes[Outcome.ANSWERED] <= answered
        assert set(outcomes) <= {Outcome.ANSWERED, Outcome.CANCELLED, Outcome.NO_ANSWER}, outcomes
        settled = await _settled(way)
        assert set(settled) == {RecordingState.READY}, settled
        assert total["answered"] <= settled[RecordingState.READY] <= answered
        print("resident KiB:", before, after, "outcomes:", dict(outcomes))
        assert all(after[name] - before[name] <= GROWTH[name] for name in GROWTH), (before, after)


async def _settled(way):
    """The recordings by state once no sound waits to be made; a busy machine takes its time for it."""
    found = await way.recordings()
    while waiting := found[RecordingState.WAITING]:
        async with asyncio.timeout(300):  # for one of them
            while found[RecordingState.WAITING] >= waiting:
                await asyncio.sleep(1)
                found = await way.recordings()
    return found
