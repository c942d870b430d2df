"""The company's sound: uploads, chains, who may do what, and how much may be kept."""

import asyncio
import os
import threading
import time

import msgspec
import pytest

from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.media import clip
from core.media.clip import NotPlayable
from tenants import snapshot as snapshots
from tenants.crosstenant.configuration import configurations
from tenants.services import audit, media
from tenants.services.media import (
    LARGEST_FILE,
    CreateMedia,
    FilePart,
    Library,
    Pause,
    QuotaExceeded,
    UpdateMedia,
    UploadTooLarge,
)
from tenants.services.soundspace import FormerSoundsFull, sweep
from tenants.services.uses import InUse
from tenants.storage import Storage
from tests.support.company import activate, person
from tests.support.sound import mp3, pitches


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "sound")


@pytest.fixture
def library(company, storage):
    return Library(company.db, storage, 500)


async def blocks(content, size=65536):
    for at in range(0, len(content), size):
        yield content[at : at + size]


def kept(tmp_path):
    """Names of all files in the storage, and folders of uploads that did not end."""
    return sorted(path.name for path in (tmp_path / "sound").glob("*/*"))


@pytest.mark.spec("MED-02", at="rule")
async def test_an_uploaded_file_is_kept_with_its_sound(company, library, storage, tmp_path):
    made = await library.upload(company.admin, r"C:\music\Hello.MP3", blocks(mp3()))
    assert (made.name, await library.files(company.admin)) == ("Hello.MP3", [made])
    assert pitches(await library.file_sound(company.admin, made.id))[1] == 440
    assert len(kept(tmp_path)) == 2
    original = await storage.get(company.id, f"{made.id}.mp3")
    assert original.read_bytes() == mp3()
    entry = (await audit.entries(company.db, company.admin))[0]
    assert (entry.action, entry.object_id) == ("file.upload", made.id)


@pytest.mark.spec("MED-03", at="rule")
@pytest.mark.parametrize("name", ["song.wav", "song.mp3.exe", "", "song", "x" * 130 + ".mp3"])
async def test_only_mp3_files_are_accepted_by_name_too(company, library, name):
    with pytest.raises(Invalid) as caught:
        await library.upload(company.admin, name, blocks(mp3()))
    assert set(caught.value.errors) == {"name"}


@pytest.mark.spec("MED-03", at="rule")
async def test_another_file_called_mp3_is_refused_and_leaves_nothing(company, library, tmp_path):
    with pytest.raises(NotPlayable):
        await library.upload(company.admin, "song.mp3", blocks(b"RIFF\0\0\0\0WAVE" + os.urandom(500)))
    assert not kept(tmp_path)
    assert await library.files(company.admin) == []


@pytest.mark.spec("MED-04", at="rule")
async def test_ten_megabytes_are_accepted_and_one_byte_more_is_not(company, library, tmp_path):
    song = mp3()
    tag = b"ID3\x03\0\0" + bytes(
        (n >> shift & 127) for n in [LARGEST_FILE - len(song) - 10] for shift in (21, 14, 7, 0)
    )
    exact = tag + bytes(LARGEST_FILE - len(song) - len(tag)) + song
    assert len(exact) == LARGEST_FILE
    made = await library.upload(company.admin, "exact.mp3", blocks(exact))
    assert made.milliseconds >= 1000
    read = 0

    async def endless():
        nonlocal read
        yield exact
        while True:
            read += 1
            yield b"x"

    with pytest.raises(UploadTooLarge):
        await library.upload(company.admin, "larger.mp3", endless())
    assert read == 1  # nobody waits for the end of what is too much anyway
    assert len(kept(tmp_path)) == 2


@pytest.mark.spec("MED-06", at="rule")
@pytest.mark.spec("MED-07", at="rule")
async def test_a_media_is_a_chain_of_files_and_pauses(company, library):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3(440)))
    high = await library.upload(company.admin, "high.mp3", blocks(mp3(880)))
    chain = (FilePart(high.id), Pause(1500), FilePart(low.id))
    made = await library.create(company.admin, CreateMedia("  Приветствие  ", chain))
    assert (made.name, made.chain, made.version) == ("Приветствие", chain, 1)
    assert abs(made.milliseconds - low.milliseconds - high.milliseconds - 1500) <= 2
    heard = pitches(await library.media_sound(company.admin, made.id))
    assert (heard[1], heard[6], heard[-3]) == (880, 0, 440)
    assert await library.media(company.admin) == [made]


