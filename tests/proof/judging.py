"""Tests on mutants: one after the other, each in a fork that has pytest and Hypothesis already."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import hypothesis.extra.pytestplugin  # noqa: F401 - what every fork would import otherwise
import pytest
from hypothesis import strategies  # noqa: F401

__all__ = ["noticed"]

SECONDS = 240
"""How long the tests may take with a mutant; one that never ends is noticed."""


def noticed(make: Callable[[], object], arguments: list[str]) -> bool:
    """Whether one of the tests fails, or never ends, once ``make`` has made the mistake."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        make()
        os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--tb=no", *arguments]))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True
