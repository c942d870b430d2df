"""Recordings become sound once each, whatever dies, and are forgotten in time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import msgspec
import pytest

from core.errors import NotFound
from core.ids import new_id
from core.media.mixdown import SOUND, Job, Result
from core.media.render import NotRendered, RenderingPrevented, TooSlow
from core.media.tones import heard_seconds
from core.recordings import CallRecording, Channel, Part, RecordingKind, Track
from core.settings import RecordingSettings
from tenants import recordings, tables
from tenants.callstore import DatabaseCallStore
from tenants.captures import Captures
from tenants.crosstenant.recordings import recordings_due
from tenants.db import _Connection
from tenants.recordings import MOST_ATTEMPTS, SLOW_ATTEMPTS, RecordingMaker
from tenants.services import failedrecordings
from tenants.services.actor import operator
from tenants.storage import Storage
from tests.integration.directory.conftest import call_of
from tests.rules.source import ROOT
from tests.support.pcaps import decoded, speech, write_pcap
from tests.support.waiting import eventually, until

CODECS = {8: "PCMA/8000"}
PITCH = {4000: 440, 4002: 700}
TRACKS = (Track(Channel.CLIENT, 4000, CODECS), Track(Channel.EMPLOYEE, 4002, CODECS))


@pytest.fixture
def folder(tmp_path):
    for name in ("pcaps", "metadata", "tmp"):
        (tmp_path / "media" / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
async def store(database, tmp_path):
    opened = DatabaseCallStore(database, tmp_path)
    opened.start()
    yield opened
    await opened.close()


def maker(database, folder, **more):
    settings = RecordingSettings(
        **{k: more.pop(k) for k in ("days", "failed_days", "at_once") if k in more}
    )
    storage, captures = Storage(folder / "sound"), Captures(folder / "media")
    return RecordingMaker(database, storage, captures, settings, **more)


async def recorded(store, company, folder, kind=RecordingKind.CONVERSATION, tracks=TRACKS, seconds=1):
    """A call with a recording and its files; returns its record."""
    call, at = call_of(company), time.time() - 10
    source = f"0123456789ab-{call.call_id}"
    said = [p for track in tracks for p in speech(track.port, PITCH[track.port], seconds, at=at)]
    write_pcap(folder / "media" / "pcaps" / f"{source}-00ff.pcap", said)
    (folder / "media" / "metadata" / f"rtpengine-meta-{source}-00ff.txt").write_text("said")
    part = Part(at, at + 1.5, tracks)
    made = CallRecording(new_id(), kind, source, (part,))
    call = msgspec.structs.replace(call, recordings=(made,))
    await store.save(call)
    return call


async def row_of(database, company):
    async with database.tenant(company.id):
        (row,) = await tables.Recording.select()
    return row


async def states(database, company):
    async with database.tenant(company.id):
        return [row["state"] for row in await tables.Recording.select(tables.Recording.state)]


def left(folder):
    return sorted(path.name for path in (folder / "media").glob("*/*"))


def sounds(folder):
    return sorted(path.name for path in (folder / "sound").glob("*/*"))


async def fake(job: Job, folder: Path) -> Result:
    (folder / SOUND).write_bytes(b"sound of " + job.form.encode())
    return Result(1500, 1.0, ((1, 2), (3, 4)), 50)


async def overdue(database, company):
    """What waits for its next attempt need not."""
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE recordings SET retry_at = now() WHERE state = 'waiting'")


async def test_a_recording_is_stored_with_its_call_and_becomes_sound(store, database, company, folder):
    call = await recorded(store, company, folder)
    (wanted,) = call.recordings
    row = await row_of(database, company)
    assert (row["id"], row["call_id"], row["state"]) == (wanted.id, call.call_id, "waiting")
    assert msgspec.json.decode(row["parts"], type=tuple[Part, ...]) == wanted.parts
    assert row["started_at"].timestamp() == pytest.approx(wanted.parts[0].started_at)
    await store.save(call)  # a record may be replayed
    assert await maker(database, folder).work() == 1
    row = await row_of(database, company)
    assert (row["state"], row["form"], row["milliseconds"]) == ("ready", "mp3", 1500)
    (file,) = (folder / "sound").glob("*/*")
    assert file.name == f"{wanted.id}.mp3"
    assert row["bytes"] == file.stat().st_size
    left_side, right_side = decoded(file, 2)
    assert heard_seconds(left_side, 440) >= 0.7
    assert heard_seconds(right_side, 700) >= 0.7
    assert not heard_seconds(left_side, 700)
    assert not heard_seconds(right_side, 440)
    assert [len(each) for each in msgspec.json.decode(row["peaks"])] == [400, 400]
    assert left(folder) == []
    assert await maker(database, folder).work() == 0


async def test_the_form_is_the_companys(store, database, company, folder):
    async with database.tenant(company.id):
        await tables.Contract.update({tables.Contract.recording_form: "opus"}, force=True)
    await recorded(store, company, folder)
    await maker(database, folder, render=fake).work()
    assert sounds(folder)[0].endswith(".ogg")
    assert (await row_of(database, company))["form"] == "ogg"


@pytest.mark.parametrize(("seconds", "state"), [(0.6, "empty"), (1.3, "ready")])
async def test_a_message_in_which_nobody_speaks_is_none(
    store, database, company, folder, seconds, state
):
    alone = (Track(Channel.CLIENT, 4000, CODECS),)
    await recorded(store, company, folder, RecordingKind.MESSAGE, alone, seconds)
    await maker(database, folder).work()
    assert (await row_of(database, company))["state"] == state
    assert bool(sounds(folder)) is (state == "ready")
    assert left(folder) == []


async def test_no_company_sees_anothers(store, database, make_company, folder):
    ours, theirs = await make_company(1), await make_company(2)
    await recorded(store, theirs, folder)
    async with database.tenant(ours.id) as session:
        assert await tables.Recording.select() == []
        await session.execute("UPDATE recordings SET state = 'deleted'")
    assert (await row_of(database, theirs))["state"] == "waiting"


async def test_what_cannot_be_made_is_tried_again_and_then_kept_for_the_operator(
    store, database, company, folder
):
    call = await recorded(store, company, folder)
    file = folder / "media" / "pcaps" / f"{call.recordings[0].source}-00ff.pcap"
    content = file.read_bytes()
    file.unlink()
    for attempt in range(1, MOST_ATTEMPTS):
        await maker(database, folder).work()
        row = await row_of(database, company)
        assert (row["state"], row["attempts"]) == ("waiting", attempt)
        assert "no files" in row["reason"]
        assert await maker(database, folder).work() == 0, "not at once"
        await overdue(database, company)
    await maker(database, folder).work()
    assert (await row_of(database, company))["state"] == "failed"
    file.write_bytes(content)
    old = time.time() - 2 * 24 * 3600
    os.utime(file, (old, old))
    await maker(database, folder, failed_days=3).sweep()
    assert file.exists()
    await maker(database, folder, failed_days=1).sweep()
    assert not file.exists()


def failing(error):
    async def render(job, folder):
        raise error

    return render


class Gate:
    """Makes sound of a company's recordings only once it is ``open``; of others' at once."""

    def __init__(self, *calls):
        self.held = {str(call.call_id) for call in calls}
        self.open = asyncio.Event()
        self.making, self.most, self.made = 0, 0, []

    async def __call__(self, job, folder):
        call_id = job.files[0].partition("0123456789ab-")[2].rpartition("-")[0]
        self.made.append(call_id)
        if call_id in self.held:
            self.making += 1
            self.most = max(self.most, self.making)
            await self.open.wait()
            self.making -= 1
        return await fake(job, folder)


async def test_what_kills_its_maker_is_not_tried_for_ever(store, database, company, folder):
    """Whoever is killed counts the attempt and says nothing."""
    await recorded(store, company, folder)
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE recordings SET attempts = $1", MOST_ATTEMPTS)

    async def kills(job, folder):
        raise AssertionError("tried once more")

    await maker(database, folder, render=kills).work()
    row = await row_of(database, company)
    assert (row["state"], row["reason"]) == ("failed", "its maker died")


async def test_what_takes_too_long_is_tried_twice_only(store, database, company, folder):
    await recorded(store, company, folder)
    works = maker(database, folder, render=failing(TooSlow(problem="too slow")))
    for _ in range(SLOW_ATTEMPTS):
        assert (await row_of(database, company))["state"] == "waiting"
        await works.work()
        await overdue(database, company)
    assert (await row_of(database, company))["state"] == "failed"
    assert len(left(folder)) == 2


@pytest.mark.parametrize("trouble", ["render", "program", "folder", "stopped"])
async def test_troubles_of_the_machine_are_no_attempts(store, database, company, folder, trouble):
    call = await recorded(store, company, folder)
    errors = {
        "render": RenderingPrevented(problem="status 75"),
        "program": FileNotFoundError("nice"),
    }
    works = maker(database, folder, render=failing(errors.get(trouble)))
    if trouble == "stopped":
        works = maker(database, folder, render=(gate := Gate(call)))
    if trouble == "folder":
        (folder / "media").rename(folder / "away")
    for _ in range(MOST_ATTEMPTS + 1):
        if trouble == "stopped":
            gate.made.clear()
            working = asyncio.create_task(works.work())
            await until(lambda: gate.made)
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
        else:
            assert await works.work() == 1
            assert await works.work() == 0, "not at once"
        row = await row_of(database, company)
        assert (row["state"], row["attempts"]) == ("waiting", 0)
        await overdue(database, company)
    if trouble == "folder":
        (folder / "away").rename(folder / "media")
    await maker(database, folder, render=fake).work()
    assert (await row_of(database, company))["state"] == "ready"


async def test_what_fails_again_and_again_keeps_nobody_waiting(store, database, make_company, folder):
    ours, theirs = await make_company(1), await make_company(2)
    bad = await recorded(store, ours, folder)
    order = []

    async def render(job, folder):
        order.append(job.files[0])
        if str(bad.call_id) in job.files[0]:
            raise NotRendered(problem="status 1")
        return await fake(job, folder)

    works = maker(database, folder, render=render)
    await works.work()
    assert len(order) == 1
    good = await recorded(store, theirs, folder)
    async with database.tenant(ours.id) as session:
        await session.execute("UPDATE recordings SET retry_at = now() - interval '1 day'")
    first, second = await recordings_due(database, {}, 1, 10)
    assert (first["tenant_id"], second["tenant_id"]) == (theirs.id, ours.id)
    assert await works.work() == 2
    assert len([each for each in order if str(good.call_id) in each]) == 1


async def test_a_backlog_of_one_company_holds_up_nobody_elses_recording(
    store, database, make_company, folder
):
    ours, theirs = await make_company(1), await make_company(2)
    gate = Gate(*[await recorded(store, ours, folder) for _ in range(4)])
    working = asyncio.create_task(maker(database, folder, render=gate, at_once=2).work())
    await until(lambda: gate.making == 2)
    for _ in range(2):  # while both of the other company are made
        await recorded(store, theirs, folder)
    await eventually(lambda: states(database, theirs), lambda found: found == ["ready"] * 2)
    assert (gate.making, gate.most) == (2, 2)
    gate.open.set()
    assert await working == 6
    assert gate.most == 2
    assert await states(database, ours) == ["ready"] * 4


async def test_several_workers_make_each_recording_once(store, database, company, folder):
    calls = [await recorded(store, company, folder) for _ in range(6)]
    gate = Gate(*calls)
    gate.open.set()
    await asyncio.gather(*(maker(database, folder, render=gate, at_once=2).work() for _ in range(3)))
    assert sorted(gate.made) == sorted(str(call.call_id) for call in calls)
    assert await states(database, company) == ["ready"] * 6


async def test_the_operator_has_failed_ones_tried_anew(store, database, company, folder):
    await recorded(store, company, folder)
    slow = maker(database, folder, render=failing(TooSlow(problem="too slow")))
    for _ in range(SLOW_ATTEMPTS):
        await slow.work()
        await overdue(database, company)
    row = await row_of(database, company)
    (found,) = await failedrecordings.failed(database, operator(), company.id)
    assert (found.id, found.tenant_id) == (row["id"], company.id)
    assert "too slow" in found.reason
    assert await failedrecordings.retry(database, operator(), None, found.id) == (found,)
    with pytest.raises(NotFound):
        await failedrecordings.retry(database, operator(), None, found.id)
    assert await failedrecordings.failed(database, operator(), company.id) == ()
    await maker(database, folder, render=fake).work()
    assert (await row_of(database, company))["state"] == "ready"
    async with database.tenant(company.id):
        entries = await tables.AuditEntry.select(tables.AuditEntry.action)
    assert [e["action"] for e in entries if e["action"].startswith("recording")] == ["recording.retry"]


async def test_what_becomes_ready_during_the_sweep_is_kept(
    store, database, company, folder, monkeypatch
):
    """Whichever question of the sweep to the database comes before that."""
    await recorded(store, company, folder)
    works, sweeping = maker(database, folder, render=fake), maker(database, folder)
    put, old, fetch = works._storage.put, sweeping._storage.old, _Connection.fetch
    stored, asked = asyncio.Event(), asyncio.Event()

    async def put_and_wait(*args):
        await put(*args)
        stored.set()
        await asked.wait()

    async def all_are_old(tenant_id, age):
        return await old(tenant_id, -1.0)

    async def fetch_slowly(session, *args):
        rows = await fetch(session, *args)
        if asyncio.current_task() is not making and not asked.is_set():
            asked.set()
            await making
        return rows

    monkeypatch.setattr(works._storage, "put", put_and_wait)
    monkeypatch.setattr(sweeping._storage, "old", all_are_old)
    making = asyncio.create_task(works.work())
    await stored.wait()
    monkeypatch.setattr(_Connection, "fetch", fetch_slowly)
    await sweeping._sweep_sound(company.id)
    assert len(sounds(folder)) == 1
    assert (await row_of(database, company))["state"] == "ready"


async def test_days_pass_and_recordings_go(store, database, company, folder):
    await recorded(store, company, folder)
    works = maker(database, folder, days=3, render=fake)
    await works.work()
    await works.expire()
    assert (await row_of(database, company))["state"] == "ready"
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE recordings SET started_at = now() - interval '4 days'")
        await tables.Contract.update({tables.Contract.recording_days: 5}, force=True)
    await works.expire()
    assert (await row_of(database, company))["state"] == "ready", "the company's own days count"
    async with database.tenant(company.id):
        await tables.Contract.update({tables.Contract.recording_days: 2}, force=True)
    (file,) = (folder / "sound").glob("*/*")
    os.utime(file, (1, 1))
    await works.expire()
    row = await row_of(database, company)
    assert (row["state"], row["reason"], row["bytes"]) == ("deleted", "retention", 0)
    assert sounds(folder) == []


async def test_what_is_too_much_for_one_statement_goes_in_several(
    store, database, company, make_company, folder, monkeypatch
):
    """And a company for which the database has no answer keeps no other's."""
    monkeypatch.setattr(recordings, "_EXPIRED_AT_ONCE", 2)
    other = await make_company(2, "Лютик")
    for whose in (company, company, company, other):
        await recorded(store, whose, folder)
    making = maker(database, folder, days=3, render=fake)
    await making.work()
    for whose in (company, other):
        async with database.tenant(whose.id) as session:
            await session.execute("UPDATE recordings SET started_at = now() - interval '4 days'")
    expire = making._expire
    asked = []

    async def first_fails(tenant_id):
        asked.append(tenant_id)
        if len(asked) == 1:
            raise asyncpg.QueryCanceledError
        await expire(tenant_id)

    monkeypatch.setattr(making, "_expire", first_fails)
    await making.expire()
    assert len(asked) == 2
    assert "deleted" in {*await states(database, company), *await states(database, other)}
    await making.expire()
    assert await states(database, company) == ["deleted"] * 3
    assert await states(database, other) == ["deleted"]


