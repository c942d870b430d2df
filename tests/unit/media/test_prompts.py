"""Prompts are found by name and language and converted once."""

import subprocess
import wave

import pytest

from core.errors import MediaUnavailable
from core.media.prompts import Prompts


@pytest.fixture
def packages(tmp_path):
    for name in ("ru_RU_f_Voice/beep", "ru_RU_f_Voice/digits/5", "en_US_f_Voice/beep"):
        path = tmp_path / "packages" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [
            "sox",
            "-n",
            "-r",
            "8000",
            "-c",
            "1",
            "-b",
            "16",
            path,
            "synth",
            "0.2",
            "sine",
            "440",
        ]
        subprocess.run(command, check=True)
    return tmp_path / "packages"


@pytest.fixture
def prompts(tmp_path, packages):
    return Prompts(tmp_path / "kept", packages)


async def test_the_original_serves_until_it_is_converted(prompts, packages, tmp_path):
    assert prompts.find("digits/5", "ru") == packages / "ru_RU_f_Voice/digits/5.wav"
    ready = await prompts.prepare("digits/5", "ru")
    assert ready == tmp_path / "kept/ru/digits/5.wav"
    assert prompts.find("digits/5", "ru") == ready
    with wave.open(str(ready), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48000, 1, 2)
        assert file.getnframes() == pytest.approx(48000 * 0.2, rel=0.02)
    made = ready.stat().st_mtime_ns
    assert await prompts.prepare("digits/5", "ru") == ready
    assert ready.stat().st_mtime_ns == made
    assert [path.name for path in ready.parent.iterdir()] == ["5.wav"]


@pytest.mark.parametrize(
    ("name", "language"),
    [("nothing", "ru"), ("beep", "de"), ("../ru_RU_f_Voice/beep", "ru"), ("beep", "../ru"), ("", "ru")],
)
async def test_there_is_no_such_prompt(prompts, name, language):
    assert prompts.find(name, language) is None
    assert await prompts.prepare(name, language) is None


async def test_a_broken_file_is_no_prompt(prompts, packages, tmp_path):
    (packages / "ru_RU_f_Voice/beep.wav").write_bytes(b"broken")
    with pytest.raises(MediaUnavailable):
        await prompts.prepare("beep", "ru")
    assert list((tmp_path / "kept/ru").iterdir()) == []


def test_the_debian_packages_speak_both_languages(tmp_path):
    prompts = Prompts(tmp_path)
    assert prompts.find("beep", "ru") != prompts.find("beep", "en")
    assert prompts.find("digits/5", "ru") is not None
