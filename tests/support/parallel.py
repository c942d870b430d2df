"""How tests are spread over processes (``pytest -n 4``; `make test` does it).

The tests of a file stay together, in one process: they share what their fixtures made. Those that wait
most, for calls, come first, so that what only computes fills the end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

ORDER = ("tests/e2e", "tests/integration", "tests/unit/routing", "tests/unit")
"""Folders by how long their files take; the others come last."""
PROOFS = (
    "tests/proof/test_mutation.py",
    "tests/unit/routing",
    "tests/proof",
)
"""The same for `make proof`."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring what takes long to the front, if there are several processes."""
    if hasattr(config, "workerinput"):
        order = PROOFS if os.environ.get("SUNSIM_PROOF") == "1" else ORDER
        items.sort(key=lambda item: _place(item.nodeid, order))


def _place(nodeid: str, order: tuple[str, ...]) -> int:
    return next((at for at, folder in enumerate(order) if nodeid.startswith(folder)), len(order))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """One file after the other, in the order in which they were collected."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)
