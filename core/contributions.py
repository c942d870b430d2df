"""What plugins hand to the host through hooks: frozen structs, validated before they are used.

``hookspecs`` says which hook returns which of these. Callables in them are the plugin's own; the
host guards each call. Texts are English msgids of the plugin's gettext domain.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from core.contracts import (
    CallFacts,
    Decision,
    Dial,
    DialPlan,
    Executor,
    ExtensionList,
    Menu,
    TaskKind,
    Tenant,
)
from core.events import Event
from core.library import Prompt

__all__ = [
    "CallVerbs",
    "DialOptions",
    "Job",
    "MenuItem",
    "Next",
    "OutboxConsumer",
    "Owned",
    "Panel",
    "Place",
    "Refusal",
    "Routes",
    "StepType",
    "Tables",
]

T = TypeVar("T")


class Owned(Struct, Generic[T], frozen=True):
    """A contribution with the plugin it came from; no contribution is ever without its owner."""

    plugin: str
    item: T


# --- boot -------------------------------------------------------------------------------------


class Tables(Struct, frozen=True):
    """A plugin's own tables: the dotted name of its Piccolo app (``crm.piccolo_app``).

    The app's tables are subclasses of ``TenantTable``; its ``APP_CONFIG`` names the migrations.
    """

    app: str


class Routes(Struct, frozen=True):
    """Litestar handlers. ``pages`` are mounted in the cabinet, ``api`` under ``/api/v1``.

    Both answer 404 for a tenant without the plugin. ``templates`` is a folder whose templates are
    found as ``<plugin>/…``.
    """

    pages: tuple[Any, ...] = ()
    api: tuple[Any, ...] = ()
    templates: Path | None = None


class Next(StrEnum):
    """What a step returns: the chain goes on with the next block, or the call is settled."""

    CONTINUE = "continue"
    END = "end"


class CallVerbs(Protocol):
    """A running call in the hands of a step. Every verb may be cancelled: the caller hung up."""

    @property
    def tenant(self) -> Tenant:
        """Whose call it is."""
        ...

    @property
    def facts(self) -> CallFacts:
        """What was known of the call when it arrived."""
        ...

    @property
    def decision(self) -> Decision | None:
        """The branch that handles the call; ``None`` if no scenario does."""
        ...

    @property
    def talking(self) -> bool:
        """Whether somebody has answered the call who is no step."""
        ...

    @property
    def joining(self) -> bool:
        """The same, from the moment at which he answers, before he is joined with the caller."""
        ...

    async def dial(
        self, step: Dial, *, only: Collection[str] | None = None, seconds: float | None = None
    ) -> bool:
        """Ring, and talk to the end of the conversation if somebody answers; whether one did.

        With ``only`` nobody else rings than these of ``whom`` (``Ring.who``); ``seconds`` are the most
        that it rings, if not the step's.
        """
        ...

    def dial_also(self, step: Dial, only: Collection[str]) -> bool:
        """Have these of ``whom`` ring as well, while ``dial`` rings other ones; whether any does."""
        ...

    def whom(self, step: Dial) -> DialPlan:
        """Who could ring for a step at this moment; nothing rings, nothing is recorded."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have ``changed`` called whenever ``whom`` may say something else than before: a conversation
        began or ended, a phone registered, the configuration changed, a minute is over. Returns what
        ends it; the call's end does, too."""
        ...

    def queued(self, queue: str, place: int, priority: int = 0, *, ago: float = 0.0) -> None:
        """Record and live board say from now on that the caller waits, as the ``place``-th. ``queue``
        is the name of the queue, to which he came ``ago`` seconds ago; who has a lower ``priority``
        there and, of equals, came earlier goes before him."""
        ...

    def left_queue(self, reason: str, place: int) -> None:
        """The caller waits no more, or not at all; ``reason`` is a code: answered, time, key, hung_up,
        full."""
        ...

    async def answer(self) -> None:
        """Answer the caller, if nobody has yet, to speak to him; he hears the ringback tone from now on
        while phones ring."""
        ...

    async def play(self, media: UUID | Prompt, number: int | None = None) -> None:
        """Answer the caller and let him hear a media to its end, of the company or of the library.

        Cancelled, it falls silent at once. A media that is gone is passed over. ``number`` completes a
        sentence that says one: ``play(Prompt.QUEUE_PLACE, 3)``.
        """
        ...

    async def music(self, media: UUID | None = None) -> None:
        """Answer the caller and let him hear a media again and again, also while phones ring and after
        what is played once; without one the melody of the branch, else one of the library."""
        ...

    async def silence(self) -> None:
        """No more music."""
        ...

    def hang_up(self, sip_status: int = 480) -> None:
        """End the call; ``sip_status`` is what a caller hears who was not answered."""
        ...

    async def key(self) -> str:
        """The next key that the caller presses, ``0-9*#A-D``; keys of the past wait to be asked for."""
        ...

    def forget_keys(self) -> None:
        """Keys that were pressed before, on another occasion, are not meant."""
        ...

    def menu(self, menu_id: UUID) -> Menu | None:
        """A voice menu of the company, as it was when the call came."""
        ...

    def extension_list(self, list_id: UUID) -> ExtensionList | None:
        """An extension list of the company."""
        ...

    async def record_message(
        self, executor: Executor | None = None, *, seconds: float = 180, silence: float = 6
    ) -> bool:
        """Answer the caller and record what he says after a beep, until he presses ``#``, for so many
        ``seconds`` at most, or until he says nothing for ``silence`` seconds; whether he said anything.

        Then a task of the executor is asked for, with the recording; also if he hangs up meanwhile.
        """
        ...

    def request_task(
        self, kind: TaskKind, executor: Executor | None, *, recording: UUID | None = None
    ) -> None:
        """Ask for a task of this call, which is made once the call is over (TSK-01).

        ``executor`` is as in scenarios: first and last are of those who were dialled last, or of the
        next forwarding. ``recording`` is that of a message.
        """
        ...

    def dialable(self, numbers: Collection[str] | None = None) -> frozenset[str]:
        """The extensions that a caller may dial, all or of these: those that their owners permit
        (EXT-03, EXT-06)."""
        ...