async def test_a_changed_media_sounds_otherwise_and_the_old_sound_stays(company, library):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3(440)))
    high = await library.upload(company.admin, "high.mp3", blocks(mp3(880)))
    made = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id),)))
    before = await library.media_sound(company.admin, made.id)
    changed = await library.update(company.admin, UpdateMedia(made.id, 1, chain=(FilePart(high.id),)))
    assert changed.version == 2
    assert pitches(await library.media_sound(company.admin, made.id))[1] == 880
    assert pitches(before)[1] == 440
    with pytest.raises(Conflict):
        await library.update(company.admin, UpdateMedia(made.id, 1, name="Late"))
    renamed = await library.update(company.admin, UpdateMedia(made.id, 2, name="Melody"))
    assert (renamed.name, renamed.chain) == ("Melody", (FilePart(high.id),))


async def test_a_chain_needs_files_that_are_there_and_a_name_of_its_own(company, library):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3(440)))
    await library.create(company.admin, CreateMedia("Music", (FilePart(low.id),)))
    for name, chain, field in (
        ("Music", (FilePart(low.id),), "name"),
        ("", (FilePart(low.id),), "name"),
        ("Silence", (Pause(1000),), "chain"),
        ("None", (), "chain"),
        ("Long", (FilePart(low.id),) * 51, "chain"),
        ("Gone", (FilePart(new_id()),), "chain"),
    ):
        with pytest.raises(Invalid) as caught:
            await library.create(company.admin, CreateMedia(name, chain))
        assert set(caught.value.errors) == {field}


async def test_a_file_that_a_media_is_made_of_stays(company, library, tmp_path):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3(440)))
    made = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id), Pause(100))))
    with pytest.raises(InUse) as caught:
        await library.delete_file(company.admin, low.id)
    assert "Music" in caught.value.message
    high = await library.upload(company.admin, "high.mp3", blocks(mp3(880)))
    await library.update(company.admin, UpdateMedia(made.id, 1, chain=(FilePart(high.id),)))
    await library.delete_file(company.admin, low.id)
    with pytest.raises(NotFound):
        await library.file(company.admin, low.id)
    assert f"{low.id}.mp3" in kept(tmp_path)  # for a day: the sweeper alone deletes


async def test_a_media_that_a_scenario_plays_stays(company, library):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3(440)))
    made = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id),)))
    async with company.db.tenant(company.id) as session:
        scenario = await session.fetchrow("SELECT id, name, version FROM scenarios")
        naming = "UPDATE scenarios SET version = version + 1 WHERE id = $1"
        await session.execute(
            "INSERT INTO scenario_versions (id, tenant_id, scenario_id, version, body)"
            " SELECT gen_random_uuid(), tenant_id, id, version + 1,"
            " jsonb_build_object('media', $2::text)"
            " FROM scenarios WHERE id = $1",
            scenario["id"],
            str(made.id),
        )
        await session.execute(naming, scenario["id"])
    with pytest.raises(InUse) as caught:
        await library.delete(company.admin, made.id)
    assert [use.name for use in caught.value.uses] == [scenario["name"]]
    async with company.db.tenant(company.id) as session:
        await session.execute("UPDATE scenarios SET version = $1", scenario["version"])
    await library.delete(company.admin, made.id)
    assert await library.media(company.admin) == []


async def test_a_file_that_was_uploaded_twice_is_kept_for_the_other(company, library):
    first = await library.upload(company.admin, "a.mp3", blocks(mp3()))
    second = await library.upload(company.admin, "b.mp3", blocks(mp3()))
    await library.delete_file(company.admin, first.id)
    assert pitches(await library.file_sound(company.admin, second.id))[1] == 440


