"""«Купить многоканальный номер»: numbers of the stock that are for sale, and buying them (NUM-09).

What a company may have so is its contract's ``most_numbers``; more are assigned by the operator.
"""

from __future__ import annotations

import re

from msgspec import Struct

from core.errors import Conflict, FieldError
from tenants import crosstenant
from tenants.db import Database
from tenants.services import numbers, phones
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import checked
from tenants.services.numbers import NumberView

__all__ = [
    "LONGEST_PAGE",
    "BuyNumbers",
    "Offer",
    "OfferPlace",
    "OfferQuery",
    "Offers",
    "buy",
    "offers",
]

LONGEST_PAGE = 200
_MOST_AT_ONCE = 20
_PATTERN = re.compile(r"\+?[0-9?*]{1,20}", re.ASCII)


class OfferQuery(Struct, frozen=True):
    """Which numbers: of this city, of this category, that fit this pattern.

    A pattern is digits with ``?`` for any one and ``*`` for any several; without ``*`` it may stand
    anywhere in the number, with one its end is the number's: ``777``, ``7?7``, ``*00``.
    """

    city: str | None = None
    category: str | None = None
    pattern: str | None = None
    limit: int = 50


class Offer(Struct, frozen=True):
    """A number that is for sale."""

    e164: str
    city: str
    category: str


class OfferPlace(Struct, frozen=True):
    """How many numbers of a category are for sale in a city."""

    city: str
    category: str
    count: int


class Offers(Struct, frozen=True):
    """Numbers by number, and all there is to choose from, by city and category."""

    items: list[Offer]
    places: list[OfferPlace]


class BuyNumbers(Struct, frozen=True):
    """Numbers that become the company's: all of them or none (NUM-10)."""

    numbers: tuple[str, ...]


async def offers(db: Database, actor: Actor, query: OfferQuery) -> Offers:
    """What is for sale. Raises Invalid for a pattern that is none."""
    require_scope(actor, "numbers:read")
    pattern = checked({"pattern": query.pattern}, {"pattern": _like})["pattern"]
    async with crosstenant.operator_session(db) as session:
        found = await session.fetch(
            "SELECT e164, city, category FROM number_stock WHERE holder_id IS NULL"
            " AND ($1::text IS NULL OR city = $1) AND ($2::text IS NULL OR category = $2)"
            " AND ($3::text IS NULL OR e164 LIKE $3) ORDER BY e164 LIMIT $4",
            *(query.city, query.category, pattern, min(query.limit, LONGEST_PAGE)),
        )
        places = await session.fetch(
            "SELECT city, category, count(*) FROM number_stock WHERE holder_id IS NULL"
            " GROUP BY city, category ORDER BY city, category"
        )
    return Offers([Offer(**row) for row in found], [OfferPlace(**row) for row in places])


async def buy(db: Database, actor: Actor, command: BuyNumbers) -> list[NumberView]:
    """Make numbers the company's; they are handled by «По умолчанию» at once (NUM-11).

    Raises NotFound or Conflict if one is not for sale, Conflict beyond what the contract allows,
    Invalid by field.
    """
    tenant_id = require_administrator(actor, "numbers:write")
    wanted = checked({"numbers": command.numbers}, {"numbers": _wanted})["numbers"]
    async with crosstenant.operator_session(db) as shop:
        await numbers.reserve(shop, wanted)
        async with db.tenant(tenant_id) as session:
            most = await session.fetchval("SELECT most_numbers FROM contracts FOR UPDATE")
            if await session.fetchval("SELECT count(*) FROM numbers") + len(wanted) > most:
                raise Conflict("Your contract is for {most} numbers at most.", most=most)
        for e164 in wanted:
            await numbers.activate(db, actor, e164, tenant_id)
        async with db.tenant(tenant_id) as session:
            bought: dict[str, NumberView] = {n.e164: n for n in await numbers.views(session)}
    return [bought[e164] for e164 in wanted]


def _like(pattern: str) -> str:
    text = re.sub(r"[\s()-]", "", pattern)
    if not _PATTERN.fullmatch(text):
        raise FieldError("A pattern has digits, ? for any digit and * for any digits.")
    like = text.replace("?", "_").replace("*", "%")
    return f"{'' if like.startswith('+') else '%'}{like}{'' if '*' in text else '%'}"


def _wanted(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        raise FieldError("Say which numbers.")
    if len(texts) > _MOST_AT_ONCE:
        raise FieldError("At most 20 numbers can be bought at once.")
    return tuple(dict.fromkeys(phones.telephone(text) for text in texts))
