"""SIPp as a foreign telephone: scenarios written in Python, run as processes, their messages read back.

    caller = Script().invite("+74950000000").expect(180).expect(200).ack().pause(500).bye().expect(200)
    await caller.run(server, local="127.0.0.2")

A scenario fails (``SippFailed`` with the messages it saw) when the other side does anything else.
"""

import asyncio
import re
import socket
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.support.free_ports import free_port

SDP = """v=0
o=- 1 1 IN IP4 {media}
s=-
c=IN IP4 {media}
t=0 0
m=audio {port} RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=sendrecv
"""
_TYPE = "Content-Type: application/sdp\nContent-Length: [len]\n\n"
_EMPTY = "Content-Length: 0\n\n"
AT_ONCE = 1000


class SippFailed(AssertionError):
    """SIPp saw something else than its script says."""


class Script:
    """Steps of one side. ``media`` is (host, port) of its audio; ``contact`` where it wants to be
    reached, if that is not where it is."""

    def __init__(
        self,
        user="+79160000001",
        domain="carrier.test",
        media=("127.0.0.1", 9),
        name="",
        contact="[local_ip]:[local_port]",
    ):
        self.contact = contact
        self.user = user
        self.domain = domain
        self.sdp = SDP.format(media=media[0], port=media[1])
        self.name = f'"{name}" ' if name else ""
        self.steps = []
        self.called = "[service]"
        self.host = "[remote_ip]:[remote_port]"
        self.cseq = 1
        self.invited = 0  # which step sent the last INVITE

    # --- as a caller -----------------------------------------------------------------------------

    def invite(self, number, headers="", retrans=500, body=True, host="[remote_ip]:[remote_port]"):
        self.called, self.host = number, host
        request = self._request("INVITE", f"sip:{number}@{host}", to_tag=False)
        self.invited = len(self.steps)
        contact = f"Contact: <sip:{self.user}@{self.contact}>\n"
        tail = _TYPE + self.sdp if body else _EMPTY
        return self._send(request + contact + headers + tail, f'retrans="{retrans}"')

    def register(self, login, password=None, expires=60):
        """One REGISTER, with digest credentials once the challenge came."""
        self.user, self.called = login, login
        self.cseq += password is not None
        auth = f"[authentication username={login} password={password}]\n" if password else ""
        request = self._request("REGISTER", f"sip:{self.domain}", to_tag=False)
        contact = f"Contact: <sip:{login}@[local_ip]:[local_port]>\nExpires: {expires}\n"
        return self._send(request + contact + auth + _EMPTY, 'retrans="500"')

    def authorize(self, number, login, password):
        """The INVITE again, with credentials."""
        self.cseq += 1
        request = self._request("INVITE", f"sip:{number}@{self.host}", to_tag=False)
        self.invited = len(self.steps)
        contact = f"Contact: <sip:{self.user}@{self.contact}>\n"
        auth = f"[authentication username={login} password={password}]\n"
        return self._send(request + contact + auth + _TYPE + self.sdp, 'retrans="500"')

    def ack(self, cseq=None):
        """ACK for a 2xx: to the last INVITE, or to the one with this CSeq."""
        request = self._request("ACK", "[next_url]", to_tag=True)
        return self._send(
            request.replace(f"CSeq: {self.cseq} ", f"CSeq: {cseq or self.cseq} ") + _EMPTY
        )

    def ack_refusal(self):
        """ACK for a non-2xx, which belongs to the INVITE's transaction."""
        request = self._request("ACK", f"sip:{self.called}@{self.host}", to_tag=True)
        return self._send(self._same_branch(request) + _EMPTY)

    def cancel(self):
        request = self._request("CANCEL", f"sip:{self.called}@{self.host}", to_tag=False)
        return self._send(self._same_branch(request) + _EMPTY, 'retrans="500"')

    def bye(self):
        self.cseq += 1
        return self._send(self._request("BYE", "[next_url]", to_tag=True) + _EMPTY, 'retrans="500"')

    def reinvite(self, direction):
        """A new offer within the dialog."""
        self.cseq += 1
        self.invited = len(self.steps)
        request = self._request("INVITE", "[next_url]", to_tag=True)
        contact = f"Contact: <sip:{self.user}@{self.contact}>\n"
        body = self.sdp.replace("o=- 1 1", f"o=- 1 {self.cseq}").replace("sendrecv", direction)
        return self._send(request + contact + _TYPE + body, 'retrans="500"')

    def expect(self, status, optional=False, dialog=True, **attributes):
        """Wait for this answer; provisional ones before it are fine. One that is not of a ``dialog``
        (to CANCEL) has no Contact to remember."""
        if not optional and status >= 180:
            self._optional_provisionals(status)
        extra = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
        route = ' rrs="true"' if dialog and 180 <= status < 300 else ""
        flags = ' optional="true"' if optional else f'{route} timeout="50000"'
        auth = ' auth="true"' if status in (401, 407) else ""
        return self._add(f'<recv response="{status}"{flags}{auth}{extra}/>')

    # --- as a callee -----------------------------------------------------------------------------

    def wait_for(self, method, timeout=50000, **attributes):
        extra = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
        return self._add(
            f'<recv request="{method}" crlf="true" rrs="true" timeout="{timeout}"{extra}/>'
        )

    def wait_for_ack(self):
        """Wait for the ACK and remember its sides, so that this side can say BYE."""
        grab = '<ereg regexp=".*" search_in="hdr" header="{}:" assign_to="{}"/>'
        actions = grab.format("From", "remote") + grab.format("To", "local")
        return self._add(
            f'<recv request="ACK" rrs="true" timeout="50000"><action>{actions}</action></recv>'
        )

    def bye_as_callee(self, cseq=1, retrans=True):
        """BYE from the side that was called, after ``wait_for_ack``."""
        return self._send(self._as_callee("BYE", cseq) + _EMPTY, 'retrans="500"' if retrans else "")

    def reinvite_as_callee(self, direction, cseq=1):
        """A new offer of the side that was called, after ``wait_for_ack``."""
        contact = f"Contact: <sip:{self.contact}>\n"
        body = self.sdp.replace("o=- 1 1", "o=- 1 2").replace("sendrecv", direction)
        return self._send(self._as_callee("INVITE", cseq) + contact + _TYPE + body)

    def ack_as_callee(self, cseq=1):
        return self._send(self._as_callee("ACK", cseq) + _EMPTY)

    def _as_callee(self, method, cseq):
        return (
            f"{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;"
            "branch=[branch]\nMax-Forwards: 70\n[routes]\nFrom: [$local]\nTo: [$remote]\n"
            f"Call-ID: [call_id]\nCSeq: {cseq} {method}\n"
        )

    def answer(self, status, reason, body=False, retrans=False, tag=True, cseq="", fork="", text=None):
        """Answer what came last, or the request ``cseq``; ``fork`` makes another far side of it.

        ``body`` describes audio, ``text`` is another body.
        """
        to_tag = f";tag=[pid]uas[call_number]{fork}" if tag and status > 100 else ""
        number = f"CSeq: {cseq}" if cseq else "[last_CSeq:]"
        head = (
            f"SIP/2.0 {status} {reason}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n"
            f"[last_To:]{to_tag}\n[last_Call-ID:]\n{number}\n"
            f"Contact: <sip:{self.contact}>\n"
        )
        text = self.sdp if body else text
        return self._send(head + (_TYPE + text if text else _EMPTY), 'retrans="500"' if retrans else "")

    def cancelled(self):
        """The other side gives up: 200 to its CANCEL, 487 to its INVITE."""
        head = (
            "SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n"
            "[last_To:];tag=[pid]uas[call_number]\n[last_Call-ID:]\nCSeq: 1 INVITE\n"
        )
        self.wait_for("CANCEL").ok()._send(head + _EMPTY, 'retrans="500"')
        return self.wait_for("ACK")

    def ok(self):
        """200 to a BYE or CANCEL."""
        head = "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
        return self._send(head + _EMPTY)

    def expect_or_go_on(self, status, milliseconds):
        """Wait so long for this answer, which may be lost; then go on without it."""
        label = 1 + len(self.steps)
        wait = f'<recv response="{status}" timeout="{milliseconds}" ontimeout="{label}"/>'
        return self._add(f'{wait}<label id="{label}"/>')  # one step: a label is no message

    def linger(self, milliseconds=4000):
        """The last step: say again what the other side did not hear."""
        return self._add(f'<timewait milliseconds="{milliseconds}"/>')

    def again(self):
        """Send the last message again, as if it had not been heard."""
        return self._repeat(lambda branch: branch)

    def merged(self):
        """Send the last request again as it comes by another way: with a branch of its own."""
        return self._repeat(lambda _: "branch=[branch]")

    def _repeat(self, branch):
        at = max(index for index, step in enumerate(self.steps) if step.startswith("<send"))
        # SIPp sends nothing more before an answer to what it would send again by itself.
        self.steps[at] = text = re.sub(r"<send[^>]*>", "<send>", self.steps[at])
        back = len(self.steps) - at

        def older(match):
            return branch(f"branch=[branch-{int(match[1] or 0) + back}]")

        return self._add(re.sub(r"branch=\[branch(?:-(\d+))?\]", older, text))

    def pause(self, milliseconds):
        return self._add(f'<pause milliseconds="{milliseconds}"/>')

    def until_told(self):
        """Stay in the call until the test says ``go_on``: no guess of how long something takes."""
        return self._add('<recv request="INFO" timeout="100000"/>')

    # --- running -----------------------------------------------------------------------------------

    async def run(self, server, local="127.0.0.1", port=0, calls=1, rate=AT_ONCE, seconds=60, by="udp"):
        """Run to the end, ``by`` udp or tcp; returns the messages seen. Raises SippFailed.

        ``rate`` is how many ``calls`` begin in a second: the first of them begins after 1 / ``rate``.
        """
        async with self.running(server, local, port, calls, rate, by) as sipp:
            return await sipp.finish(seconds)

    @asynccontextmanager
    async def running(
        self, server, local="127.0.0.1", port=0, calls=1, rate=AT_ONCE, by="udp", options=()
    ):
        """Run beside the block; the process is ended after it. ``options`` are further ones of SIPp."""
        with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
            sipp = Sipp(Path(folder), self.xml(), server, local, port or free_port(local))
            await sipp.start(calls, rate, by, options)
            try:
                yield sipp
            finally:
                await sipp.stop()

    def xml(self):
        steps = "\n".join(self.steps)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="test">\n{steps}\n</scenario>\n'

    def _optional_provisionals(self, status):
        for provisional in (100, 180, 183):
            if provisional != status:
                self._add(f'<recv response="{provisional}" optional="true"/>')

    def _same_branch(self, request):
        """SIPp makes branches of the step's number; this is the one of the last INVITE."""
        back = len(self.steps) - self.invited
        return request.replace("branch=[branch]", f"branch=[branch-{back}]")

    def _request(self, method, uri, to_tag):
        tag = "[peer_tag_param]" if to_tag else ""
        routes = "[routes]\n" if uri == "[next_url]" else ""  # of Record-Route; none, no line
        return (
            f"{method} {uri} SIP/2.0\n"
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n"
            f"Max-Forwards: 70\n{routes}"
            f"From: {self.name}<sip:{self.user}@{self.domain}>;tag=[pid]uac[call_number]\n"
            f"To: <sip:{self.called}@{self.domain}>{tag}\n"
            f"Call-ID: [call_id]\nCSeq: {self.cseq} {method}\n"
        )

    def _send(self, text, attributes=""):
        return self._add(f"<send {attributes}><![CDATA[\n{text}]]></send>")

    def _add(self, step):
        self.steps.append(step)
        return self


