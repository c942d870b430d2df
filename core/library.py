"""The ready-made library: what every company can let its callers hear without an upload.

Pure data (ACC-09, MED-01). An entry has a name that never changes, and by it an id that is the same for
all companies: an id of version 8 (RFC 9562 §5.8), which no row of a table ever has. So whatever names a
media, a block, a menu, a list, the contract, a plugin, may name one of these by the same kind of id.
They belong to nobody and use nobody's space; which language is played is the company's.

What is heard is put together from recordings by professionals (Debian's ``asterisk-core-sounds-*`` and
``asterisk-moh-opsound-wav``); sentences that cannot be put together are spoken by a synthesis (Debian's
``festival``). ``core.media.prompts`` makes clips of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from msgspec import Struct

__all__ = [
    "BY_ID",
    "CATALOGUE",
    "LANGUAGES",
    "OFFERED",
    "Kind",
    "Prompt",
    "Ready",
    "media_id",
    "sequence",
]

LANGUAGES: Final = ("ru", "en")
"""That the library speaks; the first one unless a company chooses another."""


class Prompt(StrEnum):
    """The entries by name; ``call.play(Prompt.BEEP)`` plays one in the company's language."""

    GREETING = "greeting"
    GREETING_CONNECTING = "greeting.connecting"
    OFF_HOURS = "off_hours"
    OFF_HOURS_MESSAGE = "off_hours.message"
    NOBODY = "off_hours.nobody"
    MENU_OPERATOR = "menu.operator"
    MENU_EXTENSION = "menu.extension"
    WRONG_KEY = "wrong.key"
    WRONG_EXTENSION = "wrong.extension"
    QUEUE_BUSY = "queue.busy"
    QUEUE_WAIT = "queue.wait"
    QUEUE_PLACE = "queue.place"
    QUEUE_NEXT = "queue.next"
    QUEUE_THANKS = "queue.thanks"
    ANNOUNCEMENT = "recording.announcement"
    MESSAGE = "message.leave"
    MESSAGE_NOBODY = "message.nobody"
    MESSAGE_SAVED = "message.saved"
    CALLBACK = "callback.accepted"
    NOT_REACHED = "not_reached"
    GOODBYE = "goodbye"
    BEEP = "beep"
    HOLD_MUSIC = "music.morning_coffee"
    MUSIC_COLD_DAY = "music.cold_day"
    MUSIC_ROBOT_DITY = "music.robot_dity"
    MUSIC_SIMPLICITY = "music.the_simplicity"
    MUSIC_SYSTEM = "music.system"


class Kind(StrEnum):
    """What an entry is for. A ``part`` is only ever heard within a sentence."""

    GREETING = "greeting"
    OFF_HOURS = "off_hours"
    MENU = "menu"
    WRONG = "wrong"
    QUEUE = "queue"
    ANNOUNCEMENT = "announcement"
    MESSAGE = "message"
    CALLBACK = "callback"
    FAREWELL = "farewell"
    TONE = "tone"
    MUSIC = "music"
    PART = "part"


Part = str | int
"""A recording by its name, or a pause in milliseconds."""


class Ready(Struct, frozen=True):
    """An entry. ``says`` and ``parts`` are by language; what has a text and no parts is synthesised.

    ``title`` is a msgid; ``credit`` names who made the music.
    """

    name: str
    kind: Kind
    title: str
    says: Mapping[str, str] = MappingProxyType({})
    parts: Mapping[str, tuple[Part, ...]] = MappingProxyType({})
    credit: str = ""

    @property
    def id(self) -> UUID:
        """That it is named by."""
        return media_id(self.name)

    def speaks(self, language: str) -> bool:
        """Whether there is such a sentence in the language: some parts belong to one alone."""
        return language in (self.parts or self.says)


def media_id(what: UUID | str) -> UUID:
    """The id of an entry by its name; an id stays what it is."""
    if isinstance(what, UUID):
        return what
    digest = int.from_bytes(hashlib.sha256(f"sunsim library {what}".encode()).digest()[:16], "big")
    return UUID(int=digest & ~(0xF << 76) & ~(0x3 << 62) | 8 << 76 | 2 << 62)


def _spoken(name: Prompt, kind: Kind, title: str, ru: str, en: str) -> Ready:
    return Ready(name, kind, title, {"ru": ru, "en": en})


def _recorded(
    name: str, kind: Kind, title: str, ru: tuple[Part, ...], en: tuple[Part, ...], *says: str
) -> Ready:
    return Ready(name, kind, title, dict(zip(LANGUAGES, says, strict=False)), {"ru": ru, "en": en})


def _music(name: Prompt, recording: str, title: str, author: str) -> Ready:
    parts = dict.fromkeys(LANGUAGES, (f"moh/{recording}",))
    return Ready(name, Kind.MUSIC, title, {}, parts, f"{author}, CC BY-SA 3.0")


