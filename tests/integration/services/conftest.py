"""Fixtures of the services' tests."""

from tests.support.company import company, issuer, throttle, vault

__all__ = ["company", "issuer", "throttle", "vault"]
