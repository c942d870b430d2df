"""Coming in and going out (ACC-02): the e-mail is the login; what is wrong is never said."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post

from core.errors import TooManyRequests, Unauthenticated
from tenants.services import sessions
from web.forms import fields
from web.i18n import LOCALES
from web.inject import TheContext, ThePage
from web.pages import LANGUAGE, local_path
from web.sessions import anonymous_page, forget, remember, token_of

__all__ = ["login_page", "logout", "sign_in"]

AnyRequest = Request[Any, Any, Any]


@get("/login")
async def login_page(request: AnyRequest) -> Response[str]:
    """The form; ``next`` is where one wanted to go, ``language`` is remembered."""
    page = anonymous_page(request)
    page.next = local_path(request.query_params.get("next", ""), "")
    response = page.render("login.html", email="", problem="")
    if request.query_params.get("language") in LOCALES:
        response.set_cookie(LANGUAGE, page.locale, max_age=365 * 86400, samesite="lax")
    return response


@post("/login")
async def sign_in(request: AnyRequest, context: TheContext) -> Response[Any]:
    """Sign in, or the form again with one answer for whatever is wrong."""
    form = await fields(request)
    email, wanted = form.get("email", ""), local_path(form.get("next", ""), "")
    page = anonymous_page(request)
    page.next = wanted
    command = sessions.Login(
        email=email,
        password=form.get("password", ""),
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        previous=token_of(request),
    )
    try:
        session = await sessions.login(
            context.database, context.throttle, command, context.settings.http.session_hours
        )
    except (Unauthenticated, TooManyRequests) as error:
        response = page.render(
            "login.html", error.http_status, email=email, problem=page.language.error(error)
        )
        if isinstance(error, TooManyRequests):
            response.set_header("Retry-After", str(error.retry_after))
        return response
    answer = page.redirect(wanted or "/")
    remember(answer, context, session)
    return answer


@post("/logout")
async def logout(request: AnyRequest, context: TheContext, page: ThePage) -> Response[Any]:
    """End the session on the server and in the browser."""
    token = token_of(request)
    if token is not None:
        await sessions.logout(context.database, token)
    response = page.redirect("/login")
    forget(response, context)
    return response
