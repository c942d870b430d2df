"""The journal on a real disk: group commit, torn tails, damage, replay."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tenants.journal import TORN, Journal, Rejected, frame

ROOT = Path(__file__).parents[3]

WRITER = """
import asyncio, sys
from pathlib import Path
from tenants.journal import Journal

async def write():
    journal = Journal(Path(sys.argv[1]), segment_bytes=200_000)
    number = 0
    while True:
        await asyncio.gather(*(journal.append(b"%08d" % (number + i) * 500) for i in range(7)))
        number += 7
        print(number, flush=True)

asyncio.run(write())
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


async def collect(folder) -> list[bytes]:
    records: list[bytes] = []

    async def apply(record: bytes) -> None:
        records.append(record)

    journal = Journal(folder)
    await journal.replay(apply)
    return records


async def test_what_was_appended_is_replayed_once_and_in_order(folder):
    journal = Journal(folder)
    for number in range(5):
        await journal.append(b"record %d" % number)
    assert journal.pending()
    await journal.close()
    assert await collect(folder) == [b"record %d" % number for number in range(5)]
    assert not journal.pending()
    assert await collect(folder) == []


async def test_records_waiting_together_share_one_fsync(folder, monkeypatch):
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), fsync(fd))[1])
    journal = Journal(folder)
    await asyncio.gather(*(journal.append(b"x" * 100) for _ in range(200)))
    await journal.close()
    assert len(synced) <= 6  # folder and one or two batches
    assert len(await collect(folder)) == 200


def kill_while_writing(folder) -> int:
    """How many records a writer had acknowledged when it was killed."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(30)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [line for line in writer.stdout.read().splitlines() if line]
    writer.wait()
    return int(acknowledged[-1])


async def test_kill_in_the_middle_of_writing_loses_nothing_that_was_acknowledged(folder):
    acknowledged = kill_while_writing(folder)
    records = await collect(folder)
    assert len(records) >= acknowledged
    assert records[:acknowledged] == [b"%08d" % number * 500 for number in range(acknowledged)]


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 30])
async def test_a_torn_tail_loses_nothing_before_it(folder, cut):
    journal = Journal(folder)
    await journal.append(b"first")
    await journal.append(b"second")
    await journal.close()
    segment = next(folder.glob("*.journal"))
    with segment.open("ab") as file:
        file.write(frame(b"third record, longer")[:-cut] if cut < 28 else b"\0" * cut)
    assert await collect(folder) == [b"first", b"second"]
    assert [path.suffix for path in folder.iterdir()] == [TORN]


async def test_damage_keeps_the_segment_aside(folder):
    journal = Journal(folder)
    for record in (b"first", b"second", b"third"):
        await journal.append(record)
    await journal.close()
    segment = next(folder.glob("*.journal"))
    data = bytearray(segment.read_bytes())
    data[len(frame(b"first")) + 9] ^= 1
    segment.write_bytes(data)
    assert await collect(folder) == [b"first"]
    assert b"third" in next(folder.glob(f"*{TORN}")).read_bytes()


async def test_a_replay_that_fails_keeps_the_rest(folder):
    journal = Journal(folder)
    for number in range(4):
        await journal.append(b"%d" % number)
    seen: list[bytes] = []

    async def fail_at_two(record: bytes) -> None:
        if record == b"2":
            raise ConnectionError("away")
        seen.append(record)

    with pytest.raises(ConnectionError):
        await journal.replay(fail_at_two)
    await journal.append(b"4")
    await journal.close()
    assert seen == [b"0", b"1"]
    assert await collect(folder) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_rejected_record_stands_aside_and_does_not_block(folder):
    journal = Journal(folder)
    for record in (b"good", b"poison", b"good too"):
        await journal.append(record)
    seen: list[bytes] = []

    async def apply(record: bytes) -> None:
        if record == b"poison":
            raise Rejected("no such tenant")
        seen.append(record)

    await journal.replay(apply)
    assert seen == [b"good", b"good too"]
    assert b"poison" in (folder / "rejected").read_bytes()
    assert not journal.pending()


async def test_appending_while_a_replay_runs(folder):
    journal = Journal(folder)
    await journal.append(b"before")
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: bytes) -> None:
        began.set()
        await go_on.wait()

    replay = asyncio.create_task(journal.replay(slow))
    await began.wait()
    await journal.append(b"during")
    go_on.set()
    await replay
    await journal.close()
    assert await collect(folder) == [b"during"]


async def test_another_process_segment_is_left_alone(folder):
    owner = Journal(folder)
    await owner.append(b"mine")
    assert await collect(folder) == []
    await owner.close()
    assert await collect(folder) == [b"mine"]


async def test_a_disk_that_fails_is_told_and_the_next_segment_is_clean(folder, monkeypatch):
    journal = Journal(folder)
    await journal.append(b"one")
    fsync = os.fsync

    def full(descriptor: int) -> None:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - 2)  # half of it is on the disk
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await journal.append(b"two")
    monkeypatch.setattr(os, "fsync", fsync)
    await journal.append(b"three")
    await journal.close()
    assert await collect(folder) == [b"one", b"three"]