class StepType(Struct, frozen=True):
    """A block that a scenario may contain as ``PluginStep``.

    ``name`` is the plugin's name or begins with it and a dot (``queue.wait``). ``config`` is the
    struct its settings must fit; ``run(call, config)`` executes the block.
    """

    name: str
    title: str
    config: type[Struct]
    run: Callable[[CallVerbs, Any], Awaitable[Next]]


class Job(Struct, frozen=True):
    """Periodic work, run once for each tenant that has the plugin.

    ``name`` as for a step type; ``cron`` has five fields in UTC; ``seconds`` is the longest run.
    """

    name: str
    cron: str
    run: Callable[[Tenant], Awaitable[None]]
    seconds: int = 300


class OutboxConsumer(Struct, frozen=True):
    """What must happen after an event, at least once each.

    ``handle`` runs inside the transaction of the tenant that also notes ``(name, event id)``, so an
    effect on tables is exactly once; raising has it tried again later. ``name`` as for a step type;
    it must never change, or old events are handled anew. A handler with a third argument ``office``
    gets the company's office with it.
    """

    name: str
    events: tuple[type[Event], ...]
    handle: Callable[..., Awaitable[None]]


# --- decisions --------------------------------------------------------------------------------


class Refusal(Struct, frozen=True):
    """A call that is not admitted: a stable code for the log and what the caller's side is told."""

    reason: str
    sip_status: int = 403

    def __post_init__(self) -> None:
        if not 400 <= self.sip_status <= 699:
            raise ValueError(f"a refusal needs a SIP status from 400 to 699, not {self.sip_status}")


class DialOptions(Struct, frozen=True):
    """What the called phones are told besides the caller's number.

    ``caller_name`` replaces the display name; ``headers`` may only be ``Alert-Info``, ``Call-Info``
    or ``X-…``, in printable characters.
    """

    caller_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name, value in self.headers:
            allowed = name.lower() in ("alert-info", "call-info") or name.lower().startswith("x-")
            if not allowed or not name.replace("-", "").isalnum() or not name.isascii():
                raise ValueError(f"a plugin may not set the header {name!r}")
            if not value.isprintable():
                raise ValueError(f"the value of {name} has characters that cannot be sent")
        if self.caller_name is not None and not self.caller_name.isprintable():
            raise ValueError("the caller's name has characters that cannot be sent")


# --- cabinet ----------------------------------------------------------------------------------


class Place(Struct, frozen=True):
    """Where in the cabinet: the name of a page (``home``, ``call``, ``employee``) and whose."""

    name: str
    id: UUID | None = None


class MenuItem(Struct, frozen=True):
    """An entry of the menu. ``order`` sorts among the entries of plugins, then the title does."""

    title: str
    path: str
    icon: str = "puzzle"
    order: int = 100


class Panel(Struct, frozen=True):
    """A part of a page: a template of the plugin's and what it shows; rendered with autoescape."""

    template: str
    context: dict[str, Any] = {}
    order: int = 100
