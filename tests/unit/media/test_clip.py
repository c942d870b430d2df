"""Clips are made of strangers' files by their content, within bounds, and joined without a seam."""

import asyncio
import os
import random
import subprocess

import pytest

from core.media import clip
from core.media.clip import NotPlayable, TooLong
from tests.support.sound import milliseconds, mp3, pitches, samples


@pytest.fixture
def folder(tmp_path):
    return tmp_path


async def made(folder, content):
    source = folder / "source"
    source.write_bytes(content)
    return await clip.decoded(source, folder / "target.wav")


async def test_an_mp3_file_becomes_even_sound_without_its_tags(folder):
    content = mp3(440, 1.0, "-metadata", "title=A secret title")
    found = await made(folder, content)
    rate, heard = samples(folder / "target.wav")
    assert rate == 48_000
    assert found.milliseconds == milliseconds(folder / "target.wav")
    assert 1000 <= found.milliseconds <= 1100
    assert pitches(folder / "target.wav")[1:3] == [440, 440]
    assert b"secret" not in (folder / "target.wav").read_bytes()
    assert len(heard) == found.milliseconds * 48 or abs(len(heard) - found.milliseconds * 48) < 48


async def test_the_same_file_has_the_same_name(folder):
    first = await made(folder, mp3())
    assert await made(folder, mp3()) == first
    assert (await made(folder, mp3(660))).hash != first.hash


async def test_stereo_and_other_rates_come_out_alike(folder):
    await made(folder, mp3(440, 1.0, "-ac", "2", "-ar", "22050"))
    assert pitches(folder / "target.wav")[1:3] == [440, 440]


@pytest.mark.spec("MED-03", at="rule")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ID3",
        b"\xff\xfb",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"PK\x03\x04" + b"x" * 500,
        b"ID3\x04\0\0\0\0\0\x10" + b"x" * 5000,
        b"#EXTM3U\n/etc/passwd\n",
    ],
)
async def test_what_is_no_mp3_is_refused_by_its_content(folder, content):
    with pytest.raises(NotPlayable):
        await made(folder, content)
    assert not (folder / "target.wav").exists()
    assert [path.name for path in folder.iterdir()] == ["source"]


async def test_a_page_with_a_song_behind_it_is_refused(folder):
    with pytest.raises(NotPlayable):
        await made(folder, b"<html><script>alert(1)</script>" + mp3())


async def test_what_is_damaged_is_refused_or_heard_but_harms_nobody(folder):
    rng = random.Random(4475)
    whole = bytearray(mp3())
    for _ in range(8):
        damaged = bytearray(whole)
        for _ in range(200):
            damaged[rng.randrange(4, len(damaged))] = rng.randrange(256)
        try:
            await made(folder, bytes(damaged))
        except NotPlayable:
            continue
        assert milliseconds(folder / "target.wav") < 2000


async def test_a_file_that_would_fill_the_disk_is_refused(folder, monkeypatch):
    monkeypatch.setattr(clip, "LONGEST", 2)
    with pytest.raises(TooLong):
        await made(folder, mp3(440, 4.0))
    assert [path.name for path in folder.iterdir()] == ["source"]


async def test_a_decoder_that_does_not_end_is_ended(folder, monkeypatch):
    monkeypatch.setattr(clip, "_DECODING", 0.2)
    monkeypatch.setattr(clip, "BOUNDED", ("sh", "-c", "sleep 600"))
    with pytest.raises(NotPlayable):
        await made(folder, mp3())


async def test_a_decoder_opens_nothing_that_a_file_names(folder):
    """A playlist within is no reason to read files of this machine."""
    (folder / "secret.mp3").write_bytes(mp3())
    with pytest.raises(NotPlayable):
        await made(folder, f"ffconcat version 1.0\nfile {folder}/secret.mp3\n".encode())


@pytest.mark.spec("MED-06", at="rule")
async def test_a_chain_is_heard_in_its_order_with_its_pauses(folder):
    low, high = folder / "low.wav", folder / "high.wav"
    (folder / "a").write_bytes(mp3(440))
    (folder / "b").write_bytes(mp3(880))
    first = await clip.decoded(folder / "a", low)
    second = await clip.decoded(folder / "b", high)
    found = await asyncio.to_thread(clip.joined, [high, 1500, low, 500, high], folder / "chain.wav")
    whole = 2 * second.milliseconds + first.milliseconds + 2000
    assert abs(found.milliseconds - whole) <= 2
    heard = [pitch for pitch in pitches(folder / "chain.wav") if pitch in (0, 440, 880)]
    order = [pitch for at, pitch in enumerate(heard) if at == 0 or heard[at - 1] != pitch]
    assert order == [880, 0, 440, 0, 880]


async def test_a_chain_of_a_clip_that_is_gone_leaves_nothing_behind(folder):
    with pytest.raises(FileNotFoundError):
        clip.joined([folder / "gone.wav"], folder / "chain.wav")
    assert not list(folder.iterdir())


def test_a_decoder_is_bounded_and_comes_after_calls():
    told = subprocess.run([*clip.BOUNDED, "nice"], capture_output=True, check=True, text=True)
    assert int(told.stdout) == min(19, os.nice(0) + 10)


async def test_the_size_of_a_clip_follows_from_how_long_it_plays(folder):
    made = await asyncio.to_thread(clip.joined, [1500, 250], folder / "chain.wav")
    assert (folder / "chain.wav").stat().st_size == clip.size(made.milliseconds)
