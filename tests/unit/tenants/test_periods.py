"""Extra periods as people write them."""

from __future__ import annotations

import pytest

from core.hours import PeriodKind
from tenants.services.periods import Period, shown, stored


@pytest.mark.parametrize("year", ["0001", "0999", "2026", "9998"])
def test_a_period_is_shown_as_it_was_given(year):
    given = Period(PeriodKind.UNAVAILABLE, f"{year}-01-02T03:04", f"{year}-12-31T00:00")
    assert shown(stored((given,))) == (given,)
