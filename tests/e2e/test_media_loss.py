"""rtpengine dies: calls go on after a re-INVITE of both sides, heard by real RTP peers."""

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from core.contracts import Outcome, StepCode
from core.media.g711 import PCMA
from core.media.tones import hears, tone
from tests.e2e.test_calls import codes
from tests.support.media import peers, until_hears
from tests.support.processes import descendants
from tests.support.sipp import Script

CALLER, CALLEE = 440, 620


def rtpengine_of(instance):
    """The process id of the child that relays now, None between two."""
    sip = instance.endpoints["roles"]["sip"]["pid"]
    for pid in descendants(sip):
        with suppress(OSError):  # gone meanwhile
            if b"rtpengine" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


async def kill_rtpengine(instance):
    """Kill it; the next one is there when this returns."""
    pid = rtpengine_of(instance)
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        while rtpengine_of(instance) in (None, pid):
            await asyncio.sleep(0.02)


async def offered(sipp, count=1):
    """The body of the so-many-th INVITE or 200 with a body that came to this side."""
    async with asyncio.timeout(60):
        while True:
            parts = sipp.messages().split("-----------------------------------------------")
            bodies = [
                re.search(r"^v=0.*", part, re.DOTALL | re.MULTILINE)
                for part in parts
                if " received " in part
            ]
            found = [match[0].strip() + "\n" for match in bodies if match]
            if len(found) >= count:
                return found[count - 1].encode()
            await asyncio.sleep(0.02)


async def hear_each_other(caller, callee, seconds=0.6):
    caller.play(tone(CALLER))
    callee.play(tone(CALLEE))
    async with asyncio.timeout(60):
        await asyncio.gather(until_hears(caller, CALLEE, seconds), until_hears(callee, CALLER, seconds))


def asked_again(script, body=None, status=200):
    """The script goes on with a re-INVITE that it answers."""
    script.wait_for("INVITE")
    if status != 200:
        return script.answer(status, "Not Acceptable Here", tag=False).wait_for("ACK")
    before, script.sdp = script.sdp, body or script.sdp
    script.answer(200, "OK", body=True, retrans=True, tag=False).wait_for("ACK")
    script.sdp = before
    return script


def called(callee, pause=100):
    script = Script(media=callee.address).wait_for("INVITE").answer(180, "Ringing").pause(pause)
    return script.answer(200, "OK", body=True, retrans=True).wait_for("ACK")


def calling(company, caller):
    script = company.caller(media=caller.address).invite(company.number)
    return script.expect(180).expect(200).ack()


@asynccontextmanager
async def call(company, caller_script, callee_script):
    async with company.phone(company.admin.sip, callee_script) as phone:
        options = {"local": company.carrier_host}
        async with caller_script.running(company.instance.sip, **options) as caller:
            yield caller, phone


async def test_both_hear_each_other_again_after_it_was_killed(company):
    async with peers(PCMA, PCMA) as (caller, callee):
        talk = asked_again(calling(company, caller)).until_told().bye().expect(200)
        answer = asked_again(called(callee)).wait_for("BYE").ok()
        async with call(company, talk, answer) as (at_caller, at_callee):
            before = await offered(at_caller)
            caller.connect(before)
            callee.connect(await offered(at_callee))
            await hear_each_other(caller, callee)
            await kill_rtpengine(company.instance)
            again = await offered(at_caller, 2)
            caller.connect(again)
            callee.connect(await offered(at_callee, 2))
            await hear_each_other(caller, callee)
            await at_caller.go_on()
            await at_caller.finish()
            await at_callee.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    assert StepCode.MEDIA_MOVED in codes(card)
    assert any("another one carries the audio" in line.text for line in card.trace)
    origins = [re.search(rb"o=(.*?) (\d+) (\d+) (.*)", body).groups() for body in (before, again)]
    assert origins[0][:2] == origins[1][:2]
    assert int(origins[1][2]) == int(origins[0][2]) + 1, "a successor of the body before it"


