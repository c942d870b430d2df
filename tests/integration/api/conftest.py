"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.settings import DataSettings
from tenants.db import Database
from tests.support.api import World, opened
from tests.support.company import cheap_passwords

__all__ = ["cheap_passwords", "world"]


@pytest.fixture
async def world(
    database: Database, data_settings: DataSettings, cheap_passwords: None
) -> AsyncIterator[World]:
    async with opened(database, data_settings) as found:
        yield found
