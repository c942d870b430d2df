"""The ear of the tests knows clips by their sound, after a codec and from any sample on."""

import random
from array import array

import pytest

from core.library import Prompt
from core.media.g711 import PCMA, PCMU
from core.media.tones import tone, write_wav
from tests.support.heard import Hearing, heard, library
from tests.support.sound import samples

SPOKEN = (Prompt.QUEUE_NEXT, Prompt.WRONG_KEY, Prompt.MESSAGE_SAVED, Prompt.GREETING_CONNECTING)


@pytest.fixture(scope="module")
def stage():
    return {}


@pytest.fixture
async def known(stage):
    if not stage:
        stage.update(await library("ru", *SPOKEN, Prompt.HOLD_MUSIC))
    return dict(stage)


def sound(known, *parts, codec=PCMA):
    """Clips by name, of a pair so many seconds, and seconds of silence; as a codec does it."""
    whole = array("h")
    for part in parts:
        if isinstance(part, float):
            whole += array("h", bytes(2 * int(part * 8000)))
            continue
        name, seconds = part if isinstance(part, tuple) else (part, 60)
        whole += samples(known[name])[1][::6][: int(seconds * 8000)]
    noise = random.Random(5)
    return codec.decode(codec.encode([x // 2 + noise.randint(-30, 30) for x in whole]))


@pytest.mark.parametrize("codec", [PCMA, PCMU])
async def test_clips_in_their_order(known, codec):
    said = sound(
        *(known, 0.31, "greeting.connecting", ("wrong.key", 1.0), 0.2, "wrong.key", "queue.next"),
        codec=codec,
    )
    assert heard(said, known) == ["greeting.connecting", "wrong.key", "wrong.key", "queue.next"]


@pytest.mark.parametrize("name", SPOKEN)
@pytest.mark.parametrize("late", [0.1, 0.1013, 0.117])
async def test_each_is_known_from_any_sample_on(known, name, late):
    assert heard(sound(known, late, name), known) == [name]


@pytest.mark.parametrize("lost", [0.5, 1.0])
async def test_a_clip_with_a_hole_is_one_clip(known, lost):
    whole = sound(known, "greeting.connecting")
    hole = array("h", bytes(2 * int(lost * 8000)))
    said = whole[:16_000] + hole + whole[16_000:]
    assert heard(said, known) == ["greeting.connecting"]


async def test_music_counts_once_however_often_it_begins_anew(known):
    said = sound(known, ("music.morning_coffee", 4), ("music.morning_coffee", 4))
    assert heard(said, known) == ["music.morning_coffee"]


async def test_tones_and_clips_of_a_company(known, tmp_path):
    write_wav(tmp_path / "menu.wav", array("h", sound(known, ("queue.next", 3.0))))
    mine = {"menu": tmp_path / "menu.wav", "wrong.key": known["wrong.key"]}
    said = sound(known, ("queue.next", 3.0), ("wrong.key", 2)) + tone(620, 0.5) + tone(440, 0.1)
    assert heard(said, mine, {"anna": 620, "boris": 440}) == ["menu", "wrong.key", "anna"]


async def test_what_is_not_known_is_not_told(known):
    said = sound(known, "queue.next", "message.saved")
    assert heard(said, {"wrong.key": known["wrong.key"]}) == []
    noise = random.Random(6)
    assert heard([noise.randint(-3000, 3000) for _ in range(40_000)], known) == []


async def test_in_pieces_it_is_told_while_it_sounds(known):
    told = []
    hearing = Hearing(known, told.append)
    said = sound(known, "queue.next")
    for at in range(0, 16_000, 160):
        hearing.hear(said[at : at + 160])
    assert told == ["queue.next"], "before its end"