class Sipp:
    """One running SIPp."""

    def __init__(self, folder, xml, server, local, port):
        self.folder = folder
        self.server = server
        self.local = local
        self.port = port
        self.messages_file = folder / "messages"
        (folder / "scenario.xml").write_text(xml)
        self.process = None
        self._told = 0

    async def start(self, calls, rate, by="udp", options=()):
        self.process = await asyncio.create_subprocess_exec(
            "sipp",
            f"{self.server[0]}:{self.server[1]}",
            *("-sf", "scenario.xml", "-i", self.local, "-p", str(self.port)),
            *("-m", str(calls), "-r", str(rate), "-nostdin", "-nd"),
            *("-t", "u1" if by == "udp" else "t1"),
            *options,
            *("-trace_msg", "-message_file", "messages", "-trace_err", "-error_file", "errors"),
            cwd=self.folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self._until_bound(by)

    async def finish(self, seconds=60):
        try:
            async with asyncio.timeout(seconds):
                status = await self.process.wait()
        except TimeoutError:
            raise SippFailed(f"SIPp did not finish in {seconds} s\n{self.messages()}") from None
        if status != 0:
            errors = self.folder / "errors"
            text = errors.read_text(errors="replace") if errors.exists() else ""
            raise SippFailed(f"SIPp ended with {status}\n{text}\n{self.messages()}")
        return self.messages()

    def messages(self):
        """All messages so far, as SIPp wrote them down."""
        return self.messages_file.read_text(errors="replace") if self.messages_file.exists() else ""

    async def wait_for_text(self, pattern, seconds=60):
        """Wait until a message matches; returns the match."""
        async with asyncio.timeout(seconds):
            while not (match := re.search(pattern, self.messages(), re.DOTALL | re.MULTILINE)):
                await asyncio.sleep(0.02)
        return match

    async def go_on(self):
        """End an ``until_told`` of a caller by UDP, once it sent its ACK.

        The INFO is written as the other side's, so that SIPp goes on with the same dialog.
        """
        await self.wait_for_text(r"^ACK ")
        answered = await self.wait_for_text(r"^SIP/2\.0 200 .*?(?=^-----)")
        fields = dict(re.findall(r"^(From|To|Call-ID): (.*?)\r?$", answered[0], re.MULTILINE))
        self._told += 1  # SIPp would take the same words for a retransmission
        lines = (
            "INFO sip:sipp SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKgo-on{self._told}",
            f"From: {fields['To']}",
            f"To: {fields['From']}",
            f"Call-ID: {fields['Call-ID']}",
            f"CSeq: {1000 + self._told} INFO",
            "Content-Length: 0",
            "\r\n",
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto("\r\n".join(lines).encode(), (self.local, self.port))

    async def stop(self):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def _until_bound(self, by):
        """A callee must listen before somebody calls it."""
        wanted = f"{self.port:04X}"
        async with asyncio.timeout(30):
            while self.process.returncode is None:
                rows = Path(f"/proc/net/{by}").read_text().splitlines()[1:]
                if any(row.split()[1].endswith(f":{wanted}") for row in rows):
                    return
                await asyncio.sleep(0.01)
