"""A voice message: the caller alone is recorded, after a beep, until he or we have enough (PRC-03).

It ends with the key ``#``, with silence, at its longest, or when he hangs up; what was said until then
is kept in each case, and somebody is to hear of it. One in which nobody says anything is none.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from core.call.recording import Recorder
from core.call.state import CallState
from core.contracts import Executor, TaskKind
from core.contributions import CallVerbs
from core.library import Prompt

__all__ = ["take_message"]

_END = "#"
_GLANCE = 0.5
_SHORTEST = 1.0  # seconds in which something is heard
_SETTLING = 2.0  # seconds that the end of a call may wait for the media server


async def take_message(
    state: CallState, verbs: CallVerbs, executor: Executor | None, *, seconds: float, silence: float
) -> bool:
    """Have the caller speak; whether he said anything. Seconds count from the beep."""
    recorder, kept = state.recorder, None
    if not await recorder.begin_message():  # those who could have heard it hear that he called
        recorder.parted()
        state.aftermath.request(TaskKind.MISSED, executor)
        return False
    try:
        await verbs.play(Prompt.BEEP)
        verbs.forget_keys()
        await _until_said(state, verbs, seconds, silence)
    finally:
        kept = await _settle(recorder)
        if kept is not None:
            state.aftermath.request(TaskKind.MESSAGE, executor, kept)
    return kept is not None


async def _until_said(state: CallState, verbs: CallVerbs, seconds: float, silence: float) -> None:
    ends = {
        asyncio.create_task(_pressed(verbs)),
        asyncio.create_task(_silent(state, silence)),
    }
    try:
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _pressed(verbs: CallVerbs) -> None:
    while await verbs.key() != _END:
        pass


async def _silent(state: CallState, seconds: float) -> None:
    began = state.record.now()
    while True:
        await asyncio.sleep(_GLANCE)
        await state.media.whole()
        last = (await state.recorder.loudness()).last
        if state.record.now() - max(began, last or 0.0) >= seconds:
            return


async def _settle(recorder: Recorder) -> UUID | None:
    """The recording, if there is anything in it. Its file is whole once the server has stopped."""
    recorder.parted()
    settling = asyncio.create_task(recorder.settled())
    await asyncio.wait({settling}, timeout=_SETTLING)
    settling.cancel()
    heard = (await recorder.loudness()).seconds
    return recorder.end_message(keep=heard >= _SHORTEST)
