"""The operations as programs meet them: what they answer, in which form, and what they refuse."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from tenants.services import lines, numbers
from tenants.services.actor import operator
from tests.support.api import World

NOBODY = UUID(int=7)
EARLY = base64.urlsafe_b64encode(f"0001-01-01T00:00:00+14:00|{NOBODY.hex}".encode()).decode()
PROBLEM = {"type", "title", "status", "code", "detail"}


def check_problem(answer, status: int, code: str) -> dict:
    """The one form of every error (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() - {"errors"} == PROBLEM
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"].startswith("/api/v1/docs#problem-")
    assert "Traceback" not in answer.text
    return problem


async def test_employees_are_listed_made_and_changed(world: World):
    token = world.ours.token
    card = {"name": "Марина Кравцова", "extension": "104", "external_number": "8 916 204-18-33"}
    made = await world.call("POST", "/employees", token, json=card)
    assert made.status_code == 201
    employee = made.json()
    assert employee["external_number"] == "+79162041833"
    assert [line["state"] for line in employee["lines"]] == ["active"] * 3
    path = f"/employees/{employee['id']}"
    assert made.headers["location"] == f"/api/v1{path}"
    employee.pop("check")
    assert (await world.call("GET", path, token)).json() == employee
    listed = (await world.call("GET", "/employees", token)).json()["items"]
    assert [each["name"] for each in listed] == ["Ольга Иванова", "Марина Кравцова"]

    change = {"version": employee["version"], "mode": "available", "external_number": None}
    changed = (await world.call("PATCH", path, token, json=change)).json()
    assert (changed["mode"], changed["external_number"]) == ("available", None)
    assert (changed["name"], changed["extension"]) == (employee["name"], "104")
    stale = await world.call("PATCH", path, token, json=change)
    check_problem(stale, 409, "conflict")
    changed.pop("check")
    assert (await world.call("GET", path, token)).json() == changed


async def test_what_is_wrong_with_each_field_is_said_in_the_readers_language(world: World):
    card = {"name": " ", "extension": "1", "email": "nobody"}
    answer = await world.call("POST", "/employees", world.ours.token, json=card)
    problem = check_problem(answer, 422, "invalid")
    said = {each["field"]: each["detail"] for each in problem["errors"]}
    assert said.keys() == {"name", "extension", "email"}
    assert said["name"] == "This is needed."
    assert {each["source"] for each in problem["errors"]} == {"body"}
    assert answer.headers["content-language"] == "en"
    russian = await world.call(
        "POST", "/employees", world.ours.token, json=card, headers={"Accept-Language": "ru"}
    )
    assert russian.headers["content-language"] == "ru"
    assert russian.json()["errors"] != problem["errors"]
    assert russian.json()["code"] == problem["code"]


@pytest.mark.parametrize(
    ("sent", "field", "detail"),
    [
        ({"name": 7}, "name", "This does not fit: Expected `str`, got `int`."),
        ({}, "name", "This is needed."),
        ({"name": "A", "nme": "B"}, "nme", "There is no such field."),
        ({"name": "A", "role": "king"}, "role", "This does not fit: Invalid enum value 'king'."),
        ([], "", "This does not fit: Expected `object`, got `array`."),
    ],
)
async def test_content_that_does_not_fit_the_schema_names_the_field(world: World, sent, field, detail):
    answer = await world.call("POST", "/employees", world.ours.token, json=sent)
    problem = check_problem(answer, 422, "invalid")
    assert [(each["field"], each["detail"]) for each in problem["errors"]] == [(field, detail)]


async def test_every_refusal_is_a_problem_document(world: World):
    token = world.ours.token
    json = {"Content-Type": "application/json"}
    post = ("POST", "/employees", token)
    check_problem(await world.call(*post, content=b'{"name":', headers=json), 400, "malformed")
    check_problem(await world.call(*post, content=b"", headers=json), 400, "malformed")
    check_problem(await world.call(*post, content=b'{"name":"\xff"}', headers=json), 400, "malformed")
    nul = b'{"name":"a\\u0000b"}'
    check_problem(await world.call(*post, content=nul, headers=json), 400, "malformed")
    asked = await world.call("GET", "/numbers/offers?city=%00", token)
    check_problem(asked, 400, "malformed")
    check_problem(await world.call(*post, data={"name": "A"}), 415, "unsupported_media_type")
    check_problem(await world.call("GET", "/nothing", token), 404, "not_found")
    check_problem(await world.call("GET", "/employees/nobody", token), 404, "not_found")
    check_problem(await world.call("GET", f"/employees/{NOBODY}", token), 404, "not_found")
    wrong = await world.call("DELETE", "/employees", token)
    check_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    query = await world.call("GET", "/calls?limit=0&direction=up", token)
    problem = check_problem(query, 422, "invalid")
    assert {(e["field"], e["source"]) for e in problem["errors"]} == {
        ("limit", "query"),
        ("direction", "query"),
    }


async def test_a_failure_of_ours_says_nothing_about_us(world: World, monkeypatch):
    async def broken(*_: object) -> None:
        raise RuntimeError("postgres://user:password@host")

    monkeypatch.setattr(numbers, "numbers", broken)
    answer = await world.call("GET", "/numbers", world.ours.token)
    check_problem(answer, 500, "internal")
    assert "password" not in answer.text


async def test_numbers_are_renamed(world: World):
    token, number_id = world.ours.token, world.ours.ids["number_id"]
    before = (await world.call("GET", f"/numbers/{number_id}", token)).json()
    change = {"version": before["version"], "label": "Продажи"}
    after = await world.call("PATCH", f"/numbers/{number_id}", token, json=change)
    assert after.json()["label"] == "Продажи"
    listed = (await world.call("GET", "/numbers", token)).json()["items"]
    assert [(n["e164"], n["label"]) for n in listed] == [
        ("+74951110001", "Продажи"),
        ("+74951110002", ""),
    ]
    check_problem(
        await world.call("PATCH", f"/numbers/{number_id}", token, json=change), 409, "conflict"
    )


async def test_a_lines_password_is_shown_to_its_scope_and_can_be_renewed(world: World):
    line_id = world.ours.ids["line_id"]
    listed = await world.call("GET", "/lines", world.ours.token)
    found = {line["id"]: line for line in listed.json()["items"]}
    assert len(found) == 3
    told = (await world.call("GET", f"/lines/{line_id}/parameters", world.ours.token)).json()
    assert told["login"] == found[line_id]["login"]
    assert told["uri"] == f"{told['login']}@sip.test"
    assert told["password"] not in listed.text
    new = (await world.call("POST", f"/lines/{line_id}/password", world.ours.token)).json()
    assert new["password"] != told["password"]
    again = await lines.reveal_all(
        world.database,
        world.context.issuer,
        operator(tenant_id=world.ours.company.id),
    )
    assert new["password"] in {line.password for line in again}


async def test_a_line_can_be_made_to_encrypt(world: World):
    line_id, token = world.ours.ids["line_id"], world.ours.token
    body = {"encryption": "required"}
    changed = (await world.call("PATCH", f"/lines/{line_id}", token, json=body)).json()
    assert (changed["id"], changed["encryption"]) == (line_id, "required")
    listed = (await world.call("GET", "/lines", token)).json()["items"]
    assert {line["encryption"] for line in listed} == {"required", "preferred"}
    wrong = await world.call("PATCH", f"/lines/{line_id}", token, json={"encryption": "x"})
    assert wrong.status_code == 422


async def test_calls_come_in_pages_and_with_their_course(world: World):
    company, token, now = world.ours.company, world.ours.token, time.time()
    made = [str(await world.ended(company, now - 3600 * hours)) for hours in range(1, 6)]
    made.insert(0, world.ours.ids["call_id"])
    period = f"start={_instant(now - 86400)}&end={_instant(now + 60)}"
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = (await world.call("GET", f"/calls?{period}&limit=4{more}", token)).json()
        seen += [call["id"] for call in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert (seen, pages) == (made, 2)
    assert (await world.call("GET", f"/calls?{period}&direction=outgoing", token)).json()["items"] == []
    assert (await world.call("GET", f"/calls?{period}&unanswered=true", token)).json()["items"] == []
    missed = f"/calls?{period}&missed_by={world.ours.ids['employee_id']}"
    assert (await world.call("GET", missed, token)).json()["items"] == []

    card = (await world.call("GET", f"/calls/{made[0]}", token)).json()
    assert card["call"]["employee"]["name"] == "Ольга Иванова"
    assert [step["code"] for step in card["steps"]] == ["arrived", "ringing", "answered", "ended"]
    assert len(card["trace"]) >= 4
    russian = await world.call("GET", f"/calls/{made[0]}", token, headers={"Accept-Language": "ru"})
    assert russian.json()["trace"] != card["trace"]
    assert (await world.call("GET", "/calls/present", token)).json() == {"items": []}


@pytest.mark.spec("HIS-15", at="rule")
async def test_a_companys_token_sees_the_calls_of_all_its_numbers(world: World):
    today = (await world.call("GET", "/calls", world.ours.token)).json()
    assert [call["id"] for call in today["items"]] == [world.ours.ids["call_id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start=2026-01-01T00:00:00", "start"),
        ("start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", "end"),
        ("start=0001-01-01T00:00:00%2B14:00", "start"),
        ("end=9999-12-31T23:59:59-14:00", "end"),
        ("cursor=nonsense", "cursor"),
        (f"cursor={EARLY}", "cursor"),
        ("start=yesterday", "start"),
        ("limit=201", "limit"),
    ],
)
async def test_a_wrong_period_is_refused(world: World, query, field):
    answer = await world.call("GET", f"/calls?{query}", world.ours.token)
    problem = check_problem(answer, 422, "invalid")
    assert [each["field"] for each in problem["errors"]] == [field]


async def test_the_operator_activates_suspends_and_resumes_a_company(world: World):
    operators = world.operator_token
    await numbers.add(world.database, operator(), numbers.AddNumber("+74953330005"))
    command = {
        "company": "Лютик",
        "name": "Пётр Ильин",
        "email": "petr@lyutik.example",
        "phone": "+79031112233",
        "numbers": ["+74953330005"],
        "token": "first",
    }
    made = await world.call("POST", "/tenants", operators, json=command)
    assert made.status_code == 201, made.text
    told = made.json()
    path = f"/tenants/{told['tenant']['id']}"
    assert made.headers["location"] == f"/api/v1{path}"
    assert len(told["password"]) >= 10
    assert [number["e164"] for number in told["numbers"]] == ["+74953330005"]
    other = command | {"email": "inna@lyutik.example"}
    taken = await world.call("POST", "/tenants", operators, json=other)
    check_problem(taken, 409, "conflict")

    own = told["api_token"]
    assert (await world.call("GET", "/contract", own)).json() == told["tenant"]
    assert (await world.call("GET", path, own)).json() == told["tenant"]
    listed = (await world.call("GET", "/tenants", operators)).json()["items"]
    assert {t["name"] for t in listed} == {"ООО «Ромашка»", "Василёк", "Лютик"}

    suspended = await world.call("POST", f"{path}/suspend", operators)
    assert suspended.json()["status"] == "suspended"
    check_problem(await world.call("GET", "/contract", own), 401, "unauthenticated")
    assert (await world.call("POST", f"{path}/resume", operators)).json()["status"] == "active"
    assert (await world.call("GET", "/contract", own)).status_code == 200
    check_problem(await world.call("POST", f"/tenants/{NOBODY}/suspend", operators), 404, "not_found")


async def test_a_contract_has_possible_channels_and_a_tariff(world: World):
    command = {"company": "A", "name": "B", "email": "b@a.example", "phone": "+79031112233"}
    for more in ({"channels": 0}, {"channels": 10**12}, {"tariff": "x" * 61}, {"tariff": ""}):
        answer = await world.call("POST", "/tenants", world.operator_token, json=command | more)
        problem = check_problem(answer, 422, "invalid")
        assert [each["field"] for each in problem["errors"]] == list(more)


async def test_tokens_are_made_shown_once_and_revoked(world: World):
    wish = {"name": "site", "scopes": ["employees:read"], "days": 3}
    made = (await world.call("POST", "/tokens", world.ours.token, json=wish)).json()
    listed = await world.call("GET", "/tokens", world.ours.token)
    assert made["token"] not in listed.text
    site = next(each for each in listed.json()["items"] if each["id"] == made["id"])
    assert site["scopes"] == ["employees:read"]
    assert datetime.fromisoformat(site["expires_at"]) < datetime.now(UTC) + timedelta(days=3)
    assert (await world.call("GET", "/employees", made["token"])).status_code == 200
    check_problem(await world.call("GET", "/numbers", made["token"]), 403, "insufficient_scope")

    gone = await world.call("DELETE", f"/tokens/{made['id']}", world.ours.token)
    assert (gone.status_code, gone.content) == (204, b"")
    check_problem(await world.call("GET", "/employees", made["token"]), 401, "unauthenticated")


async def test_no_token_makes_one_that_reaches_further(world: World):
    few = await world.token(world.ours, "tokens:write", "calls:read")
    for scopes in (["employees:read"], []):
        answer = await world.call("POST", "/tokens", few, json={"name": "more", "scopes": scopes})
        check_problem(answer, 403, "forbidden")
    answer = await world.call("POST", "/tokens", few, json={"name": "x", "scopes": ["tenants:write"]})
    check_problem(answer, 422, "invalid")


async def test_tasks_and_deals_have_scopes_of_their_own(world: World):
    reading = await world.token(world.ours, "tasks:read")
    deals = await world.token(world.ours, "deals:read", "plugins:read")
    assert (await world.call("GET", "/tasks", reading)).status_code == 200
    assert (await world.call("GET", "/deals", deals)).status_code == 200
    check_problem(await world.call("GET", "/deals", reading), 403, "insufficient_scope")
    check_problem(await world.call("GET", "/tasks", deals), 403, "insufficient_scope")
    who = {"employee_id": str(world.ours.company.activated.employee.id)}
    back = f"/tasks/{world.ours.ids['task_id']}/call"
    for scopes in (("calls:write",), ("tasks:write",)):
        less = await world.token(world.ours, *scopes)
        assert (await world.call("POST", back, less, json=who)).status_code == 403


async def test_plugins_operations_exist_for_contracts_with_the_plugin(world: World):
    assert (await world.call("GET", "/visits", world.ours.token)).json() == [
        {"company": "ООО «Ромашка»", "note": ""}
    ]
    check_problem(await world.call("GET", "/visits", world.theirs.token), 404, "not_found")
    plugins = (await world.call("GET", "/contract/plugins", world.theirs.token)).json()["items"]
    assert {each["name"] for each in plugins if each["enabled"]} == {"crm"}
    reading = await world.token(world.ours, "plugins:read")
    assert (await world.call("GET", "/visits", reading)).status_code == 200
    answer = await world.call("POST", "/visits", reading, json={"company": "x"})
    check_problem(answer, 403, "insufficient_scope")
    check_problem(
        await world.call("GET", f"/visits/{NOBODY}", reading), 403, "insufficient_scope"
    )  # the handler says itself which scope it needs
    path = f"/tenants/{world.theirs.company.id}/plugins"
    on = await world.call("PUT", f"{path}/queue", world.operator_token)
    assert on.json()["plugins"] == ["crm", "queue"]
    off = await world.call("DELETE", f"{path}/queue", world.operator_token)
    assert off.json()["plugins"] == ["crm"]
    check_problem(await world.call("PUT", f"{path}/none", world.operator_token), 404, "not_found")


async def test_head_and_options(world: World):
    head = await world.call("HEAD", "/employees", world.ours.token)
    assert head.status_code == 200
    options = await world.call("OPTIONS", "/employees")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert "access-control-allow-origin" not in options.headers


async def test_answers_are_not_kept_and_set_no_cookie(world: World):
    answer = await world.call("GET", "/employees", world.ours.token)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert msgspec.json.decode(answer.content)["items"]


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
