"""Every operation of the description × everybody who must not get through.

Generated from the OpenAPI document, so that a new operation is tested the moment it exists: an address
or a field with an id that is not harvested here fails the test instead of being passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.api import Party, World, operations

SCHEMAS = "#/components/schemas/"


def filled(path: str, party: Party) -> str:
    """The address with the party's ids; KeyError for one that nobody harvested."""
    return path.format_map(party.ids)


def content(document: dict[str, Any], operation: dict[str, Any], party: Party) -> dict[str, Any]:
    """Arguments of a request that would do something if it got through: ids are the party's."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is None:
        return {}
    schema = document["components"]["schemas"][body["schema"]["$ref"].removeprefix(SCHEMAS)]
    wanted = {
        name: sample(document, name, each, party)
        for name, each in schema["properties"].items()
        if name in schema["required"] or is_id(document, each)
    }
    return {"json": wanted}


def is_id(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    return any(each.get("format") == "uuid" for each in (schema, *schema.get("oneOf", ())))


def sample(document: dict[str, Any], name: str, schema: dict[str, Any], party: Party) -> Any:
    if is_id(document, schema):
        return party.ids[name]
    known = {"email": "new@company.example", "phone": "+79160000001", "version": 1}
    known |= {"encryption": "required", "type": "day_off", "year": 2026}
    known |= {"tags": []}
    known |= {"first": "2026-12-30", "last": "2026-12-31", "paused": True}
    return known.get(name, "Something")


async def everything(world: World, party: Party) -> dict[str, Any]:
    """All that the company can read of itself."""
    paths = ("/contract", "/settings", "/employees", "/lines", "/numbers", "/calls", "/calls/present")
    paths += ("/recordings",)
    paths += (
        "/queues",
        "/schedules",
        "/calendars",
        "/groups",
        "/scenarios",
        "/tags",
        "/contacts",
        "/media",
        "/media/library",
        "/menus",
        "/extension-lists",
        "/media/files",
        "/tasks",
        "/deals",
    )
    found = {path: (await world.call("GET", path, party.token)).json() for path in paths}
    tokens = (await world.call("GET", "/tokens", party.token)).json()["items"]
    return found | {"tokens": [(t["id"], t["revoked_at"]) for t in tokens]}


def leaks(text: str, party: Party) -> set[str]:
    return {mark for mark in party.marks if mark in text}


async def matrix(world: World) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    document = await world.document()
    return iter(
        [
            (method, path, operation, content(document, operation, world.theirs))
            for method, path, operation in operations(document)
        ]
    )


async def test_another_company_finds_nothing_and_changes_nothing(world: World):
    before = await everything(world, world.theirs)
    assert leaks(str(before), world.theirs)  # what is looked for below can be found at all
    for method, path, operation, body in await matrix(world):
        if path in ("/visits/{visit_id}",):  # the tests' own: says the id that it was asked for
            continue
        there = filled(path, world.theirs)
        answer = await world.call(method, there, world.ours.token, **body)
        told = answer.text
        for value in world.theirs.ids.values():  # an address may be repeated, it is no news
            told = told.replace(value, "") if value in there else told
        assert not leaks(told, world.theirs), (method, there)
        assert answer.status_code < 500, (method, there, told)
        if "{" in path or operation["x-audience"] == "operator":
            assert answer.status_code == 404, (method, there, told)
    assert await everything(world, world.theirs) == before


async def test_their_ids_in_our_own_things_are_unknown(world: World):
    before = await everything(world, world.theirs)
    tried = 0
    for method, path, operation in operations(document := await world.document()):
        body = content(document, operation, world.theirs)
        ids = set(world.theirs.ids.values()) & set(map(str, body.get("json", {}).values()))
        if ids and operation["x-audience"] == "tenant":
            tried += 1
            answer = await world.call(method, filled(path, world.ours), world.ours.token, **body)
            assert answer.status_code == 422, (method, path, answer.text)
            assert not leaks(answer.text, world.theirs)
    assert tried >= 2
    for name in ("employee_id",):
        answer = await world.call("GET", f"/lines?{name}={world.theirs.ids[name]}", world.ours.token)
        assert answer.json() == {"items": []}
    assert await everything(world, world.theirs) == before


async def test_without_the_scope_nothing_opens(world: World):
    scopes = {op["security"][0]["bearer"][0] for _, _, op in operations(await world.document())}
    own = {s for s in scopes if s != "tenants:write"}
    before = await everything(world, world.theirs)
    less = {scope: await world.token(world.theirs, *(own - {scope})) for scope in scopes}
    for method, path, operation, body in await matrix(world):
        scope = operation["security"][0]["bearer"][0]
        answer = await world.call(method, filled(path, world.theirs), less[scope], **body)
        expected = 404 if operation["x-audience"] == "operator" else 403
        if operation["tags"] == ["Visits"] and scope.startswith("plugins:"):
            expected = 403
        assert answer.status_code == expected, (method, path, answer.text)
        assert not leaks(answer.text.replace(scope, ""), world.theirs)
        if expected == 403:
            assert answer.json()["code"] == "insufficient_scope"
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]
    after = await everything(world, world.theirs)
    del before["tokens"], after["tokens"]
    assert after == before


async def test_strangers_are_asked_for_a_token(world: World):
    before = await everything(world, world.theirs)
    for method, path, _, body in await matrix(world):
        for headers in (
            {},
            {"Authorization": "Basic b2xnYTpwdw=="},
            {"Authorization": world.theirs.token},
            {"Cookie": f"token={world.theirs.token}; sunsim_session={world.theirs.token}"},
        ):
            answer = await world.call(method, filled(path, world.theirs), headers=headers, **body)
            assert answer.status_code == 401, (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.headers["content-type"] == "application/problem+json"
        asked = await world.call(
            method, f"{filled(path, world.theirs)}?access_token={world.theirs.token}", **body
        )
        assert asked.status_code == 401
    assert await everything(world, world.theirs) == before


async def test_the_operator_does_not_walk_into_a_company_unasked(world: World):
    for method, path, operation, body in await matrix(world):
        if operation["x-audience"] == "tenant":
            there = filled(path, world.theirs)
            answer = await world.call(method, there, world.operator_token, **body)
            assert answer.status_code == 403, (method, path, answer.text)


async def test_no_route_is_missing_from_the_description(world: World):
    """What the matrix is made of is all there is."""
    from web.api import application

    described = {(m, p) for m, p, _ in operations(await world.document())}
    there = {
        (method, route.path_format.removeprefix("/api/v1"))
        for route in application(world.context).routes
        for method in route.methods
        if method != "OPTIONS" and not route.path_format.startswith("/schema")
    }
    assert there - described == {("GET", "/openapi.json"), ("GET", "/docs")}
