"""``sunsim demo``: one real call without a phone at hand.

It plays the carrier (a SIP peer at 127.0.0.2 that calls the demo company's second number) and an
employee (a phone that registers with the administrator's SIP line and answers), with real SIP and RTP,
against the instance of the data folder or one that it starts for the purpose. The caller hears a
greeting, that conversations are recorded, and a menu, presses a key, and waits in a queue until the
employee has a phone. Then both sides play a tone and listen for the other's; what each heard is kept
as a WAV file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct

import core.settings
from core.clock import SystemClock
from core.contracts import StepCode, TerminalKind, Trunk
from core.errors import SunSimError, Unavailable
from core.ids import new_id
from core.library import LANGUAGES, Prompt, media_id
from core.media.g711 import RATE
from core.media.ports import PortRange, free_range
from core.media.prompts import Prompts
from core.media.rtp import RtpPeer
from core.media.tones import heard_seconds, tone
from core.settings import PREFIX, Address, Settings
from core.sip import digest
from core.sip.endpoint import Endpoint
from core.sip.flow import Target
from core.sip.identity import Origin
from core.sip.request import OutgoingRequest
from core.sip.session import Answered, Failed, Session, SessionEvent
from core.supervisor import die_with_parent
from serve import ENDPOINTS
from tenants.db import Database
from tenants.demo import Demo, DemoLine, create_demo
from tenants.services import calls
from tenants.services.actor import operator
from tenants.showcase import GREETING, MENU_KEY

__all__ = ["Report", "play"]

CARRIER_HOST, PHONE_HOST = "127.0.0.2", "127.0.0.1"
CALLER_TONE, CALLEE_TONE = 440.0, 620.0  # no multiple of each other
TALK_SECONDS = 2.0
ENOUGH = 0.8  # of the seconds listened to
WINDOW, LOUD = RATE // 10, 500
MENU_SECONDS, QUEUE_SECONDS, PRESS_AGAIN = 1.5, 2.0, 4.0

Say = Callable[[str], Any]


class Report(Struct, frozen=True):
    """What happened. ``setup_ms`` is from the INVITE to the greeting; ``guided`` says that the caller
    heard it, and came through the menu into the queue."""

    answered: bool
    guided: bool
    audio_caller_to_callee: bool
    audio_callee_to_caller: bool
    setup_ms: float
    call_id: UUID | None
    cdr: calls.CallCard | None
    recordings: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything was as it should be."""
        heard = self.audio_caller_to_callee and self.audio_callee_to_caller
        return self.answered and self.guided and heard and self.cdr is not None


async def play(data_dir: Path, say: Say) -> Report:
    """Make the call and tell about it; never raises for an instance or a call that failed."""
    try:
        async with _instance(data_dir, say) as (settings, server):
            database = await Database.open(settings.data)
            try:
                demo = await create_demo(database, settings)
                seconds = await _said(settings)
                keep = data_dir / "demo"
                return await _Play(server, database, demo, seconds, keep=keep, say=say).run()
            finally:
                await database.close()
    except (SunSimError, TimeoutError, OSError) as error:
        problem = str(error) or type(error).__name__
        say(f"Failed: {problem}")
        return Report(False, False, False, False, 0.0, None, None, problem=problem)


