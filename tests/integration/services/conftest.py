"""Fixtures of the services' tests."""

import pytest

from tests.support.company import cheap_passwords, company, issuer, throttle, vault

__all__ = ["cheap_passwords", "company", "issuer", "throttle", "vault"]


@pytest.fixture(autouse=True)
def _cheap(cheap_passwords):
    """None of these tests is about the cost of a hash."""
