"""Keeps us registered with carriers and watches whether they are there.

The machines are in ``registration`` and ``health``; this drives them over the endpoint, one pair of
tasks for each carrier that wants it, and follows the directory when the operator changes carriers.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from core.contracts import Trunk, TrunkTransport
from core.errors import Unavailable
from core.ports import Clock
from core.settings import Address
from core.sip._wire import Message, WireError
from core.sip.flow import Target, host_port
from core.sip.request import OutgoingRequest
from core.trunk.board import TrunkBoard, TrunkState
from core.trunk.health import Health
from core.trunk.registration import Register, Registration
from core.trunk.way import way_to

__all__ = ["TrunkKeeper"]

log = logging.getLogger(__name__)

_FOLLOW = 1.0  # seconds between two looks at the directory
_ANSWER = 5.0  # longest wait for an answer to OPTIONS
_REGISTER_ANSWER = 10.0
_FAREWELL = 2.0
_GLANCE = 5.0  # a binding that ran out is noticed at the latest after this
_UNREACHABLE = (OSError, UnicodeError, TimeoutError, Unavailable, WireError)


class Requester(Protocol):
    """What of the endpoint is needed."""

    @property
    def advertised(self) -> str:
        """``host:port`` at which others reach us."""
        ...

    def reachable_by(self, transport: str) -> str:
        """The same for another transport than UDP, with the parameter of a URI that names it."""
        ...

    async def request(self, request: OutgoingRequest, target: Target) -> Message:
        """Send a request and wait for its final answer."""
        ...


class TrunkKeeper:
    """One for each SIP process. ``board`` is told which carriers work."""

    def __init__(
        self,
        endpoint: Requester,
        trunks: Callable[[], Sequence[Trunk]],
        board: TrunkBoard,
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._trunks = trunks
        self._board = board
        self._clock = clock
        self._watches: dict[UUID, _Watch] = {}
        self._task: asyncio.Task[None] | None = None
        self._leaving: dict[UUID, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Register and watch from now on."""
        self._task = asyncio.create_task(self._follow(), name="trunks")

    async def stop(self) -> None:
        """Take our registrations away, within two seconds, and watch no more."""
        if self._task is not None:
            self._task.cancel()
        for trunk_id in list(self._watches):
            self._end(trunk_id)
        if self._leaving:
            await asyncio.wait(self._leaving.values(), timeout=_FAREWELL)

    def states(self) -> list[TrunkState]:
        """Every carrier in use, as it is now."""
        now = self._clock.monotonic()
        found = []
        for trunk in self._trunks():
            watch = self._watches.get(trunk.id)
            registration = watch.registration if watch else None
            found.append(
                TrunkState(
                    trunk_id=trunk.id,
                    name=trunk.name,
                    up=self._board.up(trunk),
                    registered=registration.registered(now) if registration else None,
                    calls=self._board.calls(trunk.id),
                    problem=watch.problem if watch else "",
                )
            )
        return found

    def words(self) -> dict[str, str]:
        """How each carrier is, by name: ``up`` or ``down: no answer``."""
        return {
            state.name: f"{'up' if state.up else 'down'}: {state.problem}".removesuffix(": ")
            for state in self.states()
        }

    async def any_up(self) -> bool:
        """Whether calls can go anywhere: a carrier works, or there is none at all."""
        states = self.states()
        return not states or any(state.up for state in states)

    async def _follow(self) -> None:
        while True:
            try:
                self._compare(self._trunks())
            except Exception:  # one odd carrier must not end the watch over all others
                log.exception("carriers not followed")
            await asyncio.sleep(_FOLLOW)

    def _compare(self, trunks: Sequence[Trunk]) -> None:
        wanted = {t.id: t for t in trunks if t.check_seconds or (t.registers and t.account)}
        for trunk_id, watch in list(self._watches.items()):
            if wanted.get(trunk_id) != watch.trunk:
                self._end(trunk_id)
        # A changed carrier is watched anew once the old farewell was answered: overtaken by it, the
        # new registration of the same Contact would be taken away again.
        for trunk_id in wanted.keys() - self._watches.keys() - self._leaving.keys():
            self._watches[trunk_id] = _Watch(wanted[trunk_id], self._endpoint, self._board, self._clock)

    def _end(self, trunk_id: UUID) -> None:
        task = asyncio.create_task(self._watches.pop(trunk_id).leave())
        self._leaving[trunk_id] = task
        task.add_done_callback(lambda _: self._leaving.pop(trunk_id, None))


