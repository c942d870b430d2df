"""Companies over the API: the operator's."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.services import activation, contracts
from tenants.services.activation import ActivateContract, Activated
from tenants.services.contracts import TenantStatus, TenantView
from web.api.access import Audience, TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.company import PluginList
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["TenantsController"]

NewContract = body_of(ActivateContract)
OPERATOR = Audience.OPERATOR


class TenantList(Struct, frozen=True):
    """Companies by name."""

    items: list[TenantView]


class TenantsController(Controller):
    """With a token of the operator; a company's own token sees its own company here and no other."""

    path = "/tenants"
    tags = ("Companies",)

    @get("/", operation_class=ApiOperation, **needs("tenants:read", OPERATOR))
    async def index(self, context: TheContext, actor: TheActor) -> TenantList:
        """List the companies."""
        return TenantList(await contracts.tenants(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("tenants:write", OPERATOR, conflict=True))
    async def activate(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[NewContract],  # type: ignore[valid-type]
    ) -> Response[Activated]:
        """Activate a contract.

        Makes the company with everything it has on day one: an administrator, three SIP lines, the
        default scenario and its numbers, or nothing at all. A password that was made and the API
        token that was asked for are shown this once.
        """
        command = command_of(ActivateContract, data)
        made = await activation.activate(context.database, context.issuer, actor, command)
        return Response(made, headers={"location": f"/api/v1/tenants/{made.tenant.id}"})

    @get("/{tenant_id:uuid}", operation_class=ApiOperation, **needs("tenants:read", Audience.BOTH))
    async def one(self, context: TheContext, actor: TheActor, tenant_id: FromPath[UUID]) -> TenantView:
        """Get a company."""
        return await contracts.get(context.database, actor, tenant_id)

    @post(
        "/{tenant_id:uuid}/suspend",
        status_code=200,
        operation_class=ApiOperation,
        **needs("tenants:write", OPERATOR),
    )
    async def suspend(
        self, context: TheContext, actor: TheActor, tenant_id: FromPath[UUID]
    ) -> TenantView:
        """Suspend a company.

        Its people and programs are signed out and nobody can sign in; its data stay.
        """
        return await contracts.set_status(context.database, actor, tenant_id, TenantStatus.SUSPENDED)

    @post(
        "/{tenant_id:uuid}/resume",
        status_code=200,
        operation_class=ApiOperation,
        **needs("tenants:write", OPERATOR),
    )
    async def resume(
        self, context: TheContext, actor: TheActor, tenant_id: FromPath[UUID]
    ) -> TenantView:
        """Let a company work again."""
        return await contracts.set_status(context.database, actor, tenant_id, TenantStatus.ACTIVE)

    @get(
        "/{tenant_id:uuid}/plugins",
        operation_class=ApiOperation,
        **needs("tenants:read", OPERATOR),
    )
    async def plugins(
        self, context: TheContext, actor: TheActor, tenant_id: FromPath[UUID]
    ) -> PluginList:
        """List the plugins of a company.

        All that are installed, and which of them its contract has.
        """
        return PluginList(await contracts.plugins(context.database, actor, tenant_id))

    @put(
        "/{tenant_id:uuid}/plugins/{plugin:str}",
        operation_class=ApiOperation,
        **needs("tenants:write", OPERATOR),
    )
    async def enable(
        self, context: TheContext, actor: TheActor, tenant_id: FromPath[UUID], plugin: FromPath[str]
    ) -> TenantView:
        """Put a plugin into a contract."""
        return await contracts.set_plugin(context.database, actor, tenant_id, plugin, True)

    @delete(
        "/{tenant_id:uuid}/plugins/{plugin:str}",
        status_code=200,
        operation_class=ApiOperation,
        **needs("tenants:write", OPERATOR),
    )
    async def disable(
        self, context: TheContext, actor: TheActor, tenant_id: FromPath[UUID], plugin: FromPath[str]
    ) -> TenantView:
        """Take a plugin out of a contract.

        What it has stored stays.
        """
        return await contracts.set_plugin(context.database, actor, tenant_id, plugin, False)