async def test_a_company_keeps_so_much_and_no_more(company, storage, tmp_path):
    library = Library(company.db, storage, 1)
    uploads = [
        library.upload(company.admin, f"{pitch}.mp3", blocks(mp3(pitch, 4.0)))
        for pitch in (440, 660, 880, 990)
    ]
    results = await asyncio.gather(*uploads, return_exceptions=True)
    refused = [each for each in results if isinstance(each, QuotaExceeded)]
    assert len(refused) == 2  # each takes about 0.4 MB, and they come at once
    assert "1 MB" in refused[0].message
    assert len(kept(tmp_path)) == 4
    await library.delete_file(company.admin, (await library.files(company.admin))[0].id)
    await library.upload(company.admin, "again.mp3", blocks(mp3(550, 4.0)))


async def test_everybody_may_listen_and_administrators_change(company, library):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    made = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id),)))
    employee = person(await company.hire("Борис Кузнецов"), company.id)
    assert await library.media(employee) == [made]
    assert await library.media_sound(employee, made.id)
    for act in (
        library.upload(employee, "x.mp3", blocks(mp3())),
        library.create(employee, CreateMedia("Mine", (FilePart(low.id),))),
        library.update(employee, UpdateMedia(made.id, 1, name="Mine")),
        library.delete_file(employee, low.id),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_nothing_of_another_company_is_heard_or_used(company, library):
    theirs = await activate(company.db, company.issuer, "x@y.example", numbers=("+74952220001",))
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    made = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id),)))
    stranger = theirs.admin if hasattr(theirs, "admin") else person(theirs.employee, theirs.tenant.id)
    assert await library.files(stranger) == await library.media(stranger) == []
    with pytest.raises(NotFound):
        await library.media_sound(stranger, made.id)
    with pytest.raises(Invalid):
        await library.create(stranger, CreateMedia("Stolen", (FilePart(low.id),)))


def test_a_storage_has_no_way_out(tmp_path):
    storage = media.Storage(tmp_path)
    for name in ("../../etc/passwd", "x.wav", "", "a" * 32, "a" * 32 + ".wav/..", "A" * 32 + ".wav"):
        with pytest.raises(ValueError, match="names no file"):
            storage.path(new_id(), name)


# --- bounds, and what is deleted --------------------------------------------------------------------


def aged(tmp_path):
    """All that is kept was kept, or let go, two days ago."""
    for path in (tmp_path / "sound").glob("*/*"):
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)


async def test_a_chain_that_would_be_too_long_is_refused_before_it_is_made(
    company, library, monkeypatch
):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    monkeypatch.setattr(clip, "joined", None)
    chain = (FilePart(low.id),) * 30 + (Pause(60_000),) * 20
    with pytest.raises(Invalid) as caught:
        await library.create(company.admin, CreateMedia("Long", chain))
    assert set(caught.value.errors) == {"chain"}


async def test_nobody_waits_for_a_media_that_is_made(company, library, monkeypatch):
    """No connection and no lock is held meanwhile; what was deleted then is noticed at the end."""
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    begun, goes_on = threading.Event(), threading.Event()
    joined = clip.joined

    def slowly(*arguments):
        begun.set()
        goes_on.wait(30)
        return joined(*arguments)

    monkeypatch.setattr(clip, "joined", slowly)
    making = asyncio.create_task(
        library.create(company.admin, CreateMedia("Music", (FilePart(low.id), Pause(100))))
    )
    try:
        assert await asyncio.to_thread(begun.wait, 30)
        async with company.db.tenant(company.id) as session:
            assert await session.fetchval("SELECT count(*) FROM contracts")
            await session.execute("SELECT FROM contracts FOR UPDATE NOWAIT")
        await library.delete_file(company.admin, low.id)
    finally:
        goes_on.set()
    with pytest.raises(Invalid) as caught:
        await making
    assert set(caught.value.errors) == {"chain"}
    assert await library.media(company.admin) == []


async def test_two_files_are_decoded_at_once_and_no_more(company, library, monkeypatch):
    decoded, running, most = clip.decoded, 0, 0

    async def counted(*arguments):
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await decoded(*arguments)
        finally:
            running -= 1

    monkeypatch.setattr(clip, "decoded", counted)
    uploads = [library.upload(company.admin, f"{n}.mp3", blocks(mp3())) for n in range(5)]
    assert len(await asyncio.gather(*uploads)) == 5
    assert most <= 2


