"""Calls over a network that loses and reorders packets: each ends right, once, and leaves nothing."""

import asyncio
from collections import Counter

import pytest

from core.contracts import TerminalKind
from tenants.services.terminals import ChangeTerminal
from tests.support.free_ports import free_port
from tests.support.relay import network
from tests.support.sipp import Script

CLIENT = "+79161112233"


# --- what the two sides do: how each kind of call ends --------------------------------------------


def _answered(script):
    return script.expect(200).ack()


CALLERS = {
    "caller": lambda s: _answered(s).pause(300).bye().expect(200),
    "callee": lambda s: _answered(s).wait_for("BYE").ok(),
    "busy": lambda s: s.expect(486).ack_refusal(),
    "cancelled": lambda s: (
        s.expect(100, optional=True)
        .expect_or_go_on(180, 4000)
        .pause(300)
        .cancel()
        .expect(200, optional=True)
        .expect(487)
        .ack_refusal()
    ),
}


def _answers(script):
    script.wait_for("INVITE").answer(180, "Ringing").pause(100)
    return script.answer(200, "OK", body=True, retrans=True)


CALLEES = {
    "caller": lambda s: _answers(s).wait_for("ACK").wait_for("BYE").ok(),
    "callee": lambda s: _answers(s).wait_for_ack().pause(300).bye_as_callee().expect(200),
    "busy": lambda s: s.wait_for("INVITE").answer(486, "Busy Here", retrans=True).wait_for("ACK"),
    "cancelled": lambda s: s.wait_for("INVITE").answer(180, "Ringing").cancelled(),
}

RECORDS = {
    "caller": ("answered", "caller"),
    "callee": ("answered", "callee"),
    "busy": ("busy", "system"),
    "cancelled": ("cancelled", "caller"),
}


class Lossy:
    """A company whose phones and carrier are at the far ends of a bad network."""

    def __init__(self, company, net, calls, rate):
        self.company = company
        self.net = net
        self.calls, self.rate = calls, rate

    async def end(self, seen_at="127.0.0.1", port=0, peer="127.0.0.1"):
        """An end of the network where a SIPp will be; we see it at ``seen_at``."""
        return await self.net.link(self.company.instance.sip, (peer, free_port(peer)), seen_at, port)

    async def carrier(self, port=0):
        """The carrier, whose Contact must name where we see it, or we would go round the network."""
        host = self.company.carrier_host
        end = await self.end(host, port, host.replace("127.7.", "127.9."))
        return end, {"contact": f"{end.far[0]}:{end.far[1]}"}

    async def phone(self, line):
        end = await self.end()
        await self.company.register(line, port=end.peer[1], server=end.near, expires=3600)
        return end

    async def play(self, caller, at, callee, called_at):
        """Both sides, each at its end, until the last call is over."""
        seconds = 60 + 3 * self.calls / self.rate
        called = callee.linger().running(called_at.near, *called_at.peer, calls=self.calls)
        async with called as phone:
            much = {"calls": self.calls, "rate": self.rate, "seconds": seconds}
            await caller.linger().run(at.near, *at.peer, **much)
            await phone.finish(seconds)

    async def inside(self, kind, colleague):
        """Anna calls a colleague, phones on both sides."""
        phone, desk = await self.phone(colleague.sip), await self.end()
        script = self.company.dialler(self.company.admin.sip, colleague.extension)
        await self.play(CALLERS[kind](script), desk, CALLEES[kind](Script()), phone)

    async def coming(self, kind):
        """The carrier brings calls for Anna."""
        phone = await self.phone(self.company.admin.sip)
        outside, contact = await self.carrier()
        script = self.company.caller(**contact).invite(self.company.number)
        await self.play(CALLERS[kind](script), outside, CALLEES[kind](Script()), phone)

    async def leaving(self, kind):
        """Anna calls outside."""
        desk = await self.end()
        outside, contact = await self.carrier(self.company.carrier_port)
        script = self.company.dialler(self.company.admin.sip, CLIENT)
        await self.play(CALLERS[kind](script), desk, CALLEES[kind](Script(**contact)), outside)


async def prepared(company):
    """Anna without an external number, and a colleague for each kind of call; all take many calls."""
    people = {kind: await company.hire(kind, str(201 + n)) for n, kind in enumerate(RECORDS)}
    for person in (company.admin, *people.values()):
        await company.change(
            person, external_number=None, terminals={TerminalKind.SIP: ChangeTerminal(channels=100)}
        )
    return people


def left(company):
    metrics = company.instance.metrics()
    server = next(name for name in metrics if name.startswith("sunsim_media_sessions{"))
    names = ("sunsim_calls", "sunsim_sip_sessions", "sunsim_sip_transactions", server)
    return {name: metrics[name] for name in names}


async def nothing_left(company, before, seconds, *but):
    """Wait until there is no more of anything than there was before."""
    try:
        async with asyncio.timeout(seconds):
            while any(now > before[name] for name, now in left(company).items() if name not in but):
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"before {before}, left {left(company)}") from None


async def records(company, count, seconds=60):
    """Outcomes and who ended the calls, as soon as there are so many records."""
    async with asyncio.timeout(seconds):
        while True:
            rows = await company.sql("SELECT direction, outcome, ended_by FROM calls")
            if len(rows) >= count:
                return Counter(tuple(row.values()) for row in rows)
            await asyncio.sleep(0.2)


async def everything(company, seed, calls, rate, seconds, *but):
    """All kinds of calls beside each other; then nothing is left, ``but`` what takes its time."""
    before = left(company)
    people = await prepared(company)
    async with network(seed) as net:
        lossy = Lossy(company, net, calls, rate)
        async with asyncio.TaskGroup() as group:
            for kind, person in people.items():
                group.create_task(lossy.inside(kind, person))
            group.create_task(lossy.coming("callee"))
            group.create_task(lossy.leaving("caller"))
        expected = Counter({("internal", *record): calls for record in RECORDS.values()})
        expected["incoming", *RECORDS["callee"]] = expected["outgoing", *RECORDS["caller"]] = calls
        assert await records(company, sum(expected.values())) == expected
        await nothing_left(company, before, seconds, *but)
    assert net.lost and net.late, "the network was too good"


async def test_some_dozens_of_calls(company):
    await everything(company, 7, 5, 3, 60, "sunsim_sip_transactions")


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_hundreds_of_calls(company, seed):
    await everything(company, seed, 60, 1, 120)
