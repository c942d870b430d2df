"""Kill -9 between any two steps of what follows from a call: nothing is lost, nothing happens twice.

A process of its own works off the outbox and dies at its n-th statement, for n from the first to the
last one; forks of one process, as starting Python takes longer than all that is tested.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from core.contracts import TaskKind
from tests.integration.plugins.conftest import CALLER, asks, asks_group

ROOT = Path(__file__).parents[3]

WORKER = """
import asyncio, os, signal, sys, time
from pathlib import Path

import asyncpg

from core.errors import Unavailable
from core.host import Host
from core.settings import DataSettings
from plugins import crm
from tenants import callers
from tenants.db import Database
from tenants.listener import Listener
from tenants.outbox import Outbox

FOLDER, DSN, HOST = Path(sys.argv[1]), sys.argv[2], Host({"crm": crm})


async def drain():
    database = await Database.open(DataSettings(dir=FOLDER, dsn=DSN, pool=2))
    listener = Listener(database.listen_connection)
    await Outbox(database, HOST.outbox, listener, callers.CONSUMERS).drain()
    await database.close()


def dying(at):
    # Every statement counts, also those that begin and end transactions.
    left = [at]
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        def counting(self, *args, said=getattr(asyncpg.Connection, name), **more):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return said(self, *args, **more)
        setattr(asyncpg.Connection, name, counting)


def child(seconds=None, at=None):
    if (pid := os.fork()) == 0:
        status = 1
        try:
            if at is not None:
                dying(at)
            asyncio.run(drain())
            status = 0
        except Unavailable:
            status = 3
        finally:
            os._exit(status)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
"""

AT_EACH = """
killed = 0
while child(at=killed):
    killed += 1
print(killed)
"""

AT_MOMENTS = """
import random
chance, killed = random.Random(int(sys.argv[3])), 0
while True:
    status = child(seconds=chance.uniform(0.02, 0.4))
    killed += os.WIFSIGNALED(status)
    if killed >= 8 or os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        break
while child():
    time.sleep(0.2)
print(killed)
"""


def work(settings, what, *args):
    """Have the outbox worked off by processes that die; how often one did."""
    command = [sys.executable, "-c", WORKER + what, str(settings.dir), settings.dsn, *args]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


async def everything(desk):
    """What there is, without ids of its own: contacts by number, tasks with their calls, deals."""
    contacts = await desk.rows("SELECT e164 FROM contact_numbers ORDER BY e164")
    orphans = await desk.rows(
        "SELECT id FROM contacts c WHERE NOT EXISTS"
        " (SELECT FROM contact_numbers n WHERE n.contact_id = c.id)"
    )
    tasks = await desk.rows(
        "SELECT t.kind, t.number, coalesce(t.executor_employee, t.executor_group),"
        " array_agg(c.call_id ORDER BY c.call_id) FROM crm_tasks t"
        " LEFT JOIN crm_task_calls c ON c.task_id = t.id GROUP BY t.id"
    )
    deals = await desk.rows("SELECT n.e164 FROM crm_deals d JOIN contact_numbers n USING (contact_id)")
    assert orphans == []
    return contacts, Counter(tuple(map(str, row)) for row in tasks), sorted(deals)


def expected(cdrs):
    """An oracle of another make: every caller, every pair of client and type, every call once."""
    callers = {cdr.caller for cdr in cdrs if cdr.caller and cdr.direction == "incoming"}
    calls = {}
    for cdr in cdrs:
        number = cdr.called if cdr.direction == "outgoing" else cdr.caller
        for request in cdr.tasks:
            of = request.executor.kind if number else cdr.call_id
            calls.setdefault((request.kind, number, of, request.executor.ref), []).append(cdr.call_id)
    tasks = Counter(
        tuple(map(str, (kind, number, ref, sorted(those))))
        for (kind, number, _, ref), those in calls.items()
    )
    return sorted((each,) for each in callers), tasks, sorted((each,) for each in callers)


def some_calls(desk, sales, count, seed):
    """Missed calls, messages, wishes, hidden numbers and calls out, of a few clients."""
    chance = random.Random(seed)
    for _ in range(count):
        number = chance.choice((CALLER, "+79030000001", "+79030000002", None))
        requests = chance.choice(
            (
                (asks(desk.me),),
                (asks_group(sales, TaskKind.CALLBACK),),
                (asks(desk.me, TaskKind.MESSAGE), asks_group(sales)),
                (),
            )
        )
        out = chance.random() < 0.2
        yield desk.failed_out("+79039999999") if out else desk.call(*requests, caller=number)


async def store(desk, count, seed):
    sales = await desk.group(desk.me)
    await desk.set(auto_deals=True)
    cdrs = list(some_calls(desk, sales, count, seed))
    for cdr in cdrs:
        await desk.store.save(cdr)
    return expected(cdrs)


async def test_killed_at_each_statement_nothing_is_lost_or_doubled(desk, data_settings):
    """A missed call of a stranger: contact, task, attachment, deal, and two notes."""
    sales = await desk.group(desk.me)
    await desk.set(auto_deals=True)
    cdr = desk.call(asks_group(sales), missed_manager=desk.me.id)
    await desk.store.save(cdr)
    assert work(data_settings, AT_EACH) >= 20  # so many statements there are
    assert await everything(desk) == expected([cdr])
    pending = await desk.rows("SELECT pending_manager FROM contacts")
    assert pending == [(desk.me.id,)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.proof) for n in range(1, 10))])
async def test_killed_at_any_moment(desk, data_settings, seed):
    wanted = await store(desk, 12, seed)
    work(data_settings, AT_MOMENTS, str(seed))
    assert await everything(desk) == wanted


async def test_a_database_that_stops_meanwhile(desk, data_settings, postgres):
    """Records that come while it is away wait in the journal; what follows from them does so once."""
    sales = await desk.group(desk.me)
    await desk.set(auto_deals=True)
    cdrs = list(some_calls(desk, sales, 8, 7))
    desk.store.start()
    for cdr in cdrs[:4]:
        await desk.store.save(cdr)
    running = subprocess.Popen(
        [sys.executable, "-c", WORKER + "child(seconds=1)", str(data_settings.dir), data_settings.dsn],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    postgres.embedded.stop()
    try:
        for cdr in cdrs[4:]:
            await desk.store.save(cdr)
    finally:
        postgres.embedded.start()
    assert running.wait(60) == 0
    async with asyncio.timeout(60):
        while desk.store.pending:
            await asyncio.sleep(0.05)
    work(data_settings, AT_EACH)
    assert await everything(desk) == expected(cdrs)
