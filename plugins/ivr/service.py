"""Menus and extension dialling in a running call: what is heard, what is pressed, where it leads.

A key that is pressed while something is heard ends it (barge-in), and so does the caller who leaves.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from uuid import UUID

from plugins.ivr.logic import END, Entry, Patience, action, entered
from sunsim import (
    Addressee,
    AddresseeKind,
    CallVerbs,
    Dial,
    Executor,
    ExtensionBlock,
    ExtensionList,
    KeyAction,
    Menu,
    MenuBlock,
    MenuKey,
    MessageBlock,
    Next,
    Otherwise,
    Prompt,
    TaskKind,
)

__all__ = ["extensions", "menu", "message"]

_BETWEEN_KEYS = 3.0  # seconds until what was dialled counts as complete
_UNTIL_TOLD = 1.0  # seconds without a key after which a wrong extension is said to be one
_MOST_MISTAKES = 10
_MOST_KEYS = 60  # who presses on and on is no person
_CLEAR = "*"


class _Block(Protocol):
    @property
    def otherwise(self) -> Otherwise: ...


async def menu(call: CallVerbs, block: MenuBlock) -> Next:
    """A voice menu; one that is gone or switched off is passed over (IVR-19)."""
    found = call.menu(block.menu_id)
    if found is None or not found.enabled:
        return Next.CONTINUE
    await call.answer()
    call.forget_keys()
    return await _menu(call, block, found)


async def extensions(call: CallVerbs, block: ExtensionBlock) -> Next:
    """Dialling of an extension (MNU-05); a list that is gone is passed over."""
    found = call.extension_list(block.list_id)
    if found is None:
        return Next.CONTINUE
    await call.answer()
    call.forget_keys()
    return await _extension(call, block, found, block.instruction or found.instruction)


async def _menu(call: CallVerbs, block: _Block, shown: Menu) -> Next:
    patience, mistakes = Patience(shown.repeat_seconds, shown.idle_seconds), 0
    say, wait = shown.instruction, patience.seconds
    pressed = 0
    while mistakes < _MOST_MISTAKES and pressed < _MOST_KEYS:
        key = await _pressed(call, say, wait)
        if key is None:
            if wait:
                patience.waited()
            if patience.over:
                break
            say, wait = shown.instruction, patience.seconds
            continue
        patience.renew()
        pressed += 1
        chosen = action(shown, key)
        if chosen is None:
            mistakes += 1
            say, wait = shown.wrong or Prompt.WRONG_KEY, 0.0
        elif chosen.action in (KeyAction.REPEAT, KeyAction.PLAY):
            repeats = chosen.action is KeyAction.REPEAT
            say, wait = (shown.instruction if repeats else chosen.target), patience.seconds
        else:
            return await _follow(call, block, shown, chosen)
    return _leave(call, block)


async def _follow(call: CallVerbs, block: _Block, shown: Menu, chosen: MenuKey) -> Next:
    """Where a key leads that ends the menu."""
    if chosen.action is KeyAction.SKIP:
        return Next.CONTINUE
    if chosen.action in (KeyAction.CALLBACK, KeyAction.MESSAGE):
        return await _task(call, block, chosen)
    if chosen.action is KeyAction.FORWARD and chosen.addressee is not None:
        return await _reach(call, block, chosen.addressee)
    if chosen.action is KeyAction.MENU and chosen.target is not None and shown.level == 1:
        second = call.menu(chosen.target)
        if second is not None and second.enabled:
            return await _menu(call, block, second)
    if chosen.action is KeyAction.EXTENSIONS and chosen.target is not None:
        found = call.extension_list(chosen.target)
        if found is not None:
            return await _extension(call, block, found, found.instruction)
    return _leave(call, block)


async def message(call: CallVerbs, block: MessageBlock) -> Next:
    """A voice message after a greeting (PRC-03); it ends the call."""
    return await _message(call, block.greeting, block.task)


async def _message(call: CallVerbs, greeting: UUID | None, executor: Executor | None) -> Next:
    await call.play(greeting or Prompt.MESSAGE)
    if await call.record_message(executor):
        await call.play(Prompt.MESSAGE_SAVED)
    call.hang_up()
    return Next.END


async def _task(call: CallVerbs, block: _Block, chosen: MenuKey) -> Next:
    """What leaves a task behind (H-21)."""
    if chosen.action is KeyAction.MESSAGE:
        return await _message(call, chosen.target, chosen.executor)
    return await _call_back(call, block, chosen)


async def _call_back(call: CallVerbs, block: _Block, chosen: MenuKey) -> Next:
    """A request to be called back (IVR-16); who hides the number cannot make one."""
    if call.facts.caller is None:
        return _leave(call, block)
    call.request_task(TaskKind.CALLBACK, chosen.executor)
    await call.play(chosen.target or Prompt.CALLBACK)
    call.hang_up()
    return Next.END


async def _extension(call: CallVerbs, block: _Block, found: ExtensionList, chosen: UUID | None) -> Next:
    patience, mistakes, begun = Patience(found.repeat_seconds, found.idle_seconds), 0, 0
    instruction = chosen or Prompt.MENU_EXTENSION  # «стандартная» (EXT-01)
    say: UUID | Prompt = instruction
    wait = patience.seconds
    while mistakes < _MOST_MISTAKES and begun < _MOST_KEYS:
        first = await _pressed(call, say, wait)
        if first is None:
            if wait:
                patience.waited()
            if patience.over:
                break
            say, wait = instruction, patience.seconds
            continue
        patience.renew()
        begun += 1
        digits = await _dialled(call, first, call.dialable(found.numbers))
        if digits:
            return await _reach(call, block, Addressee(AddresseeKind.EXTENSION, digits))
        say, wait = instruction, patience.seconds
        if digits is None:
            mistakes += 1
            say, wait = found.wrong or Prompt.WRONG_EXTENSION, 0.0
    return _leave(call, block)


async def _dialled(call: CallVerbs, first: str, known: frozenset[str]) -> str | None:
    """The extension that the caller dials; ``None`` if there is none such, "" if he begins anew."""
    digits, key = "", first
    while key != END:
        if key == _CLEAR:
            return ""
        digits += key
        match entered(digits, known):
            case Entry.WHOLE:
                return digits
            case Entry.WRONG:
                await _rest(call)
                return None
        following = await _pressed(call, None, _BETWEEN_KEYS)
        if following is None:
            break
        key = following
    return digits if digits in known else None


async def _rest(call: CallVerbs) -> None:
    """Let the caller finish what is wrong already: he dials on until he hears it."""
    for _ in range(_MOST_KEYS):
        if await _pressed(call, None, _UNTIL_TOLD) in (None, END, _CLEAR):
            return


async def _reach(call: CallVerbs, block: _Block, addressee: Addressee) -> Next:
    """Ring; who is not reached counts as nothing pressed (MNU-06)."""
    if await call.dial(Dial((addressee,))):
        return Next.END
    return _leave(call, block)


def _leave(call: CallVerbs, block: _Block) -> Next:
    if block.otherwise is Otherwise.NEXT:
        return Next.CONTINUE
    call.hang_up()
    return Next.END


async def _pressed(call: CallVerbs, media: UUID | Prompt | None, seconds: float) -> str | None:
    """The key that is pressed while a media is heard or in so many seconds after it, if one is."""
    key = asyncio.create_task(call.key())
    hearing = asyncio.create_task(_hear(call, media, seconds))
    try:
        await asyncio.wait({key, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if key.done():
            return key.result()
        await hearing  # says what went wrong, if anything did
        return None
    finally:
        for task in (key, hearing):
            task.cancel()
        await asyncio.gather(key, hearing, return_exceptions=True)


async def _hear(call: CallVerbs, media: UUID | Prompt | None, seconds: float) -> None:
    if media is not None:
        await call.play(media)
    await asyncio.sleep(seconds)