_SENTENCES = (
    _spoken(
        Prompt.GREETING,
        Kind.GREETING,
        "Thank you for calling",
        "Здравствуйте! Спасибо за звонок в нашу компанию. Пожалуйста, оставайтесь на линии.",
        "Hello! Thank you for calling our company. Please stay on the line.",
    ),
    _recorded(
        Prompt.GREETING_CONNECTING,
        Kind.GREETING,
        "Hello, you are being connected",
        ("hello", 300, "followme/pls-hold-while-try"),
        ("hello", 300, "vm-dialout"),
        "Здравствуйте! Пожалуйста, оставайтесь на линии, происходит соединение.",
        "Hello. Please wait while I connect your call.",
    ),
    _spoken(
        Prompt.OFF_HOURS,
        Kind.OFF_HOURS,
        "Outside working hours, call back later",
        "Здравствуйте! Вы позвонили в нерабочее время. Пожалуйста, перезвоните позже.",
        "Hello! You have called outside our working hours. Please call back later.",
    ),
    _spoken(
        Prompt.OFF_HOURS_MESSAGE,
        Kind.OFF_HOURS,
        "Outside working hours, leave a message",
        "Вы позвонили в нерабочее время. Пожалуйста, оставьте сообщение после сигнала.",
        "You have called outside our working hours. Please leave a message after the tone.",
    ),
    _recorded(
        Prompt.NOBODY,
        Kind.OFF_HOURS,
        "Nobody is available, call later",
        ("vm-nobodyavail", 250, "pls-try-call-later", 250, "vm-goodbye"),
        ("vm-nobodyavail", 250, "please-try-call-later", 250, "vm-goodbye"),
        "В данный момент никто не может принять ваш звонок. Попробуйте позвонить позднее. До свидания.",
        "Nobody is available to take your call at the moment. Please try your call again later."
        " Goodbye.",
    ),
    _spoken(
        Prompt.MENU_OPERATOR,
        Kind.MENU,
        "Press zero for an operator",
        "Для соединения с оператором нажмите ноль.",
        "To speak to an operator, press zero.",
    ),
    _spoken(
        Prompt.MENU_EXTENSION,
        Kind.MENU,
        "Dial an extension or wait",
        "Введите внутренний номер сотрудника или дождитесь ответа оператора.",
        "Please dial the extension of the person you are calling, or wait for the operator.",
    ),
    _recorded(
        Prompt.WRONG_KEY,
        Kind.WRONG,
        "The choice was not understood",
        ("vm-sorry",),
        ("vm-sorry",),
        "Извините, ваш выбор не понят системой.",
        "I'm sorry, I did not understand your response.",
    ),
    _recorded(
        Prompt.WRONG_EXTENSION,
        Kind.WRONG,
        "There is no such extension",
        ("pbx-invalid",),
        ("pbx-invalid",),
        "Извините, данный номер не существует. Пожалуйста, попробуйте ещё раз.",
        "I am sorry, but that's not a valid extension. Please try again.",
    ),
    _recorded(
        Prompt.QUEUE_BUSY,
        Kind.QUEUE,
        "All operators are busy, stay on the line",
        ("queue-periodic-announce",),
        ("queue-periodic-announce",),
        "Все наши операторы заняты. Пожалуйста, оставайтесь на линии, и ваш звонок будет обслужен"
        " первым доступным оператором.",
        "All of our representatives are currently busy. Please stay on the line and your call will be"
        " answered by the next available representative.",
    ),
    _recorded(
        Prompt.QUEUE_WAIT,
        Kind.QUEUE,
        "Please wait for the operator",
        ("queue-callswaiting",),
        ("vm-dialout",),
        "Ожидайте, пожалуйста, ответа оператора.",
        "Please wait while I connect your call.",
    ),
    _recorded(
        Prompt.QUEUE_NEXT,
        Kind.QUEUE,
        "You are the first in the queue",
        ("queue-youarenext",),
        ("queue-youarenext",),
        "Ваш звонок является первым в очереди и будет обслужен первым доступным оператором.",
        "Your call is now first in line and will be answered by the next available representative.",
    ),
    _recorded(
        Prompt.QUEUE_THANKS,
        Kind.QUEUE,
        "Thank you for your patience",
        ("queue-thankyou",),
        ("queue-thankyou",),
        "Благодарим за терпение.",
        "Thank you for your patience.",
    ),
    _spoken(
        Prompt.ANNOUNCEMENT,
        Kind.ANNOUNCEMENT,
        "The conversation is recorded",
        "Внимание! Разговор записывается.",
        "Please note, this call is being recorded.",
    ),
    _recorded(
        Prompt.MESSAGE,
        Kind.MESSAGE,
        "Leave a message after the tone",
        ("vm-intro",),
        ("vm-intro",),
        "Оставьте сообщение после сигнала. После этого нажмите решётку или повесьте трубку.",
        "Please leave your message after the tone. When done, hang up or press the pound key.",
    ),
    _recorded(
        Prompt.MESSAGE_NOBODY,
        Kind.MESSAGE,
        "Nobody is available, leave a message",
        ("vm-nobodyavail", 250, "vm-intro"),
        ("vm-nobodyavail", 250, "vm-intro"),
        "В данный момент никто не может принять ваш звонок. Оставьте сообщение после сигнала. После"
        " этого нажмите решётку или повесьте трубку.",
        "Nobody is available to take your call at the moment. Please leave your message after the tone."
        " When done, hang up or press the pound key.",
    ),
    _recorded(
        Prompt.MESSAGE_SAVED,
        Kind.MESSAGE,
        "The message is saved",
        ("vm-msgsaved", 250, "vm-goodbye"),
        ("vm-msgsaved", 250, "vm-goodbye"),
        "Сообщение сохранено. До свидания.",
        "Your message has been saved. Goodbye.",
    ),
    _spoken(
        Prompt.CALLBACK,
        Kind.CALLBACK,
        "We will call you back",
        "Спасибо. Ваш запрос на обратный звонок принят. Мы вам перезвоним.",
        "Thank you. Your request has been accepted. We will call you back.",
    ),
    _recorded(
        Prompt.NOT_REACHED,
        Kind.FAREWELL,
        "The connection is not possible now",
        ("followme/sorry",),
        ("followme/sorry",),
        "Извините, в данный момент соединение невозможно.",
        "I'm sorry, but we were unable to locate your party.",
    ),
    _recorded(
        Prompt.GOODBYE,
        Kind.FAREWELL,
        "Goodbye",
        ("vm-goodbye",),
        ("vm-goodbye",),
        "До свидания.",
        "Goodbye.",
    ),
)

