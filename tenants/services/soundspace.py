"""How much sound a company keeps, and when what nobody needs any more is deleted.

Files are deleted here and nowhere else, a day after the last row let them go: until then calls play
them, and an upload of the same sound cannot lose it. What a stored snapshot names stays for replays;
snapshots that no call refers to are forgotten before (``tenants.snapshot.prune_all``).
"""

from __future__ import annotations

from uuid import UUID

from core.errors import Invalid
from tenants.db import Database, Session
from tenants.services.uses import lock_references
from tenants.storage import Storage

__all__ = ["FormerSoundsFull", "QuotaExceeded", "SoundSpace", "sweep"]

_DAY = 24 * 3600.0
_OF_FORMER = 2
"""So many times its space a company may have on the disk, with what its rows do not name any more."""

_ROWS = (
    "SELECT (SELECT COALESCE(sum(bytes), 0) FROM uploaded_files)"
    " + (SELECT COALESCE(sum(bytes), 0) FROM media)"
)
_NAMED = (
    "SELECT hash || '.wav' AS name FROM uploaded_files UNION SELECT hash || '.wav' FROM media"
    " UNION SELECT id::text || '.mp3' FROM uploaded_files"
)
_REMEMBERED = (
    "SELECT DISTINCT (each->>'sound') || '.wav' AS name FROM snapshots,"
    " jsonb_array_elements(body->'media') AS each WHERE (each->>'sound') || '.wav' = ANY ($1)"
)


class QuotaExceeded(Invalid):
    """The company's space for sound is full: {megabytes} MB. Delete files that are not used."""

    code = "quota_exceeded"

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self.fields = {"megabytes": megabytes}


class FormerSoundsFull(Invalid):
    """Replaced and deleted sounds that are still kept fill {megabytes} MB. Ask your operator."""

    code = "quota_exceeded"

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self.fields = {"megabytes": megabytes}


class SoundSpace:
    """What each company may keep: ``megabytes`` in rows, and twice that on the disk."""

    def __init__(self, db: Database, storage: Storage, megabytes: int) -> None:
        self._db = db
        self._storage = storage
        self._megabytes = megabytes

    async def check(self, tenant_id: UUID, size: int, instead_of: int = 0) -> None:
        """Whether so many bytes would fit now, before they cost any work. Raises as ``spend``."""
        async with self._db.tenant(tenant_id) as session:
            await self._fit(session, tenant_id, size - instead_of, size)

    async def spend(self, session: Session, tenant_id: UUID, size: int, instead_of: int = 0) -> None:
        """One change of the sum at a time, before the files are put.

        Raises QuotaExceeded, FormerSoundsFull.
        """
        await lock_references(session)
        await self._fit(session, tenant_id, size - instead_of, size)

    async def _fit(self, session: Session, tenant_id: UUID, more: int, written: int) -> None:
        if await session.fetchval(_ROWS) + more > self._megabytes << 20:
            raise QuotaExceeded(self._megabytes)
        most = _OF_FORMER * self._megabytes
        if await self._storage.used(tenant_id) + written > most << 20:
            raise FormerSoundsFull(most)


async def sweep(db: Database, storage: Storage) -> None:
    """Delete what neither a row nor a stored snapshot has named for a day, and what was never finished.

    The files of a company that the database does not know are left alone: it may be the wrong one.
    """
    for tenant_id in await storage.tenants():
        await _sweep(db, storage, tenant_id)


async def _sweep(db: Database, storage: Storage, tenant_id: UUID) -> None:
    await storage.clear(tenant_id, _DAY)
    async with db.tenant(tenant_id) as session:
        if not await session.fetchval("SELECT EXISTS (SELECT FROM contracts)"):
            return
        unnamed = await _unnamed(session, await storage.old(tenant_id, _DAY))
        if not unnamed:
            return
        # Snapshots are many, and are read before anybody has to wait.
        remembered = await session.fetch(_REMEMBERED, list(unnamed))
    unnamed -= {row["name"] for row in remembered}
    async with db.tenant(tenant_id) as session:
        await lock_references(session)
        for name in await _unnamed(session, unnamed & await storage.old(tenant_id, _DAY)):
            await storage.delete(tenant_id, name)


async def _unnamed(session: Session, names: set[str]) -> set[str]:
    return names - {row["name"] for row in await session.fetch(_NAMED)}
