"""What the worker repeats for the services: it finishes what a crash left half done."""

from __future__ import annotations

from tenants.crosstenant.calls import purge_commands
from tenants.crosstenant.credentials import purge_sessions
from tenants.db import Database
from tenants.jobs import Chore
from tenants.recordings import RecordingMaker
from tenants.services import lines, trunks
from tenants.services.lines import LineIssuer
from tenants.services.soundspace import sweep
from tenants.snapshot import prune_all
from tenants.storage import Storage

__all__ = ["chores"]

_DAY = 24 * 3600


def chores(
    db: Database, issuer: LineIssuer, storage: Storage, recordings: RecordingMaker
) -> tuple[Chore, ...]:
    """For ``tenants.jobs.run_worker``. The first run of each is at the start."""
    return (
        Chore("lines.renew", _DAY, lambda: lines.renew_digests(db, issuer)),
        Chore("trunks.reseal", _DAY, lambda: trunks.reseal(db, issuer.vault)),
        Chore("lines.activate", 10, lambda: lines.activate_all_pending(db, issuer)),
        Chore("commands.purge", 3600, lambda: purge_commands(db)),
        Chore("sessions.purge", 3600, lambda: purge_sessions(db)),
        Chore("snapshots.prune", _DAY, lambda: prune_all(db)),
        Chore("sounds.sweep", _DAY, lambda: sweep(db, storage)),
        Chore("recordings.make", 2, recordings.work),
        Chore("recordings.count", 60, recordings.count),
        Chore("recordings.expire", 3600, recordings.expire),
    )
