"""«Сотрудники»: the list with everybody's phones, the card, and the gear dialog of a SIP line."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from msgspec import UNSET

from core.contracts import AvailabilityMode, DialMode
from core.errors import Conflict, Invalid, NotFound, SunSimError
from tenants.services import employees, lines
from tenants.services.actor import Role
from tenants.services.employees import EmployeeView
from tenants.services.lines import LineParameters, LineView
from web.context import WebContext
from web.controllers.employee_views import Card, Phone, chips, filtered, form_of, phones, zones
from web.errors import field_errors
from web.forms import choice, fields, key, number, with_query
from web.inject import TheContext, ThePage, TheVisitor
from web.pages import Page
from web.sessions import Visitor

__all__ = ["EmployeesController"]

AnyRequest = Request[Any, Any, Any]
TABS = ("information", "phones")


class EmployeesController(Controller):
    """Cards have addresses of their own; each shows the list beside it."""

    path = "/employees"

    @get("/")
    async def index(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Response[str]:
        """The list (EMP, NAV-03)."""
        return await _View(request, context, visitor, page).show()

    @get("/new")
    async def new(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Response[str]:
        """The empty card of a new employee (INV-01)."""
        view = _View(request, context, visitor, page)
        return await view.show(form={"role": "employee"}, creating=visitor.actor.is_administrator)

    @post("/new", status_code=200)
    async def create(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Response[Any]:
        """Create the employee with three SIP lines (INV-04, INV-05)."""
        view, form = _View(request, context, visitor, page), await fields(request)
        try:
            command = employees.CreateEmployee(
                name=form.get("name", ""),
                email=form.get("email"),
                extension=form.get("extension"),
                role=choice(Role, form.get("role", "employee"), "role"),
                external_number=form.get("external_number"),
            )
            made = await employees.create(context.database, context.issuer, visitor.actor, command)
        except Invalid as error:
            return await view.show(form=form, creating=True, error=error)
        return page.redirect(view.card_url(made.id, "phones"), say="saved")

    @get(["/{employee:str}", "/{employee:str}/{tab:str}"])
    async def card(
        self,
        request: AnyRequest,
        context: TheContext,
        visitor: TheVisitor,
        page: ThePage,
        employee: FromPath[str],
        tab: FromPath[str] = "information",
    ) -> Response[str]:
        """The list with one card open."""
        view = _View(request, context, visitor, page, _tab(tab))
        return await view.show(await view.find(employee))

    @post(["/{employee:str}", "/{employee:str}/{tab:str}"], status_code=200)
    async def save(
        self,
        request: AnyRequest,
        context: TheContext,
        visitor: TheVisitor,
        page: ThePage,
        employee: FromPath[str],
        tab: FromPath[str] = "information",
    ) -> Response[Any]:
        """Save one tab of a card. What was typed stays until it could be saved."""
        view, form = _View(request, context, visitor, page, _tab(tab)), await fields(request)
        try:
            parse = _phones if view.tab == "phones" else _information
            command = parse(key(employee), form, visitor.actor.is_administrator)
            saved = await employees.update(context.database, visitor.actor, command)
        except (Invalid, Conflict) as error:
            return await view.show(await view.find(employee), form=form, error=error)
        return page.redirect(view.card_url(saved.id, view.tab), say="saved")

    @get("/{employee:str}/lines/{line:str}")
    async def line(
        self,
        request: AnyRequest,
        context: TheContext,
        visitor: TheVisitor,
        page: ThePage,
        employee: FromPath[str],
        line: FromPath[str],
    ) -> Response[str]:
        """The gear dialog: asks for the password of the cabinet."""
        view = _View(request, context, visitor, page, "phones")
        found = await view.find(employee)
        return await view.show(found, line=_line(found, line))

    @post("/{employee:str}/lines/{line:str}", status_code=200)
    async def reveal(
        self,
        request: AnyRequest,
        context: TheContext,
        visitor: TheVisitor,
        page: ThePage,
        employee: FromPath[str],
        line: FromPath[str],
    ) -> Response[str]:
        """The parameters of a line, after the right password (EMP-05, NAV-05); audited."""
        view, form = _View(request, context, visitor, page, "phones"), await fields(request)
        found = await view.find(employee)
        shown = _line(found, line)
        command = lines.RevealLine(shown.id, form.get("password", ""))
        try:
            secret = await lines.parameters(
                context.database, context.issuer, context.throttle, visitor.actor, command
            )
        except (Invalid, Conflict) as error:
            return await view.show(found, line=shown, error=error)
        except SunSimError as error:
            if error.code != "too_many_requests":
                raise
            return await view.show(found, line=shown, error=error)
        return await view.show(found, line=shown, secret=secret)


class _View:
    """One request for the list, perhaps with a card or a dialog."""

    def __init__(
        self,
        request: AnyRequest,
        context: WebContext,
        visitor: Visitor,
        page: Page,
        tab: FromPath[str] = "information",
    ) -> None:
        self.context, self.visitor, self.page, self.tab = context, visitor, page, tab
        self.query = {
            name: request.query_params.get(name, "")
            for name in ("show",)
            if request.query_params.get(name) in ("administrators", "online")
        }

    def card_url(self, employee_id: UUID, tab: str = "information") -> str:
        """The address of a card, the list's filters kept."""
        more = "" if tab == "information" else f"/{tab}"
        return with_query(f"/employees/{employee_id}{more}", self.query)

    async def find(self, employee: str) -> EmployeeView:
        """The employee of the address. Raises NotFound."""
        return await employees.get(self.context.database, self.visitor.actor, key(employee))

    async def show(
        self,
        card: EmployeeView | None = None,
        *,
        form: dict[str, str] | None = None,
        error: SunSimError | None = None,
        line: LineView | None = None,
        secret: LineParameters | None = None,
        creating: bool = False,
    ) -> Response[str]:
        """The whole page; the browser takes the part that it asked for."""
        db, actor, page = self.context.database, self.visitor.actor, self.page
        everybody = await employees.employees(db, actor)
        shown = filtered(everybody, self.query.get("show", ""))
        choices = await employees.caller_id_choices(db, actor) if card else []
        errors = _errors(error, page)
        return page.render(
            "employees.html",
            status=error.http_status if error else 200,
            employees=[Card(person, actor, phones(person)) for person in shown],
            total=len(everybody),
            chips=chips(page, self.query.get("show", "")),
            list_url=with_query("/employees", self.query),
            card_url=self.card_url,
            card=Card(card, actor, phones(card)) if card else None,
            creating=creating,
            panels=await self.visitor.panels("employee", card.id, page) if card else [],
            tab=self.tab,
            form={**form_of(card), **(form or {})},
            errors=errors,
            zones=zones(page, self.visitor.tenant.timezone, card.timezone if card else None),
            caller_ids=_caller_ids(page, choices),
            line=Phone.of_line(line) if line else None,
            secret=secret,
        )


