"""The API keeps to its own description, whatever is sent to it; and people can read the description."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from html.parser import HTMLParser
from typing import Any

import httpx
import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from core.settings import DataSettings
from tenants.db import Database
from tests.support.api import World, opened, operations
from web.api.access import Gate
from web.headers import POLICY

schemathesis.serializer.alias("audio/mpeg", "application/octet-stream")

KEPT = ("token_id", "visit_id")
"""Ids that stay invented: the token is the one that the test needs itself."""


class Stage:
    """A world that lives in a loop of its own, for tests that are not coroutines."""

    def __init__(self, data: DataSettings) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.world: World = self.runner.run(self._open(data))
        self.document = self.runner.run(self.world.document())

    async def _open(self, data: DataSettings) -> World:
        database = await Database.open(data)
        self.stack.push_async_callback(database.close)
        gate = Gate(requests=1_000_000, failures=1_000_000)
        return await self.stack.enter_async_context(opened(database, data, gate))

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def send(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        return self.runner.run(self.world.call(method, path, token, **more))

    def check(self, method: str, path: str, answer: httpx.Response) -> None:
        """The answer is one of those that the description promises."""
        responses = self.document["paths"][path][method.lower()]["responses"]
        told = f"{method} {path}: {answer.status_code} {answer.text}"
        assert str(answer.status_code) in responses, told
        assert answer.status_code < 500, told
        promised = responses[str(answer.status_code)]
        if "$ref" in promised:
            promised = self.document["components"]["responses"][promised["$ref"].rpartition("/")[2]]
        contents = promised.get("content") or {}
        if not contents:
            assert answer.content == b"", told
            return
        ((media_type, content),) = contents.items()
        assert answer.headers["content-type"].partition(";")[0] == media_type, told
        if media_type.startswith("audio/"):
            return  # sound has no form that a schema could describe
        whole = {**content["schema"], "components": self.document["components"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        errors = [error.message for error in validator.iter_errors(answer.json())]
        assert errors == [], told


@pytest.fixture
def stage(data_settings: DataSettings, cheap_passwords: None) -> Iterator[Stage]:
    stage = Stage(data_settings)
    yield stage
    stage.close()


def test_answers_are_as_described_whatever_is_sent(stage: Stage):
    schema = schemathesis.openapi.from_dict(stage.document)
    tried = 0
    for each in schema.get_all_operations():
        operation = each.ok()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            try_operation(stage, operation, mode)
            tried += 1
    assert tried == 2 * len(list(operations(stage.document)))


def try_operation(stage: Stage, operation: Any, mode: GenerationMode) -> None:
    world = stage.world
    audience = stage.document["paths"][operation.path][operation.method.lower()]["x-audience"]
    token = world.operator_token if audience == "operator" else world.ours.token
    ids = world.theirs.ids if audience == "operator" else world.ours.ids

    @settings(
        max_examples=6,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def try_case(case: Any, known: bool) -> None:
        if known:
            for name in case.path_parameters.keys() - set(KEPT):
                case.path_parameters[name] = ids[name]
        request = requests.Request(**case.as_transport_kwargs(base_url="http://sunsim.test"))
        wire = request.prepare()
        headers = {"Authorization": f"Bearer {token}"}
        if "Content-Type" in wire.headers:
            headers["Content-Type"] = wire.headers["Content-Type"]
        path = wire.path_url.removeprefix("/api/v1")
        answer = stage.send(wire.method, path, token, content=wire.body, headers=headers)
        if answer.status_code in (404, 405) and not known:
            return  # what was invented may lead to another address
        stage.check(operation.method.upper(), operation.path, answer)

    try_case()


async def test_every_operation_says_what_it_is_and_what_it_needs(world: World):
    document = await world.document()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    ids = []
    for method, path, operation in operations(document):
        assert operation["summary"]
        assert len(operation["tags"]) == 1
        ((scheme, scopes),) = operation["security"][0].items()
        assert (scheme, len(scopes)) == ("bearer", 1)
        assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys(), (method, path)
        assert ("requestBody" in operation) == (
            method in ("PATCH", "POST", "PUT") and "400" in operation["responses"]
        )
        ids.append(operation["operationId"])
    assert len(set(ids)) == len(ids)
    assert not re.search(r"[A-Z]{3}-\d\d", str(document))  # our own numbering is nobody else's business


def test_the_document_is_a_valid_openapi_document(stage: Stage):
    """As far as its schemas go: each one is a JSON Schema whose references lead somewhere."""
    for name in stage.document["components"]["schemas"]:
        whole = {
            "$ref": f"#/components/schemas/{name}",
            "components": stage.document["components"],
        }
        jsonschema_rs.meta.validate(whole)
        jsonschema_rs.Draft202012Validator(whole)


class Links(HTMLParser):
    """What a page refers to, and what is in it that a strict policy would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        if tag == "style" or "style" in given or any(name.startswith("on") for name in given):
            self.inline.append(self.get_starttag_text() or tag)
        if tag == "script":
            self.inline.append(tag)


@pytest.mark.parametrize(("language", "title"), [("ru", "Ошибки"), ("en", "Errors")])
async def test_the_description_is_a_page_within_the_strict_policy(world: World, language, title):
    answer = await world.call("GET", "/docs", headers={"Accept-Language": language})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert f'<html lang="{language}"' in answer.text
    assert title in answer.text
    links = Links()
    links.feed(answer.text)
    assert links.inline == []
    assert len(set(links.ids)) == len(links.ids)
    inside = {link.removeprefix("#") for link in links.links if link.startswith("#")}
    assert inside - set(links.ids) == set()
    for link in (link for link in links.links if not link.startswith(("#", "?"))):
        assert (await world.client.get(link.partition("#")[0])).status_code == 200, link
    for _, path, _ in operations(await world.document()):
        assert f"<code>/api/v1{path}</code>" in answer.text