async def test_what_a_call_without_record_left_is_swept_up_late(database, folder):
    lost = folder / "media" / "pcaps" / f"0123456789ab-{new_id()}-00ff.pcap"
    strange = folder / "media" / "pcaps" / "somebody-elses.pcap"
    for file in (lost, strange):
        file.write_bytes(b"")
        os.utime(file, (time.time() - 2 * 24 * 3600,) * 2)
    await maker(database, folder, failed_days=3).sweep()
    assert lost.exists()
    await maker(database, folder, failed_days=1).sweep()
    assert left(folder) == [strange.name]


async def test_a_name_that_is_none_opens_nothing(folder):
    with pytest.raises(ValueError, match="names no recording"):
        await Captures(folder).of("../../etc/passwd")


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from core.settings import DataSettings, RecordingSettings
from tenants.db import Database
from tenants.captures import Captures
from tenants.recordings import RecordingMaker
from tenants.storage import Storage
from tests.integration.directory.test_recordings import fake

dsn, folder, owner, name = sys.argv[1], Path(sys.argv[2]), *sys.argv[3].split(".")

def die(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    database = await Database.open(DataSettings(dir=folder, dsn=dsn, pool=2))
    works = RecordingMaker(
        database, Storage(folder / "sound"), Captures(folder / "media"), RecordingSettings(),
        render=die if name == "render" else fake, claim_seconds=0.5,
    )
    if name != "render":
        part = works if owner == "maker" else getattr(works, "_" + owner)
        setattr(part, name, die)
    await works.work()

asyncio.run(main())
"""
STEPS = ["maker._try", "maker.render", "storage.put", "maker._settle", "maker._tidy", "captures.delete"]


@pytest.mark.parametrize("step", STEPS)
async def test_a_kill_before_any_step_loses_nothing_and_doubles_nothing(
    store, database, company, folder, owner_dsn, step
):
    await recorded(store, company, folder)
    command = [sys.executable, "-c", DYING, owner_dsn, str(folder), step]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = await asyncio.to_thread(subprocess.run, command, env=environ, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    works = maker(database, folder, render=fake)
    async with asyncio.timeout(60):
        while (row := await row_of(database, company))["state"] != "ready":
            await works.work()
            await asyncio.sleep(0.1)
    assert row["attempts"] == (1 if step in STEPS[-2:] else 2)
    for path in (*(folder / "media").glob("*/*"), *(folder / "sound").glob("*/incoming-*")):
        os.utime(path, (1, 1))
    await works.sweep()
    assert sounds(folder) == [f"{row['id']}.mp3"]
    assert left(folder) == []