def _errors(error: SunSimError | None, page: Page) -> dict[str, str] | None:
    if error is None:
        return None
    if isinstance(error, Invalid):
        return field_errors(error, page.language)
    return {"": page.language.error(error)}


def _caller_ids(page: Page, choices: list[employees.CallerIdChoice]) -> list[tuple[str, str]]:
    """The choices of EMP-14, the first being to leave it to the call; none for a single number."""
    if not choices:
        return []
    named = [
        (str(c.id), page.formats.phone(c.e164) + (f", {c.label}" if c.label else "")) for c in choices
    ]
    return [("", page.text("As for the company")), *named]


def _information(employee_id: UUID, form: dict[str, str], manages: bool) -> employees.UpdateEmployee:
    return employees.UpdateEmployee(
        id=employee_id,
        version=number(form.get("version", "")),
        name=form.get("name", "") if manages else UNSET,
        email=form.get("email", "") if manages else UNSET,
        role=choice(Role, form.get("role", ""), "role") if manages else UNSET,
        mode=choice(AvailabilityMode, form.get("mode", ""), "mode"),
        timezone=form.get("timezone", ""),
    )


def _phones(employee_id: UUID, form: dict[str, str], manages: bool) -> employees.UpdateEmployee:
    caller_id = form.get("caller_id")
    chosen = None if not caller_id else key(caller_id)
    return employees.UpdateEmployee(
        id=employee_id,
        version=number(form.get("version", "")),
        dial_mode=choice(DialMode, form.get("dial_mode", ""), "dial_mode"),
        external_number=form.get("external_number", ""),
        extension=form.get("extension", "") if manages else UNSET,
        caller_id=chosen if manages and caller_id is not None else UNSET,
    )


def _tab(name: str) -> str:
    if name not in TABS:
        raise NotFound
    return name


def _line(found: EmployeeView, line: str) -> LineView:
    """A line of this employee that the reader may see. Raises NotFound."""
    wanted = key(line)
    for candidate in found.lines:
        if candidate.id == wanted:
            return candidate
    raise NotFound
