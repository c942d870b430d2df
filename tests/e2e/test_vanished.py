"""A phone that vanished: no audio, no answer; its call ends by itself."""

import pytest

from core.contracts import Outcome
from core.media.g711 import PCMA
from core.media.tones import tone
from tests.e2e.test_media_loss import call, called, calling, offered
from tests.support.instance import company_in, own_instance
from tests.support.media import peers


@pytest.mark.proof
async def test_a_phone_that_is_gone_ends_its_call():
    with own_instance("vanished", environ={"SUNSIM_MEDIA_SILENCE_SECONDS": "4"}) as running:
        async with company_in(running) as company, peers(PCMA, PCMA) as (caller, callee):
            talk = calling(company, caller).wait_for("BYE", timeout=120_000).ok()
            async with call(company, talk, called(callee)) as (at_caller, phone):
                caller.connect(await offered(at_caller))
                caller.play(tone(440))
                await phone.stop()  # whoever called it still sends
                await at_caller.finish(120)
            card = await company.call()
            assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "system")
            assert card.steps[-1].data["cause"] == "vanished"