class _Play:
    """One performance."""

    def __init__(
        self,
        server: Address,
        database: Database,
        demo: Demo,
        seconds: float,
        *,
        keep: Path,
        say: Say,
    ) -> None:
        """``seconds`` is how long is spoken until the menu begins."""
        self._server = server
        self._database = database
        self._demo = demo
        self._seconds = seconds
        self._guided = 0.0  # seconds that the caller heard something before the conversation
        self._rings = asyncio.Event()
        self._talks = asyncio.Event()
        self._keep = keep
        self._say = say
        self._caller_number = f"+7916{secrets.randbelow(10_000_000):07}"

    async def run(self) -> Report:
        ear, mouth = await RtpPeer.open(), await RtpPeer.open()
        lines = [line for line in self._demo.lines if line.kind is TerminalKind.SIP]
        line = lines[min(1, len(lines) - 1)]  # of somebody whom the queue is for
        try:
            async with _peer(PHONE_HOST, lambda s, _: self._ring(s, mouth)) as phone:
                try:
                    async with _peer(CARRIER_HOST, lambda s, _: s.reject(480)) as carrier:
                        session, setup_ms = await self._call(carrier, ear)
                        try:
                            await self._choose(ear)
                            await self._register(phone, line)
                            me = f"{line.login}@{self._demo.domain}"
                            self._say(f"Phone of {line.employee} registered as {me}")
                            await self._talk(ear, mouth)
                        finally:
                            session.bye()
                        return await self._report(ear, mouth, setup_ms)
                finally:  # nobody may be rung here after us
                    with contextlib.suppress(SunSimError, TimeoutError, OSError):
                        async with asyncio.timeout(2):
                            await self._register(phone, line, expires=0)
        finally:
            ear.close()
            mouth.close()

    async def _register(self, phone: Endpoint, line: DemoLine, expires: int = 60) -> None:
        domain = self._demo.domain
        me = f"<sip:{line.login}@{domain}>"
        target = Target(f"sip:{domain}", host=self._server.host, port=self._server.port)
        request = OutgoingRequest("REGISTER", f"sip:{domain}", me, me)
        contact = f"<sip:{line.login}@{phone.address}>"
        request.headers = (("Contact", contact), ("Expires", str(expires)))
        answer = await phone.request(request, target)
        challenge = digest.strongest(answer.headers("WWW-Authenticate"))
        if challenge is not None:
            proof = digest.authorize(challenge, "REGISTER", request.uri, line.login, line.password)
            request.headers += (("Authorization", proof),)
            answer = await phone.request(request, target)
        if answer.status != 200:
            raise Unavailable("The phone could not register: {status}.", status=answer.status)

    def _ring(self, session: Session, mouth: RtpPeer) -> None:
        """The phone rings for a second, then somebody takes it."""
        self._say("Phone rings")
        self._rings.set()
        session.listener = lambda event: None
        session.progress(180)

        def take() -> None:
            mouth.connect(session.remote_sdp)
            session.answer(mouth.sdp)
            mouth.play(tone(CALLEE_TONE))
            self._say("Phone answers")
            self._talks.set()

        asyncio.get_running_loop().call_later(1.0, take)

    async def _call(self, carrier: Endpoint, ear: RtpPeer) -> tuple[Session, float]:
        """The call that the greeting answers, and after how many milliseconds it did."""
        events: asyncio.Queue[SessionEvent] = asyncio.Queue()
        number, loop = self._demo.numbers[-1], asyncio.get_running_loop()
        began = loop.time()
        target = Target(f"sip:{number}@{self._server}", host=self._server.host, port=self._server.port)
        self._say(f"Carrier calls {number} from {self._caller_number}")
        session = carrier.invite(
            target,
            from_=f'"Demo" <sip:{self._caller_number}@{CARRIER_HOST}>',
            to=f"<{target.uri}>",
            sdp=ear.sdp,
            listener=events.put_nowait,
        )
        async with asyncio.timeout(15):
            while not isinstance(event := await events.get(), Answered):
                if isinstance(event, Failed):
                    raise Unavailable("The call was refused: {status}.", status=event.status)
        ear.connect(event.sdp)
        return session, round((loop.time() - began) * 1000, 1)

    async def _choose(self, ear: RtpPeer) -> None:
        """Listen to what is said before the menu, choose, and wait for a while."""
        self._say("Caller hears the greeting, that conversations are recorded, and a menu")
        await asyncio.sleep(self._seconds + MENU_SECONDS)
        self._say(f"Caller presses {MENU_KEY} and waits in the queue: nobody has a phone")
        await ear.press(MENU_KEY)
        await asyncio.sleep(QUEUE_SECONDS)

    async def _talk(self, ear: RtpPeer, mouth: RtpPeer) -> None:
        async with asyncio.timeout(30):
            while not self._rings.is_set():  # who pressed too early for the menu presses again
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._rings.wait(), PRESS_AGAIN)
                    break
                await ear.press(MENU_KEY)
            await self._talks.wait()
        before = ear.heard
        self._guided = _sounding(before)
        ear.play(tone(CALLER_TONE))
        self._say(f"Answered; both talk for {TALK_SECONDS:.0f} s")
        until = len(before) / RATE + TALK_SECONDS
        await asyncio.gather(ear.listen(until), mouth.listen(TALK_SECONDS))

    async def _report(self, ear: RtpPeer, mouth: RtpPeer, setup_ms: float) -> Report:
        card = await self._card()
        self._keep.mkdir(parents=True, exist_ok=True)
        kept = (self._keep / "caller-heard.wav", self._keep / "callee-heard.wav")
        ear.save(kept[0])
        mouth.save(kept[1])
        enough = ENOUGH * TALK_SECONDS
        report = Report(
            answered=card is not None and card.call.answered_at is not None,
            guided=self._guided >= ENOUGH * self._seconds and _pressed(card),
            audio_caller_to_callee=heard_seconds(mouth.heard, CALLER_TONE) >= enough,
            audio_callee_to_caller=heard_seconds(ear.heard, CALLEE_TONE) >= enough,
            setup_ms=setup_ms,
            call_id=card.call.id if card else None,
            cdr=card,
            recordings=tuple(str(path) for path in kept),
        )
        self._tell(report)
        return report

    async def _card(self) -> calls.CallCard | None:
        """The call in the history, which is written right after its end."""
        actor = operator("demo", self._demo.tenant_id)
        for _ in range(100):
            now = datetime.now(UTC)
            query = calls.CallQuery(now - timedelta(minutes=5), now + timedelta(minutes=1))
            for row in (await calls.history(self._database, actor, query)).calls:
                if row.caller == self._caller_number:
                    return await calls.card(self._database, actor, row.id)
            await asyncio.sleep(0.05)
        return None

    def _tell(self, report: Report) -> None:
        marks = {True: "heard", False: "NOT HEARD"}
        if report.cdr is not None:
            start = report.cdr.call.started_at.timestamp()
            self._say("\nThe call in the history:")
            for line in report.cdr.trace:
                self._say(f"  {line.at - start:6.2f} s  {line.text}")
        self._say(f"\nGreeting, menu and queue: {marks[report.guided]}")
        self._say(f"Caller → employee: {marks[report.audio_caller_to_callee]}")
        self._say(f"Employee → caller: {marks[report.audio_callee_to_caller]}")
        self._say(f"Greeting after {report.setup_ms} ms. Kept: {', '.join(report.recordings)}")
        self._say("Passed." if report.passed else "FAILED.")


