"""The API's description, for programs and for people.

``openapi.json`` is the document; ``docs`` is the same as a page of our own, made on the server, because
the usual viewers are bundles of foreign scripts that our content security policy forbids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from msgspec import Struct

from core.errors import FieldError, Invalid
from web.api.intake import JSON
from web.api.problems import TITLES, problem_of
from web.api.schema import TAGS, document
from web.context import WebContext
from web.i18n import Language
from web.pages import N_
from web.sessions import anonymous_page

__all__ = ["Field", "Operation", "Section", "docs", "openapi"]

AnyRequest = Request[Any, Any, Any]
Schema = dict[str, Any]
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.1"


@get("/openapi.json", include_in_schema=False)
async def openapi(request: AnyRequest) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(
        msgspec.json.encode(_document(request.app)),
        media_type=JSON,
        headers={"cache-control": "no-cache"},
    )


@get("/docs", include_in_schema=False)
async def docs(request: AnyRequest) -> Response[str]:
    """The document as a page."""
    described = _document(request.app)
    page = anonymous_page(request)
    context: WebContext = request.app.state.context
    public = context.settings.http.public_url or str(request.base_url)
    return page.render(
        "api_docs.html",
        origin=public.rstrip("/"),
        sample=_sample(page.language),
        description=described["info"],
        sections=list(_sections(described)),
        structs=[
            Shape(name, each.get("description", ""), list(_fields(each)), each.get("enum", []))
            for name, each in described["components"]["schemas"].items()
        ],
        problems=[(code, status, title) for code, (status, title) in TITLES.items()],
    )


class Field(Struct, frozen=True):
    """A parameter or a field: its type in words, and the struct that the type is of, if any."""

    name: str
    type: str
    struct: str = ""
    required: bool = False
    place: str = ""
    note: str = ""
    default: str = ""


class Shape(Struct, frozen=True):
    """A struct or an enumeration of the document."""

    name: str
    note: str
    fields: list[Field]
    values: list[str]


class Operation(Struct, frozen=True):
    """One operation of the page."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    audience: str
    parameters: list[Field]
    body: list[Field]
    answer: Field | None
    status: str
    problems: list[tuple[str, str]]


class Section(Struct, frozen=True):
    """The operations of one kind."""

    name: str
    title: str
    operations: list[Operation]


def _sample(words: Language) -> str:
    """What a refused content is answered with."""
    wrong = Invalid(email=FieldError(N_("This is needed.")))
    return msgspec.json.format(msgspec.json.encode(problem_of(wrong, words)), indent=2).decode()


def _document(app: Litestar) -> Schema:
    """Made once, when somebody first asks."""
    found: Schema | None = app.state.get("document")
    if found is None:
        found = app.state.document = document(app)
    return found


def _sections(described: Schema) -> Iterator[Section]:
    by_tag: dict[str, list[Operation]] = {name: [] for name, _ in TAGS}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            tag = (operation.get("tags") or ["—"])[0]
            by_tag.setdefault(tag, []).append(_operation(described, method, path, operation))
    titles = dict(TAGS)
    for name, found in by_tag.items():
        if found:
            found.sort(key=lambda each: each.path)
            yield Section(name, titles.get(name, name), found)


def _operation(described: Schema, method: str, path: str, operation: Schema) -> Operation:
    status, answer = next(
        (code, each) for code, each in operation["responses"].items() if code.startswith("2")
    )
    content = answer.get("content", {}).get(JSON)
    body = operation.get("requestBody", {}).get("content", {}).get(JSON)
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        scope=operation["security"][0]["bearer"][0],
        audience=operation["x-audience"],
        parameters=[_parameter(each) for each in operation.get("parameters", ())],
        body=list(_fields(_resolved(described, body["schema"]))) if body else [],
        answer=_field("", content["schema"]) if content else None,
        status=status,
        problems=[
            (code, each["$ref"].rpartition("/")[2])
            for code, each in operation["responses"].items()
            if "$ref" in each
        ],
    )


def _parameter(parameter: Schema) -> Field:
    return _field(
        parameter["name"],
        parameter["schema"],
        required=parameter.get("required", False),
        place=parameter["in"],
        note=parameter.get("description", ""),
    )


def _fields(schema: Schema) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield _field(name, each, required=name in required)


def _field(name: str, schema: Schema, **more: Any) -> Field:
    words, struct = _type(schema)
    default = schema.get("default")
    shown = "" if default is None or default == [] else msgspec.json.encode(default).decode()
    return Field(name, words, struct, default=shown, **more)


def _type(schema: Schema) -> tuple[str, str]:
    """A type in a few words, and the name of the struct in it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name, name
    for key in ("oneOf", "anyOf"):
        if key in schema:
            parts = [_type(each) for each in schema[key]]
            return " | ".join(words for words, _ in parts), next((s for _, s in parts if s), "")
    if schema.get("type") == "array":
        words, struct = _type(schema.get("items", {}))
        return f"{words}[]", struct
    kind = schema.get("type", "any")
    kind = " | ".join(kind) if isinstance(kind, list) else str(kind)
    return str(schema.get("format") or kind), ""


def _resolved(described: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Schema = described["components"]["schemas"].get(name, schema)
    return found
