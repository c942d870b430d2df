"""What handles incoming calls, as a company puts it together: scenarios, their blocks, menus. Data.

A scenario has branches; a branch has a chain of blocks (SCN-04), maybe another for the off-hours:

    block                          where it is
    -----------------------------  -----------------------------------------------------------------
    «Фильтры»                      ``Branch.filter``, its schedule and calendar
    «Опции»                        ``Chain.options``
    «Голосовое меню / добавочный»  the first of ``Chain.steps``: a step ``MENU`` or ``EXTENSIONS``
    «Обработка звонка»             the rest of ``Chain.steps``
    «Страховка»                    ``Chain.net``

Steps run in order until one settles the call. After a forwarding that nobody answered, «Завершить
вызов» is a ``HangUp`` behind it; without one the net follows («Перейти к страховке», PRC-15), and
after it nothing does (INS-02). Media are named by id: ``Snapshot.media``. Durations are seconds.

A plugin executes what ``performer`` names; the core rings and hangs up by itself. A forwarding with a
queue is a ``Dial`` like any other for whoever wants to know whom it names. Without a plugin for it, it
rings as if it had none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

__all__ = [
    "EXTENSIONS",
    "MENU",
    "MESSAGE",
    "QUEUE",
    "Addressee",
    "AddresseeKind",
    "Branch",
    "Chain",
    "ContactTag",
    "Dial",
    "DialMode",
    "Executor",
    "ExecutorKind",
    "ExtensionBlock",
    "ExtensionList",
    "HangUp",
    "KeyAction",
    "ManagerFirst",
    "Media",
    "Menu",
    "MenuBlock",
    "MenuKey",
    "MessageBlock",
    "MissedManager",
    "Options",
    "Otherwise",
    "PluginStep",
    "Queue",
    "RegionFilter",
    "Scenario",
    "Step",
    "TagFilter",
    "performer",
]

MENU: Final = "ivr.menu"
"""Name of the step whose settings are a ``MenuBlock``."""
EXTENSIONS: Final = "ivr.extensions"
"""Name of the step whose settings are an ``ExtensionBlock``."""
MESSAGE: Final = "ivr.message"
"""Name of the step whose settings are a ``MessageBlock``."""
QUEUE: Final = "queue.wait"
"""Name of what executes a ``Dial`` with a ``Queue``; its settings are the ``Dial``."""


# --- who is called, who is told -----------------------------------------------------------------


class DialMode(StrEnum):
    """Order of dialling (PRC-07)."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"
    LEAST_BUSY = "least_busy"


class AddresseeKind(StrEnum):
    """Whom a forwarding list may name (PRC-08)."""

    EMPLOYEE = "employee"
    GROUP = "group"
    EXTENSION = "extension"
    EXTERNAL = "external"


class Addressee(Struct, frozen=True, gc=False):
    """One entry of a forwarding list; ``ref`` is an id, an extension or an ``+E.164`` number."""

    kind: AddresseeKind
    ref: str


class ExecutorKind(StrEnum):
    """Who gets the task that a call leaves behind (PRC-13, PRC-06). Not ``MissedManager``."""

    EMPLOYEE = "employee"
    GROUP = "group"
    FIRST = "first"  # «Первый из адресатов»
    LAST = "last"  # «Адресат, на котором остановился»
    MANAGER = "manager"  # the contact's personal manager


class Executor(Struct, frozen=True):
    """Who gets the task; ``ref`` is the id of the employee or group that is named."""

    kind: ExecutorKind
    ref: str = ""


class MissedManager(StrEnum):
    """Who becomes the manager of a contact whose call was missed (PMA-03)."""

    FIRST = "first"  # «первый из адресатов»
    LAST = "last"  # «последний из не ответивших»
    RANDOM = "random"  # «случайный выбор из адресатов»
    DEFAULT = "default"  # «персональный менеджер»: the one of every new contact


# --- keys -----------------------------------------------------------------------------------------


