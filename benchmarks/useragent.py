"""A SIP user agent for load: many calls from one UDP socket, no more of RFC 3261 than they need.

It calls, answers, says BYE and sends requests again until they are answered. What it measures by is
``Dialog.answered_at``: when its own 200 left, or the other's came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from core.sip._wire import Message, build_request, build_response, parse

__all__ = ["Dialog", "UserAgent"]

_T1, _T2 = 0.5, 4.0
_SDP = ("Content-Type", "application/sdp")


class Dialog:
    """One call as this side knows it; ``far`` is the other side's body once that is known.

    ``ready`` is done when the call is answered and acknowledged, or refused: ``status`` says which;
    ``over`` when it is over.
    """

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.far = b""
        self.status = 0
        self.answered_at = 0.0
        self.ready = asyncio.Event()
        self.over = asyncio.Event()
        self.local = self.remote = self.target = self.tag = ""
        self.cseq = 1
        self.request: Message | None = None


class UserAgent(asyncio.DatagramProtocol):
    """All phones of one address. ``on_invite`` hears of calls to them; it may ``answer`` later."""

    def __init__(self, address: tuple[str, int], on_invite: Callable[[Dialog], None]) -> None:
        self.address = address
        self.retransmissions = 0
        self._on_invite = on_invite
        self._server = ("", 0)
        self._dialogs: dict[str, Dialog] = {}
        self._waits: dict[tuple[str, int, str], asyncio.Event] = {}
        self._answers: dict[tuple[str, int, str], bytes] = {}
        self._transport: asyncio.DatagramTransport
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, server: tuple[str, int]) -> None:
        """Bind the address; requests go to ``server``."""
        self._server = server
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=self.address)

    def close(self) -> None:
        """Give the socket back."""
        for task in self._tasks:
            task.cancel()
        self._transport.close()

    # --- calls -----------------------------------------------------------------------------------

    def invite(self, number: str, user: str, sdp: bytes) -> Dialog:
        """Call a number of the server's."""
        self._count += 1
        dialog = Dialog(f"{self._count}@{self.address[0]}")
        dialog.local = f"<sip:{user}@{self.address[0]}>;tag=t{self._count}"
        dialog.remote = dialog.target = f"sip:{number}@{self._server[0]}:{self._server[1]}"
        dialog.remote = f"<{dialog.remote}>"
        self._dialogs[dialog.call_id] = dialog
        self._ask(dialog, "INVITE", sdp)
        return dialog

    def answer(self, dialog: Dialog, sdp: bytes) -> None:
        """Answer a call to us; 200 is sent until it is acknowledged."""
        assert dialog.request is not None
        contact = ("Contact", f"<sip:{self.address[0]}:{self.address[1]}>")
        data = build_response(dialog.request, 200, "OK", [contact, _SDP], sdp, to_tag=dialog.tag)
        dialog.local = cast(str, parse(data).header("To"))
        dialog.answered_at = time.time()
        self._answers[dialog.call_id, dialog.request.cseq, "INVITE"] = data
        self._later(self._until(dialog.ready, data))

    def bye(self, dialog: Dialog) -> None:
        """End the call; ``over`` is set when that is answered."""
        if not dialog.over.is_set():
            dialog.cseq += 1
            self._ask(dialog, "BYE")

    def _ask(self, dialog: Dialog, method: str, body: bytes = b"") -> None:
        done = self._waits[dialog.call_id, dialog.cseq, method] = asyncio.Event()
        self._later(self._until(done, self._request(dialog, method, body)))

    def _request(self, dialog: Dialog, method: str, body: bytes = b"") -> bytes:
        self._count += 1
        host, port = self.address
        headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{host}.{port}.{self._count}"),
            ("Max-Forwards", "70"),
            ("From", dialog.local),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.cseq} {method}"),
            ("Contact", f"<sip:{host}:{port}>"),
        ]
        return build_request(method, dialog.target, headers + [_SDP] * bool(body), body)

    async def _until(self, done: asyncio.Event, data: bytes) -> None:
        """Send it, and again until that is done (RFC 3261 §17)."""
        pause = _T1
        while not done.is_set() and pause < 64 * _T1:
            self._transport.sendto(data, self._server)
            try:
                async with asyncio.timeout(pause):
                    await done.wait()
            except TimeoutError:
                self.retransmissions += 1
                pause = min(pause * 2, _T2) if pause < _T2 else 64 * _T1

    def _later(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what comes ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A message of the server's."""
        if len(data) < 20:
            return
        message = parse(data)
        if message.is_request:
            self._asked(message, addr)
        else:
            self._answered(message)

    def _answered(self, answer: Message) -> None:
        method = cast(str, answer.header("CSeq")).split()[1]
        done = self._waits.get((answer.call_id, answer.cseq, method))
        dialog = self._dialogs.get(answer.call_id)
        if done is None or dialog is None:
            return
        done.set()
        if method == "BYE":
            dialog.over.set()
        if method != "INVITE" or answer.status < 200:
            return
        dialog.remote = cast(str, answer.header("To"))
        first = not dialog.ready.is_set()
        if answer.status < 300:
            dialog.target = cast(str, answer.header("Contact")).strip("<>").partition(">")[0]
            if first:
                dialog.answered_at, dialog.far = time.time(), answer.body
        ack = self._request(dialog, "ACK")
        if answer.status >= 300:  # of the same transaction (RFC 3261 §17.1.1.3)
            ack = ack.replace(parse(ack).branch.encode(), answer.branch.encode())
            dialog.over.set()
        self._transport.sendto(ack, self._server)
        dialog.status = answer.status
        dialog.ready.set()

    def _asked(self, request: Message, addr: tuple[str, int]) -> None:
        dialog = self._dialogs.get(request.call_id)
        known = self._answers.get((request.call_id, request.cseq, request.method))
        if request.method == "ACK":
            if dialog is not None and dialog.answered_at:
                dialog.status = 200
                dialog.ready.set()
        elif known is not None:
            self._transport.sendto(known, addr)
        elif request.method == "INVITE" and dialog is None:
            dialog = self._dialogs[request.call_id] = Dialog(request.call_id)
            self._count += 1
            dialog.tag, dialog.request, dialog.far = f"u{self._count}", request, request.body
            dialog.remote = cast(str, request.header("From"))
            dialog.target = cast(str, request.header("Contact")).strip("<>").partition(">")[0]
            self._reply(request, addr, 180, "Ringing", dialog.tag)
            self._on_invite(dialog)
        else:
            self._ended(request, addr, dialog)

    def _ended(self, request: Message, addr: tuple[str, int], dialog: Dialog | None) -> None:
        """BYE or CANCEL; to anything else 200 is good enough."""
        self._reply(request, addr, 200, "OK")
        if dialog is None or request.method not in ("BYE", "CANCEL"):
            return
        dialog.over.set()
        if request.method == "CANCEL" and dialog.request is not None and not dialog.answered_at:
            self._reply(dialog.request, addr, 487, "Request Terminated", dialog.tag)

    def _reply(
        self, request: Message, addr: tuple[str, int], status: int, reason: str, tag: str = ""
    ) -> None:
        contact = [("Contact", f"<sip:{self.address[0]}:{self.address[1]}>")]
        data = build_response(request, status, reason, contact, to_tag=tag)
        if status >= 200:
            self._answers[request.call_id, request.cseq, request.method] = data
        self._transport.sendto(data, addr)
