"""What was recorded of calls (``core.recordings``), and the sound that was made of it."""

from __future__ import annotations

from enum import StrEnum

from piccolo.columns import JSONB, UUID, BigInt, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import TenantTable

__all__ = ["Recording", "RecordingState"]


class RecordingState(StrEnum):
    """What has become of a recording."""

    WAITING = "waiting"  # the sound is not made yet
    READY = "ready"
    EMPTY = "empty"  # a message in which nobody said anything
    FAILED = "failed"  # no sound could be made
    DELETED = "deleted"


class Recording(TenantTable, tablename="recordings"):
    """One recording, written with its call; ``tenants.storage`` has the sound as ``<id>.<form>``."""

    call_id = UUID(default=None)
    kind = Text(default=None, help_text="core.recordings.RecordingKind.")
    source = Text(default=None, help_text="How the names of the recorded files begin.")
    parts = JSONB(default="[]", help_text="List of core.recordings.Part.")
    started_at = Timestamptz(default=None)
    state = Text(default=RecordingState.WAITING)
    attempts = Integer(default=0, help_text="How often the sound was tried to be made.")
    retry_at = Timestamptz(default=TimestamptzNow(), help_text="Nobody tries before.")
    reason = Text(default="", help_text="Why it failed, or why it is deleted.")
    form = Text(default="", help_text="Ending of the file's name.")
    bytes = BigInt(default=0, help_text="Of the sound, as long as it is kept.")
    milliseconds = Integer(default=0)
    peaks = JSONB(default="[]", help_text="core.media.mixdown.Result.peaks.")
    ready_at = Timestamptz(default=None, null=True)
