"""Logs are lines that programs read, and hold no secrets."""

import json
import logging
from uuid import UUID

import pytest
import structlog

from core.contracts import CarrierAccount
from core.logs import configure
from core.settings import LogSettings


@pytest.fixture
def lines(capsys):
    before = logging.getLogger().handlers[:], logging.getLogger().level
    configured = structlog.get_config()  # loggers that are bound already share its processors
    yield lambda: capsys.readouterr().err
    logging.getLogger().handlers[:], logging.getLogger().level = before
    structlog.configure(**configured)
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


@pytest.mark.parametrize("level", ["info", "warning"])
def test_both_kinds_of_loggers_keep_to_the_level(lines, level):
    configure(LogSettings(json=True, level=level), "sip")
    structlog.get_logger("x").info("ours")
    logging.getLogger("x").info("theirs")
    structlog.get_logger("x").warning("ours too")
    logging.getLogger("x").warning("theirs too")
    written = [json.loads(line)["event"] for line in lines().splitlines()]
    quiet = [] if level == "warning" else ["ours", "theirs"]
    assert written == [*quiet, "ours too", "theirs too"]


def test_any_value_is_a_line_and_a_struct_hides_what_its_repr_hides(lines):
    configure(LogSettings(json=True), "sip")
    account = CarrierAccount("login", "canary-password")
    structlog.get_logger("x").info("odd", account=account, many=[account], what=UUID(int=1))
    written = lines()
    assert "canary" not in written
    said = json.loads(written)
    assert said["account"] == "CarrierAccount('login')"
    assert said["what"] == repr(UUID(int=1))


def test_half_a_surrogate_pair_is_written(lines):
    configure(LogSettings(json=True), "sip")
    structlog.get_logger("x").info("odd", name="\ud800")
    assert json.loads(lines())["name"] == "\ud800"
