"""The supervisor with the smallest processes there are."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.supervisor import Child, Supervisor, await_orphans
from tests.support.waiting import until

READY = "import os, sys, time; os.write(int(sys.argv[2]), b'{\"n\": 1}\\n'); time.sleep(60)"
SILENT = "import time; time.sleep(60)"
FAILS = "raise SystemExit(1)"
SLOW = (
    "import signal, sys, time;"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(7)));" + READY
)
STUBBORN = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN);" + READY


def child(name, code, **times):
    return Child(name, [sys.executable, "-S", "-c", code], os.environ, **times)


def ended(children):
    return [each.process is None or each.process.returncode is not None for each in children]


async def test_children_are_started_heard_and_stopped():
    said = {}
    supervisor = Supervisor(said.__setitem__)
    children = [child("a", READY), child("b", READY)]
    await supervisor.start(*children)
    assert said == {"a": {"n": 1}, "b": {"n": 1}}
    await supervisor.stop()
    assert ended(children) == [True, True]


async def test_one_that_does_not_start_ends_the_wait_for_the_others():
    supervisor = Supervisor(lambda name, said: None)
    children = [
        child("ready", READY),
        child("fails", FAILS),
        child("silent", SILENT, ready_seconds=300),
    ]
    async with asyncio.timeout(50):  # the silent one would be waited for longer
        with pytest.raises(Unavailable, match="fails"):
            await supervisor.start(*children)
    await supervisor.stop()
    assert ended(children) == [True, True, True]


async def test_a_start_may_be_given_up():
    supervisor = Supervisor(lambda name, said: None)
    children = [child("ready", READY), child("silent", SILENT)]
    start = asyncio.create_task(supervisor.start(*children))
    await until(lambda: all(each.process for each in children))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await supervisor.stop()
    assert ended(children) == [True, True]


async def test_a_silent_child_is_not_waited_for_for_ever():
    silent = child("silent", SILENT, ready_seconds=0.2)
    with pytest.raises(Unavailable):
        await silent.start()
    assert ended([silent]) == [True]


async def test_a_child_that_does_not_listen_is_killed():
    stubborn = child("stubborn", STUBBORN, stop_seconds=0.2)
    await stubborn.start()
    await stubborn.stop()
    assert stubborn.process.returncode == -9


async def test_a_child_that_is_drained_may_finish_and_is_not_started_again():
    starts = []
    supervisor = Supervisor(lambda name, said: starts.append(name))
    slow, other = child("slow", SLOW, drain_seconds=60), child("other", READY)
    await supervisor.start(slow, other)
    await supervisor.drain(slow)
    assert slow.process.returncode == 7  # it came to its end
    assert ended([other]) == [False]
    await asyncio.sleep(0.3)  # a child that ends is started again after 0.2
    assert starts == ["slow", "other"]
    await supervisor.stop()
    assert ended([other]) == [True]


async def test_a_drain_that_is_given_up_ends_by_stop():
    supervisor = Supervisor(lambda name, said: None)
    slow = child("slow", SLOW.replace("0.3", "60"), drain_seconds=60)
    await supervisor.start(slow)
    draining = asyncio.create_task(supervisor.drain(slow))
    await asyncio.sleep(0.2)
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    await supervisor.stop()
    assert slow.process.returncode == -1  # SIGHUP


async def test_a_child_that_ends_is_started_again_with_its_present_arguments():
    starts = []
    supervisor = Supervisor(lambda name, said: starts.append(said))
    one = child("one", READY)
    await supervisor.start(one)
    one.argv = [sys.executable, "-S", "-c", READY.replace(": 1", ": 2")]
    one.process.kill()
    await until(lambda: len(starts) == 2)
    assert starts == [{"n": 1}, {"n": 2}]
    await supervisor.stop()


async def test_one_that_cannot_be_started_again_is_tried_further():
    starts = []
    supervisor = Supervisor(lambda name, said: starts.append(said))
    one = child("one", READY)
    good = one.argv
    await supervisor.start(one)
    one.argv = ["/nowhere/at/all"]
    one.process.kill()
    await until(lambda: one.process is None or one.process.returncode is not None)
    await asyncio.sleep(0.3)  # one failure, most likely
    one.argv = good
    await until(lambda: len(starts) == 2)
    await supervisor.stop()
    assert ended([one]) == [True]


@pytest.fixture
def sleeper():
    """Starts a process that sleeps for so many seconds and has this argument."""
    started = []

    def start(seconds, mark):
        code = f"import time; time.sleep({seconds})"
        started.append(subprocess.Popen([sys.executable, "-S", "-c", code, mark]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def has_begun(process):
    """Whether it has its own arguments already, not those of its parent."""
    return b"/a/folder" in Path(f"/proc/{process.pid}/cmdline").read_bytes()


async def test_orphans_of_a_killed_parent_are_awaited(sleeper):
    orphan = sleeper(0.5, "/a/folder")
    await until(lambda: has_begun(orphan) or orphan.poll() is not None)
    await await_orphans(1, [orphan.pid], "/a/folder", 60)
    assert orphan.poll() == 0


@pytest.mark.parametrize(
    ("parent", "mark", "seconds"),
    [(os.getpid(), "/a/folder", 60), (1, "/other", 60), (1, "/a/folder", 0)],
    ids=["a child of another", "in another folder", "for no time"],
)
async def test_nobody_waits_for_others_children_nor_for_ever(sleeper, parent, mark, seconds):
    lives = sleeper(100, "/a/folder")
    await until(lambda: has_begun(lives))
    await asyncio.wait_for(await_orphans(parent, [lives.pid, 2**22 + 1], mark, seconds), 30)
    assert lives.poll() is None
