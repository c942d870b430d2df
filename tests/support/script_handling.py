"""How the company of a story handles calls, in names: who and what is meant is known when it is played.

``Handling.chain(ids)`` and the others make the configuration of names; ``ids`` maps (kind, name) to an
id, an extension or a number.
"""

from dataclasses import dataclass, field
from functools import cached_property

from msgspec import to_builtins

from core.scenarios import (
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    ExtensionList,
    HangUp,
    KeyAction,
    ManagerFirst,
    Menu,
    MenuKey,
    MessageBlock,
    Options,
    Otherwise,
    PluginStep,
    Queue,
)

REPEATS, SKIPS = "repeats", "skips"
_PEOPLE = ("anna", "boris", "vera", "gleb")
_NUMBERS = ("outside", "mobile")
IDLE = 2


class Ids(dict):
    """(kind, name) → id. One that nobody asked for is an error; ``asked`` notes what was."""

    def media(self, name):
        return None if name is None else self["media", name]

    def executor(self, name):
        """Who gets a task: ``first``, ``last``, ``manager``, or somebody by name."""
        if name is None:
            return None
        if name in tuple(ExecutorKind):
            return Executor(ExecutorKind(name))
        kind = ExecutorKind.EMPLOYEE if name in _PEOPLE else ExecutorKind.GROUP
        return Executor(kind, str(self["person" if name in _PEOPLE else "group", name]))

    def whom(self, name):
        """An addressee: an employee, a group, a number outside, or ``extension of …``."""
        if name.startswith("extension of "):
            return Addressee(
                AddresseeKind.EXTENSION, self["extension", name.removeprefix("extension of ")]
            )
        if name in _NUMBERS:
            return Addressee(AddresseeKind.EXTERNAL, self["number", name])
        if name in _PEOPLE:
            return Addressee(AddresseeKind.EMPLOYEE, str(self["person", name]))
        return Addressee(AddresseeKind.GROUP, str(self["group", name]))


@dataclass(frozen=True)
class VoiceMenu:
    """A voice menu; ``keys`` lead to an addressee by name, or are what ``plays`` etc. return."""

    name: str
    says: str | None
    keys: dict
    wrong: str | None = None
    repeat: int | None = None
    idle: int = IDLE
    level: int = 1
    enabled: bool = True

    def made(self, ids):
        keys = tuple(_key(key, leads, ids) for key, leads in self.keys.items())
        return Menu(
            ids["menu", self.name],
            self.name,
            level=self.level,
            instruction=ids.media(self.says),
            wrong=ids.media(self.wrong),
            repeat_seconds=self.repeat,
            idle_seconds=self.idle,
            keys=keys,
            enabled=self.enabled,
        )


@dataclass(frozen=True)
class Dialling:
    """A list of extensions that may be dialled: ``numbers`` are the people's that it names, or all."""

    name: str
    says: str | None
    wrong: str | None = None
    repeat: int | None = None
    idle: int = IDLE
    numbers: tuple | None = None

    def made(self, ids):
        numbers = self.numbers and tuple(ids["extension", each] for each in self.numbers)
        return ExtensionList(
            ids["list", self.name],
            self.name,
            ids.media(self.says),
            ids.media(self.wrong),
            self.repeat,
            self.idle,
            numbers,
        )


@dataclass(frozen=True)
class Plays:
    media: str


@dataclass(frozen=True)
class TakesMessage:
    media: str | None
    executor: str | None


@dataclass(frozen=True)
class NotesCallback:
    executor: str | None


def _key(key, leads, ids):
    match leads:
        case "repeats":
            return MenuKey(key, KeyAction.REPEAT)
        case "skips":
            return MenuKey(key, KeyAction.SKIP)
        case Plays(media):
            return MenuKey(key, KeyAction.PLAY, target=ids.media(media))
        case TakesMessage(media, executor):
            target, whose = ids.media(media), ids.executor(executor)
            return MenuKey(key, KeyAction.MESSAGE, target=target, executor=whose)
        case NotesCallback(executor):
            return MenuKey(key, KeyAction.CALLBACK, executor=ids.executor(executor))
        case VoiceMenu():
            return MenuKey(key, KeyAction.MENU, target=ids["menu", leads.name])
        case Dialling():
            return MenuKey(key, KeyAction.EXTENSIONS, target=ids["list", leads.name])
    return MenuKey(key, KeyAction.FORWARD, addressee=ids.whom(leads))


# --- blocks -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A block of a chain: ``make(ids)`` is it, ``names`` who and what it names."""

    make: object
    names: tuple = ()


def voice_menu(name, says, keys, **more):
    """A voice menu, with an item that repeats the instruction (IVR-07) unless it has one."""
    if REPEATS not in keys.values():
        keys = {**keys, "*": REPEATS}
    return VoiceMenu(name, says, keys, **more)


def dialling(name="extensions", says="list", **more):
    return Dialling(name, says, **more)


def plays(media):
    """A key lets one hear a media."""
    return Plays(media)


def notes_callback(executor=None):
    """A key asks to be called back: a task for somebody (IVR-16)."""
    return NotesCallback(executor)


def takes_message(media=None, executor=None):
    """A key lets one leave a voice message after a media (IVR-15)."""
    return TakesMessage(media, executor)


