"""Room for recordings: what the disk said last, and one that says nothing."""

import threading
from uuid import UUID

import pytest

from core.errors import Unavailable
from core.settings import RecordingSettings
from tenants import recordingroom
from tenants.recordingroom import DiskRoom

COMPANY, CALL = UUID(int=1), UUID(int=2)


class Away:
    """A database that is."""

    def tenant(self, tenant_id):
        raise Unavailable


def room_of(folder, **settings):
    return DiskRoom(Away(), folder, folder / "sound", RecordingSettings(**settings))


async def test_the_disk_says_what_is_free_and_what_calls_have_written(tmp_path):
    source = f"0123456789ab-{CALL}"
    (tmp_path / "pcaps").mkdir()
    for name, size in ((f"{source}-00.pcap", 10), (f"{source}-01.pcap", 5), ("strange.pcap", 7)):
        (tmp_path / "pcaps" / name).write_bytes(bytes(size))
    room = room_of(tmp_path, free_megabytes=0)
    assert await room.look([source, "another"]) == {source: 15}
    assert (room.full(), await room.refuses(COMPANY)) == (False, "")
    assert room.free() > 0
    full = room_of(tmp_path, free_megabytes=1 << 40)
    assert await full.refuses(COMPANY) == "disk_full"
    assert full.full()


@pytest.mark.parametrize("trouble", ["hangs", "is away"])
async def test_a_disk_that_says_nothing_holds_nobody_up(tmp_path, monkeypatch, trouble):
    ended, asked = threading.Event(), []

    def disk_usage(folder):
        asked.append(folder)
        if trouble == "is away":
            raise OSError("stale handle")
        ended.wait(60)

    monkeypatch.setattr(recordingroom.shutil, "disk_usage", disk_usage)
    monkeypatch.setattr(recordingroom, "_PATIENCE", 0.01)
    room = room_of(tmp_path)
    try:
        for _ in range(3):
            assert await room.look(()) == {}
        assert (room.full(), room.free()) == (False, 0)
        assert await room.refuses(COMPANY) == "not_recorded"
        assert len(asked) == (1 if trouble == "hangs" else 3)
    finally:
        ended.set()