class _Watch:
    """One carrier: its machines and the tasks that drive them."""

    def __init__(self, trunk: Trunk, endpoint: Requester, board: TrunkBoard, clock: Clock) -> None:
        self.trunk = trunk
        self.registration: Registration | None = None
        self._health = Health(trunk.check_seconds, random.random) if trunk.check_seconds else None
        self._endpoint = endpoint
        self._board = board
        self._clock = clock
        self._registrar = Target("")
        self._request: OutgoingRequest | None = None
        self._tasks: list[asyncio.Task[None]] = []
        if trunk.registers and trunk.account is not None:
            self._prepare_registration()
            self._tasks.append(asyncio.create_task(self._keep_registered()))
        if self._health is not None:
            self._tasks.append(asyncio.create_task(self._keep_asking(self._health)))
        board.set_up(trunk, up=True)

    @property
    def problem(self) -> str:
        """What is wrong, empty if nothing is."""
        machines = (self.registration, self._health)
        return "; ".join(machine.problem for machine in machines if machine and machine.problem)

    async def leave(self) -> None:
        """End the tasks; take the registration away."""
        for task in self._tasks:
            task.cancel()
        self._board.set_up(self.trunk, up=True)
        registration = self.registration
        step = registration.leave(self._clock.monotonic()) if registration else None
        if registration is not None and step is not None:
            await self._register(registration, step)

    def _prepare_registration(self) -> None:
        trunk, account = self.trunk, self.trunk.account
        assert account is not None
        host, port = _place(trunk)
        uri = f"sip:{host_port(host, port)}" if port != 5060 else f"sip:{_in_uri(host)}"
        self._registrar = way_to(trunk, uri, host, port)
        aor = f"<sip:{account.login}@{_in_uri(host)}>"
        self._request = OutgoingRequest("REGISTER", uri, aor, aor)
        contact = f"sip:{account.login}@{self._here()}"
        self.registration = Registration(account, uri, contact, random.random)

    def _here(self) -> str:
        """Where the carrier shall send calls."""
        if self.trunk.transport is TrunkTransport.UDP:
            return self._endpoint.advertised
        return self._endpoint.reachable_by(self.trunk.transport.upper())

    async def _keep_registered(self) -> None:
        registration = self.registration
        assert registration is not None
        while True:
            step = registration.due(self._clock.monotonic())
            if step is not None:
                before = registration.registered(self._clock.monotonic())
                await self._register(registration, step)
                after = registration.registered(self._clock.monotonic())
                if before is not after or registration.problem:
                    self._say("registered" if after else "not registered", registration.problem)
            self._judge()
            await self._until(registration.next_at)

    async def _register(self, registration: Registration, step: Register | None) -> None:
        """Send a step and those that its answers ask for."""
        request = self._request
        assert request is not None
        while step is not None:
            request.headers = step.headers
            try:
                async with asyncio.timeout(_REGISTER_ANSWER):
                    response = await self._endpoint.request(request, self._registrar)
            except _UNREACHABLE as error:
                registration.silent(self._clock.monotonic(), _words(error))
                return
            step = registration.heard(self._clock.monotonic(), response)

    async def _keep_asking(self, health: Health) -> None:
        trunk = self.trunk
        uri = f"sip:{host_port(trunk.host, trunk.port)}"
        target = way_to(trunk, uri)
        while True:
            if health.due(self._clock.monotonic()):
                us = f"<sip:{self._endpoint.advertised}>"
                request = OutgoingRequest("OPTIONS", uri, us, f"<{uri}>", (("Contact", us),))
                try:
                    async with asyncio.timeout(_ANSWER):
                        response = await self._endpoint.request(request, target)
                except _UNREACHABLE as error:
                    health.silent(self._clock.monotonic(), _words(error))
                else:
                    health.heard(self._clock.monotonic(), response.status)
                self._judge()
            await self._until(health.next_at)

    async def _until(self, instant: float) -> None:
        await asyncio.sleep(max(0.05, min(instant - self._clock.monotonic(), _GLANCE)))

    def _judge(self) -> None:
        now = self._clock.monotonic()
        registration, health = self.registration, self._health
        up = (health is None or health.up) and not (registration and registration.failed(now))
        if self._board.set_up(self.trunk, up):
            self._say("up" if up else "down", self.problem)

    def _say(self, what: str, problem: str) -> None:
        level = logging.WARNING if problem else logging.INFO
        log.log(level, "carrier %s: %s", what, problem, extra={"trunk": self.trunk.name})


def _place(trunk: Trunk) -> tuple[str, int]:
    """Where the registrar is."""
    text = trunk.registrar
    if not text:
        return trunk.host, trunk.port
    try:
        address = Address.parse(text)
    except ValueError:
        return text.strip("[]"), 5060
    return address.host, address.port


def _in_uri(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _words(error: BaseException) -> str:
    return "no answer" if isinstance(error, TimeoutError | Unavailable) else str(error)
