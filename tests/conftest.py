"""Shared by all tests."""

import os
import signal

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.database",
    "tests.support.instance",
    "tests.support.parallel",
    "tests.spec_report",
]

# A shell that runs us in the background ignores Ctrl-C for us, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that is busy with something else must not fail a property: no deadline, no complaint about
# slow data. The suite tries the same examples every time; `make proof` looks for new ones.
_BUSY = (HealthCheck.too_slow,)
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=_BUSY)
settings.register_profile(
    "proof", deadline=None, max_examples=1000, suppress_health_check=_BUSY, print_blob=True
)
_PROOF = os.environ.get("SUNSIM_PROOF") == "1"
settings.load_profile("proof" if _PROOF else "suite")


def pytest_collection_modifyitems(items):
    """Long proofs are for `make proof` only."""
    if _PROOF:
        return
    for item in items:
        if item.get_closest_marker("proof"):
            item.add_marker(pytest.mark.skip(reason="a long proof: make proof"))


@pytest.fixture(autouse=True)
def _log_as_before(monkeypatch):
    """A command sets logging up for its process: a test that runs one must leave no logger that way."""
    before, configure = structlog.get_config(), structlog.configure

    def configured(**how):
        configure(**how | {"cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", configured)
    yield
    configure(**before)
    structlog.contextvars.clear_contextvars()
