"""Sound that is sent in pieces (RFC 9110 §14): a player asks for what it needs, and may be refused any
time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.response import Stream

from tenants.services.actor import Actor
from tenants.services.recordings import Recordings

__all__ = ["send"]

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
_BLOCK = 1 << 16
_HEADERS = {
    "accept-ranges": "bytes",
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
}


async def send(
    request: Request[Any, Any, Any], recordings: Recordings, actor: Actor, recording_id: UUID
) -> Response[Any]:
    """A recording, or the piece that the request wants. Raises NotFound."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    sound = await recordings.sound(actor, recording_id)
    size = (await asyncio.to_thread(sound.path.stat)).st_size
    headers = _HEADERS | {"content-disposition": f'inline; filename="{sound.name}"'}
    if asked is None or asked[0] == "bytes=-":  # what we do not understand we may ignore (§14.2)
        first, last, status = 0, size - 1, 200
    else:
        first, last = _wanted(asked, size)
        status = 206
        if first > last:
            headers["content-range"] = f"bytes */{size}"
            return Response(b"", status_code=416, headers=headers, media_type=sound.media_type)
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    headers["content-length"] = str(last - first + 1)
    blocks = _blocks(sound.path, first, last)
    return Stream(blocks, status_code=status, headers=headers, media_type=sound.media_type)


def _wanted(asked: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte; an empty piece if there is none such."""
    if not asked[1]:  # the end, so many bytes
        return max(0, size - int(asked[2])), size - 1
    return int(asked[1]), min(int(asked[2] or size - 1), size - 1)


async def _blocks(path: Path, first: int, last: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (block := await asyncio.to_thread(file.read, min(left, _BLOCK))):
            left -= len(block)
            yield block
