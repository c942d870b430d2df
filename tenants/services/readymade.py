"""The ready-made library in a company's hands: what there is, and how it sounds (ACC-09, MED-01).

``core.library`` holds it for all companies; every company hears it in its own language.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from msgspec import Struct

from core.errors import NotFound
from core.library import BY_ID, CATALOGUE, OFFERED, Kind, Ready
from core.media.prompts import Prompts
from tenants.db import Database
from tenants.services.actor import Actor, require_scope
from tenants.tables import Contract
from tenants.words import Gettext

__all__ = ["ReadyMade", "ReadyView"]


class ReadyView(Struct, frozen=True):
    """A ready-made media; ``id`` may stand wherever a media is chosen, and is the same for ever.

    ``says`` is what is heard, in the company's language; empty for tones and music. It cannot be heard
    while it is not ``available``, as a package of the system is missing. ``synthesised`` is spoken by a
    machine. ``credit`` names author and licence of music.
    """

    id: UUID
    name: str
    kind: Kind
    title: str
    says: str
    available: bool
    synthesised: bool
    credit: str


class ReadyMade:
    """The library with the clips that are made of it."""

    def __init__(self, db: Database, prompts: Prompts) -> None:
        self._db = db
        self._prompts = prompts

    async def entries(self, actor: Actor, gettext: Gettext) -> list[ReadyView]:
        """All that can be chosen, in its order: by what it is for."""
        async with self._db.tenant(require_scope(actor, "media:read")):
            language = await _language()
        return [self._view(each, language, gettext) for each in CATALOGUE if each.id in OFFERED]

    async def sound(self, actor: Actor, media_id: UUID) -> Path:
        """The clip of an entry, in the company's language. Raises NotFound."""
        async with self._db.tenant(require_scope(actor, "media:read")):
            language = await _language()
        path = await self._prompts.clip(media_id, language) if media_id in OFFERED else None
        if path is None:
            raise NotFound
        return path

    def _view(self, ready: Ready, language: str, gettext: Gettext) -> ReadyView:
        return ReadyView(
            id=ready.id,
            name=ready.name,
            kind=ready.kind,
            title=gettext(ready.title),
            says=ready.says.get(language, ""),
            available=self._prompts.available(ready.id, language),
            synthesised=not BY_ID[ready.id].parts,
            credit=ready.credit,
        )


async def _language() -> str:
    row = await Contract.select(Contract.language).first()
    if row is None:
        raise NotFound
    return str(row["language"])
