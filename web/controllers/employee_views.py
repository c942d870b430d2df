"""What the templates of «Сотрудники» are given: cards, their phones, filters and time zones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from msgspec import Struct

from core.contracts import TerminalKind
from core.numbers import pretty
from tenants.services.actor import Actor
from tenants.services.employees import EmployeeView
from tenants.services.lines import LineView
from web.forms import Chip, with_query
from web.pages import Page

__all__ = ["Card", "Phone", "chips", "filtered", "form_of", "phones", "zones"]

NEAR = [
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Novosibirsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
    "Europe/Minsk",
    "Asia/Almaty",
    "Asia/Tashkent",
    "Asia/Yerevan",
    "Asia/Baku",
    "Asia/Tbilisi",
    "Asia/Bishkek",
    "Asia/Dubai",
    "Europe/Istanbul",
    "Europe/Belgrade",
    "Europe/Berlin",
    "Europe/London",
]


class Phone(Struct, frozen=True):
    """A phone of the card. ``login`` is empty for the external number."""

    kind: TerminalKind
    id: UUID | None = None
    address: str = ""
    login: str = ""
    online: bool = False
    pending: bool = False
    active: bool = True
    user_agent: str = ""

    @classmethod
    def of_line(cls, line: LineView) -> Phone:
        """A SIP line with its registration."""
        return cls(
            kind=line.kind,
            id=line.id,
            login=line.login,
            online=line.registered,
            pending=line.state == "pending",
            active=line.active,
            user_agent=line.user_agent,
        )


class Card:
    """An employee as one reader sees them (features.md section D)."""

    def __init__(self, person: EmployeeView, actor: Actor, phones: Sequence[Phone]) -> None:
        self.id = person.id
        self.name = person.name
        self.extension = person.extension
        self.role = person.role
        self.mode = person.mode
        self.version = person.version
        self.phones = phones
        self.may_manage = person.editable
        self.editable = person.editable or actor.employee_id == person.id
        self.sees_lines = bool(person.lines)


def phones(person: EmployeeView) -> list[Phone]:
    """The lines that the reader may see, then the external number (in the order of the card)."""
    own = [Phone.of_line(line) for line in person.lines]
    if person.external_number:
        own.append(Phone(kind=TerminalKind.EXTERNAL, address=person.external_number))
    return own


def filtered(everybody: Sequence[EmployeeView], show: str) -> list[EmployeeView]:
    """Who passes the chosen chip."""
    if show == "administrators":
        return [person for person in everybody if person.role == "administrator"]
    if show == "online":
        return [person for person in everybody if any(line.registered for line in person.lines)]
    return list(everybody)


def chips(page: Page, show: str) -> list[Chip]:
    """The filters above the list."""
    choices = [("", page.text("All")), ("administrators", page.text("Administrators"))]
    if page.administrator:  # others do not see whose phones are online (NAV-05)
        choices.append(("online", page.text("Online")))
    return [
        Chip(
            title,
            with_query("/employees", {"show": "" if value == show else value}),
            chosen=value == show,
        )
        for value, title in choices
    ]


def form_of(person: EmployeeView | None) -> dict[str, str]:
    """The fields of both tabs as the database has them."""
    return {
        "name": person.name if person else "",
        "email": (person.email if person else None) or "",
        "role": person.role.value if person else "",
        "mode": person.mode.value if person else "",
        "timezone": (person.timezone if person else None) or "",
        "dial_mode": person.dial_mode.value if person else "",
        "external_number": pretty(person.external_number) if person else "",
        "extension": (person.extension if person else None) or "",
        "caller_id": str(person.caller_id) if person and person.caller_id else "",
    }


def zones(page: Page, company: str, own: str | None) -> list[tuple[str, str]]:
    """Time zones by their cities; the first is the company's own."""
    names = [*NEAR, own] if own and own not in NEAR else NEAR
    inherited = page.text("As the company: {zone}", zone=_zone(page, company))
    return [("", str(inherited)), *((name, _zone(page, name)) for name in names)]


def _zone(page: Page, name: str) -> str:
    hours = datetime.now(UTC).astimezone(ZoneInfo(name)).strftime("%z")
    city = get_timezone_location(name, locale=page.locale, return_city=True)
    return f"{city}, UTC{hours[:3]}:{hours[3:]}".replace(":00", "")
