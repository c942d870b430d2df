"""Where keys lead: what a voice menu or the dialling of an extension does with them, for a dry run.

The same as a call does, of which ``plugins/ivr`` is the engine: a key that is not set and one that
repeats or plays something leave the caller in the menu (IVR-07, IVR-08), the others lead out of it.
"""

from __future__ import annotations

from msgspec import Struct

from core.contracts import Addressee, CallFacts, ExtensionList, Step
from core.routing.blocks import Block, Blocks
from core.routing.compiled import Compiled
from core.routing.extensions import dialable, dialled
from core.scenarios import KeyAction, MenuBlock, Otherwise

__all__ = ["Way", "way"]

_END, _CLEAR = "#", "*"
_STAYS = (KeyAction.REPEAT, KeyAction.PLAY)
_TASKS = (KeyAction.MESSAGE, KeyAction.CALLBACK)


class Way(Struct, frozen=True):
    """``used`` are the keys that were pressed here, ``addressee`` is whom they ring; ``goes_on`` says
    whether the next step follows if nobody answers."""

    used: str
    addressee: Addressee | None = None
    goes_on: bool = True


def way(compiled: Compiled, blocks: Blocks, step: Step, facts: CallFacts, keys: str) -> Way | None:
    """Where these keys lead in a step; ``None`` for one in which no key is asked for."""
    block = None if blocks.passed_over(step) else blocks.block(step)
    if block is None:
        return None
    if isinstance(block, MenuBlock):
        return _menu(compiled, blocks, block, facts, keys)
    return _extension(compiled, block, blocks.lists[block.list_id], keys, 0)


def _menu(compiled: Compiled, blocks: Blocks, block: MenuBlock, facts: CallFacts, keys: str) -> Way:
    shown = blocks.menus[block.menu_id]
    for at, key in enumerate(keys):
        chosen = next((each for each in shown.keys if each.key == key), None)
        if chosen is None or chosen.action in _STAYS:
            continue
        used = keys[: at + 1]
        if chosen.action is KeyAction.SKIP:
            return Way(used)
        if chosen.action is KeyAction.FORWARD and chosen.addressee is not None:
            return Way(used, chosen.addressee, _goes_on(block))
        if chosen.action is KeyAction.MENU and shown.level == 1 and chosen.target is not None:
            second = blocks.menus.get(chosen.target)
            if second is not None and second.enabled:
                shown = second
                continue
        if chosen.action is KeyAction.EXTENSIONS and chosen.target in blocks.lists:
            return _extension(compiled, block, blocks.lists[chosen.target], keys, at + 1)
        noted = chosen.action is not KeyAction.CALLBACK or facts.caller is not None  # IVR-16
        return Way(used, None, not (chosen.action in _TASKS and noted) and _goes_on(block))
    return Way(keys, None, _goes_on(block))


def _extension(compiled: Compiled, block: Block, found: ExtensionList, keys: str, start: int) -> Way:
    """As one dials: complete as soon as no longer extension begins so, or with ``#`` (EXT-03)."""
    known = dialable(compiled, found.numbers)
    digits = ""
    for at, key in enumerate(keys[start:], start + 1):
        if key not in (_END, _CLEAR):
            digits += key
            longer = [each for each in known if each.startswith(digits)]
            if longer and longer != [digits]:
                continue
        if key != _CLEAR and (addressee := dialled(compiled, digits, found.numbers)) is not None:
            return Way(keys[:at], addressee, _goes_on(block))
        digits = ""
    return Way(keys, dialled(compiled, digits, found.numbers) if digits else None, _goes_on(block))


def _goes_on(block: Block) -> bool:
    return block.otherwise is Otherwise.NEXT
