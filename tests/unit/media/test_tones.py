"""The peer's ears and voice: G.711 against another implementation, tones found only where they are."""

import random
import subprocess
from array import array

import pytest

from core.media.g711 import PCMA, PCMU
from core.media.tones import amplitude, heard_seconds, hears, purity, read_wav, tone, write_wav


@pytest.mark.parametrize(("codec", "encoding"), [(PCMA, "a-law"), (PCMU, "u-law")])
def test_every_code_means_what_sox_says(codec, encoding):
    raw = ["-t", "raw", "-r", "8000", "-c", "1"]
    command = ["sox", *raw, "-e", encoding, "-b", "8", "-", *raw, "-e", "signed", "-b", "16", "-"]
    wanted = subprocess.run(command, input=bytes(range(256)), capture_output=True, check=True).stdout
    assert codec.decode(bytes(range(256))) == array("h", wanted)


@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_codes_survive_a_round_trip(codec):
    decoded = codec.decode(bytes(range(256)))
    assert codec.decode(codec.encode(decoded)) == decoded
    steep = [codec.decode(codec.encode([value]))[0] for value in range(-32768, 32768, 97)]
    assert steep == sorted(steep)


@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_a_tone_is_found_after_g711(codec):
    samples = codec.decode(codec.encode(tone(440, 1.0, level=0.2)))
    assert amplitude(samples, 440) == pytest.approx(0.2, abs=0.005)
    assert purity(samples, 440) > 0.99
    assert hears(samples, 440, 1.0)
    assert not hears(samples, 620, 0.1)


def test_silence_noise_and_mixtures_are_no_tone():
    dice = random.Random(1)
    noise = array("h", (dice.randrange(-8000, 8000) for _ in range(8000)))
    both = array("h", map(sum, zip(tone(440), tone(620), strict=True)))
    for samples in (array("h", bytes(16000)), noise, both, array("h")):
        assert heard_seconds(samples, 440) == 0


def test_only_the_time_of_the_tone_counts():
    samples = tone(440, 0.7) + array("h", bytes(8000)) + tone(620, 0.3)
    assert heard_seconds(samples, 440) == pytest.approx(0.7)
    assert heard_seconds(samples, 620) == pytest.approx(0.3)


def test_wav_files_keep_the_samples(tmp_path):
    write_wav(tmp_path / "tone.wav", tone(440))
    assert read_wav(tmp_path / "tone.wav") == tone(440)


@pytest.mark.parametrize("form", [["-b", "16", "-r", "48000"], ["-b", "24", "-r", "8000"]])
def test_other_wav_files_are_refused(tmp_path, form):
    path = tmp_path / "other.wav"
    subprocess.run(["sox", "-n", *form, "-c", "1", path, "trim", "0", "0.1"], check=True)
    with pytest.raises(ValueError, match="wav"):
        read_wav(path)