class KeyAction(StrEnum):
    """What a key of a menu or a queue does."""

    REPEAT = "repeat"  # «Повтор сообщения с инструкциями» (IVR-07)
    PLAY = "play"  # ``target`` is a media (IVR-08)
    MENU = "menu"  # ``target`` is a menu of the second level (IVR-09)
    FORWARD = "forward"  # to ``addressee`` (IVR-10 … IVR-13)
    EXTENSIONS = "extensions"  # ``target`` is an extension list (IVR-14)
    MESSAGE = "message"  # a voice message after the media ``target`` (IVR-15)
    CALLBACK = "callback"  # a request to be called back (IVR-16), confirmed by the media ``target``
    SKIP = "skip"  # «Пропустить меню»: the next block (IVR-18)


class MenuKey(Struct, frozen=True):
    """``key`` is one of ``0-9*#``; a message or a request is a task of ``executor`` (H-21)."""

    key: str
    action: KeyAction
    addressee: Addressee | None = None
    target: UUID | None = None
    executor: Executor | None = None


# --- steps --------------------------------------------------------------------------------------


class HangUp(Struct, frozen=True, tag="hang_up"):
    """End the call, after ``media`` if any, with a task if one is wanted (PRC-12).

    ``sip_status`` is what an unanswered caller hears of it.
    """

    sip_status: int = 480
    media: UUID | None = None
    task: Executor | None = None


class ManagerFirst(Struct, frozen=True):
    """Try the contact's personal manager before the list (PRC-05), for ``ring_seconds``.

    Not reached, the list follows, or the call ends by ``otherwise`` (PRC-06). A caller who has no
    manager goes to the list.
    """

    ring_seconds: int = 25
    otherwise: HangUp | None = None


class Queue(Struct, frozen=True):
    """How long a caller waits at most when nobody is free, and what he hears (PRC-09).

    Without ``media`` it is the branch's melody, else the library's. Callers wait in the order in which
    they came (H-14), but those with a contact tag of ``first`` before all others, and with an earlier
    one of these before those with a later one. Who finds ``most`` callers waiting does not wait. Who
    did not take a call does not ring for the same caller again for ``pause_seconds``. Every
    ``place_seconds`` callers are told their place. ``keys`` lead out of the queue: to a voice message,
    a request to be called back, or what follows.
    """

    seconds: int
    media: UUID | None = None
    first: tuple[UUID, ...] = ()
    most: int | None = None
    pause_seconds: int = 15
    place_seconds: int | None = None
    keys: tuple[MenuKey, ...] = ()


class Dial(Struct, frozen=True, tag="dial"):
    """Forwarding: ring the addressees in the given order, for at most ``ring_seconds`` in all.

    ``each_seconds`` is the time of one addressee who is dialled in turn and has no time of his own.
    """

    addressees: tuple[Addressee, ...]
    mode: DialMode = DialMode.PARALLEL
    ring_seconds: int = 60
    each_seconds: int = 25
    manager: ManagerFirst | None = None
    queue: Queue | None = None


class PluginStep(Struct, frozen=True, tag="plugin"):
    """A step that a plugin executes: ``name`` is what it registered, ``config`` its settings."""

    name: str
    config: dict[str, Any] = {}


Step = Dial | HangUp | PluginStep


def performer(step: Step) -> str | None:
    """The name that a plugin has to have registered to execute the step; ``None``: the core does."""
    if isinstance(step, PluginStep):
        return step.name
    return QUEUE if isinstance(step, Dial) and step.queue is not None else None


class Otherwise(StrEnum):
    """What follows when no key was pressed or the extension was not reached (MNU-04, MNU-06)."""

    NEXT = "next"  # the next block
    HANG_UP = "hang_up"


class MenuBlock(Struct, frozen=True):
    """Settings of a step ``MENU``: a voice menu."""

    menu_id: UUID
    otherwise: Otherwise = Otherwise.NEXT


