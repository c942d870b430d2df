"""The way of a call through the blocks of its chain, until one of them settles it."""

from __future__ import annotations

from core.call.ending import CallEnd
from core.call.originate import originate
from core.call.state import CallState
from core.call.verbs import Verbs
from core.contracts import Chain, Dial, HangUp, TaskKind
from core.contributions import Next
from core.library import Prompt, media_id

__all__ = ["follow"]


async def follow(state: CallState, verbs: Verbs) -> CallEnd:
    """Ask where to go and go there; how the call ends. Raises CallRefused, MediaUnavailable."""
    chain = state.surroundings.route(state.record)
    state.options = chain.options
    if not await _begun(state):
        return state.fallback
    if chain.options.greeting is not None:
        await verbs.play(chain.options.greeting)
    await _announce(state, verbs, chain)
    for at, step in enumerate(chain.all_steps):
        state.aftermath.reached(chain, at)
        if isinstance(step, Dial) and not state.surroundings.performs(step):
            await verbs.dial(step)
        elif isinstance(step, HangUp):
            if step.task is not None:  # before the farewell, which the caller may not hear to its end
                verbs.request_task(TaskKind.MISSED, step.task)
            if step.media is not None:
                await verbs.play(step.media)
            verbs.hang_up(step.sip_status)
        elif await state.surroundings.step(verbs, step) is Next.END:
            return state.end or state.fallback
        if state.end is not None:
            return state.end
        if state.gone.done():  # a plugin's step that does not mind being cancelled
            return state.gone.result()
    return state.fallback


async def _begun(state: CallState) -> bool:
    """Open the media; whether the caller is there, who may have to be called first."""
    if state.session is None:
        return await originate(state)
    if state.session.by_info:
        state.media.by_info(None)
    await state.early.open()
    return True


async def _announce(state: CallState, verbs: Verbs, chain: Chain) -> None:
    """Tell a caller that he may be recorded (OPT-04); if he cannot be told he is not recorded."""
    notice = state.surroundings.announcement(state.record, chain)
    if notice is None:
        return
    for media in (notice, media_id(Prompt.ANNOUNCEMENT)):
        if await state.surroundings.clip(media) is not None:
            await verbs.play(media)
            return
    state.recorder.unannounced()
