"""«Настройки ВАТС» over the API."""

from __future__ import annotations

from litestar import Controller, get, patch
from litestar.params import JSONBody

from tenants.services import company_settings
from tenants.services.company_settings import SettingsView, UpdateSettings
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["SettingsController"]

SettingsChanges = body_of(UpdateSettings)


class SettingsController(Controller):
    """What holds for all numbers and people of the company."""

    path = "/settings"
    tags = ("Contract",)

    @get("/", operation_class=ApiOperation, **needs("settings:read"))
    async def settings(self, context: TheContext, actor: TheActor) -> SettingsView:
        """Get the settings of the company."""
        return await company_settings.get(context.database, actor)

    @patch("/", operation_class=ApiOperation, **needs("settings:write", conflict=True))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[SettingsChanges],  # type: ignore[valid-type]
    ) -> SettingsView:
        """Change the settings of the company.

        They count for calls from now on. Send the version that you have read.
        """
        command = command_of(UpdateSettings, data)
        return await company_settings.update(context.database, actor, command)
