"""Every test of routing runs on both cores: the compiled one and its oracle."""

from __future__ import annotations

import pytest

from core.routing.tables import SLOW, Core, the_core
from tests.unit.routing.company import Company


@pytest.fixture(params=[SLOW, the_core], ids=["slow", "fast"])
def core(request: pytest.FixtureRequest) -> Core:
    """One of the cores."""
    return request.param


@pytest.fixture
def company(core: Core) -> Company:
    """An empty company to furnish."""
    return Company(core)
