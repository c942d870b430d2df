"""Voice menus over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.checktext import Removed
from tenants.services import menus
from tenants.services.menus import CreateMenu, MenuView, UpdateMenu
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["MenusController"]

NewMenu = body_of(CreateMenu)
MenuChanges = body_of(UpdateMenu, "id")

WRITE = needs("scenarios:write", conflict=True)


class MenuList(Struct, frozen=True):
    """Menus, those of the first level first."""

    items: list[MenuView]


class MenusController(Controller):
    """What callers hear and press; a scenario's block names a menu."""

    path = "/menus"
    tags = ("Menus",)

    @get("/", operation_class=ApiOperation, **needs("scenarios:read"))
    async def index(self, context: TheContext, actor: TheActor) -> MenuList:
        """List the voice menus."""
        return MenuList(await menus.menus(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("scenarios:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewMenu],  # type: ignore[valid-type]
    ) -> Response[MenuView]:
        """Create a voice menu.

        One key repeats the instruction. Make a menu of the second level before the item that leads to
        it. Callers hear it once it is enabled and a scenario names it.
        """
        made = await saving(menus.create(context.database, actor, command_of(CreateMenu, data)))
        return Response(made, headers={"location": f"/api/v1/menus/{made.id}"})

    @get("/{menu_id:uuid}", operation_class=ApiOperation, **needs("scenarios:read"))
    async def one(self, context: TheContext, actor: TheActor, menu_id: FromPath[UUID]) -> MenuView:
        """Get a voice menu."""
        return await menus.get(context.database, actor, menu_id)

    @patch("/{menu_id:uuid}", operation_class=ApiOperation, **WRITE)
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        menu_id: FromPath[UUID],
        data: JSONBody[MenuChanges],  # type: ignore[valid-type]
    ) -> MenuView:
        """Change a voice menu.

        Keys that are sent replace all keys. Send the version that you have read.
        """
        return await saving(
            menus.update(context.database, actor, command_of(UpdateMenu, data, id=menu_id))
        )

    @delete("/{menu_id:uuid}", status_code=200, operation_class=ApiOperation, **WRITE)
    async def remove(
        self, context: TheContext, actor: TheActor, saving: TheSaving, menu_id: FromPath[UUID]
    ) -> Removed:
        """Delete a voice menu.

        Not while a scenario or another menu leads to it: the answer then is 409 and names them.
        """
        return await saving.removal(menus.delete(context.database, actor, menu_id))
