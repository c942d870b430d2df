"""A phone in a browser, as far as SIP over WebSocket goes: registers, is called, answers (RFC 7118)."""

import asyncio
import ssl
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect

from core.sip import digest
from core.sip._wire import build_request, build_response, parse

ME = "df7jal23ls0d.invalid"
"""What browsers call themselves in Via and Contact: they know no address of theirs."""


class WebSocketPhone:
    """One WebSocket with one line on it."""

    def __init__(self, line, domain, socket, kind):
        self.line = line
        self.domain = domain
        self.socket = socket
        self.kind = kind
        self.cseq = 0

    async def send(self, message):
        await self.socket.send(message.decode())

    async def next(self, seconds=10):
        async with asyncio.timeout(seconds):
            return parse((await self.socket.recv()).encode())

    async def request(self, method, uri, to, headers=(), body=b"", call_id="browser"):
        self.cseq += 1
        await self.send(
            build_request(
                method,
                uri,
                [
                    ("Via", f"SIP/2.0/{self.kind} {ME};branch=z9hG4bK{method}{self.cseq}"),
                    ("Max-Forwards", "70"),
                    ("From", f"<sip:{self.line.login}@{self.domain}>;tag=browser"),
                    ("To", to),
                    ("Call-ID", call_id),
                    ("CSeq", f"{self.cseq} {method}"),
                    ("Contact", self.contact),
                    *headers,
                ],
                body,
            )
        )

    @property
    def contact(self):
        return f"<sip:{self.line.login}@{ME};transport=ws>"

    async def register(self, expires=600):
        """REGISTER, challenge, REGISTER; returns the final answer."""
        uri, me = f"sip:{self.domain}", f"<sip:{self.line.login}@{self.domain}>"
        await self.request("REGISTER", uri, me)
        challenge = digest.strongest((await self.next()).headers("WWW-Authenticate"))
        value = digest.authorize(challenge, "REGISTER", uri, self.line.login, self.line.password)
        await self.request("REGISTER", uri, me, [("Authorization", value), ("Expires", str(expires))])
        return await self.next()

    async def expect(self, method):
        """The next request, which must be of this method."""
        message = await self.next()
        assert message.is_request and message.method == method, message.raw.decode()
        return message

    async def answer(self, request, status, reason, body=b""):
        headers = [("Contact", self.contact)]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        await self.send(build_response(request, status, reason, headers, body, "browser"))


@asynccontextmanager
async def websocket_phone(line, domain, server, authority=None):
    """Connect by WSS if there is an ``authority`` (a PEM file) to trust, else by WS."""
    secure = ssl.create_default_context(cafile=authority) if authority else None
    kind = "wss" if secure else "ws"
    uri = f"{kind}://{server[0]}:{server[1]}/"
    async with connect(uri, subprotocols=["sip"], ssl=secure, proxy=None) as socket:
        yield WebSocketPhone(line, domain, socket, kind.upper())
