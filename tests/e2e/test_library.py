"""A real caller hears the ready-made library: told by its fingerprints."""

import asyncio

import pytest

from core.contracts import Chain, PluginStep
from core.library import Prompt, media_id
from core.media.rtp import RtpPeer
from core.scenarios import HangUp, KeyAction, MenuKey, Options
from tenants.services import menus
from tests.e2e.test_greeting import handled
from tests.e2e.test_media_loss import offered
from tests.support.heard import Hearing, library

GREETING, MENU, WRONG, END = (
    *(Prompt.GREETING_CONNECTING, Prompt.MENU_OPERATOR, Prompt.WRONG_KEY, Prompt.NOBODY),
)


class Listener:
    """Hears what a peer receives, while it comes."""

    def __init__(self, peer, known):
        self.told, self._peer, self._at = [], peer, 0
        self._hearing = Hearing(known, self.told.append)

    async def until(self, *names, seconds=60):
        """Wait until exactly these have been heard so far."""
        async with asyncio.timeout(seconds):
            while self.told != [*names]:
                assert self.told == [*names][: len(self.told)]
                samples = self._peer.heard
                self._hearing.hear(samples[self._at :])
                self._at = len(samples)
                await asyncio.sleep(0.1)


@pytest.mark.spec("ACC-09", "IVR-03", "IVR-18", "PRC-12", at="call")
async def test_greeting_menu_wrong_key_and_farewell_without_an_upload(company):
    keys = (MenuKey("*", KeyAction.REPEAT), MenuKey("0", KeyAction.SKIP))
    said = media_id(MENU)
    menu = menus.CreateMenu("Главное", keys, instruction=said, idle_seconds=60, enabled=True)
    made = await menus.create(company.db, company.here, menu)
    block = PluginStep("ivr.menu", {"menu_id": str(made.id)})
    farewell = HangUp(media=media_id(END))
    await handled(company, Chain((block, farewell), Options(greeting=media_id(GREETING))))
    known = await library("ru", GREETING, MENU, WRONG, END)
    caller = await RtpPeer.open()
    talk = company.caller(media=caller.address).invite(company.number).expect(200).ack()
    talk = talk.until_told().bye().expect(200)
    async with talk.running(company.instance.sip, local=company.carrier_host) as at_caller:
        caller.connect(await offered(at_caller))
        caller.play([0] * 160)
        ear = Listener(caller, known)
        await ear.until(GREETING, MENU)
        await caller.press("9")
        await ear.until(GREETING, MENU, WRONG, MENU)
        await caller.press("0")
        await ear.until(GREETING, MENU, WRONG, MENU, END)
        await at_caller.go_on()
        await at_caller.finish()
    caller.close()
    card = await company.call()
    assert "The caller hears “Nobody is available, call later”" in [line.text for line in card.trace]
