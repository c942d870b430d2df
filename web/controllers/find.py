"""What the command palette finds: sections, employees, numbers. Also a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litestar import Request, Response, get
from msgspec import Struct

from tenants.services import employees, numbers
from web.inject import TheContext, ThePage, TheVisitor
from web.pages import N_, Page

__all__ = ["find"]

PROFILE = N_("My profile")
LIMIT = 8


class Hit(Struct, frozen=True):
    """One thing found and where it is."""

    id: str
    title: str
    path: str
    icon: str
    note: str = ""
    key: str = ""


@get("/find")
async def find(
    request: Request[Any, Any, Any], context: TheContext, visitor: TheVisitor, page: ThePage
) -> Response[str]:
    """Whatever contains the words; digits are looked for in numbers however they are written."""
    asked = request.query_params.get("q", "").replace("\0", " ")  # which nothing stored has
    query = " ".join(asked.split())[:60]
    words, digits = query.casefold(), "".join(c for c in query if c.isdigit())
    groups = [(page.text("Sections"), [h for h in _sections(page) if words in h.title.casefold()])]
    if query:
        people = await employees.employees(context.database, visitor.actor)
        own = await numbers.numbers(context.database, visitor.actor)
        groups += [
            (page.text("Employees"), list(_people(page, people, words, digits))[:LIMIT]),
            (page.text("Numbers"), list(_numbers(page, own, words, digits))[:LIMIT]),
        ]
    return page.render("find.html", query=query, groups=[group for group in groups if group[1]])


def _sections(page: Page) -> Iterator[Hit]:
    for group in page.menu:
        for entry in group:
            yield Hit(
                f"s{entry.path.replace('/', '-')}", entry.title, entry.path, entry.icon, key=entry.key
            )
    yield Hit("s-profile", page.text(PROFILE), "/profile", "user", key="p")


def _people(page: Page, people: list[employees.EmployeeView], words: str, digits: str) -> Iterator[Hit]:
    for person in people:
        phones = (person.extension or "", person.external_number or "")
        by_number = len(digits) >= 2 and any(digits in phone for phone in phones)
        if words in person.name.casefold() or words in (person.email or "") or by_number:
            note = page.text("ext. {number}", number=person.extension) if person.extension else ""
            yield Hit(f"e-{person.id}", person.name, f"/employees/{person.id}", "user", str(note))


def _numbers(page: Page, own: list[Any], words: str, digits: str) -> Iterator[Hit]:
    for number in own:
        by_number = len(digits) >= 2 and digits in number.e164
        if by_number or words in number.label.casefold():
            yield Hit(
                f"n-{number.id}", page.formats.phone(number.e164), "/numbers", "phone", number.label
            )
