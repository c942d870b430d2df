"""What a call does with the steps of plugins: which are executed, which end it, which are passed over.

A step is passed over if its plugin is not in the contract, if no plugin registered it, or if the menu
or list that it names is gone or off (IVR-19). The scenario check and the dry run ask here alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from core.contracts import Chain, ExtensionList, HangUp, Menu, PluginStep, Snapshot, Step
from core.scenarios import (
    EXTENSIONS,
    MENU,
    MESSAGE,
    QUEUE,
    ExtensionBlock,
    KeyAction,
    MenuBlock,
    MenuKey,
    Otherwise,
    performer,
)

__all__ = ["STEPS", "Block", "Blocks", "PassedOver", "reachable_menus"]

STEPS: Final = frozenset({MENU, EXTENSIONS, QUEUE})
"""The steps that built-in plugins register; who has a ``Host`` gives the names of all."""

Block = MenuBlock | ExtensionBlock


class PassedOver(StrEnum):
    """Why a call passes a step over."""

    NO_PLUGIN = "no_plugin"  # the contract has not the plugin
    NO_STEP = "no_step"  # no plugin registered a step of this name
    GONE = "gone"  # the menu or list is deleted, or the settings cannot be read
    OFF = "off"  # the menu is not switched on


class Blocks:
    """The plugins' steps of one company; ``steps`` are the names that plugins registered."""

    def __init__(self, snapshot: Snapshot, steps: Set[str] = STEPS) -> None:
        self._plugins = snapshot.plugins
        self._registered = steps
        self.menus: dict[UUID, Menu] = {menu.id: menu for menu in snapshot.menus}
        self.lists: dict[UUID, ExtensionList] = {each.id: each for each in snapshot.extension_lists}

    def passed_over(self, step: Step) -> PassedOver | None:
        """Why calls pass a step over; ``None`` if they do not. A forwarding whose queue nobody serves
        is not: it rings (``has``)."""
        if not isinstance(step, PluginStep):
            return None
        return self._lacks(step) or (self._unusable(step) if self.is_block(step) else None)

    def has(self, step: Step) -> bool:
        """Whether a plugin of the contract executes a step, whatever its settings are."""
        return self._lacks(step) is None and performer(step) is not None

    def _lacks(self, step: Step) -> PassedOver | None:
        """Why no plugin executes it; ``None`` also for what the core does."""
        name = performer(step)
        if name is not None and name.partition(".")[0] not in self._plugins:
            return PassedOver.NO_PLUGIN
        return None if name is None or name in self._registered else PassedOver.NO_STEP

    def is_block(self, step: Step) -> bool:
        """Whether a step is a menu or extension dialling, readable or not."""
        return isinstance(step, PluginStep) and step.name in _BLOCKS

    def block(self, step: Step) -> Block | None:
        """The settings of a menu or of extension dialling; ``None`` for what has no such settings."""
        kind = _BLOCKS.get(step.name) if isinstance(step, PluginStep) else None
        if kind is None or not isinstance(step, PluginStep):
            return None
        try:
            return msgspec.convert(step.config, kind)
        except msgspec.ValidationError:
            return None

    def serves(self, key: MenuKey) -> bool:
        """Whether a key does what it says: who takes messages takes requests to be called back, too."""
        requests = key.action in (KeyAction.MESSAGE, KeyAction.CALLBACK)
        return not requests or MESSAGE in self._registered

    def possible(self, chain: Chain) -> list[int]:
        """The steps, by index, that some caller may get to, whatever he presses."""
        found: list[int] = []
        for index, step in enumerate(chain.all_steps):
            found.append(index)
            if not self.goes_on(step):
                break
        return found

    def goes_on(self, step: Step) -> bool:
        """Whether some caller gets beyond a step, by silence or by a key."""
        return not self.ends(step) or self._skips(step)

    def ends(self, step: Step) -> bool:
        """Whether nothing follows a step for a caller who presses no key."""
        if isinstance(step, HangUp):
            return True
        if not isinstance(step, PluginStep) or self.passed_over(step):
            return False
        block = self.block(step)
        if block is not None:
            return block.otherwise is Otherwise.HANG_UP
        return step.name == MESSAGE

    def _unusable(self, step: PluginStep) -> PassedOver | None:
        block = self.block(step)
        if isinstance(block, MenuBlock):
            menu = self.menus.get(block.menu_id)
            return PassedOver.GONE if menu is None else None if menu.enabled else PassedOver.OFF
        known = block is not None and block.list_id in self.lists
        return None if known else PassedOver.GONE

    def _skips(self, step: Step) -> bool:
        """Whether a key of the menu leads to the next block all the same (IVR-18)."""
        block = self.block(step)
        if not isinstance(block, MenuBlock):
            return False
        return any(
            key.action is KeyAction.SKIP
            for menu in reachable_menus(self.menus, block.menu_id)
            for key in menu.keys
        )


def reachable_menus(menus: Mapping[UUID, Menu], first: UUID | None) -> list[Menu]:
    """The menu and those that its keys lead to, at any depth; each once, only those that are on."""
    found: dict[UUID, Menu] = {}
    waiting = [first]
    while waiting:
        menu = menus.get(key) if (key := waiting.pop()) else None
        if menu is not None and menu.enabled and menu.id not in found:
            found[menu.id] = menu
            waiting += [each.target for each in menu.keys if each.action is KeyAction.MENU]
    return list(found.values())


_BLOCKS: dict[str, type[Block]] = {MENU: MenuBlock, EXTENSIONS: ExtensionBlock}
