"""The folder of sounds: what it holds, how old that is, and that unfinished work does not stay."""

import os
import time

import pytest

from core.ids import new_id
from tenants.storage import Storage

DAY = 24 * 3600.0
NAME = "a" * 64 + ".wav"


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path)


def aged(path):
    long_ago = time.time() - 2 * DAY
    os.utime(path, (long_ago, long_ago))


async def kept(storage, tenant, name, content=b"sound"):
    async with storage.incoming(tenant) as folder:
        (folder / "sound").write_bytes(content)
        await storage.sync(folder / "sound")
        await storage.put(tenant, name, folder / "sound")


async def test_it_knows_how_much_each_company_keeps(storage, tmp_path):
    one, other = new_id(), new_id()
    await kept(storage, one, NAME, b"x" * 1000)
    await kept(storage, one, f"{new_id()}.mp3", b"x" * 30)
    await kept(storage, other, NAME, b"x" * 7)
    (tmp_path / "ringback.wav").write_bytes(b"of nobody")
    assert (await storage.used(one), await storage.used(other)) == (1030, 7)
    assert await storage.used(new_id()) == 0
    assert set(await storage.tenants()) == {one, other}


async def test_the_age_of_what_is_let_go_begins_then(storage):
    tenant = new_id()
    await kept(storage, tenant, NAME)
    assert await storage.old(tenant, DAY) == set()
    aged(storage.path(tenant, NAME))
    assert await storage.old(tenant, DAY) == {NAME}
    await storage.let_go(tenant, NAME)
    assert await storage.old(tenant, DAY) == set()
    await storage.let_go(tenant, "b" * 64 + ".wav")


async def test_what_a_process_that_died_had_in_the_making_goes_after_a_day(storage, tmp_path):
    tenant = new_id()
    await kept(storage, tenant, NAME)
    dead, busy = (tmp_path / str(tenant) / f"incoming-{name}" for name in ("dead", "busy"))
    for folder in (dead, busy):
        folder.mkdir()
        (folder / "original").write_bytes(b"half")
    aged(dead)
    await storage.clear(tenant, DAY)
    assert (dead.exists(), busy.exists()) == (False, True)
    assert await storage.get(tenant, NAME)
