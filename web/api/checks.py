"""The scenario check over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Controller, Request, get
from litestar.params import FromPath

from tenants.checktext import CheckView
from tenants.services import checks
from tenants.words import Gettext
from web.api.access import TheActor, needs
from web.api.schema import ApiOperation
from web.i18n import language, negotiate
from web.inject import TheContext

__all__ = ["ChecksController"]

READ = needs("scenarios:read")


class ChecksController(Controller):
    """What is wrong with the configuration, exactly, for all callers and the coming 12 months."""

    tags = ("Scenarios",)

    @get("/check", operation_class=ApiOperation, **READ)
    async def company(
        self, request: Request[Any, Any, Any], context: TheContext, actor: TheActor
    ) -> CheckView:
        """Check the whole configuration.

        Filters that never take a call, targets that are gone, menus and keys that lead nowhere,
        circles of forwards, and when a number has nobody to answer in the coming 12 months, to the
        minute. Sentences are in the language of Accept-Language; a finding that a call can show has
        one as witness.
        """
        return await checks.check_company(context.checks, actor, _words(request))

    @get("/scenarios/{scenario_id:uuid}/check", operation_class=ApiOperation, **READ)
    async def scenario(
        self,
        request: Request[Any, Any, Any],
        context: TheContext,
        actor: TheActor,
        scenario_id: FromPath[UUID],
    ) -> CheckView:
        """Check a scenario.

        The same, of one scenario and the numbers whose calls it handles.
        """
        return await checks.check_scenario(context.checks, actor, scenario_id, _words(request))


def _words(request: Request[Any, Any, Any]) -> Gettext:
    return language(negotiate(request.headers.get("Accept-Language", ""))).gettext