def message(media=None, task=None):
    """The block «Голосовое сообщение» (PRC-03), with a task for somebody."""

    def make(ids):
        block = MessageBlock(ids.media(media), ids.executor(task))
        return PluginStep("ivr.message", to_builtins(block))

    return Block(make, (media, task))


def waiting(seconds=60, media="waiting", keys=None, first=(), **more):
    """Callers wait until somebody is free (PRC-09); who has a tag of ``first`` goes before others."""

    def make(ids):
        made = tuple(_key(key, leads, ids) for key, leads in (keys or {}).items())
        tags = tuple(ids["tag", name] for name in first)
        return Queue(seconds, ids.media(media), tags, keys=made, **more)

    return Block(make, (media, *(keys or {}).values()))


def asks(what, otherwise="next"):
    """The block «Голосовое меню / добавочный»."""
    then = Otherwise(otherwise)
    if isinstance(what, VoiceMenu):
        return Block(lambda ids: _menu_step(what, then, ids), (what,))
    return Block(lambda ids: _list_step(what, then, ids), (what,))


def _menu_step(menu, then, ids):
    block = {"menu_id": str(ids["menu", menu.name]), "otherwise": then.value}
    return PluginStep("ivr.menu", block)


def _list_step(listed, then, ids):
    block = {"list_id": str(ids["list", listed.name]), "otherwise": then.value}
    return PluginStep("ivr.extensions", block)


def forwards(
    *names, order="parallel", seconds=20, each=25, manager=None, manager_seconds=25, queue=None
):
    """Forwarding. ``manager``: ``"list"`` or a block ``ends`` is what follows if the personal manager,
    who is tried first, is not reached."""

    def make(ids):
        otherwise = manager.make(ids) if isinstance(manager, Block) else None
        return Dial(
            tuple(ids.whom(name) for name in names),
            DialMode(order),
            seconds,
            each,
            ManagerFirst(manager_seconds, otherwise) if manager else None,
            queue and queue.make(ids),
        )

    others = [each for each in (manager, queue) if isinstance(each, Block)]
    return Block(make, names + tuple(name for each in others for name in each.names))


def ends(media=None, task=None):
    """«Завершить вызов», perhaps with a media and a task for somebody (``Ids.executor``)."""
    return Block(lambda ids: HangUp(media=ids.media(media), task=ids.executor(task)), (media, task))


@dataclass(frozen=True)
class Handling:
    """The scenario of a story's number, and what else of the company it needs."""

    steps: tuple
    net: tuple
    options: dict
    groups: dict
    cards: dict
    contacts: dict
    company: str
    off_hours: tuple | None = None  # blocks; there, the company is closed
    number: dict = field(default_factory=dict)

    def closed_chain(self, ids):
        """«Нерабочее время»."""
        return Chain(tuple(block.make(ids) for block in self.off_hours)) if self.off_hours else None

    def chain(self, ids):
        media = {name: ids.media(self.options.get(name)) for name in ("greeting", "melody", "warning")}
        flags = {name: self.options[name] for name in ("records", "warns") if name in self.options}
        made = tuple(block.make(ids) for block in self.steps)
        return Chain(made, Options(**media, **flags), tuple(block.make(ids) for block in self.net))

    @cached_property
    def _things(self):
        found = []
        queue = [
            each for block in (*self.steps, *self.net, *(self.off_hours or ())) for each in block.names
        ]
        while queue:
            each = queue.pop(0)
            if each is None or each in found:
                continue
            found.append(each)
            if isinstance(each, VoiceMenu):
                queue += [each.says, each.wrong, *each.keys.values()]
            elif isinstance(each, Dialling):
                queue += [each.says, each.wrong, *(each.numbers or ())]
            elif isinstance(each, Plays):
                queue.append(each.media)
            elif isinstance(each, NotesCallback | TakesMessage):
                queue.append(each.executor)
        return found

    @property
    def tags(self):
        """The contacts' tags."""
        return {tag for contact in self.contacts.values() for tag in contact.get("tags", ())}

    @property
    def menus(self):
        """Those of the second level first, as they must exist first (IVR-17)."""
        found = [each for each in self._things if isinstance(each, VoiceMenu)]
        return sorted(found, key=lambda menu: -menu.level)

    @property
    def lists(self):
        return [each for each in self._things if isinstance(each, Dialling)]

    @property
    def named(self):
        """Everybody and everything that is named."""
        names = {each.removeprefix("extension of ") for each in self._things if isinstance(each, str)}
        members = {name for group in self.groups.values() for name in group["members"]}
        managers = {each["manager"] for each in self.contacts.values() if each.get("manager")}
        return names | members | set(self.cards) | managers


def handled(
    *steps,
    net=(),
    groups=None,
    cards=None,
    contacts=None,
    company="usual",
    off_hours=None,
    number=None,
    **options,
):
    """The blocks of the scenario. ``groups``: name → fields with ``members``; ``cards``: employee →
    fields, ``phones`` among them: telephone → fields; ``contacts``: caller → fields; ``number``: fields
    of the number. ``off_hours`` are the blocks of «Нерабочее время»: with them, even none, it is closed
    now. ``company`` is ``usual`` or ``other``: without the service of
    recording, and what is said off hours is the media ``closed``."""
    return Handling(
        steps,
        tuple(net),
        options,
        groups or {},
        cards or {},
        contacts or {},
        company,
        None if off_hours is None else tuple(off_hours),
        number or {},
    )
