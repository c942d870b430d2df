"""How the carriers are, written down by the SIP process for everybody else.

Written when it changes, and now and then so that readers know how fresh it is. Nobody's call depends
on it: while the database is away it is not written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from core.trunk.board import TrunkState
from tenants.crosstenant.carriers import note_trunk_states
from tenants.db import Database
from tenants.failures import DATABASE_AWAY

__all__ = ["TrunkStateWriter"]

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
REPEAT_SECONDS = 20.0


class TrunkStateWriter:
    """One for each SIP process; ``read`` gives the states of this moment."""

    def __init__(self, database: Database, read: Callable[[], Sequence[TrunkState]]) -> None:
        self._database = database
        self._read = read
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write from now on."""
        self._task = asyncio.create_task(self._write_always(), name="trunk-states")

    async def close(self) -> None:
        """Write no more; what stands there grows old."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write_always(self) -> None:
        written: list[TrunkState] = []
        written_at = -REPEAT_SECONDS
        while True:
            states = list(self._read())
            late = time.monotonic() - written_at >= REPEAT_SECONDS
            if states and (late or states != written):
                try:
                    await note_trunk_states(self._database, [_row(state) for state in states])
                    written, written_at = states, time.monotonic()
                except DATABASE_AWAY as error:
                    log.warning("trunk_states_not_written", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)


def _row(state: TrunkState) -> tuple[object, ...]:
    return state.trunk_id, state.up, state.registered, state.calls, state.problem
