"""Leaving: no new calls, those that go on may end by themselves, and who is impatient says it twice."""

import asyncio
import signal
from functools import partial

import httpx
import pytest

from core.contracts import Chain, Dial, Outcome, StepCode
from core.scenarios import Addressee, AddresseeKind, Queue
from tenants.db import Database
from tenants.services import calls, queues
from tests.e2e.test_greeting import handled
from tests.e2e.test_operations import answering, calling
from tests.support.instance import company_in, own_instance
from tests.support.waiting import eventually, until


@pytest.fixture
async def leaving():
    """A company in an instance of its own, which the test starts again."""
    environ = {"SUNSIM_SIP_DRAIN_SECONDS": "300"}
    with own_instance("drain", environ=environ, end=signal.SIGINT) as instance:
        async with company_in(instance) as company:
            yield company


async def answered(caller):
    await caller.wait_for_text(r"^ACK ", seconds=60)


async def over(instance):
    """The exit status, in the end."""
    return await asyncio.to_thread(instance.process.wait, 90)


async def again(company):
    """Start the instance again, to see what is in the history."""
    await company.db.close()
    await asyncio.to_thread(company.instance.start)
    company.db = await Database.open(company.instance.settings.data)


async def drains(instance):
    """Wait until it takes no further calls."""
    url = f"http://{instance.endpoints['roles']['sip']['http']}/health/ready"
    async with asyncio.timeout(60), httpx.AsyncClient(timeout=30) as client:
        while (answer := await client.get(url)).status_code != 503:
            await asyncio.sleep(0.05)
    assert answer.json()["parts"]["accepting"] is False


async def queue_for(company):
    """Callers wait until the one employee, who has one telephone, is free."""
    anna = Addressee(AddresseeKind.EMPLOYEE, str(company.admin.id))
    await company.change(company.admin, external_number=None)
    await handled(company, Chain((Dial((anna,), queue=Queue(600)),)))


async def waiting(company):
    """The callers in queues."""
    return [call for queue in await queues.queues(company.db, company.here) for call in queue.calls]


async def talks(company):
    """Whether the one call of the company is a conversation."""
    return [call.state for call in await calls.present(company.db, company.here)] == ["talking"]


async def test_calls_end_by_themselves_then_at_the_second_signal(leaving):
    company, instance = leaving, leaving.instance
    await queue_for(company)
    talking = company.caller().invite(company.number).expect(180).expect(200).ack()
    talking.until_told().bye().expect(200)
    patient = company.caller("+79160000002").invite(company.number).expect(200).ack()
    patient.until_told().bye().expect(200)
    async with (
        company.phone(company.admin.sip, answering(), calls=2) as phone,
        talking.running(instance.sip, company.carrier_host) as caller,
        httpx.AsyncClient(timeout=30) as client,
    ):
        await answered(caller)
        await until(partial(talks, company))
        async with patient.running(instance.sip, company.carrier_host) as waiter:
            (queued,) = await eventually(partial(waiting, company), len)
            assert queued.state == "waiting"
            instance.process.send_signal(signal.SIGTERM)
            await drains(instance)
            refused = company.caller().invite(company.number).expect(503).ack_refusal()
            assert "Retry-After: 5" in await company.dial_in(refused)
            # Pages and records work meanwhile, and so does the shell.
            assert (await client.get(f"{instance.http}/health/ready")).status_code == 200
            assert caller.process.returncode is None
            # Who waits goes on waiting, and is served as soon as somebody is free.
            assert await waiting(company) == [queued]
            await caller.go_on()
            await caller.finish(60)
            await eventually(partial(waiting, company), lambda found: not found)
            assert instance.process.poll() is None
            await waiter.go_on()
            await waiter.finish(60)
            await phone.finish()
    assert await over(instance) == 0

    await again(company)
    served, first = await company.recorded(2)
    assert (first.outcome, served.outcome) == (Outcome.ANSWERED, Outcome.ANSWERED)
    card = await calls.card(company.db, company.here, served.id)
    wanted = [StepCode.QUEUED, StepCode.ANSWERED, StepCode.LEFT_QUEUE]
    assert [step.code for step in card.steps if step.code in wanted] == wanted
    assert card.ended_by == "caller"
    async with (
        company.phone(company.admin.sip, answering()) as phone,
        calling(company).running(instance.sip, company.carrier_host) as caller,
    ):
        await answered(caller)
        instance.process.send_signal(signal.SIGTERM)
        await drains(instance)
        assert instance.process.poll() is None
        instance.process.send_signal(signal.SIGTERM)
        await caller.finish(60)
        await phone.finish()
    assert await over(instance) == 0

    await again(company)
    assert len(await company.recorded(3)) == 3
    card = await company.call()
    assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "system")
    assert card.trace[-1].text.endswith("the service was stopped")
