"""«Проверить звонок» over the API: where a call would go, before anybody calls."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, post
from litestar.params import JSONBody

from tenants.explain import Explanation
from tenants.services import dryrun
from tenants.services.dryrun import DryRun
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.schema import ApiOperation
from web.i18n import language, negotiate
from web.inject import TheContext

__all__ = ["RouteController"]

TheCall = body_of(DryRun)


class RouteController(Controller):
    """Asks the functions that route calls, and nothing rings."""

    path = "/route"
    tags = ("Calls",)

    @post("/dry-run", status_code=200, operation_class=ApiOperation, **needs("scenarios:read"))
    async def dry_run(
        self,
        request: Request[Any, Any, Any],
        context: TheContext,
        actor: TheActor,
        data: JSONBody[TheCall],  # type: ignore[valid-type]
    ) -> Explanation:
        """Try a call without making it.

        Which branch handles it and why not the others; of every step who rings in which order, and
        who does not and why; the safety net, too, as if nobody answered. Without a moment it is asked
        about now; about another one every line counts as registered and free. The sentences are in
        the language of Accept-Language.
        """
        words = language(negotiate(request.headers.get("Accept-Language", "")))
        command = command_of(DryRun, data)
        return await dryrun.dry_run(context.database, actor, command, context.directory, words.gettext)
