"""Callers who wait in a running process: one task for each, and one place where people are shared out.

A caller first rings whoever is free, like any forwarding. Only when nobody is left is he answered and
waits. Whatever may have made somebody free (a conversation that ended, a phone that registered, a mode,
a minute, a caller who gave somebody back) has the callers of the company served anew, once for
everything that happens in one turn of the loop, and their plan asked for once.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from plugins.queue.logic import Hall, Waiter, offers, priority_of
from sunsim import (
    CallVerbs,
    Dial,
    KeyAction,
    MenuKey,
    Next,
    PlanNode,
    Prompt,
    Queue,
    TaskKind,
    gauge,
    histogram,
)

__all__ = ["Company", "wait"]

WAITING = gauge("queue", "waiting", "Callers who wait in queues now.")
WAITED = histogram(
    "queue",
    "wait_seconds",
    "How long callers waited, by how it ended; hung_up are those who gave up.",
    "end",
    buckets=(1, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 7200),
)

_companies: dict[UUID, Company] = {}
_SOON = 0.1  # seconds


async def wait(call: CallVerbs, step: Dial) -> Next:
    """A forwarding whose callers wait until somebody is free, for ``step.queue.seconds`` at most."""
    assert step.queue is not None, "no other step is this plugin's"
    company = _companies.get(call.tenant.id) or Company()
    unwatch = call.watch(company.changed)  # raises if the caller is gone, before anything is kept
    _companies[call.tenant.id] = company
    visit = Visit(call, step, step.queue, company)
    try:
        return await visit.run()
    finally:
        unwatch()
        visit.leave("hung_up")
        if not company.hall.lines:
            company.close()
            if _companies.get(call.tenant.id) is company:  # else others wait in a newer one
                del _companies[call.tenant.id]


def queue_of(call: CallVerbs, step: Dial) -> str:
    """The name of a step's queue, the same in all versions of its scenario: which branch and which of
    its queues. A personal manager who is tried before does not count, as that is no queue."""
    decision = call.decision
    if decision is None:
        return "-"
    queues = [each for each in decision.chain.all_steps if isinstance(each, Dial) and each.queue]
    at = next((at for at, each in enumerate(queues) if each is step), 0)
    return f"{decision.branch_id}/{'open' if decision.open else 'off_hours'}/{at}"


class Company:
    """All who wait for people of one company."""

    def __init__(self) -> None:
        self.hall = Hall()
        self.visits: dict[Waiter, Visit] = {}
        self._serving: asyncio.Handle | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    def changed(self) -> None:
        """Serve everybody, as soon as all is known that happens now."""
        if self._serving is None:
            self._serving = asyncio.get_running_loop().call_soon(self._serve)

    def changed_in(self, seconds: float) -> None:
        """Serve everybody then: somebody may be rung again."""

        def due() -> None:
            self._timers.discard(timer)
            self.changed()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def close(self) -> None:
        """Nobody waits any more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._serving is not None:
            self._serving.cancel()
            self._serving = None

    def _serve(self) -> None:
        self._serving = None
        for visit in list(self.visits.values()):
            visit.talks()
        self.share_out()

    def share_out(self) -> None:
        """Give those who are free to those who wait."""
        plans: dict[int, PlanNode | None] = {}

        def free(waiter: Waiter) -> PlanNode | None:
            visit = self.visits[waiter]
            key = id(visit.step)  # the same for all callers of a version; kept alive by them
            if key not in plans:
                plans[key] = visit.call.whom(visit.step).root
            return plans[key]

        now = asyncio.get_running_loop().time()
        for waiter, who in list(offers(self.hall.lines.values(), free, now)):
            self.visits[waiter].offered(who)

    def waiting(self, queue: str) -> int:
        """How many callers of a queue wait, beside those for whom phones ring since they came."""
        line = self.hall.lines.get(queue)
        return sum(self.visits[waiter].waits for waiter in line.waiters) if line else 0