async def test_who_rings_is_asked_again_when_it_answers(company):
    async with peers(PCMA, PCMA) as (caller, callee):
        talk = calling(company, caller).until_told().bye().expect(200)
        answer = asked_again(called(callee, pause=1500)).wait_for("BYE").ok()
        async with call(company, talk, answer) as (at_caller, at_callee):
            await offered(at_callee)
            await kill_rtpengine(company.instance)
            callee.connect(await offered(at_callee, 2))
            caller.connect(await offered(at_caller))
            await hear_each_other(caller, callee)
            await at_caller.go_on()
            seen = await at_caller.finish()
            await at_callee.finish()
    assert "INVITE" not in re.findall(r"received.*?\n\n(\w+) ", seen)
    assert (await company.call()).call.outcome is Outcome.ANSWERED


async def test_killed_at_rest_the_next_call_has_audio(company):
    await kill_rtpengine(company.instance)
    async with peers(PCMA, PCMA) as (caller, callee):
        talk = calling(company, caller).until_told().bye().expect(200)
        answer = called(callee).wait_for("BYE").ok()
        async with asyncio.timeout(60):
            while not company.instance.metrics()['sunsim_media_up{server="child"}']:
                await asyncio.sleep(0.05)
        async with call(company, talk, answer) as (at_caller, at_callee):
            callee.connect(await offered(at_callee))
            caller.connect(await offered(at_caller))
            await hear_each_other(caller, callee)
            await at_caller.go_on()
            await at_caller.finish()
            await at_callee.finish()


async def test_a_held_call_stays_held_and_is_resumed(company):
    async with peers(PCMA, PCMA) as (caller, callee):
        talk = calling(company, caller).pause(100).reinvite("sendonly").expect(200).ack()
        asked_again(talk, talk.sdp.replace("sendrecv", "sendonly"))
        talk.until_told().reinvite("sendrecv").expect(200).ack().until_told().bye().expect(200)
        answer = asked_again(called(callee)).wait_for("BYE").ok()
        async with call(company, talk, answer) as (at_caller, at_callee):
            await offered(at_caller, 2)
            await kill_rtpengine(company.instance)
            again = await offered(at_caller, 3)
            assert b"a=recvonly" in again
            caller.connect(again)
            callee.connect(await offered(at_callee, 2))
            callee.play(tone(CALLEE))
            await asyncio.sleep(0.8)
            assert not hears(caller.heard, CALLEE, 0.1), "who holds hears nothing"
            await at_caller.go_on()
            assert b"a=sendrecv" in await offered(at_caller, 4)
            await hear_each_other(caller, callee)
            await at_caller.go_on()
            await at_caller.finish()
            await at_callee.finish()
    assert (await company.call()).call.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("side", ["caller", "callee"])
async def test_a_side_that_refuses_ends_the_call_for_both(company, side):
    async with peers(PCMA, PCMA) as (caller, callee):
        refused = {"caller": (488, 200), "callee": (200, 488)}[side]
        talk = asked_again(calling(company, caller), status=refused[0]).wait_for("BYE").ok()
        answer = asked_again(called(callee), status=refused[1]).wait_for("BYE").ok()
        async with call(company, talk, answer) as (at_caller, at_callee):
            await offered(at_caller)
            await at_callee.wait_for_text(r"^ACK ")
            await kill_rtpengine(company.instance)
            await at_caller.finish()
            await at_callee.finish()
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "system")
    assert card.steps[-1].data["cause"] == "media_lost"


@pytest.mark.proof
async def test_forty_calls_at_once(company):
    """All are moved, none is lost, and all ports are free at the end."""
    calls = 40
    async with peers(PCMA, PCMA) as (caller, callee):
        await company.sql("UPDATE terminals SET channels = 100")
        talk = asked_again(calling(company, caller)).pause(1000).bye().expect(200)
        answer = asked_again(called(callee)).wait_for("BYE").ok()
        async with company.phone(company.admin.sip, answer, calls=calls) as at_callee:
            running = talk.running(company.instance.sip, company.carrier_host, 0, calls=calls, rate=20)
            before = company.instance.metrics()["sunsim_calls_media_moved_total"]
            async with running as at_caller:
                async with asyncio.timeout(60):
                    while at_caller.messages().count("\nACK ") < calls:
                        await asyncio.sleep(0.05)
                await kill_rtpengine(company.instance)
                await at_caller.finish(100)
                await at_callee.finish(100)
    after = company.instance.metrics()["sunsim_calls_media_moved_total"]
    assert after - before == calls
    async with asyncio.timeout(60):
        while company.instance.metrics()['sunsim_media_ports_used{server="child"}']:
            await asyncio.sleep(0.1)
