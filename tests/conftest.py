"""Shared by all tests."""

pytest_plugins = ["tests.support.database", "tests.support.instance", "tests.spec_report"]
