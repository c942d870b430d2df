"""Shared by all tests."""

pytest_plugins = ["tests.support.database", "tests.spec_report"]
