"""Extension dialling lists over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.checktext import Removed
from tenants.services import extension_lists
from tenants.services.extension_lists import (
    CreateExtensionList,
    ExtensionListView,
    UpdateExtensionList,
)
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["ExtensionListsController"]

NewExtensionList = body_of(CreateExtensionList)
ExtensionListChanges = body_of(UpdateExtensionList, "id")

WRITE = needs("scenarios:write", conflict=True)


class ExtensionLists(Struct, frozen=True):
    """Extension lists by name."""

    items: list[ExtensionListView]


class ExtensionListsController(Controller):
    """Which extensions callers may dial, and what they hear meanwhile."""

    path = "/extension-lists"
    tags = ("Menus",)

    @get("/", operation_class=ApiOperation, **needs("scenarios:read"))
    async def index(self, context: TheContext, actor: TheActor) -> ExtensionLists:
        """List the extension lists."""
        return ExtensionLists(await extension_lists.lists(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("scenarios:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewExtensionList],  # type: ignore[valid-type]
    ) -> Response[ExtensionListView]:
        """Create an extension list.

        With numbers callers may dial these, without any that its owner permits. The permission stands
        in the card of the employee or group that has the extension.
        """
        made = await saving(
            extension_lists.create(context.database, actor, command_of(CreateExtensionList, data))
        )
        return Response(made, headers={"location": f"/api/v1/extension-lists/{made.id}"})

    @get("/{list_id:uuid}", operation_class=ApiOperation, **needs("scenarios:read"))
    async def one(
        self, context: TheContext, actor: TheActor, list_id: FromPath[UUID]
    ) -> ExtensionListView:
        """Get an extension list."""
        return await extension_lists.get(context.database, actor, list_id)

    @patch("/{list_id:uuid}", operation_class=ApiOperation, **WRITE)
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        list_id: FromPath[UUID],
        data: JSONBody[ExtensionListChanges],  # type: ignore[valid-type]
    ) -> ExtensionListView:
        """Change an extension list.

        Numbers that are sent replace all numbers. Send the version that you have read.
        """
        command = command_of(UpdateExtensionList, data, id=list_id)
        return await saving(extension_lists.update(context.database, actor, command))

    @delete("/{list_id:uuid}", status_code=200, operation_class=ApiOperation, **WRITE)
    async def remove(
        self, context: TheContext, actor: TheActor, saving: TheSaving, list_id: FromPath[UUID]
    ) -> Removed:
        """Delete an extension list.

        Not while a scenario or a menu leads to it: the answer then is 409 and names them.
        """
        return await saving.removal(extension_lists.delete(context.database, actor, list_id))
