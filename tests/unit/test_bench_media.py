"""The benchmark of audio measures what it says: what arrived, when, and what did not."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pytest

from benchmarks.audio import Leg, Pace, Voice, lost
from benchmarks.media import failed
from benchmarks.useragent import UserAgent
from core.media.g711 import PCMA
from tests.support.free_ports import free_port
from tests.support.media import peers
from tests.support.waiting import until

HOST = "127.0.0.1"


@asynccontextmanager
async def two_legs():
    """Both speak to each other in time."""
    pace = Pace()
    running = asyncio.create_task(pace.run())
    one, other = Leg(HOST, 1), Leg(HOST, 2)
    one.connect(other.sdp)
    other.connect(one.sdp)
    try:
        yield pace, one, other
    finally:
        running.cancel()
        one.close()
        other.close()


async def test_what_one_says_the_other_hears():
    async with two_legs() as (pace, one, other):
        begun = time.time()
        pace.add(one)
        pace.add(other)
        await until(lambda: one.said >= 10 and other.voices and other.voices[1].came >= 10)
        assert lost(other.voices[1]) == 0
        assert begun <= other.voices[1].came_at <= time.time()
        pace.remove(one)
        said = one.said
        await until(lambda: other.voices[1].came == said)


def test_what_did_not_arrive_is_counted():
    voice = Voice(7, 0.0)
    for number in (7, 8, 10, 13):
        voice.take(number)
    assert (voice.first, voice.last, lost(voice)) == (7, 13, 3)


async def test_a_key_is_a_key_to_others_and_its_end_is_known():
    async with two_legs() as (pace, one, _), peers(PCMA) as (peer,):
        one.connect(peer.sdp)
        pace.add(one)
        begun = time.time()
        one.press("5")
        await until(lambda: peer.pressed == ["5"] and one.ended_key)
        assert begun < one.ended_key <= time.time()
        said = one.said
        await until(lambda: one.said > said)  # it speaks again


@pytest.mark.parametrize("who_leaves", ["caller", "callee"])
async def test_two_user_agents_call_each_other(who_leaves):
    came = []
    here, there = ((HOST, free_port(HOST)) for _ in range(2))
    caller, callee = UserAgent(here, came.append), UserAgent(there, came.append)
    await caller.open(there)
    await callee.open(here)
    dialog = caller.invite("101", "102", b"v=0\r\n")
    await until(lambda: came)
    callee.answer(came[0], b"v=1\r\n")
    await until(lambda: came[0].ready.is_set() and dialog.ready.is_set())
    assert (dialog.status, dialog.far, came[0].far) == (200, b"v=1\r\n", b"v=0\r\n")
    if who_leaves == "caller":
        caller.bye(dialog)
    else:
        callee.bye(came[0])
    await until(lambda: came[0].over.is_set() and dialog.over.is_set())
    caller.close()
    callee.close()


BAD = ("refused", "hung", "one_way", "lost", "lost_of_played", "unheard_keys", "not_recorded")
GOOD = {"answered": 9, **dict.fromkeys(BAD, 0)}


@pytest.mark.parametrize("bad", [{"answered": 0}, *({name: 1} for name in BAD)], ids=str)
def test_what_counts_as_a_failure(bad):
    assert not failed(GOOD)
    assert failed(GOOD | bad)


@pytest.mark.proof
@pytest.mark.skipif(os.environ.get("SUNSIM_PROOF") != "1", reason="a long proof: make proof")
@pytest.mark.timeout(300)
def test_the_whole_benchmark():
    command = [sys.executable, "-m", "benchmarks.media", "--seconds", "15", "--callers", "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    assert result["calls_at_once"] > 14
    assert result["key_to_prompt_ms"]["p50"] > 0
    assert result["answer_to_audio_ms"]["p50"] > 0
    assert result["free_to_next_call_ms"]["p50"] > 0
