"""Multichannel numbers over the API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from tenants.services import numbers, offers
from tenants.services.numbers import NumberView, UpdateNumber
from tenants.services.offers import BuyNumbers, OfferQuery, Offers
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext
from web.pages import N_

__all__ = ["NumbersController"]

NumberChanges = body_of(UpdateNumber, "id")
Purchase = body_of(BuyNumbers)

City = Annotated[str | None, QueryParameter(description=N_("Only numbers of this city."))]
Category = Annotated[str | None, QueryParameter(description=N_("Only numbers of this category."))]
Pattern = Annotated[
    str | None,
    QueryParameter(
        description=N_("Digits anywhere in the number, with ? for any digit; with * up to its end.")
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=offers.LONGEST_PAGE, description=N_("Numbers at most."))]


class NumberList(Struct, frozen=True):
    """Numbers in the order in which they came."""

    items: list[NumberView]


class NumbersController(Controller):
    """The numbers of the contract."""

    path = "/numbers"
    tags = ("Numbers",)

    @get("/", operation_class=ApiOperation, **needs("numbers:read"))
    async def index(self, context: TheContext, actor: TheActor) -> NumberList:
        """List the numbers.

        Each with its display name and the scenario that handles its calls.
        """
        return NumberList(await numbers.numbers(context.database, actor))

    @get("/offers", operation_class=ApiOperation, **needs("numbers:read"))
    async def for_sale(
        self,
        context: TheContext,
        actor: TheActor,
        city: City = None,
        category: Category = None,
        pattern: Pattern = None,
        limit: Limit = 50,
    ) -> Offers:
        """List the numbers that can be bought.

        By number, and how many there are in which city and category.
        """
        query = OfferQuery(city, category, pattern, limit)
        return await offers.offers(context.database, actor, query)

    @post("/", operation_class=ApiOperation, **needs("numbers:write", conflict=True))
    async def buy(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[Purchase],  # type: ignore[valid-type]
    ) -> NumberList:
        """Buy numbers.

        All of them or none. The default scenario handles their calls at once.
        """
        return NumberList(await offers.buy(context.database, actor, command_of(BuyNumbers, data)))

    @get("/{number_id:uuid}", operation_class=ApiOperation, **needs("numbers:read"))
    async def one(self, context: TheContext, actor: TheActor, number_id: FromPath[UUID]) -> NumberView:
        """Get a number."""
        return await numbers.get(context.database, actor, number_id)

    @patch("/{number_id:uuid}", operation_class=ApiOperation, **needs("numbers:write", conflict=True))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        number_id: FromPath[UUID],
        data: JSONBody[NumberChanges],  # type: ignore[valid-type]
    ) -> NumberView:
        """Change a number.

        Its display name, its tags, the scenario that handles its calls, or whether phones show this
        number in place of who calls. Send the version that you have
        read; the answer is 409 if somebody changed the number meanwhile.
        """
        command = command_of(UpdateNumber, data, id=number_id)
        return await saving(numbers.update(context.database, actor, command))
