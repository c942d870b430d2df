"""Employees over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.services import employees
from tenants.services.employees import CreateEmployee, EmployeeView, UpdateEmployee
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["EmployeesController"]

NewEmployee = body_of(CreateEmployee)
EmployeeChanges = body_of(UpdateEmployee, "id")


class EmployeeList(Struct, frozen=True):
    """Employees in the order of the cabinet's list."""

    items: list[EmployeeView]


class EmployeesController(Controller):
    """The same commands as the cards of the cabinet."""

    path = "/employees"
    tags = ("Employees",)

    @get("/", operation_class=ApiOperation, **needs("employees:read"))
    async def index(self, context: TheContext, actor: TheActor) -> EmployeeList:
        """List the employees.

        All of the company, each with SIP lines and whether a phone is registered with them now.
        """
        return EmployeeList(await employees.employees(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("employees:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewEmployee],  # type: ignore[valid-type]
    ) -> Response[EmployeeView]:
        """Create an employee.

        The employee gets three SIP lines, which are active when the answer comes. With an e-mail
        there is an account too; nobody can sign in with it before the invitation was accepted.
        """
        command = command_of(CreateEmployee, data)
        made = await saving(employees.create(context.database, context.issuer, actor, command))
        return Response(made, headers={"location": f"/api/v1/employees/{made.id}"})

    @get("/{employee_id:uuid}", operation_class=ApiOperation, **needs("employees:read"))
    async def card(
        self, context: TheContext, actor: TheActor, employee_id: FromPath[UUID]
    ) -> EmployeeView:
        """Get an employee."""
        return await employees.get(context.database, actor, employee_id)

    @patch(
        "/{employee_id:uuid}",
        operation_class=ApiOperation,
        **needs("employees:write", conflict=True),
    )
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        employee_id: FromPath[UUID],
        data: JSONBody[EmployeeChanges],  # type: ignore[valid-type]
    ) -> EmployeeView:
        """Change an employee.

        Fields that are left out stay as they are; null empties a field. Send the version that you
        have read: if somebody changed the card meanwhile, nothing is changed and the answer is 409.
        """
        command = command_of(UpdateEmployee, data, id=employee_id)
        return await saving(employees.update(context.database, actor, command))
