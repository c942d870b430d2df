"""A page and an API operation."""

from __future__ import annotations

from pathlib import Path

from litestar import get

TEMPLATES = Path(__file__).parent / "templates"


@get("/dummy/visits", sync_to_thread=False)
def page() -> str:
    """Visits, for people."""
    return "visits"


@get("/dummy/visits", sync_to_thread=False)
def operation() -> dict[str, int]:
    """Visits, for programs."""
    return {"visits": 0}