async def test_a_full_company_is_refused_before_its_file_is_read_or_decoded(
    company, storage, monkeypatch
):
    monkeypatch.setattr(clip, "decoded", None)
    with pytest.raises(QuotaExceeded):
        await Library(company.db, storage, 1).upload(company.admin, "a.mp3", blocks(bytes(2 << 20)))

    async def unread():
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(QuotaExceeded):
        await Library(company.db, storage, 0).upload(company.admin, "a.mp3", unread())


async def test_who_may_only_write_is_answered_too(company, library):
    writer = msgspec.structs.replace(company.admin, scopes=frozenset({"media:write"}))
    low = await library.upload(writer, "low.mp3", blocks(mp3()))
    made = await library.create(writer, CreateMedia("Music", (FilePart(low.id),)))
    assert (await library.update(writer, UpdateMedia(made.id, 1, name="Melody"))).name == "Melody"
    with pytest.raises(Forbidden):
        await library.files(writer)


async def test_what_is_still_kept_of_before_has_a_bound(company, storage):
    library = Library(company.db, storage, 1)
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    media = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id), Pause(3000))))
    with pytest.raises(FormerSoundsFull) as caught:
        for version in range(1, 9):  # 0.4 MB each, of which one counts and all are kept
            chain = (FilePart(low.id), Pause(3000 + version * 100))
            await library.update(company.admin, UpdateMedia(media.id, version, chain=chain))
    assert version == 4
    assert "2 MB" in caught.value.message


async def test_the_sweeper_deletes_what_neither_rows_nor_snapshots_name(
    company, library, storage, tmp_path
):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    media = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id), Pause(100))))
    remembered = (await library.media_sound(company.admin, media.id)).name
    (found,) = await configurations(company.db, [company.id])
    await snapshots.store(company.db, snapshots.build(found.tenant, found.rows))
    await library.update(company.admin, UpdateMedia(media.id, 1, chain=(FilePart(low.id), Pause(200))))
    passing = (await library.media_sound(company.admin, media.id)).name
    await library.update(company.admin, UpdateMedia(media.id, 2, chain=(FilePart(low.id), Pause(300))))
    present = (await library.media_sound(company.admin, media.id)).name
    again = await library.upload(company.admin, "again.mp3", blocks(mp3()))
    await library.delete_file(company.admin, again.id)
    everything = kept(tmp_path)
    await sweep(company.db, storage)
    assert kept(tmp_path) == everything  # not yet a day old
    stranger = storage.path(new_id(), "f" * 64 + ".wav")
    stranger.parent.mkdir()
    stranger.write_bytes(b"of a company that this database does not know")
    (tmp_path / "sound" / str(company.id) / "incoming-dead").mkdir()
    aged(tmp_path)
    await sweep(company.db, storage)
    low_sound = (await library.file_sound(company.admin, low.id)).name
    assert set(kept(tmp_path)) == {f"{low.id}.mp3", low_sound, remembered, present, stranger.name}
    assert passing not in kept(tmp_path)


async def test_what_was_just_let_go_stays_for_a_day(company, library, storage, tmp_path):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    media = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id), Pause(100))))
    heard = await library.media_sound(company.admin, media.id)
    aged(tmp_path)
    await library.delete(company.admin, media.id)
    await library.delete_file(company.admin, low.id)
    await sweep(company.db, storage)
    assert heard.exists()
    assert len(kept(tmp_path)) == 3
    aged(tmp_path)
    await sweep(company.db, storage)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("contract", "UPDATE contracts SET off_hours_media = $1::text::uuid"),
        ("contract", "UPDATE contracts SET announcement = $1::text::uuid"),
        *(
            (
                kind,
                f"INSERT INTO {table} (id, tenant_id, name, body)"
                " SELECT gen_random_uuid(), tenant_id, 'It',"
                " jsonb_build_object('greeting', $1::text) FROM contracts",
            )
            for kind, table in (("menu", "menus"), ("extension_list", "extension_lists"))
        ),
    ],
)
async def test_a_media_that_callers_hear_elsewhere_stays(company, library, kind, statement):
    low = await library.upload(company.admin, "low.mp3", blocks(mp3()))
    made = await library.create(company.admin, CreateMedia("Music", (FilePart(low.id),)))
    async with company.db.tenant(company.id) as session:
        await session.execute(statement, str(made.id))
    with pytest.raises(InUse) as caught:
        await library.delete(company.admin, made.id)
    assert [use.kind for use in caught.value.uses] == [kind]
