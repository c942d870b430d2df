"""One's own profile, by the avatar (NAV-02): language, theme, password; and the mode in the header."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.response import Redirect

from core.contracts import AvailabilityMode
from core.errors import Conflict, Forbidden, Invalid
from tenants.services import accounts, employees
from web.errors import field_errors
from web.forms import choice, fields
from web.inject import TheContext, ThePage, TheVisitor
from web.pages import Page, local_path
from web.sessions import Visitor

__all__ = ["ProfileController"]

AnyRequest = Request[Any, Any, Any]
_TRIES = 3


class ProfileController(Controller):
    """What belongs to the person who looks."""

    path = "/profile"

    @get("/")
    async def index(self, visitor: TheVisitor, page: ThePage) -> Response[str]:
        """The page."""
        return _show(visitor, page)

    @post("/look", status_code=200)
    async def look(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Response[Any]:
        """Language and theme; the answer is already in them."""
        form = await fields(request)
        command = accounts.Preferences(locale=form.get("locale", ""), theme=form.get("theme", ""))
        await accounts.set_preferences(context.database, visitor.actor, command)
        return page.redirect("/profile", say="saved")

    @post("/password", status_code=200)
    async def password(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Response[Any]:
        """Another password; ends the sessions of other browsers."""
        form = await fields(request)
        command = accounts.ChangePassword(form.get("old", ""), form.get("new", ""))
        try:
            await accounts.change_password(
                context.database,
                context.throttle,
                visitor.actor,
                command,
                visitor.identity.session_id,
            )
        except Invalid as error:
            errors = field_errors(error, page.language)
            if "password" in errors:  # the service asks for «the password»; here that is the old one
                errors["old"] = errors.pop("password")
            return _show(visitor, page, errors, error.http_status)
        return page.redirect("/profile", say="password")

    @post("/mode", status_code=200)
    async def mode(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Redirect:
        """The availability switch of the header (AVL-02)."""
        form = await fields(request)
        mode = choice(AvailabilityMode, form.get("mode", ""), "mode")
        employee_id = visitor.actor.employee_id
        if employee_id is None:
            raise Forbidden
        for tries in range(_TRIES):
            card = await employees.get(context.database, visitor.actor, employee_id)
            command = employees.UpdateEmployee(card.id, card.version, mode=mode)
            try:
                await employees.update(context.database, visitor.actor, command)
                break
            except Conflict:  # the card changed in between; the switch concerns the mode alone
                if tries == _TRIES - 1:
                    raise
        return page.redirect(local_path(form.get("back", "")))


def _show(
    visitor: Visitor, page: Page, errors: dict[str, str] | None = None, status: int = 200
) -> Response[str]:
    identity = visitor.identity
    form = {"locale": identity.locale, "theme": identity.theme}
    return page.render("profile.html", status=status, form=form, errors=errors)
