"""Multichannel numbers over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, get, patch
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.services import numbers
from tenants.services.numbers import NumberView, UpdateNumber
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["NumbersController"]

NumberChanges = body_of(UpdateNumber, "id")


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

        Its display name, the scenario that handles its calls, or whether phones show this number in
        place of who calls. Send the version that you have
        read; the answer is 409 if somebody changed the number meanwhile.
        """
        command = command_of(UpdateNumber, data, id=number_id)
        return await saving(numbers.update(context.database, actor, command))
