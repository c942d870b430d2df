"""Scenarios over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.checktext import Removed
from tenants.services import regions, scenarios
from tenants.services.regions import RegionsView
from tenants.services.scenarios import (
    CreateScenario,
    ScenarioEdition,
    ScenarioView,
    UpdateScenario,
)
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["RegionsController", "ScenariosController"]

NewScenario = body_of(CreateScenario)
ScenarioChanges = body_of(UpdateScenario, "id")

WRITE = needs("scenarios:write", conflict=True)


class ScenarioList(Struct, frozen=True):
    """Scenarios by name, the default one first."""

    items: list[ScenarioView]


class ScenarioEditions(Struct, frozen=True):
    """Versions of a scenario, the present one first."""

    items: list[ScenarioEdition]


class ScenariosController(Controller):
    """How incoming calls are handled. Which number uses which scenario is changed at the number."""

    path = "/scenarios"
    tags = ("Scenarios",)

    @get("/", operation_class=ApiOperation, **needs("scenarios:read"))
    async def index(self, context: TheContext, actor: TheActor) -> ScenarioList:
        """List the scenarios.

        Each with its branches in the order of their creation, which decides between two that fit, and
        the numbers whose calls it handles.
        """
        return ScenarioList(await scenarios.scenarios(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("scenarios:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewScenario],  # type: ignore[valid-type]
    ) -> Response[ScenarioView]:
        """Create a scenario.

        It handles no calls until a number uses it. As with every save of what calls are routed by,
        ``check`` says what the check finds now and did not find before.
        """
        made = await saving(scenarios.create(context.database, actor, command_of(CreateScenario, data)))
        return Response(made, headers={"location": f"/api/v1/scenarios/{made.id}"})

    @get("/{scenario_id:uuid}", operation_class=ApiOperation, **needs("scenarios:read"))
    async def one(
        self, context: TheContext, actor: TheActor, scenario_id: FromPath[UUID]
    ) -> ScenarioView:
        """Get a scenario."""
        return await scenarios.get(context.database, actor, scenario_id)

    @get("/{scenario_id:uuid}/versions", operation_class=ApiOperation, **needs("scenarios:read"))
    async def versions(
        self, context: TheContext, actor: TheActor, scenario_id: FromPath[UUID]
    ) -> ScenarioEditions:
        """List the versions of a scenario.

        The latest 200, each with the configuration that a past call can be decided under again:
        `GET /calls/{call_id}/decision?snapshot=…`.
        """
        return ScenarioEditions(await scenarios.versions(context.database, actor, scenario_id))

    @patch("/{scenario_id:uuid}", operation_class=ApiOperation, **WRITE)
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        scenario_id: FromPath[UUID],
        data: JSONBody[ScenarioChanges],  # type: ignore[valid-type]
    ) -> ScenarioView:
        """Change a scenario.

        Every change is a new version; calls that go on keep the one they began with. Branches that are
        sent replace all branches: those that exist with their ids, new ones without. They stay in the
        order of their creation. Send the version that you have read.
        """
        command = command_of(UpdateScenario, data, id=scenario_id)
        return await saving(scenarios.update(context.database, actor, command))

    @delete("/{scenario_id:uuid}", status_code=200, operation_class=ApiOperation, **WRITE)
    async def remove(
        self, context: TheContext, actor: TheActor, saving: TheSaving, scenario_id: FromPath[UUID]
    ) -> Removed:
        """Delete a scenario.

        Not the default one, and not one that a number uses: the answer then is 409 with the places.
        """
        return await saving.removal(scenarios.delete(context.database, actor, scenario_id))


class RegionsController(Controller):
    """What filters by region choose from."""

    path = "/regions"
    tags = ("Scenarios",)

    @get("/", operation_class=ApiOperation, **needs("scenarios:read"))
    async def index(self, context: TheContext, actor: TheActor) -> RegionsView:
        """List the regions.

        And whether those of mobile numbers are known: as long as the operator has loaded no numbering
        plan they are unknown, and such callers fit no filter by region.
        """
        return await regions.regions(context.database, actor)
