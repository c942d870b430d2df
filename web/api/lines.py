"""SIP lines over the API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from tenants.services import lines
from tenants.services.lines import LineParameters, LineView, RevealLine, SetEncryption
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.schema import ApiOperation
from web.inject import TheContext
from web.pages import N_

__all__ = ["LinesController"]


LineChanges = body_of(SetEncryption, "line_id")
OfEmployee = Annotated[UUID | None, QueryParameter(description=N_("Of this employee only."))]


class LineList(Struct, frozen=True):
    """SIP lines by employee, in the order of the card."""

    items: list[LineView]


class LinesController(Controller):
    """Passwords of lines need a scope of their own; showing one stands in the audit log."""

    path = "/lines"
    tags = ("Lines",)

    @get("/", operation_class=ApiOperation, **needs("lines:read"))
    async def index(
        self,
        context: TheContext,
        actor: TheActor,
        employee_id: Annotated[
            UUID | None, QueryParameter(description=N_("Of this employee only."))
        ] = None,
    ) -> LineList:
        """List the SIP lines.

        Every employee has three: mobile, SIP and web. No password is shown here.
        """
        return LineList(await lines.lines(context.database, actor, employee_id))

    @get(
        "/{line_id:uuid}/parameters",
        operation_class=ApiOperation,
        **needs("lines:secret", conflict=True),
    )
    async def reveal(
        self, context: TheContext, actor: TheActor, line_id: FromPath[UUID]
    ) -> LineParameters:
        """Get what a SIP client has to be told.

        Login, password and domain. Every look is noted in the audit log. The answer is 409 while the
        line is being activated.
        """
        return await lines.parameters(
            context.database, context.issuer, context.throttle, actor, RevealLine(line_id)
        )

    @post(
        "/{line_id:uuid}/password",
        status_code=200,
        operation_class=ApiOperation,
        **needs("lines:secret", conflict=True),
    )
    async def renew(
        self, context: TheContext, actor: TheActor, line_id: FromPath[UUID]
    ) -> LineParameters:
        """Give a line a new password.

        The old one does not work any more; phones have to be told the new one.
        """
        return await lines.change_password(
            context.database, context.issuer, context.throttle, actor, RevealLine(line_id)
        )

    @patch("/{line_id:uuid}", operation_class=ApiOperation, **needs("lines:write"))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        line_id: FromPath[UUID],
        data: JSONBody[LineChanges],  # type: ignore[valid-type]
    ) -> LineView:
        """Change a line.

        With the encryption `preferred` a phone that registers by TLS is offered encrypted audio and
        plain one, with `required` there is no call without, with `none` only plain audio is offered.
        Phones in browsers always encrypt.
        """
        command = command_of(SetEncryption, data, line_id=line_id)
        return await lines.set_encryption(context.database, actor, command)
