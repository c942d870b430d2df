"""The OpenAPI 3.1 document: generated from the operations, completed with what all have in common.

Litestar writes down paths, parameters and contents. Added here, for every operation alike: its scope
and whose tokens it is for, from the declaration that is enforced, and the problems that it may answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Operation, SecurityScheme, Server, Tag
from litestar.routes import HTTPRoute

from web.api.access import Audience, Need, need_of
from web.api.intake import JSON, METHODS
from web.api.problems import MEDIA_TYPE, TITLES, Problem
from web.pages import N_

__all__ = ["TAGS", "ApiOperation", "configuration", "document", "parted"]

VERSION = "1.0"
DESCRIPTION = """
Everything that the cabinet does, for programs. Send `Authorization: Bearer TOKEN`; what a token may
do its scopes say. Instants are in UTC, telephone numbers in E.164. Errors are problem documents
(RFC 9457) in the language of `Accept-Language`, each with a `code` that does not change.
"""

TAGS = (
    ("Contract", N_("Contract")),
    ("Employees", N_("Employees")),
    ("Lines", N_("SIP lines")),
    ("Numbers", N_("Numbers")),
    ("Scenarios", N_("Scenarios")),
    ("Groups", N_("Groups")),
    ("Hours", N_("Schedules and calendars")),
    ("Contacts", N_("Contacts")),
    ("Media", N_("Media")),
    ("Menus", N_("Voice menus")),
    ("Calls", N_("Calls")),
    ("Tokens", N_("API tokens")),
    ("Companies", N_("Companies")),
)
"""The sections in their order, with their titles for people; plugins' follow."""

_SCHEMAS = "#/components/schemas/"
_STATEMENT = re.compile(r"\s*\((?:[A-Z]{1,3}-\d+[^)]*)\)")
_MARKUP = re.compile(r"``")


@dataclass
class ApiOperation(Operation):
    """An operation whose docstring is its documentation: the first line is the summary."""

    def __post_init__(self) -> None:
        """Part the docstring."""
        summary, description = parted(self.description or "")
        self.summary = summary or self.summary
        self.description = description or None


def parted(docstring: str) -> tuple[str, str]:
    """The summary and the description that a docstring consists of, each in one line."""
    first, _, rest = docstring.partition("\n")
    return first.rstrip("."), " ".join(rest.split())


def configuration(brand: str) -> OpenAPIConfig:
    """What Litestar needs to know; its own documentation pages are not reachable from outside."""
    return OpenAPIConfig(
        title=f"{brand} API",
        version=VERSION,
        description=cleandoc(DESCRIPTION),
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        servers=[Server(url="/")],
        tags=[Tag(name=name) for name, _ in TAGS],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="A token of a company (sst_…) or of the operator (sso_…). RFC 6750.",
                )
            }
        ),
    )


def _operation_id(handler: HTTPRouteHandler, method: Any, path: Sequence[Any]) -> str:
    """``employees_change``: what of the address names the thing, and the handler."""
    return f"{path[2]}_{handler.handler_name}"


def document(app: Litestar) -> dict[str, Any]:
    """The whole document of an application of the API, ready to be sent as JSON."""
    found = deepcopy(app.openapi_schema.to_schema())
    components = found["components"]
    _, problem = msgspec.json.schema_components([Problem], ref_template=f"{_SCHEMAS}{{name}}")
    components["schemas"] |= problem
    components["responses"] = {code: _problem(*meaning) for code, meaning in TITLES.items()}
    for path, method, need in _needs(app):
        _complete(found["paths"][path][method.lower()], need, "{" in path)
    for schema in components["schemas"].values():
        if "description" in schema:
            schema["description"] = _MARKUP.sub("`", _STATEMENT.sub("", schema["description"]))
    for name in _contents(found):
        components["schemas"][name]["additionalProperties"] = False
    return found


def _needs(app: Litestar) -> Iterator[tuple[str, str, Need]]:
    """Every documented operation with what it asks for."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema() and method in METHODS:
                    yield route.path_format, method, need_of(handler, method)


def _complete(operation: dict[str, Any], need: Need, has_path: bool) -> None:
    operation["security"] = [{"bearer": [need.scope]}]
    operation["x-audience"] = need.audience.value
    codes = ["unauthenticated", "forbidden", "too_many_requests", "internal", "unavailable"]
    if has_path or need.plugin or need.audience is not Audience.TENANT:
        codes.append("not_found")
    if need.conflict:
        codes.append("conflict")
    if need.content != JSON:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {need.content: binary}}
    if "requestBody" in operation:
        codes += ["malformed", "too_large", "unsupported_media_type", "invalid"]
    elif any(each["in"] == "query" for each in operation.get("parameters", ())):
        codes.append("invalid")
    answers = operation["responses"]
    answers.pop("400", None)  # the framework's own form of an error, which is never sent
    for code in sorted(codes, key=lambda code: TITLES[code][0]):
        answers[str(TITLES[code][0])] = {"$ref": f"#/components/responses/{code}"}


def _problem(status: int, title: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}},
    }
    if status == 429:
        seconds = {"type": "integer", "minimum": 1}
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": seconds}}
    return answer


def _contents(found: dict[str, Any]) -> set[str]:
    """The names of the schemas that requests consist of."""
    names = set()
    for item in found["paths"].values():
        for operation in item.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                names.add(content["schema"].get("$ref", "").rpartition("/")[2])
    return names & found["components"]["schemas"].keys()
