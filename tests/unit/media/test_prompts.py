"""The ready-made library is found in the packages, levelled, joined and kept."""

import asyncio
import math
import shutil
import wave
from array import array

import pytest

from core.library import BY_ID, CATALOGUE, LANGUAGES, Kind, Prompt, media_id, sequence
from core.media.prompts import Prompts
from core.media.tones import tone, write_wav
from tenants import sounds
from tenants.storage import Storage
from tests.support.instance import LIBRARY
from tests.support.sound import milliseconds, samples


@pytest.fixture
def packages(tmp_path):
    """A Russian voice that whistles, loudly or softly, and one melody with silence around it."""
    folder = tmp_path / "packages"
    for name, level in (("beep", 0.9), ("vm-sorry", 0.05), ("vm-msgsaved", 0.3), ("vm-goodbye", 0.3)):
        path = folder / "sounds" / "ru_RU_f_Voice" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, tone(440, 0.5, level))
    (folder / "moh").mkdir()
    quiet = array("h", bytes(2 * 8000))
    write_wav(folder / "moh" / "manolo_camp-morning_coffee.wav", quiet + tone(600, 2.0) + quiet)
    return folder


@pytest.fixture
def prompts(tmp_path, packages):
    return Prompts(tmp_path / "kept", packages, tmp_path / "voices")


def loudness(path):
    """Root mean square in dB of what is not silence, and the peak."""
    _, heard = samples(path)
    loud = [x for x in heard if abs(x) > 50]
    level = math.sqrt(sum(x * x for x in loud) / len(loud))
    return 20 * math.log10(level / 32768), 20 * math.log10(max(map(abs, heard)) / 32768)


async def test_a_prompt_is_48_khz_of_one_loudness_and_made_once(prompts):
    loud = await prompts.clip(media_id(Prompt.BEEP), "ru")
    soft = await prompts.clip(media_id(Prompt.WRONG_KEY), "ru")
    with wave.open(str(loud), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48000, 1, 2)
        assert file.getnframes() == pytest.approx(24000, rel=0.02)
    for path in (loud, soft):
        level, peak = loudness(path)
        assert level == pytest.approx(-20, abs=1)
        assert peak < -1.5
    assert milliseconds(soft) == pytest.approx(500 + 2 * 120, abs=20), "room around speech"
    made = loud.stat().st_mtime_ns
    assert await prompts.clip(media_id(Prompt.BEEP), "ru") == loud
    assert loud.stat().st_mtime_ns == made


async def test_parts_are_joined_with_their_pauses(prompts):
    path = await prompts.clip(media_id(Prompt.MESSAGE_SAVED), "ru")
    assert milliseconds(path) == pytest.approx(120 + 500 + 250 + 500 + 120, abs=30)


async def test_music_begins_and_ends_with_sound_as_it_is_played_in_a_loop(prompts):
    path = await prompts.clip(media_id(Prompt.HOLD_MUSIC), "ru")
    assert milliseconds(path) == pytest.approx(2000, abs=60)
    assert loudness(path)[0] == pytest.approx(-26, abs=1)


