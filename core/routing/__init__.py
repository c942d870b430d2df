"""Which branch of which scenario handles a call, and who rings: pure functions over a snapshot.

``compile`` turns a snapshot into tables once for each version; ``route`` and ``plan`` read them, the
facts and the live state, and nothing else: no clock, no randomness, no I/O. The same inputs give the
same answer for the running call, a dry run and a replay years later.
"""

from core.routing.compiled import Compilations, Compiled, compile_snapshot
from core.routing.compiled import compile_snapshot as compile  # noqa: A004 - read as routing.compile
from core.routing.decide import plan, route
from core.routing.dryrun import Path, Stage, Unrouted, dry_run, unrouted
from core.routing.extensions import dialable, dialled
from core.routing.replay import Evidence, replay, replay_under
from core.routing.until import closed_until, skipped_until

__all__ = [
    "Compilations",
    "Compiled",
    "Evidence",
    "Path",
    "Stage",
    "Unrouted",
    "closed_until",
    "compile",
    "compile_snapshot",
    "dialable",
    "dialled",
    "dry_run",
    "plan",
    "replay",
    "replay_under",
    "route",
    "skipped_until",
    "unrouted",
]