_SOUNDS = (
    _recorded(Prompt.BEEP, Kind.TONE, "Tone", ("beep",), ("beep",)),
    _music(Prompt.HOLD_MUSIC, "manolo_camp-morning_coffee", "Music: Morning coffee", "Manolo Camp"),
    _music(Prompt.MUSIC_COLD_DAY, "macroform-cold_day", "Music: Cold day", "Paul Shuler (Macroform)"),
    _music(
        Prompt.MUSIC_ROBOT_DITY, "macroform-robot_dity", "Music: Robot dity", "Paul Shuler (Macroform)"
    ),
    _music(
        *(Prompt.MUSIC_SIMPLICITY, "macroform-the_simplicity", "Music: The simplicity"),
        "Paul Shuler (Macroform)",
    ),
    _music(Prompt.MUSIC_SYSTEM, "reno_project-system", "Music: System", "Reno Project"),
)

_PLACE_END = "queue.place.end"
_NUMBERS = tuple(
    _recorded(f"number.{number}", Kind.PART, "Number", *2 * ((f"digits/{number}",),))
    for number in (*range(1, 21), *range(30, 100, 10))
)
_PARTS = (
    _recorded(
        Prompt.QUEUE_PLACE,
        Kind.PART,
        "Place in the queue",
        ("queue-thereare",),
        ("queue-thereare",),
        "Ваша позиция в очереди:",
        "You are currently caller number",
    ),
    Ready(
        _PLACE_END,
        Kind.PART,
        "Place in the queue",
        {"en": "waiting to speak with a representative."},
        {"en": ("queue-callswaiting",)},
    ),
    *_NUMBERS,
)

CATALOGUE: Final = (*_SENTENCES, *_SOUNDS, *_PARTS)
OFFERED: Final = frozenset(each.id for each in CATALOGUE if each.kind is not Kind.PART)
"""What a company may choose."""
BY_ID: Final[Mapping[UUID, Ready]] = MappingProxyType({each.id: each for each in CATALOGUE})


def sequence(what: UUID | Prompt, number: int | None, language: str) -> tuple[UUID, ...]:
    """What is played one after the other for a media; with a number, for the sentence that says it.

    ``Prompt.QUEUE_PLACE`` says the place in the queue: the first one has a sentence of its own, and
    from the hundredth on only that all are busy. Raises ValueError for a number with anything else.
    """
    if number is None:
        return (media_id(what),)
    if what != Prompt.QUEUE_PLACE or number < 1:
        raise ValueError(f"{what} says no number {number}")
    return tuple(media_id(name) for name in _place(number, language))


def _place(number: int, language: str) -> tuple[str, ...]:
    if number == 1:
        return (Prompt.QUEUE_NEXT,)
    if number > 99:
        return (Prompt.QUEUE_BUSY,)
    words = (number,) if number <= 20 or number % 10 == 0 else (number // 10 * 10, number % 10)
    ends = (_PLACE_END,) if language in BY_ID[media_id(_PLACE_END)].parts else ()
    return (Prompt.QUEUE_PLACE, *(f"number.{word}" for word in words), *ends)
