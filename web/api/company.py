"""The token's own company over the API."""

from __future__ import annotations

from litestar import Controller, get
from msgspec import Struct

from tenants.services import contracts
from tenants.services.contracts import PluginView, TenantView
from web.api.access import TheActor, needs
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["ContractController", "PluginList"]


class PluginList(Struct, frozen=True):
    """Installed plugins by name."""

    items: list[PluginView]


class ContractController(Controller):
    """What the operator has agreed with the company."""

    path = "/contract"
    tags = ("Contract",)

    @get("/", operation_class=ApiOperation, **needs("tenants:read"))
    async def own(self, context: TheContext, actor: TheActor) -> TenantView:
        """Get the company and its contract.

        The company that the token belongs to.
        """
        return await contracts.get(context.database, actor)

    @get("/plugins", operation_class=ApiOperation, **needs("tenants:read"))
    async def plugins(self, context: TheContext, actor: TheActor) -> PluginList:
        """List the plugins.

        All that are installed, and which of them the contract has.
        """
        return PluginList(await contracts.plugins(context.database, actor))
