"""A phone in a real browser: Chromium with SIP.js over secure WebSocket, WebRTC audio both ways."""

import asyncio
import mimetypes
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import async_playwright

from tests.support.chromium import ARGUMENTS, CHROMIUM

ROOT = Path(__file__).parents[2]
_ARGUMENTS = [
    *ARGUMENTS,
    "--ignore-certificate-errors",
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
]
HERE = "http://localhost/"  # a secure context, which nobody serves: see `_serve`
PAGE = '<!doctype html><script type="module" src="/browser_phone.js"></script>'
PATIENCE = 40


class BrowserPhone:
    """One page with one line."""

    def __init__(self, page):
        self.page = page

    async def do(self, verb, *arguments):
        """Call a method of the page's phone."""
        return await self.page.evaluate("([verb, args]) => phone[verb](...args)", [verb, arguments])

    async def until(self, state):
        """Wait until its call is in this state: ringing, talking, over."""
        await self.page.wait_for_function(f"phone.state === '{state}'", timeout=PATIENCE * 1000)

    async def hears(self, frequency):
        """Wait until this tone is the loudest thing that the earpiece gets."""
        await self.page.wait_for_function(
            f"Math.abs(phone.hears() - {frequency}) < 15", timeout=PATIENCE * 1000
        )

    async def hears_early(self, frequency):
        """The same before anybody answered."""
        await self.page.wait_for_function(
            f"Math.abs(phone.hearsEarly() - {frequency}) < 15", timeout=PATIENCE * 1000
        )

    async def moves(self, before):
        """Wait until it was told something else than ``before``, and gets packets from there."""
        patience = PATIENCE * 1000
        told = "before => phone.describe().remote !== before"
        await self.page.wait_for_function(told, arg=before, timeout=patience)
        count = (await self.do("received"))["packetsReceived"]
        more = "async count => (await phone.received()).packetsReceived > count + 25"
        await self.page.wait_for_function(more, arg=count, timeout=patience)

    async def hears_nothing(self):
        """Wait for silence."""
        await self.page.wait_for_function("phone.hears() === 0", timeout=PATIENCE * 1000)


@asynccontextmanager
async def browser_phone(line, domain, server, frequency=620, codecs=None, early=False):
    """A browser registered with the line by WSS; its microphone gets a tone of ``frequency``.
    ``codecs`` are the only ones that it offers and answers, such as ``["opus"]``; with ``early`` it
    takes what comes before the answer (RFC 3262)."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            context = await browser.new_context(ignore_https_errors=True)
            page = await context.new_page()
            await page.route(f"{HERE}**", _serve)
            await page.goto(HERE)
            await page.wait_for_function("() => !!window.makePhone", timeout=PATIENCE * 1000)
            options = {"login": line.login, "password": line.password, "domain": domain}
            options |= {"server": f"wss://{server[0]}:{server[1]}/", "frequency": frequency}
            await page.evaluate(
                "options => makePhone(options)", options | {"codecs": codecs, "early": early}
            )
            phone = BrowserPhone(page)
            assert await asyncio.wait_for(phone.do("register"), PATIENCE)
            yield phone
        finally:
            await browser.close()


async def _serve(route):
    """Files of the tests and of node_modules, without a server."""
    path = urlsplit(route.request.url).path
    if path == "/":
        await route.fulfill(body=PAGE, content_type="text/html")
        return
    folder = ROOT / "node_modules" if path.startswith("/sip.js/") else Path(__file__).parent
    file = folder / path.lstrip("/")
    kind = mimetypes.guess_type(file.name)[0] or "text/plain"
    await route.fulfill(body=file.read_bytes(), content_type=kind)
