"""Logs are lines that programs read, and hold no secrets."""

import json
import logging

import pytest
import structlog

from core.logs import configure
from core.settings import LogSettings


@pytest.fixture
def lines(capsys):
    before = logging.getLogger().handlers[:], logging.getLogger().level
    yield lambda: capsys.readouterr().err
    logging.getLogger().handlers[:], logging.getLogger().level = before
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_and_local_variables_stay_out(lines, as_json):
    configure(LogSettings(json=as_json), "test")
    log = structlog.get_logger("x")

    def fail(hunter2="canary-local"):
        raise ValueError("broken")

    try:
        fail()
    except ValueError:
        log.exception("failed", password="canary-field")
    written = lines()
    assert "canary" not in written
    assert "broken" in written


def test_context_stands_on_every_line_as_json(lines):
    configure(LogSettings(json=True), "sip")
    with structlog.contextvars.bound_contextvars(call="c1", tenant="t1"):
        structlog.get_logger("x").info("call.started", direction="incoming")
    logging.getLogger("library").warning("hello %s", "there")
    first, second = map(json.loads, lines().splitlines())
    assert first["event"] == "call.started"
    assert (first["call"], first["tenant"], first["process"]) == ("c1", "t1", "sip")
    assert second["event"] == "hello there"
