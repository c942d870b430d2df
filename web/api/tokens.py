"""Tokens over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.services import tokens
from tenants.services.tokens import CreatedToken, CreateToken, TokenView
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["TokensController"]

NewToken = body_of(CreateToken)


class TokenList(Struct, frozen=True):
    """Tokens, latest first; never in clear."""

    items: list[TokenView]


class TokensController(Controller):
    """The tokens of the company. No token can make one that reaches further than itself."""

    path = "/tokens"
    tags = ("Tokens",)

    @get("/", operation_class=ApiOperation, **needs("tokens:write"))
    async def index(self, context: TheContext, actor: TheActor) -> TokenList:
        """List the tokens.

        Revoked and expired ones too; none is shown in clear.
        """
        return TokenList(await tokens.tokens(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("tokens:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[NewToken],  # type: ignore[valid-type]
    ) -> CreatedToken:
        """Make a token.

        It is shown this once. It cannot reach further than the token that makes it; without scopes it
        may do everything, without days it does not expire.
        """
        return await tokens.create(context.database, actor, command_of(CreateToken, data))

    @delete("/{token_id:uuid}", operation_class=ApiOperation, **needs("tokens:write"))
    async def revoke(self, context: TheContext, actor: TheActor, token_id: FromPath[UUID]) -> None:
        """Revoke a token.

        At once and for good.
        """
        await tokens.revoke(context.database, actor, token_id)
