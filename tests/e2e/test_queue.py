"""A real caller waits until somebody may be called: what he hears, who sees it, how soon it rings."""

import time

import pytest

from core.contracts import AvailabilityMode, Chain, Dial, Outcome, StepCode
from core.media.g711 import PCMA
from core.media.tones import tone
from core.scenarios import Addressee, AddresseeKind, Queue
from tenants.services import employees, queues
from tests.e2e.test_calls import codes
from tests.e2e.test_greeting import handled, media
from tests.e2e.test_media_loss import called, offered
from tests.support.media import peers, until_hears
from tests.support.waiting import eventually

SONG, CALLEE = 700, 1200


async def switched(company, mode):
    card = await employees.get(company.db, company.here, company.admin.id)
    command = employees.UpdateEmployee(card.id, card.version, mode=mode)
    await employees.update(company.db, company.here, command)


@pytest.mark.spec("PRC-09", at="call")
async def test_who_waits_hears_the_song_until_a_mode_is_switched(company):
    found = await media(company, song=SONG)
    anna = Addressee(AddresseeKind.EMPLOYEE, str(company.admin.id))
    await handled(company, Chain((Dial((anna,), queue=Queue(120, found["song"])),)))
    await switched(company, AvailabilityMode.UNAVAILABLE)
    await company.settled()

    async def waiting():
        return [call for queue in await queues.queues(company.db, company.here) for call in queue.calls]

    async with peers(PCMA, PCMA) as (caller, callee):
        answer = called(callee, pause=1000).wait_for("BYE").ok()
        talk = company.caller(media=caller.address).invite(company.number).expect(200).ack()
        talk = talk.until_told().bye().expect(200)
        local = {"local": company.carrier_host}
        async with (
            company.phone(company.admin.sip, answer) as at_callee,
            talk.running(company.instance.sip, **local) as at_caller,
        ):
            caller.connect(await offered(at_caller))
            await until_hears(caller, SONG, 1.2)
            (seen,) = await eventually(waiting, len)
            assert (seen.place, seen.state) == (1, "waiting")
            before = time.time()
            await switched(company, AvailabilityMode.AVAILABLE)
            callee.connect(await offered(at_callee))
            callee.play(tone(CALLEE))
            await until_hears(caller, CALLEE, 0.6)
            assert await eventually(waiting, lambda found: not found) == []
            await at_caller.go_on()
            await at_caller.finish()
            await at_callee.finish()
    card = await company.call()
    assert card.call.outcome is Outcome.ANSWERED
    wanted = [StepCode.QUEUED, StepCode.RINGING, StepCode.ANSWERED, StepCode.LEFT_QUEUE]
    assert list(dict.fromkeys(code for code in codes(card) if code in wanted)) == wanted
    rang = next(step.at for step in card.steps if step.code is StepCode.RINGING)
    print(f"from the command until a phone rings: {1000 * (rang - before):.0f} ms")
