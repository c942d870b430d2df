"""SIP telephones by the dozen in one loop: one socket, many calls (RFC 3261, as much as stories need).

``Post`` is a socket; ``SipCall`` one call of either side. It shares the wire layer with the product and
nothing else: transactions, dialogs and retransmissions are its own.
"""

import asyncio
import re
import secrets

from core.sip import digest
from core.sip._wire import WireError, build_request, build_response, parse

__all__ = ["Post", "SipCall", "said"]

_FIRST, _LONGEST, _GIVE_UP = 0.5, 4.0, 60.0
_ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY, REFER, UPDATE")


class Post(asyncio.DatagramProtocol):
    """A socket at which calls begin and end; ``on_call(call, invite)`` hears of new ones."""

    @classmethod
    async def open(cls, host, server, port=0, on_call=None):
        loop = asyncio.get_running_loop()
        _, post = await loop.create_datagram_endpoint(cls, local_addr=(host, port))
        post.server = server
        post.on_call = on_call
        return post

    def __init__(self):
        self.calls = {}
        self.waiting = {}  # branch of a request of ours → who hears its answers
        self.seen = []
        self._registering = 0

    @property
    def address(self):
        return self.transport.get_extra_info("sockname")[:2]

    @property
    def here(self):
        host, port = self.address
        return f"{host}:{port}"

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        try:
            message = parse(data)
        except WireError:
            return
        if not message.is_request:
            hear = self.waiting.get(message.branch)
            if hear is not None:
                hear(message)
            return
        call = self.calls.get(message.call_id)
        if call is not None:
            call.asked(message)
        elif message.method == "INVITE" and self.on_call is not None:
            call = SipCall(self, message.call_id)
            call.incoming(message)
            self.on_call(call, message)
        elif message.method != "ACK":
            self.send(build_response(message, 200 if message.method == "OPTIONS" else 481, "x"))

    def error_received(self, exc):
        """The other side may be gone."""

    def send(self, data):
        self.transport.sendto(data, self.server)

    def branch(self):
        return f"z9hG4bK{secrets.token_hex(8)}"

    def via(self, branch):
        return "Via", f"SIP/2.0/UDP {self.here};rport;branch={branch}"

    async def transact(self, data, branch):
        """Send a request until its final answer comes; returns that."""
        answers = asyncio.Queue()
        self.waiting[branch] = answers.put_nowait
        wait = _FIRST
        try:
            async with asyncio.timeout(_GIVE_UP):
                while True:
                    self.send(data)
                    try:
                        while True:
                            answer = await asyncio.wait_for(answers.get(), wait)
                            if answer.status >= 200:
                                return answer
                    except TimeoutError:
                        wait = min(2 * wait, _LONGEST)
        finally:
            del self.waiting[branch]

    async def register(self, login, password, domain, expires=600):
        """Register a line at this socket."""
        call_id, tag = secrets.token_hex(8), secrets.token_hex(4)
        proof = ()
        for cseq in (1, 2):
            branch = self.branch()
            headers = [
                self.via(branch),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{login}@{domain}>;tag={tag}"),
                ("To", f"<sip:{login}@{domain}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{cseq} REGISTER"),
                ("Contact", f"<sip:{login}@{self.here}>"),
                ("Expires", str(expires)),
                *proof,
            ]
            uri = f"sip:{domain}"
            answer = await self.transact(build_request("REGISTER", uri, headers), branch)
            if answer.status == 401:
                proof = (_proof(answer, "REGISTER", uri, login, password),)
        assert answer.status == 200, f"{login} cannot register: {answer.status}"

    def close(self):
        for call in self.calls.values():
            call.forget()
        self.transport.close()