class Visit:
    """One caller in one queue."""

    def __init__(self, call: CallVerbs, step: Dial, queue: Queue, company: Company) -> None:
        self.call = call
        self.step = step
        self._queue = queue
        self._company = company
        self._name = queue_of(call, step)
        self._waiter = company.hall.join(self._name, priority_of(queue.first, call.facts.tags))
        self._offer = asyncio.Event()
        self._ringing = False
        self._key: asyncio.Task[str] | None = None  # the next one that he presses
        self._came = asyncio.get_running_loop().time()
        self._since: float | None = None  # when he began to wait, answered
        self._told = 0.0  # when he heard his place last
        self._gone = False
        company.visits[self._waiter] = self

    @property
    def waits(self) -> bool:
        """Whether he is told to wait: nobody was free when he came."""
        return self._since is not None

    async def run(self) -> Next:
        """Ring, wait, ring; until somebody answers or the caller has waited long enough."""
        loop = asyncio.get_running_loop()
        self._company.share_out()
        deadline = loop.time() + self.step.ring_seconds
        if not self._waiter.rings:
            await self._ring(0.0)  # nobody; the record says why
        while self._waiter.rings and deadline > loop.time():
            if await self._ring(deadline - loop.time()):
                return Next.END
        if self._full():
            self.call.left_queue("full", self._place())
            return Next.CONTINUE
        return await self._wait()

    def offered(self, who: frozenset[str]) -> None:
        """These may ring for him: at once, if he waits, or beside others who ring."""
        if not self._ringing:
            self._offer.set()
        elif not self.call.dial_also(self.step, who):  # it is just beginning, or over
            self._waiter.rings -= who
            self._company.changed_in(_SOON)

    def talks(self) -> None:
        """Look whether somebody answered: then nobody else need ring, and keys are no orders."""
        if self.call.talking:
            self.leave("answered")

    def leave(self, reason: str) -> None:
        """He waits no more."""
        if self._gone:
            return
        self._gone = True
        if self.call.talking:
            reason = "answered"
        if self._key is not None:
            self._key.cancel()
        place = self._place()
        self._company.hall.leave(self._name, self._waiter)
        del self._company.visits[self._waiter]
        self._company.changed()
        if self._since is not None:
            WAITING.dec()
            WAITED.labels(reason).observe(asyncio.get_running_loop().time() - self._since)
            self.call.left_queue(reason, place)

    # --- ringing ----------------------------------------------------------------------------------

    async def _ring(self, seconds: float) -> bool:
        """Ring who was offered, and talk; else nobody of them rings for him until the pause is over."""
        waiter, company = self._waiter, self._company
        self._offer.clear()
        self._ringing = True
        try:
            return await self.call.dial(self.step, only=waiter.rings, seconds=seconds)
        finally:
            self._ringing = False
            if waiter.rings and not self._gone:
                pause = max(self._queue.pause_seconds, 1)  # else who cannot be reached rings and rings
                waiter.declined(asyncio.get_running_loop().time() + pause)
                company.changed_in(pause)
                company.share_out()

    def _full(self) -> bool:
        most = self._queue.most
        return most is not None and self._company.waiting(self._name) >= most

    def _place(self) -> int:
        return self._company.hall.lines[self._name].place(self._waiter)

    # --- waiting ----------------------------------------------------------------------------------

    async def _wait(self) -> Next:
        loop, call = asyncio.get_running_loop(), self.call
        self._since = loop.time()
        WAITING.inc()
        await call.answer()
        call.forget_keys()
        ago = loop.time() - self._came
        call.queued(self._name, self._place(), self._waiter.priority, ago=ago)
        await call.music(self._queue.media)
        self._told = loop.time() - (self._queue.place_seconds or 0)
        deadline = self._since + self._queue.seconds
        while (left := deadline - loop.time()) > 0:
            ringing = bool(self._waiter.rings)
            acting = asyncio.create_task(self._ring(left) if ringing else self._offered_in(left))
            chosen = await self._key_during(acting)
            if chosen is not None:
                return await self._leave_by(chosen)
            if ringing and acting.result():
                return Next.END
        self.leave("time")
        await call.silence()
        return Next.CONTINUE

    async def _offered_in(self, seconds: float) -> bool:
        """Wait until somebody may ring, so long at most; the caller is told his place meanwhile."""
        offered = asyncio.create_task(self._offer.wait())
        telling = asyncio.create_task(self._tell_place())
        try:
            await asyncio.wait({offered}, timeout=seconds)
            return offered.done()
        finally:
            for task in (offered, telling):
                task.cancel()
            await asyncio.gather(offered, telling, return_exceptions=True)

    async def _tell_place(self) -> None:
        """At first and every so many seconds, as long as he waits; who rings may interrupt it."""
        every, loop = self._queue.place_seconds, asyncio.get_running_loop()
        while every is not None:
            await asyncio.sleep(self._told + every - loop.time())
            self._told = loop.time()
            await self.call.play(Prompt.QUEUE_PLACE, self._place())

    async def _key_during(self, acting: asyncio.Task[bool]) -> MenuKey | None:
        """The key that leads out of the queue, if it is pressed before this is done; then it is not."""
        try:
            while not acting.done():
                if self._key is None and self._queue.keys and not self._gone:
                    self._key = asyncio.create_task(self.call.key())
                listening = {self._key} if self._key is not None else set()
                await asyncio.wait({acting, *listening}, return_when=asyncio.FIRST_COMPLETED)
                if self._key is not None and self._key.done():
                    key, self._key = self._key, None
                    if not key.cancelled() and (chosen := self._meant(key.result())) is not None:
                        return chosen
            return None
        finally:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)

    def _meant(self, key: str) -> MenuKey | None:
        """What a key does here; who hides the number cannot ask to be called back."""
        call = self.call
        for each in () if call.joining else self._queue.keys:
            if each.key == key and (each.action is not KeyAction.CALLBACK or call.facts.caller):
                return each
        return None

    async def _leave_by(self, chosen: MenuKey) -> Next:
        call = self.call
        self.leave("key")
        await call.silence()
        if chosen.action is KeyAction.MESSAGE:
            await call.play(chosen.target or Prompt.MESSAGE)
            if await call.record_message(chosen.executor):
                await call.play(Prompt.MESSAGE_SAVED)
        elif chosen.action is KeyAction.CALLBACK:
            call.request_task(TaskKind.CALLBACK, chosen.executor)
            await call.play(chosen.target or Prompt.CALLBACK)
        else:
            return Next.CONTINUE
        call.hang_up()
        return Next.END
