"""Every test of routing runs on both cores: the compiled one and its oracle."""

from __future__ import annotations

import pytest

from core import _fastroute, _slowroute
from core.routing.compiled import TableMaker
from tests.unit.routing.company import Company


@pytest.fixture(params=[_slowroute, _fastroute], ids=["slow", "fast"])
def make(request: pytest.FixtureRequest) -> TableMaker:
    """Makes the tables of one of the cores."""
    return request.param.Table


@pytest.fixture
def company(make: TableMaker) -> Company:
    """An empty company to furnish."""
    return Company(make)
