"""Contacts and tags over the API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from core.errors import FieldError, Invalid
from tenants.services import contacts, tags
from tenants.services.contacts import ContactQuery, ContactView, CreateContact, UpdateContact
from tenants.services.tags import CreateTag, TagKind, TagView, UpdateTag
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.schema import ApiOperation
from web.inject import TheContext
from web.pages import N_

__all__ = ["ContactsController", "TagsController"]

NewTag = body_of(CreateTag)
TagChanges = body_of(UpdateTag, "id")
NewContact = body_of(CreateContact)
ContactChanges = body_of(UpdateContact, "id")


class TagList(Struct, frozen=True):
    """Tags by name."""

    items: list[TagView]


class ContactList(Struct, frozen=True):
    """Contacts in the order in which they came."""

    items: list[ContactView]


class TagsController(Controller):
    """Tags for contacts, calls and numbers."""

    path = "/tags"
    tags = ("Contacts",)

    @get("/", operation_class=ApiOperation, **needs("tags:read"))
    async def index(
        self,
        context: TheContext,
        actor: TheActor,
        kind: Annotated[
            TagKind | None, QueryParameter(description=N_("Only tags for these things."))
        ] = None,
    ) -> TagList:
        """List the tags.

        Filters of scenarios look at the tags of contacts.
        """
        return TagList(await tags.tags(context.database, actor, kind))

    @post("/", operation_class=ApiOperation, **needs("tags:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[NewTag],  # type: ignore[valid-type]
    ) -> Response[TagView]:
        """Create a tag."""
        made = await tags.create(context.database, actor, command_of(CreateTag, data))
        return Response(made, headers={"location": f"/api/v1/tags/{made.id}"})

    @get("/{tag_id:uuid}", operation_class=ApiOperation, **needs("tags:read"))
    async def one(self, context: TheContext, actor: TheActor, tag_id: FromPath[UUID]) -> TagView:
        """Get a tag."""
        return await tags.get(context.database, actor, tag_id)

    @patch("/{tag_id:uuid}", operation_class=ApiOperation, **needs("tags:write", conflict=True))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        tag_id: FromPath[UUID],
        data: JSONBody[TagChanges],  # type: ignore[valid-type]
    ) -> TagView:
        """Change a tag."""
        return await tags.update(context.database, actor, command_of(UpdateTag, data, id=tag_id))

    @delete("/{tag_id:uuid}", operation_class=ApiOperation, **needs("tags:write", conflict=True))
    async def remove(self, context: TheContext, actor: TheActor, tag_id: FromPath[UUID]) -> None:
        """Delete a tag.

        Not one that somebody has or a scenario looks at: the answer then is 409 with the places.
        """
        await tags.delete(context.database, actor, tag_id)


class ContactsController(Controller):
    """Who calls, with tags and a personal manager."""

    path = "/contacts"
    tags = ("Contacts",)

    @get("/", operation_class=ApiOperation, **needs("contacts:read"))
    async def index(
        self,
        context: TheContext,
        actor: TheActor,
        number: Annotated[
            str | None, QueryParameter(description=N_("Only the contact with this number."))
        ] = None,
        tag_id: Annotated[
            UUID | None, QueryParameter(description=N_("Only contacts with this tag."))
        ] = None,
        after: Annotated[
            UUID | None, QueryParameter(description=N_("Only those after this contact."))
        ] = None,
        limit: Annotated[
            int, QueryParameter(ge=1, le=contacts.LONGEST_PAGE, description=N_("Contacts in one page."))
        ] = 50,
    ) -> ContactList:
        """List the contacts.

        In the order in which they came; the next page begins after the last one of this page.
        """
        query = ContactQuery(number, tag_id, after, limit)
        try:
            return ContactList(await contacts.contacts(context.database, actor, query))
        except FieldError as error:
            raise Invalid(number=error) from None

    @post("/", operation_class=ApiOperation, **needs("contacts:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[NewContact],  # type: ignore[valid-type]
    ) -> Response[ContactView]:
        """Create a contact.

        Its tags and its personal manager count from the next call on.
        """
        made = await contacts.create(context.database, actor, command_of(CreateContact, data))
        return Response(made, headers={"location": f"/api/v1/contacts/{made.id}"})

    @get("/{contact_id:uuid}", operation_class=ApiOperation, **needs("contacts:read"))
    async def one(
        self, context: TheContext, actor: TheActor, contact_id: FromPath[UUID]
    ) -> ContactView:
        """Get a contact."""
        return await contacts.get(context.database, actor, contact_id)

    @patch("/{contact_id:uuid}", operation_class=ApiOperation, **needs("contacts:write", conflict=True))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        contact_id: FromPath[UUID],
        data: JSONBody[ContactChanges],  # type: ignore[valid-type]
    ) -> ContactView:
        """Change a contact.

        Numbers and tags that are sent replace those before. Send the version that you have read.
        """
        command = command_of(UpdateContact, data, id=contact_id)
        return await contacts.update(context.database, actor, command)

    @delete("/{contact_id:uuid}", operation_class=ApiOperation, **needs("contacts:write"))
    async def remove(self, context: TheContext, actor: TheActor, contact_id: FromPath[UUID]) -> None:
        """Delete a contact.

        Its calls stay in the history.
        """
        await contacts.delete(context.database, actor, contact_id)
