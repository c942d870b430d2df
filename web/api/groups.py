"""Groups over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.checktext import Removed
from tenants.services import groups
from tenants.services.groups import CreateGroup, GroupView, UpdateGroup
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["GroupsController"]

NewGroup = body_of(CreateGroup)
GroupChanges = body_of(UpdateGroup, "id")


class GroupList(Struct, frozen=True):
    """Groups in the order in which they were made."""

    items: list[GroupView]


class GroupsController(Controller):
    """Employees who are dialled together."""

    path = "/groups"
    tags = ("Groups",)

    @get("/", operation_class=ApiOperation, **needs("groups:read"))
    async def index(self, context: TheContext, actor: TheActor) -> GroupList:
        """List the groups.

        Each with its members in the order in which they are dialled.
        """
        return GroupList(await groups.groups(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("groups:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewGroup],  # type: ignore[valid-type]
    ) -> Response[GroupView]:
        """Create a group.

        Dial mode and time apply wherever the group is dialled: in a scenario and by its extension.
        """
        made = await saving(groups.create(context.database, actor, command_of(CreateGroup, data)))
        return Response(made, headers={"location": f"/api/v1/groups/{made.id}"})

    @get("/{group_id:uuid}", operation_class=ApiOperation, **needs("groups:read"))
    async def one(self, context: TheContext, actor: TheActor, group_id: FromPath[UUID]) -> GroupView:
        """Get a group."""
        return await groups.get(context.database, actor, group_id)

    @patch("/{group_id:uuid}", operation_class=ApiOperation, **needs("groups:write", conflict=True))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        group_id: FromPath[UUID],
        data: JSONBody[GroupChanges],  # type: ignore[valid-type]
    ) -> GroupView:
        """Change a group.

        Members that are sent replace all members, in their order. Send the version that you have
        read: if somebody changed the group meanwhile, the answer is 409.
        """
        command = command_of(UpdateGroup, data, id=group_id)
        return await saving(groups.update(context.database, actor, command))

    @delete(
        "/{group_id:uuid}",
        status_code=200,
        operation_class=ApiOperation,
        **needs("groups:write", conflict=True),
    )
    async def remove(
        self, context: TheContext, actor: TheActor, saving: TheSaving, group_id: FromPath[UUID]
    ) -> Removed:
        """Delete a group.

        Not one that a scenario names: the answer then is 409 with the places. Its members stay.
        """
        return await saving.removal(groups.delete(context.database, actor, group_id))