async def _said(settings: Settings) -> float:
    """Seconds of what is said before the menu; its clips are made now if they are not there yet."""
    prompts = Prompts(settings.data.library_folder)
    seconds = 0.0
    for prompt in (GREETING, Prompt.ANNOUNCEMENT, Prompt.MENU_OPERATOR, Prompt.HOLD_MUSIC):
        clip = await prompts.clip(media_id(prompt), LANGUAGES[0])
        if clip is not None and prompt in (GREETING, Prompt.ANNOUNCEMENT):
            with wave.open(str(clip)) as file:
                seconds += file.getnframes() / file.getframerate()
    return seconds


def _sounding(samples: Sequence[int]) -> float:
    """Seconds that are not silent."""
    windows = (samples[at : at + WINDOW] for at in range(0, len(samples), WINDOW))
    return sum(max(map(abs, window)) > LOUD for window in windows) * WINDOW / RATE


def _pressed(card: calls.CallCard | None) -> bool:
    return card is not None and any(step.code is StepCode.PRESSED for step in card.steps)


class _Nobody:
    """A live board that nobody looks at (``core.ports.LiveBoard``): nobody registers here."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


@asynccontextmanager
async def _peer(host: str, on_invite: Callable[[Session, Origin], None]) -> AsyncIterator[Endpoint]:
    """A SIP peer that takes every call as a carrier's."""
    anybody = Trunk(new_id(), "server", host)
    endpoint = Endpoint(
        listen=Address(host, 0),
        domain=host,
        external=None,
        lines=lambda login: None,
        trunk_from=lambda source: anybody,
        on_invite=on_invite,
        registrar_sink=_Nobody(),
        clock=SystemClock(),
        secret=secrets.token_bytes(16),
    )
    await endpoint.start()
    try:
        yield endpoint
        await asyncio.sleep(0.2)  # the last answers leave
    finally:
        await endpoint.stop()


@asynccontextmanager
async def _instance(data_dir: Path, say: Say) -> AsyncIterator[tuple[Settings, Address]]:
    """The running instance of the folder, or one of our own in a folder that goes away."""
    running = _running(data_dir)
    if running is not None:
        say(f"Using the SunSim that runs in {data_dir}")
        yield core.settings.load(data={"dir": data_dir}), Address.parse(running["sip"])
        return
    say("Starting a SunSim for this call")
    with tempfile.TemporaryDirectory(prefix="sunsim-demo-") as name, _rtp_ports() as ports:
        folder, environ = Path(name), _environ_of_our_own(ports)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "run", "--demo", "--data-dir", name),
            *("--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"),
            stdout=asyncio.subprocess.DEVNULL,
            env=environ,
            start_new_session=True,  # Ctrl-C is for us: the instance is ended in order
            preexec_fn=die_with_parent(),
        )
        try:
            endpoints = await _until_ready(folder, process)
            settings = core.settings.load(environ, data={"dir": folder})
            yield settings, Address.parse(endpoints["sip"])
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@contextmanager
def _rtp_ports() -> Iterator[PortRange]:
    """RTP ports for an instance of our own, that no other demo or test on this machine gets."""
    ports = free_range(200)
    ports.lend()
    try:
        yield ports
    finally:
        ports.release()


def _environ_of_our_own(ports: PortRange) -> dict[str, str]:
    """For an instance that goes away: nobody's database and addresses, the given RTP ports."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) or name.startswith("SUNSIM_MEDIA_")
    }
    first, last = "SUNSIM_MEDIA_PORT_MIN", "SUNSIM_MEDIA_PORT_MAX"
    if first not in kept and last not in kept:
        kept |= {first: str(ports.first), last: str(ports.last)}
    return kept | {"SUNSIM_LOG_LEVEL": "warning"}


def _running(data_dir: Path) -> dict[str, Any] | None:
    try:
        endpoints: dict[str, Any] = json.loads((data_dir / ENDPOINTS).read_text())
        os.kill(endpoints["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return endpoints


async def _until_ready(folder: Path, process: asyncio.subprocess.Process) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (endpoints := _running(folder)) is None:
            if process.returncode is not None:
                raise Unavailable("SunSim did not start; its messages stand above.")
            await asyncio.sleep(0.05)
    return endpoints
