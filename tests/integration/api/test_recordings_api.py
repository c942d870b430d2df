"""Recordings over the API: in pieces, and only to who may see the call now."""

import pytest

from core.contracts import ContactKind
from core.errors import Forbidden, NotFound
from tenants import tables
from tenants.services import contacts, employees, tokens
from tenants.services.contacts import CreateContact
from tenants.services.employees import CreateEmployee
from tenants.services.recordings import RecordingQuery
from tenants.services.tokens import CreateToken
from tests.support.company import person

SOUND = b"ID3" * 100
EVERYTHING = RecordingQuery()


@pytest.fixture
def path(world):
    return f"/recordings/{world.ours.ids['recording_id']}"


async def get(world, path, token=None, **headers):
    return await world.call("GET", path, token or world.ours.token, headers=headers)


async def listener(world, company, *, answered=False):
    """The actor of an employee who did or did not answer the company's call."""
    made = await employees.create(
        world.database, company.issuer, company.admin, CreateEmployee("Пётр Петров")
    )
    if answered:
        async with world.database.tenant(company.id) as session:
            await session.execute("UPDATE calls SET answered_employee_id = $1", made.id)
    return person(made, company.id)


@pytest.mark.spec("HIS-10", at="rule")
async def test_a_recording_is_found_and_heard_whole(world, path):
    listed = (await get(world, "/recordings")).json()["items"]
    of_call = (await get(world, f"/calls/{world.ours.ids['call_id']}/recordings")).json()
    assert [each["id"] for each in listed] == [world.ours.ids["recording_id"]]
    assert of_call == listed == [(await get(world, path)).json()]
    peaks = (await get(world, f"{path}/peaks")).json()
    assert peaks == {"milliseconds": 1500, "channels": [[1, 2], [3, 4]]}
    heard = await get(world, f"{path}/audio")
    assert (heard.status_code, heard.content) == (200, SOUND)
    assert heard.headers["content-type"] == "audio/mpeg"
    assert heard.headers["cache-control"] == "private, no-store"
    assert heard.headers["accept-ranges"] == "bytes"
    assert heard.headers["content-disposition"].startswith('inline; filename="conversation-2')


async def test_pieces_of_a_recording(world, path):
    for wanted, status, piece, said in (
        ("bytes=0-", 206, slice(0, None), "bytes 0-299/300"),
        ("bytes=10-19", 206, slice(10, 20), "bytes 10-19/300"),
        ("bytes=290-9999", 206, slice(290, None), "bytes 290-299/300"),
        ("bytes=-5", 206, slice(-5, None), "bytes 295-299/300"),
        ("bytes=300-", 416, slice(0, 0), "bytes */300"),
        ("bytes=20-10", 416, slice(0, 0), "bytes */300"),
        ("bytes=-", 200, slice(0, None), None),
        ("bytes=0-1,5-6", 200, slice(0, None), None),
        (f"bytes=0-{'9' * 5000}", 200, slice(0, None), None),
        ("seconds=1-2", 200, slice(0, None), None),
    ):
        answer = await get(world, f"{path}/audio", Range=wanted)
        assert (answer.status_code, answer.content) == (status, SOUND[piece]), wanted
        assert answer.headers.get("content-range") == said, wanted


async def test_every_piece_is_asked_for_anew(world, path):
    """The token goes between two pieces, and so does the recording."""
    made = await tokens.create(
        world.database, world.ours.company.admin, CreateToken("p", ("recordings:read",))
    )
    assert (await get(world, f"{path}/audio", made.token, Range="bytes=0-9")).status_code == 206
    await tokens.revoke(world.database, world.ours.company.admin, made.id)
    assert (await get(world, f"{path}/audio", made.token, Range="bytes=10-19")).status_code == 401
    assert (await world.call("DELETE", path, world.ours.token)).status_code == 204
    assert (await get(world, f"{path}/audio", Range="bytes=20-29")).status_code == 404
    assert (await get(world, path)).json()["state"] == "deleted"
    assert (await world.call("DELETE", path, world.ours.token)).status_code == 404
    async with world.database.tenant(world.ours.company.id):
        entries = await tables.AuditEntry.select(tables.AuditEntry.action)
    done = [entry["action"] for entry in entries if entry["action"].startswith("recording")]
    assert sorted(done) == ["recording.delete", "recording.heard"]


