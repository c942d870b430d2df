"""``sunsim media drain|resume``."""

import json

import click
import pytest
from click.testing import CliRunner

from core.library import CATALOGUE
from core.media.drain import drained
from core.media.prompts import Prompts
from core.settings import Address, DataSettings, MediaSettings, Settings
from tenants.commands import media
from tenants.commands.media import group

HERE = Address("192.0.2.5", 2223)


@pytest.fixture
def sunsim(tmp_path):
    settings = Settings(
        data=DataSettings(dir=tmp_path), media=MediaSettings(rtpengine=(HERE, Address("::1", 1)))
    )
    main = click.Group("sunsim", commands=[group])

    def run(*words, code=0):
        result = CliRunner().invoke(main, ["media", *words], obj=settings)
        assert result.exit_code == code, result.output
        return result

    return run


def test_a_server_gets_no_new_calls_until_it_is_resumed(sunsim, tmp_path):
    assert drained(tmp_path / "media") == frozenset()
    assert json.loads(sunsim("drain", str(HERE), "--json").stdout) == {"draining": [str(HERE)]}
    assert drained(tmp_path / "media") == {str(HERE)}
    sunsim("drain", "[::1]:1")
    assert "[::1]:1" in sunsim("resume", str(HERE)).stdout
    assert drained(tmp_path / "media") == {"[::1]:1"}


def test_a_server_that_is_not_ours(sunsim, tmp_path):
    assert "no such server" in sunsim("drain", "192.0.2.9:1", code=3).output
    assert drained(tmp_path / "media") == frozenset()


def test_the_library_is_made_as_far_as_the_packages_go(sunsim, tmp_path, monkeypatch):
    told = ["beep", "goodbye"]
    entries = tuple(each for each in CATALOGUE if each.name in told)
    monkeypatch.setattr(media, "CATALOGUE", entries)
    made = json.loads(sunsim("library", "--json").stdout)
    assert made == {"folder": str(tmp_path / "sound" / "library"), "missing": []}
    assert len(list((tmp_path / "sound" / "library").rglob("*.wav"))) == 4
    monkeypatch.setattr(media, "Prompts", lambda folder: Prompts(folder / "x", tmp_path, tmp_path))
    assert "goodbye (ru), goodbye (en), beep (ru), beep (en)" in sunsim("library").stdout
