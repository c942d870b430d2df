"""What calls live through: the database stands still or dies, the telephone part itself is killed."""

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest

from core.contracts import Outcome, TerminalKind
from tenants.db import Database
from tenants.live import live_calls
from tenants.services.terminals import ChangeTerminal
from tests.e2e.test_calls import answering, calling, talking
from tests.e2e.test_lossy import left, nothing_left
from tests.support.free_ports import free_port
from tests.support.instance import company_in, own_instance
from tests.support.processes import descendants
from tests.support.sipp import Script
from tests.support.waiting import until


@pytest.fixture(scope="module")
def survivor():
    """An instance that these tests do harm to."""
    port = free_port("127.0.0.1")
    with own_instance("survival", "--sip", f"127.0.0.1:{port}", end=signal.SIGKILL) as running:
        yield running


@pytest.fixture
async def company(survivor):
    """A company in it whose only telephones are lines that take many calls."""
    async with company_in(survivor) as made:
        many = {TerminalKind.SIP: ChangeTerminal(channels=10)}
        await made.change(made.admin, external_number=None, terminals=many)
        yield made


def database_pid(instance):
    """The server's process id, or nothing while it is being started."""
    try:
        return json.loads((instance.folder / "postgres" / "endpoint.json").read_text())["pid"]
    except FileNotFoundError:
        return None


@contextmanager
def frozen(instance):
    """The database and all its processes stand still for the block."""
    server = database_pid(instance)
    pids = [server]
    try:
        os.kill(server, signal.SIGSTOP)  # first: it makes no further processes then
        pids += descendants(server)
        for pid in pids[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def conversation(company):
    """A client talks with Anna; yields the client's SIPp."""
    script = talking(company.caller("+79160000002"), company.number)
    async with script.running(company.instance.sip, company.carrier_host) as sipp:
        await sipp.wait_for_text(r"^SIP/2\.0 200 .*^ACK ")
        yield sipp


async def outcomes(company, count):
    """How so many calls ended, as soon as the history has them."""
    return [row.outcome for row in await company.recorded(count, seconds=120)]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seconds", [0, pytest.param(60, marks=pytest.mark.proof)])
async def test_calls_come_and_go_while_the_database_stands_still(company, seconds):
    before = left(company)
    patient = Script().wait_for("INVITE").answer(180, "Ringing").pause(100)
    patient.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE", 200_000).ok()
    phone = company.phone(company.admin.sip, patient, calls=4)
    async with phone as called, conversation(company) as client:
        with frozen(company.instance):
            for _ in range(2):  # new ones, from the directory in memory
                await company.dial_in(calling(company.caller(), company.number))
            await asyncio.sleep(seconds)
            await client.go_on()
            await client.finish()
            await company.dial_in(calling(company.caller(), company.number))
            await company.register(company.admin.lines["web"])  # the registrar, too
        await called.finish()
    assert await outcomes(company, 4) == [Outcome.ANSWERED] * 4
    await company.online(2)
    await nothing_left(company, before, 90, "sunsim_sip_transactions")


@pytest.mark.proof
@pytest.mark.timeout(400)
async def test_calls_go_on_while_the_database_is_killed_and_started_again(company):
    instance, before = company.instance, left(company)
    async with company.phone(company.admin.sip, answering(), calls=3) as phone:
        async with conversation(company) as client:
            killed = database_pid(instance)
            os.kill(killed, signal.SIGKILL)
            await company.dial_in(calling(company.caller(), company.number))
            await client.go_on()
            await client.finish()
        await until(lambda: database_pid(instance) not in (None, killed))
        await company.dial_in(calling(company.caller(), company.number))
        await phone.finish()
    await company.db.close()
    company.db = await Database.open(instance.settings.data)
    assert await outcomes(company, 3) == [Outcome.ANSWERED] * 3
    await nothing_left(company, before, 90, "sunsim_sip_transactions")


@pytest.mark.timeout(400)
async def test_when_the_telephone_part_is_killed_only_the_calls_of_that_moment_are_lost(company):
    instance = company.instance
    async with company.phone(company.admin.sip, answering(), calls=3):
        await company.dial_in(calling(company.caller(), company.number))
        async with conversation(company):
            await until(lambda: talks(company, 1))
            role = instance.endpoints["roles"]["sip"]
            os.kill(role["pid"], signal.SIGKILL)
            path = instance.folder / "endpoints.json"
            await until(lambda: json.loads(path.read_text())["roles"]["sip"]["pid"] != role["pid"])
            instance.endpoints = json.loads(path.read_text())
        await until(lambda: talks(company, 0))  # nobody is shown as talking any more
        await company.dial_in(calling(company.caller(), company.number))  # the phone is known still
    assert await outcomes(company, 2) == [Outcome.ANSWERED] * 2
    await nothing_left(company, dict.fromkeys(left(company), 0), 90, "sunsim_sip_transactions")


async def talks(company, count):
    return len(await live_calls(company.db, company.id)) == count