@pytest.mark.spec("HIS-10", at="rule")
async def test_who_may_not_see_the_call_finds_no_recording_of_it(world):
    company, service = world.ours.company, world.context.recordings
    key = (await service.find(company.admin, EVERYTHING)).recordings[0].id
    for answered in (False, True):
        employee = await listener(world, company, answered=answered)
        found = await service.find(employee, EVERYTHING)
        assert [each.id for each in found.recordings] == ([key] if answered else [])
    assert (await service.sound(employee, key)).path.exists()
    with pytest.raises(Forbidden):
        await service.delete(employee, key)
    async with world.database.tenant(company.id) as session:
        await session.execute("UPDATE calls SET answered_employee_id = NULL")
    for refused in (
        service.sound(employee, key),
        service.peaks(employee, key),
        service.get(employee, key),
        service.of_call(employee, (await service.get(company.admin, key)).call_id),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_calls_with_personal_contacts_are_heard_by_administrators_only(world):
    company, service = world.ours.company, world.context.recordings
    key = (await service.find(company.admin, EVERYTHING)).recordings[0].id
    employee = await listener(world, company, answered=True)
    await service.get(employee, key)
    personal = CreateContact("Мама", kind=ContactKind.PERSONAL, numbers=("+79162041833",))
    await contacts.create(world.database, company.admin, personal)
    with pytest.raises(NotFound):
        await service.sound(employee, key)
    assert (await service.find(employee, EVERYTHING)).recordings == ()
    await service.get(company.admin, key)


async def test_recordings_come_in_pages(world):
    company = world.ours.company
    for _ in range(4):
        await world.recording(company, await world.ended(company))
    seen, after = [], ""
    while after is not None:
        page = (await get(world, f"/recordings?limit=2{after and '&after=' + after}")).json()
        seen += [each["id"] for each in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 5
    assert seen == [each["id"] for each in (await get(world, "/recordings")).json()["items"]]


@pytest.mark.spec("SET-03", "SET-04", "NUM-06", at="rule")
async def test_what_is_recorded_is_set_over_the_api(world):
    settings = (await get(world, "/settings")).json()
    wanted = {
        "recording": True,
        "recording_form": "opus",
        "recording_days": 30,
        "recording_pause": True,
    }
    changed = await world.call(
        "PATCH", "/settings", world.ours.token, json=wanted | {"version": settings["version"]}
    )
    assert changed.status_code == 200
    assert wanted.items() <= changed.json().items()
    wrong = {"recording_form": "wav", "recording_days": -1, "version": changed.json()["version"]}
    refused = await world.call("PATCH", "/settings", world.ours.token, json=wrong)
    assert refused.status_code == 422
    number = (await get(world, "/numbers")).json()["items"][0]
    wish = {"records": True, "announces": True, "version": number["version"]}
    path = f"/numbers/{number['id']}"
    changed = await world.call("PATCH", path, world.ours.token, json=wish)
    assert (changed.json()["records"], changed.json()["announces"]) == (True, True)


@pytest.mark.parametrize("wanted", ["bytes=1-", "bytes=00-", "bytes=-299", "bytes=0-"])
async def test_whoever_hears_is_in_the_journal_once_an_hour(world, path, wanted):
    """Whichever piece he begins with."""
    company = world.ours.company
    made = await tokens.create(world.database, company.admin, CreateToken("p", ("recordings:read",)))
    for token in (world.ours.token, made.token):
        for _ in range(2):
            assert (await get(world, f"{path}/audio", token, Range=wanted)).status_code == 206
    async with world.database.tenant(company.id) as session:
        heard = await session.fetch("SELECT actor FROM audit_entries WHERE action = 'recording.heard'")
    assert len(heard) == len({row["actor"] for row in heard}) == 2
