"""What a benchmark says: one JSON object on stdout, and everything else on stderr."""

from __future__ import annotations

import json
from typing import Any

from core.logs import configure
from core.settings import LogSettings

__all__ = ["begin", "show"]


def begin(name: str) -> None:
    """Before anything else in ``main``: the lines of our log go to stderr, the important ones only."""
    configure(LogSettings(level="warning"), name)


def show(figures: dict[str, Any]) -> None:
    """Print the figures."""
    print(json.dumps(figures, ensure_ascii=False, indent=2))
