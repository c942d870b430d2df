"""Rendering: the templates, and `Page`, everything about a request that every page shows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import structlog
from jinja2 import BaseLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined, Template
from jinja2.exceptions import TemplateError
from litestar import MediaType, Request, Response
from litestar.response import Redirect
from markupsafe import Markup, escape
from msgspec import Struct

from core.contracts import AvailabilityMode
from core.contributions import Owned, Panel
from web.formats import Formats, initials
from web.i18n import LOCALES, Language, language
from web.icons import known

__all__ = ["MESSAGES", "MenuEntry", "Page", "Pages", "local_path"]

log = structlog.get_logger(__name__)

HERE = Path(__file__).parent
STATIC = HERE / "static"
FLASH = "sunsim_said"
RAIL = "sunsim_rail"
LANGUAGE = "sunsim_language"
THEME = "sunsim_theme"


def N_(text: str) -> str:  # noqa: N802  (the name that gettext tools look for)
    """Marks a msgid that is translated elsewhere."""
    return text


MESSAGES = {
    "saved": N_("Saved"),
    "password": N_("The password has been changed. Other browsers were signed out."),
    "mode": N_("The availability mode has been changed"),
}
"""What a page may say after a redirect; the cookie carries the key only."""


class MenuEntry(Struct, frozen=True):
    """A section in the side bar; ``key`` is the letter after «g»."""

    title: str
    path: str
    icon: str
    key: str = ""


class Pages:
    """The templates and static files of one process; plugins' templates are found as ``<plugin>/…``."""

    def __init__(self, brand: str, plugin_templates: dict[str, Path] | None = None) -> None:
        self.brand = brand
        self.digest = _digest(STATIC)
        loaders: dict[str, BaseLoader] = {
            name: FileSystemLoader(folder) for name, folder in (plugin_templates or {}).items()
        }
        own = FileSystemLoader(HERE / "templates")
        self.environment = Environment(
            loader=_Either(own, PrefixLoader(loaders)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.globals.update(icon=self._icon, initials=initials)

    @property
    def static(self) -> str:
        """The path that static files are served under; it changes whenever one of them does."""
        return f"/static/{self.digest}"

    def _icon(self, name: str, classes: str = "") -> Markup:
        more = f" {classes}" if classes else ""
        return Markup(
            '<svg class="k-i{}" aria-hidden="true"><use href="{}/vendor/icons.svg#{}"/></svg>'
        ).format(more, self.static, known(name))


class Page:
    """One request's page: who looks, in which language and zone, and the frame around the content."""

    locales = tuple(LOCALES.items())
    modes = (AvailabilityMode.UNAVAILABLE, AvailabilityMode.SCHEDULE, AvailabilityMode.AVAILABLE)

    def __init__(
        self,
        request: Request[Any, Any, Any],
        pages: Pages,
        *,
        locale: str,
        theme: str = "auto",
        zone: str = "Europe/Moscow",
    ) -> None:
        self.request = request
        self._pages = pages
        self.language: Language = language(locale)
        self.locale = self.language.code
        self.formats = Formats(self.locale, zone)
        self.theme = theme
        self.brand = pages.brand
        self.static = pages.static
        self.now = round(time.time(), 1)
        self.url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.section = ""
        self.folded = request.cookies.get(RAIL) == "1"
        self.said = self.language.gettext(MESSAGES.get(request.cookies.get(FLASH, ""), ""))
        # Filled in by web.sessions for somebody who has signed in.
        self.signed_in = False
        self.administrator = False
        self.name = self.email = self.company = ""
        self.employee_id: UUID | None = None
        self.mode: str | None = None
        self.menu: Sequence[Iterable[MenuEntry]] = ()
        self.next = ""

    @property
    def csrf(self) -> Markup:
        """The hidden field of every form that changes something."""
        token = self.request.app.state.csrf_token(self.request)
        return Markup('<input type="hidden" name="_csrf_token" value="{}">').format(token)

    def text(self, msgid: str, **fields: object) -> str:
        """A sentence in the reader's language; ``fields`` are escaped, the result is safe in HTML."""
        sentence = self.language.gettext(msgid)
        return escape(sentence).format_map(fields) if fields else sentence

    def counted(self, one: str, many: str, count: int) -> str:
        """A sentence about ``count`` things."""
        return self.language.ngettext(one, many, count).format(count=count)

    def render(self, template: str, status: int = 200, **context: object) -> Response[str]:
        """The page as an answer. What was said once is not said again.

        A part that asks for itself anew meanwhile shows no message, so it leaves it to the page.
        """
        html = self._draw(self._pages.environment.get_template(template), context)
        response = Response(html, status_code=status, media_type=MediaType.HTML)
        if FLASH in self.request.cookies and not self._is_a_part_anew:
            response.delete_cookie(FLASH)
        if self.signed_in:  # so that the login and errors speak and look alike
            for name, value in ((LANGUAGE, self.locale), (THEME, self.theme)):
                if self.request.cookies.get(name) != value:
                    response.set_cookie(name, value, max_age=365 * 86400, samesite="lax")
        return response

    @property
    def _is_a_part_anew(self) -> bool:
        headers = self.request.headers
        return "hx-trigger" in headers and headers["hx-trigger"] == headers.get("hx-target")

    def panels(self, owned: Iterable[Owned[Panel]]) -> list[Markup]:
        """Plugins' panels as HTML; one whose template fails is left out of the page."""
        drawn = []
        for panel in owned:
            try:
                template = self._pages.environment.get_template(panel.item.template)
                drawn.append(Markup(self._draw(template, panel.item.context)))
            except (TemplateError, LookupError, TypeError, ValueError) as error:
                log.warning("panel_failed", plugin=panel.plugin, error=repr(error))
        return drawn

    def redirect(self, path: str, say: str = "") -> Redirect:
        """See other (RFC 9110 §15.4.4), and what to say there: a key of MESSAGES."""
        response = Redirect(path, status_code=303)
        if say:
            response.set_cookie(FLASH, say, max_age=30, httponly=True, samesite="lax")
        return response

    def _draw(self, template: Template, context: Mapping[str, object]) -> str:
        own = {"page": self, "_": self.text, "n_": self.counted, "tel": self.formats.phone}
        return template.render({**context, **own})

    def today(self) -> datetime:
        """Now, on the reader's clock."""
        return datetime.now(UTC).astimezone(self.formats.zone)


def local_path(text: str, otherwise: str = "/") -> str:
    """``text`` if it is a path of ours: never another host, never something that is not a path."""
    parts = urlsplit(text)
    foreign = parts.scheme or parts.netloc or not text.startswith("/") or text.startswith(("//", "/\\"))
    if foreign or any(ord(c) < 32 or c == "\\" for c in text):
        return otherwise
    return quote(parts.path) + (f"?{quote(parts.query, safe='=&%:+,-._~')}" if parts.query else "")


class _Either(BaseLoader):
    """Our own templates first; a plugin cannot replace one of them."""

    def __init__(self, own: BaseLoader, plugins: BaseLoader) -> None:
        self._own = own
        self._plugins = plugins

    def get_source(self, environment: Environment, template: str) -> Any:
        try:
            return self._own.get_source(environment, template)
        except LookupError:
            return self._plugins.get_source(environment, template)


def _digest(folder: Path) -> str:
    sha = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        sha.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()[:12]
