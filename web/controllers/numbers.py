"""«ВАТС»: the multichannel numbers of the contract (NUM-01)."""

from __future__ import annotations

from litestar import Controller, Response, get

from tenants.services import numbers
from web.inject import TheContext, ThePage, TheVisitor

__all__ = ["NumbersController"]


class NumbersController(Controller):
    """The list of numbers with the scenario that handles each."""

    path = "/numbers"

    @get("/")
    async def index(self, context: TheContext, visitor: TheVisitor, page: ThePage) -> Response[str]:
        """All numbers, in the order in which they came."""
        return page.render(
            "numbers.html", numbers=await numbers.numbers(context.database, visitor.actor)
        )
