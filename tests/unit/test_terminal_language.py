"""The shell speaks Russian where the terminal does."""

import pytest

import cli


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "одновременно:"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru_RU.UTF-8"}, "одновременно:"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "C"}, "at once:"),
        ({}, "at once:"),
    ],
)
def test_the_first_variable_that_is_set_decides(environment, words, monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli._words()("at once:") == words
