"""Fixtures of the services' tests."""

import json

import click
import pytest
import structlog
from click.testing import CliRunner

from core import logs
from core.settings import Settings
from tenants.commands import groups
from tests.support.company import cheap_passwords, company, issuer, throttle, vault

__all__ = ["cheap_passwords", "company", "issuer", "throttle", "vault"]


@pytest.fixture(autouse=True)
def _cheap(cheap_passwords):
    """None of these tests is about the cost of a hash."""


@pytest.fixture
def sunsim(data_settings, monkeypatch):
    """Runs a command on the test's database; returns what it printed, checking the exit code."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)  # pytest has the loggers
    configured = structlog.get_config()
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())  # never stdout
    main = click.Group("sunsim", commands=groups())

    def run(*words, code=0, stdin=None, data=data_settings):
        result = CliRunner().invoke(main, words, obj=Settings(data=data), input=stdin)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    yield run
    structlog.configure(**configured)


@pytest.fixture
def as_json(sunsim):
    def run(*words, **more):
        return json.loads(sunsim(*words, "--json", **more).stdout)

    return run
