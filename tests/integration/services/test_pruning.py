"""Configurations that nobody can ask for any more are forgotten, and what they alone have named."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from msgspec.structs import replace

from core.contracts import Attempt, Cdr, Direction, Media, Outcome
from core.ids import new_id
from tenants import snapshot as snapshots
from tenants.callstore import DatabaseCallStore
from tenants.services import decisions
from tenants.services.soundspace import sweep
from tenants.storage import Storage

DAYS_AGO = {1: 40, 2: 30, 3: 20, 4: 9, 5: 6, 6: 0}
"""When each version began; 4 was in force a week ago, and 3 was the same as 1."""
OLD = "0" * 64


@pytest.fixture
async def stored(company):
    """Six versions of the company's configuration, by number; the first one had a sound of its own."""
    base = await decisions.present_snapshot(company.db, company.id)
    made = {
        number: snapshots.sealed(replace(base, version=number, name=f"{1 if number == 3 else number}"))
        for number in DAYS_AGO
    }
    sound = Media(new_id(), "Старое", OLD)
    made[2] = snapshots.sealed(replace(made[2], media=(sound,)))
    for number, days in DAYS_AGO.items():
        await snapshots.store(company.db, made[number])
        async with company.db.tenant(company.id) as session:
            began = datetime.now(UTC) - timedelta(days=days, hours=1)
            for table in ("snapshot_versions", "snapshots"):
                await session.execute(
                    f"UPDATE {table} SET created_at = $2 WHERE version = $1", number, began
                )
    return made


async def versions(company) -> list[int]:
    async with company.db.tenant(company.id) as session:
        rows = await session.fetch("SELECT version FROM snapshot_versions ORDER BY version")
        hashes = {row["hash"] for row in await session.fetch("SELECT hash FROM snapshots")}
        known = {row["hash"] for row in await session.fetch("SELECT hash FROM snapshot_versions")}
    assert hashes == known
    return [row["version"] for row in rows]


async def called(company, digest: str, folder, *attempts: Attempt) -> None:
    store = DatabaseCallStore(company.db, folder)
    store.start()
    await store.save(
        Cdr(
            *(new_id(), company.id, Direction.INCOMING, None, "+74951234567", Outcome.NO_ANSWER, 480),
            started_at=1e9,
            ended_at=1e9,
            ended_by="system",
            snapshot_hash=digest,
            attempts=attempts,
        )
    )
    await store.close()


async def test_what_was_followed_a_week_ago_and_no_call_refers_to_is_forgotten(company, stored):
    await snapshots.prune_all(company.db)
    assert await versions(company) == [4, 5, 6]
    await snapshots.prune_all(company.db)
    assert await versions(company) == [4, 5, 6]
    await snapshots.store(company.db, replace(stored[1], version=7))  # it comes back
    assert await versions(company) == [4, 5, 6, 7]


async def test_what_a_call_refers_to_stays_with_all_its_versions(company, stored, tmp_path):
    await called(company, stored[1].hash, tmp_path)
    await snapshots.prune_all(company.db)
    assert await versions(company) == [1, 3, 4, 5, 6]


async def test_what_a_caller_who_waited_was_tried_under_stays_too(company, stored, tmp_path):
    await called(
        company, stored[1].hash, tmp_path, Attempt(1e9), Attempt(1e9, None, None, None, stored[2].hash)
    )
    await called(company, stored[6].hash, tmp_path)
    await snapshots.prune_all(company.db)
    assert await versions(company) == [1, 2, 3, 4, 5, 6]


async def test_many_calls_are_looked_through_in_several_turns(company, stored, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "_CALLS_AT_ONCE", 1)
    monkeypatch.setattr(snapshots, "_SNAPSHOTS_AT_ONCE", 1)
    await called(company, stored[6].hash, tmp_path)
    await called(company, stored[5].hash, tmp_path, Attempt(1e9, None, None, None, stored[2].hash))
    await called(company, stored[6].hash, tmp_path)
    await snapshots.prune_all(company.db)
    assert await versions(company) == [2, 4, 5, 6]


async def test_one_company_that_is_too_much_keeps_no_other_one(company, stored, monkeypatch):
    prune, asked = snapshots.prune, []

    async def first_fails(db, tenant_id, before):
        asked.append(tenant_id)
        if len(asked) == 1:
            raise asyncpg.QueryCanceledError
        return await prune(db, tenant_id, before)

    async def two(*_):
        return [new_id(), company.id]

    monkeypatch.setattr(snapshots, "prune", first_fails)
    monkeypatch.setattr(snapshots, "tenants_with_former_snapshots", two)
    await snapshots.prune_all(company.db)
    assert await versions(company) == [4, 5, 6]


async def test_a_sound_that_only_they_have_named_goes(company, stored, tmp_path):
    storage = Storage(tmp_path / "sound")
    async with storage.incoming(company.id) as folder:
        (folder / "made").write_bytes(b"RIFF")
        await storage.put(company.id, f"{OLD}.wav", folder / "made")
    path = storage.path(company.id, f"{OLD}.wav")
    os.utime(path, (1e9, 1e9))
    await sweep(company.db, storage)
    assert path.exists()
    await snapshots.prune_all(company.db)
    await sweep(company.db, storage)
    assert not path.exists()