class ExtensionBlock(Struct, frozen=True):
    """Settings of a step ``EXTENSIONS``: dialling one; ``instruction`` in place of the list's own."""

    list_id: UUID
    instruction: UUID | None = None
    otherwise: Otherwise = Otherwise.NEXT


class MessageBlock(Struct, frozen=True):
    """Settings of a step ``MESSAGE``: the caller speaks after a greeting (PRC-03, PRC-04)."""

    greeting: UUID | None = None
    task: Executor | None = None


# --- scenarios ----------------------------------------------------------------------------------


class Options(Struct, frozen=True):
    """Block «Опции» (OPT-01 … OPT-04); the called number as caller ID is the branch's.

    ``melody`` replaces the ringback tone. ``warns`` says that conversations are recorded, with
    ``warning`` or else the contract's own announcement.
    """

    greeting: UUID | None = None
    melody: UUID | None = None
    records: bool = False
    warns: bool = False
    warning: UUID | None = None


_PLAIN = Options()


class Chain(Struct, frozen=True):
    """Blocks of one branch in order; the first step that settles the call ends it.

    ``net`` is «Страховка»: it goes on where ``steps`` left the call unsettled.
    """

    steps: tuple[Step, ...] = ()
    options: Options = _PLAIN
    net: tuple[Step, ...] = ()

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """What may happen, in order."""
        return self.steps + self.net


class TagFilter(Struct, frozen=True, tag="tags"):
    """Callers with any of these contact tags (FLT-08, TAG-07)."""

    tags: tuple[UUID, ...]


class RegionFilter(Struct, frozen=True, tag="regions"):
    """Callers whose number is from any of these regions, by code of the federal subject (FLT-07)."""

    regions: tuple[int, ...]


class Branch(Struct, frozen=True):
    """One filter of a scenario with its chain; ids are kept across versions.

    Schedule and calendar are by the company's clock; without both it is open round the clock (FLT-09).
    When closed, the chain «Нерабочее время», ``off_hours``, handles the call; without one the branch
    passes it on (H-3). ``shows_called`` is as for a number; one of the two is enough.
    """

    id: UUID
    name: str
    chain: Chain
    filter: TagFilter | RegionFilter | None = None
    schedule_id: UUID | None = None
    calendar_id: UUID | None = None
    off_hours: Chain | None = None
    shows_called: bool = False


class Scenario(Struct, frozen=True):
    """How incoming calls are handled (SCN-01). ``branches`` is in order of creation (FLT-11);
    ``default`` is the branch «Номера, не входящие в фильтры» (FLT-01)."""

    id: UUID
    name: str
    version: int
    default: Branch
    branches: tuple[Branch, ...] = ()
    enabled: bool = True


# --- what blocks name ---------------------------------------------------------------------------


class ContactTag(Struct, frozen=True):
    """A tag that contacts may have (TAG-07)."""

    id: UUID
    name: str


class Media(Struct, frozen=True):
    """Something to play (MED-06). ``sound`` is the SHA-256 of its clip, hex; "" if there is none."""

    id: UUID
    name: str
    sound: str = ""


class Menu(Struct, frozen=True):
    """A voice menu (IVR-02 … IVR-07); one that is not ``enabled`` cannot be used (IVR-19).

    The instruction is repeated every ``repeat_seconds`` of silence, if given; after ``idle_seconds``
    of it the block's ``otherwise`` follows.
    """

    id: UUID
    name: str
    level: int = 1
    instruction: UUID | None = None
    wrong: UUID | None = None
    repeat_seconds: int | None = None
    idle_seconds: int = 15
    keys: tuple[MenuKey, ...] = ()
    enabled: bool = False


class ExtensionList(Struct, frozen=True):
    """Which extensions a caller may dial (EXT-01 … EXT-03): those of ``numbers``, or with ``None`` any
    that its owner permits. Times are as a menu's."""

    id: UUID
    name: str
    instruction: UUID | None = None
    wrong: UUID | None = None
    repeat_seconds: int | None = None
    idle_seconds: int = 15
    numbers: tuple[str, ...] | None = None
