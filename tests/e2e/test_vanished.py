"""A phone that vanished: no audio, no answer; its call ends by itself."""

import tempfile
from pathlib import Path

import pytest

from core.contracts import Outcome
from core.media.rtp import RtpPeer
from core.media.tones import tone
from tenants.db import Database
from tests.e2e.test_media_loss import called, calling, offered
from tests.support.instance import Company, Instance


@pytest.mark.proof
async def test_a_phone_that_is_gone_ends_its_call():
    with tempfile.TemporaryDirectory(prefix="sunsim-vanished-") as folder:
        running = Instance(Path(folder), environ={"SUNSIM_MEDIA_SILENCE_SECONDS": "4"})
        running.start()
        try:
            db = await Database.open(running.settings.data)
            company = await Company(running, db).activate()
            await company.settled()
            caller, callee = await RtpPeer.open(), await RtpPeer.open()
            talk = calling(company, caller).wait_for("BYE", timeout=120_000).ok()
            async with company.phone(company.admin.sip, called(callee)) as phone:
                options = {"local": company.carrier_host}
                async with talk.running(running.sip, **options) as at_caller:
                    caller.connect(await offered(at_caller))
                    caller.play(tone(440))
                    await phone.stop()  # whoever called it still sends
                    await at_caller.finish(120)
            caller.close()
            callee.close()
            card = await company.call()
            assert (card.call.outcome, card.ended_by) == (Outcome.ANSWERED, "system")
            assert card.steps[-1].data["cause"] == "vanished"
            await db.close()
        finally:
            running.stop()
