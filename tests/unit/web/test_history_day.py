"""Which day the addresses of the history's page speak of."""

from datetime import UTC, datetime
from types import SimpleNamespace

from web.controllers.history import _View

NOW = datetime(2026, 3, 2, 23, 58, tzinfo=UTC)


def view(**asked):
    request = SimpleNamespace(query_params=asked)
    page = SimpleNamespace(today=lambda: NOW)
    return _View(request, None, None, page)


def test_a_page_that_is_opened_before_midnight_goes_on_after_it():
    older = view().url(after="cursor", **{"from": "50"})
    assert "day=2026-03-02" in older
    assert "day=2026-03-02" in view(after="cursor", day="2026-03-02").card_url("1")


def test_without_a_cursor_the_page_opens_on_today():
    assert view().url() == "/history"
    assert view(day="2026-03-01").url() == "/history?day=2026-03-01"


def test_a_count_that_no_page_wrote_is_none():
    assert view(**{"from": "50"}).skipped == 50
    assert [view(**{"from": text}).skipped for text in ("x", "9" * 5000, "²", "")] == [0] * 4