async def test_many_who_want_it_at_once_wait_for_one_making_that_one_of_them_may_leave(prompts):
    first = asyncio.create_task(prompts.clip(media_id(Prompt.BEEP), "ru"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(prompts.clip(media_id(Prompt.BEEP), "ru")) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    paths = await asyncio.gather(*others)
    assert len(set(paths)) == 1
    assert paths[0].is_file()
    assert [path.name for path in paths[0].parent.iterdir()] == [paths[0].name], "nothing is left over"


async def test_what_the_packages_do_not_have_is_not_available_and_fails_nothing(prompts, packages):
    for media, language in (
        (media_id(Prompt.GOODBYE), "en"),
        (media_id(Prompt.ANNOUNCEMENT), "ru"),
        (media_id(Prompt.HOLD_MUSIC), "fr"),
        (media_id("no such entry"), "ru"),
    ):
        assert not prompts.available(media, language)
        assert await prompts.clip(media, language) is None
    (packages / "sounds" / "ru_RU_f_Voice" / "vm-goodbye.wav").write_bytes(b"RIFF, but no sound")
    assert prompts.available(media_id(Prompt.GOODBYE), "ru")
    assert await prompts.clip(media_id(Prompt.GOODBYE), "ru") is None


def test_ids_are_the_same_for_ever_and_those_of_no_row():
    assert len(BY_ID) == len(CATALOGUE)
    assert str(media_id(Prompt.BEEP)) == "3aa1b97a-ee35-8d96-be19-d9a7c079e20e"
    for each in CATALOGUE:
        assert (each.id.version, each.id.variant) == (8, "specified in RFC 4122")
    assert {media_id(prompt) for prompt in Prompt} <= BY_ID.keys()


@pytest.mark.spec("ACC-09", at="rule")
def test_every_sentence_has_its_text_in_both_languages():
    for each in CATALOGUE:
        if each.kind not in (Kind.PART, Kind.TONE, Kind.MUSIC):
            assert set(each.says) == set(LANGUAGES), each.name
            assert not each.parts or set(each.parts) == set(LANGUAGES), each.name


@pytest.mark.spec("ACC-09", at="rule")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_packages_of_this_machine_have_the_whole_library(tmp_path, language):
    prompts = Prompts(tmp_path)
    for each in CATALOGUE:
        assert prompts.available(each.id, language) == each.speaks(language), each.name


def names(*numbers, language):
    return [BY_ID[each].name for each in sequence(Prompt.QUEUE_PLACE, *numbers, language)]


def test_the_place_in_the_queue_in_words():
    assert names(1, language="ru") == ["queue.next"]
    assert names(3, language="ru") == ["queue.place", "number.3"]
    assert names(40, language="ru") == ["queue.place", "number.40"]
    assert names(21, language="en") == ["queue.place", "number.20", "number.1", "queue.place.end"]
    assert names(100, language="ru") == ["queue.busy"]
    assert sequence(Prompt.BEEP, None, "ru") == (media_id(Prompt.BEEP),)
    with pytest.raises(ValueError, match="says no number"):
        sequence(Prompt.BEEP, 1, "ru")


@pytest.mark.skipif(not shutil.which("text2wave"), reason="festival is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_nobody_recorded_is_spoken(tmp_path, language):
    path = await Prompts(tmp_path).clip(media_id(Prompt.ANNOUNCEMENT), language)
    assert 1500 < milliseconds(path) < 6000
    level, peak = loudness(path)
    assert -24 < level < -17
    assert peak < -1.5


@pytest.mark.proof  # makes the whole library
@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_of_the_library_sounds_broken(language):
    prompts = Prompts(LIBRARY)
    for each in CATALOGUE:
        if not each.speaks(language):
            continue
        path = await prompts.clip(each.id, language)
        rate, heard = samples(path)
        few = heard[::8][: 60 * rate // 8]
        level = math.sqrt(sum(x * x for x in few if abs(x) > 50) / len(few))
        music = each.kind is Kind.MUSIC
        assert -32 < 20 * math.log10(level / 32768) < -16, each.name
        assert max(map(abs, heard)) < 27_000, (each.name, "clipped, or louder than -1.7 dB")
        assert (30 if music else 0.25) < len(heard) / rate < 400, each.name
        for end in (heard[:48], heard[-48:]):  # a millisecond
            assert max(map(abs, end)) < 2000, (each.name, "begins or ends in the middle of a sound")


async def test_who_waits_too_long_for_a_clip_goes_on_without_it(tmp_path, monkeypatch):
    class Slow(Prompts):
        async def clip(self, media, language):
            await asyncio.sleep(60)

    monkeypatch.setattr(sounds, "_PATIENCE", 0.01)
    here = sounds.SoundFiles(Storage(tmp_path), tmp_path / "ringback.wav", Slow(tmp_path))
    assert await here.ready(media_id(Prompt.BEEP), "ru") is None
