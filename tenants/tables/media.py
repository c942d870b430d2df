"""What a company lets its callers hear."""

from __future__ import annotations

from piccolo.columns import JSONB, BigInt, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import TenantTable

__all__ = ["Media", "UploadedFile"]


class UploadedFile(TenantTable, tablename="uploaded_files"):
    """A file of the tab «Загруженные файлы» (MED-02). ``tenants.storage`` has the file itself as
    ``<id>.mp3`` and the clip that was made of it as ``<hash>.wav``."""

    name = Text(default=None, help_text="As it was called where it came from.")
    bytes = BigInt(default=0, help_text="Of the file and its clip together.")
    milliseconds = Integer(default=0)
    hash = Text(default=None, help_text="SHA-256 of the clip, hex.")
    created_at = Timestamptz(default=TimestamptzNow())


class Media(TenantTable, tablename="media"):
    """A chain of files and pauses under a name [Медиа]; rendered as ``<hash>.wav`` (MED-06)."""

    name = Text(default=None)
    chain = JSONB(default="[]", help_text="List of tenants.services.media.Part.")
    bytes = BigInt(default=0, help_text="Of the rendered clip.")
    milliseconds = Integer(default=0)
    hash = Text(default=None, help_text="SHA-256 of the rendered clip, hex.")
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)