class SipCall:
    """One call. ``on_end(status)`` hears its end by the other side, ``on_offer(body)`` an offer and
    returns our answer, ``on_described(body)`` one in a 200, ``on_progress(message)`` what comes before
    the answer."""

    def __init__(self, post, call_id=""):
        self.post = post
        self.call_id = call_id or secrets.token_hex(10)
        self.tag = secrets.token_hex(4)
        self.cseq = 0
        self.local = self.remote = self.target = ""
        self.invite = None
        self.acked = asyncio.Event()
        self.extra = ()
        self.on_end = self.on_progress = lambda *_: None
        self.on_offer = self.on_described = lambda body: b""
        self.reason = ""  # of the CANCEL, in words
        self._answers = {}  # (method, cseq) → what we answered
        self._final = False
        self._tasks = set()
        post.calls[self.call_id] = self

    @property
    def own(self):
        """Headers of a request that may change where we are."""
        return (("Contact", f"<sip:{self.tag}@{self.post.here}>"), _ALLOW)

    def forget(self):
        for task in self._tasks:
            task.cancel()

    # --- we call ---------------------------------------------------------------------------------

    async def begin(self, uri, from_, body, headers=(), account=None):
        """Invite; returns the final answer. ``account`` is (login, password)."""
        self.local, self.remote, self.target = f"{from_};tag={self.tag}", f"<{uri}>", uri
        self.uri = uri
        proof = ()
        while True:
            self.cseq += 1
            branch = self.invite_branch = self.post.branch()
            own = [("Contact", f"<sip:{self.tag}@{self.post.here}>"), _ALLOW, *headers, *proof]
            answer = await self._invite(uri, branch, own, body)
            if answer.status != 401 or proof:
                return answer
            proof = (_proof(answer, "INVITE", uri, *account),)

    async def _invite(self, uri, branch, headers, body):
        cseq = self.cseq
        data = self._request("INVITE", uri, branch, cseq, headers, body)
        answers = asyncio.Queue()

        def hear(answer):  # for ever: the 200 may come again
            if answer.status >= 300:
                self.post.send(self._request("ACK", uri, branch, cseq, to=answer.header("To")))
            elif answer.status >= 200:
                self._learn(answer)
                described = b"" if body else self.on_described(answer.body)
                way = self.post.branch()
                ack = self._request("ACK", self.target, way, cseq, body=described)
                self.post.send(ack)
            answers.put_nowait(answer)

        self.post.waiting[branch] = hear
        wait = _FIRST
        while True:
            self.post.send(data)
            try:
                while True:
                    answer = await asyncio.wait_for(answers.get(), wait)
                    wait = None
                    if answer.status >= 200:
                        return answer
                    self.on_progress(answer)
            except TimeoutError:
                wait = min(2 * wait, _LONGEST)

    def _learn(self, answer):
        self.remote = answer.header("To")
        self.target = _uri(answer.header("Contact")) or self.target

    async def cancel(self):
        branch = self.invite_branch
        data = self._request("CANCEL", self.uri, branch, self.cseq)
        kept = self.post.waiting[branch]
        answered = asyncio.Event()

        def hear(answer):
            if answer.header("CSeq").endswith("CANCEL"):
                answered.set()
            else:
                kept(answer)

        self.post.waiting[branch] = hear
        for wait in (0.5, 1, 2, 4, 4, 4):
            self.post.send(data)
            try:
                await asyncio.wait_for(answered.wait(), wait)
                return
            except TimeoutError:
                continue

    # --- we are called ---------------------------------------------------------------------------

    def incoming(self, request):
        self.invite = request
        self.local = f"{request.header('To')};tag={self.tag}"
        self.remote = request.header("From")
        self.target = _uri(request.header("Contact"))

    def fall_silent(self):
        """Answer nothing at all."""
        self.asked = lambda request: None

    def answer(self, status, body=b"", headers=()):
        """Answer the INVITE; a 200 until its ACK comes."""
        if self._final:
            return
        data = self._response(self.invite, status, body, headers)
        if status < 200:
            self.post.send(data)
            return
        self._final = True
        if status < 300:
            self._keep(self._until_acked(data))
        else:
            self.post.send(data)

    def _response(self, request, status, body=b"", headers=()):
        own = [*headers]
        if status > 100 and request.method == "INVITE":
            own += [("Contact", f"<sip:{self.tag}@{self.post.here}>"), _ALLOW]
        if body:
            own.append(("Content-Type", "application/sdp"))
        tag = "" if request.to_tag or status == 100 else self.tag
        data = build_response(request, status, "x", own, body, tag, None)
        self._answers[request.method, request.cseq] = data
        return data

    async def _until_acked(self, data):
        for wait in (0.5, 1, 2, 4, 4, 4, 4):
            self.post.send(data)
            try:
                await asyncio.wait_for(self.acked.wait(), wait)
                return
            except TimeoutError:
                continue

    def asked(self, request):
        """A request in this call."""
        before = self._answers.get((request.method, request.cseq))
        if request.method == "ACK":
            self.acked.set()
        elif before is not None:
            self.post.send(before)
        elif request.method == "CANCEL":
            self.post.send(self._response(request, 200))
            if not self._final:
                self.reason = said(request.header("Reason"))
                self.answer(487)
                self.on_end(487)
        elif request.method == "BYE":
            self.post.send(self._response(request, 200))
            self.on_end(200)
        elif request.method == "INVITE":
            self.post.send(self._response(request, 200, self.on_offer(request.body)))
        else:
            self.post.send(self._response(request, 200))
            self.on_request(request)

    def on_request(self, request):
        """INFO, NOTIFY and others."""

    # --- within a call ---------------------------------------------------------------------------

    async def request(self, method, headers=(), body=b""):
        """A request within the call; its final answer."""
        self.cseq += 1
        branch = self.post.branch()
        data = self._request(method, self.target, branch, self.cseq, headers, body)
        answer = await self.post.transact(data, branch)
        if method == "INVITE":
            sent = "ACK" if answer.status < 300 else None
            branch = self.post.branch() if sent else branch
            self.post.send(self._request("ACK", self.target, branch, self.cseq))
        return answer

    def _request(self, method, uri, branch, cseq, headers=(), body=b"", to=None):
        own = [
            self.post.via(branch),
            ("Max-Forwards", "70"),
            ("From", self.local),
            ("To", to or self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        if body and not any(name == "Content-Type" for name, _ in own):
            own.append(("Content-Type", "application/sdp"))
        return build_request(method, uri, own, body)

    def _keep(self, coroutine):
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _uri(header):
    match = re.search(r"<([^>]+)>", header or "")
    return match[1] if match else (header or "").strip()


def said(reason):
    """The words of a Reason (RFC 3326)."""
    match = re.search(r'text="([^"]*)"', reason or "")
    return match[1] if match else ""


def _proof(answer, method, uri, login, password):
    challenge = digest.strongest(answer.headers("WWW-Authenticate"))
    return "Authorization", digest.authorize(challenge, method, uri, login, password, 1, "c")
