"""One plugin's implementation of one hook, kept from doing harm: the call goes on whatever it does.

An implementation that raises, returns what the hook does not allow, or overruns its time has a
*fault*. It is passed over for that call, counted and logged with the plugin's name. After a row of
faults without a success between them it is *suspended* until the next start, with an alert in the
log, so that a broken plugin does not cost every call its time.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import structlog
from msgspec import Struct

from core.errors import PluginError

__all__ = ["Fault", "FaultKind", "Guarded", "HookRule", "Limits"]

log = structlog.get_logger(__name__)


class FaultKind(StrEnum):
    """What an implementation did wrong."""

    RAISED = "raised"
    INVALID = "invalid"  # returned what the hook does not allow
    OVERRUN = "overrun"  # sync: took too long, its answer counts; async: was stopped


class Fault(Struct, frozen=True):
    """For the operator: which plugin, which hook, what, how often, the last time's details."""

    plugin: str
    hook: str
    kind: FaultKind
    count: int
    detail: str
    suspended: bool


class Limits(Struct, frozen=True):
    """Seconds that implementations have, and faults in a row before one is suspended.

    A sync hook stands between an INVITE and its 180, hence its few milliseconds.
    """

    sync: float = 0.005
    event: float = 5.0
    panels: float = 1.0
    boot: float = 30.0
    faults: int = 20


class HookRule(Struct, frozen=True):
    """What a hook is, read from its specification: its arguments and what it may return."""

    name: str
    arguments: tuple[str, ...]
    is_async: bool
    result: type | None
    many: bool

    @classmethod
    def of(cls, spec: Callable[..., Any]) -> HookRule:
        """From a function of ``hookspecs``: ``X | None`` is one result, ``Sequence[X]`` are many."""
        hint = get_type_hints(spec)["return"]
        many = get_origin(hint) is Sequence
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        return cls(
            name=spec.__name__,
            arguments=tuple(inspect.signature(spec).parameters),
            is_async=inspect.iscoroutinefunction(spec),
            result=kinds[0] if kinds else None,
            many=many,
        )

    def allows(self, answer: object) -> bool:
        """Whether an implementation may return this; ``None`` is always allowed."""
        if answer is None:
            return True
        if self.result is None:
            return False
        if self.many:
            kind = self.result
            return isinstance(answer, list | tuple) and all(isinstance(item, kind) for item in answer)
        return isinstance(answer, self.result)


class Guarded:
    """Calls one implementation; ``takes`` are the positions of the arguments that it asked for."""

    __slots__ = (
        "_details",
        "_faults",
        "_function",
        "_limits",
        "_row",
        "_takes",
        "plugin",
        "rule",
        "suspended",
    )

    def __init__(
        self,
        plugin: str,
        rule: HookRule,
        function: Callable[..., Any],
        takes: tuple[int, ...],
        limits: Limits,
    ) -> None:
        self.plugin = plugin
        self.rule = rule
        self.suspended = False
        self._function = function
        self._takes = takes
        self._limits = limits
        self._row = 0
        self._faults: dict[FaultKind, int] = {}
        self._details: dict[FaultKind, str] = {}

    def call(self, *args: object) -> Any:
        """The answer of a sync implementation; ``None`` too if it has a fault."""
        if self.suspended:
            return None
        begun = time.perf_counter()
        try:
            result = self._function(*[args[i] for i in self._takes])
        except Exception as error:  # the boundary to foreign code: the call must go on
            self._fault(FaultKind.RAISED, repr(error), error)
            return None
        taken = time.perf_counter() - begun
        if taken > self._limits.sync:
            self._fault(FaultKind.OVERRUN, f"{taken * 1000:.1f} ms of {self._limits.sync * 1000:g}")
            return result if self.rule.allows(result) else None
        return self._checked(result)

    async def call_async(self, seconds: float, *args: object) -> Any:
        """The answer of an async implementation within ``seconds``; ``None`` too on a fault."""
        if self.suspended:
            return None
        try:
            async with asyncio.timeout(seconds) as deadline:
                waiting: Awaitable[Any] = self._function(*[args[i] for i in self._takes])
                result = await waiting
        except Exception as error:  # the boundary to foreign code: the others must go on
            late = isinstance(error, TimeoutError) and deadline.expired()
            kind = FaultKind.OVERRUN if late else FaultKind.RAISED
            self._fault(kind, f"stopped after {seconds:g} s" if late else repr(error), error)
            return None
        return self._checked(result)

    def call_boot(self) -> Any:
        """Without protection, for ``register_…``. Raises PluginError for whatever goes wrong."""
        try:
            return self._function()
        except Exception as error:  # whatever it is, the operator must learn whose it is
            problem = f"{self.rule.name}: {error!r}"
            raise PluginError(plugin=self.plugin, problem=problem) from error

    async def call_strictly(self, *args: object) -> None:
        """Without protection, for ``startup``: errors are the caller's. Raises TimeoutError too."""
        async with asyncio.timeout(self._limits.boot):
            await self._function(*[args[i] for i in self._takes])

    def faults(self) -> list[Fault]:
        """What went wrong since the start."""
        return [
            Fault(self.plugin, self.rule.name, kind, count, self._details[kind], self.suspended)
            for kind, count in self._faults.items()
        ]

    def _checked(self, result: Any) -> Any:
        if not self.rule.allows(result):
            self._fault(FaultKind.INVALID, f"returned {type(result).__name__}")
            return None
        self._row = 0
        return result

    def _fault(self, kind: FaultKind, detail: str, error: Exception | None = None) -> None:
        self._faults[kind] = self._faults.get(kind, 0) + 1
        self._details[kind] = detail
        self._row += 1
        who = {"plugin": self.plugin, "hook": self.rule.name, "kind": kind.value, "detail": detail}
        log.warning("plugin_fault", **who, exc_info=error if kind is FaultKind.RAISED else None)
        if self._row >= self._limits.faults and not self.suspended:
            self.suspended = True
            log.error("plugin_suspended", **who, faults=self._row)
