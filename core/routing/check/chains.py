"""What a chain does for a caller who presses no key: who rings when, and how it ends otherwise.

    step                           what follows it for such a caller
    -----------------------------  ------------------------------------------------------------
    forwarding                     the next step, as nobody is taken to answer
    «Завершить вызов»              nothing
    voice menu, extension dialling as its ``otherwise`` says; one that is off or gone is passed over
    voice message                  nothing: the call is taken
    step of another plugin         unknown: the call is taken, and perhaps goes on
    step of no plugin of the       the next step
    contract

A call is *unattended* if it was forwarded and nobody rang, or if nothing at all was done for it. One
that is ended, recorded or left to a menu without a forwarding is as its owner wants it (PRC-02).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from core.contracts import Chain, Dial, ExtensionList, HangUp, Menu, PluginStep, Step
from core.routing.check.moments import Moments
from core.routing.check.people import People, Rings
from core.routing.check.year import Year
from core.scenarios import (
    EXTENSIONS,
    MENU,
    MESSAGE,
    ExtensionBlock,
    KeyAction,
    MenuBlock,
    Otherwise,
)

__all__ = ["Chains", "Course", "reachable_menus"]

Block = MenuBlock | ExtensionBlock


class Course(NamedTuple):
    """What a chain, or the rest of one, does. ``attended`` if something else than a forwarding takes
    the call; ``answers`` if a machine does, so that the call is connected and not just ended."""

    rings: Rings
    attended: bool
    answers: bool


class Chains:
    """The chains of one company."""

    def __init__(self, year: Year, people: People) -> None:
        self._year = year
        self._people = people
        self.menus: dict[UUID, Menu] = {menu.id: menu for menu in year.snapshot.menus}
        self.lists: dict[UUID, ExtensionList] = {
            each.id: each for each in year.snapshot.extension_lists
        }
        self._steps: dict[int, Rings] = {}
        self._courses: dict[tuple[int, int], Course] = {}

    def rings(self, step: Dial) -> Rings:
        """When a forwarding of a scenario rings anybody."""
        # The snapshot keeps its steps alive, so their identities cannot be taken over by others.
        found = self._steps.get(id(step))
        if found is None:
            found = self._steps[id(step)] = self._people.step(step)
        return found

    def course(self, chain: Chain, start: int = 0) -> Course:
        """What the chain does from one of its steps on."""
        found = self._courses.get((id(chain), start))
        if found is None:
            found = self._courses[id(chain), start] = self._walked(chain.all_steps, start)
        return found

    def has(self, step: PluginStep) -> bool:
        """Whether the contract has the plugin of a step; otherwise calls pass it over."""
        return step.name.partition(".")[0] in self._year.snapshot.plugins

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

    def usable(self, step: PluginStep) -> bool:
        """Whether a menu or extension dialling is there and on (IVR-19)."""
        block = self.block(step)
        if isinstance(block, MenuBlock):
            menu = self.menus.get(block.menu_id)
            return menu is not None and menu.enabled
        return block is not None and block.list_id in self.lists

    def _walked(self, steps: Sequence[Step], start: int) -> Course:
        somebody, own = 0, dict[int, Moments]()
        dialled = attended = answers = offered = False
        for step in self._on_the_way(steps[start:]):
            if isinstance(step, Dial):
                dialled = True
                rings = self.rings(step)
                somebody |= rings.somebody
                for digits, moments in rings.own.items():
                    own[digits] = own.get(digits, 0) | moments
            elif isinstance(step, HangUp):
                attended |= not dialled
            elif self.block(step) is None:
                attended = answers = True
            else:
                offered = answers = True
                attended |= self._ends(step)
        attended |= offered and not dialled
        return Course(Rings(somebody, own), attended, answers)

    def possible(self, chain: Chain) -> list[int]:
        """The steps, by index, that some caller may get to, whatever he presses."""
        found: list[int] = []
        for index, step in enumerate(chain.all_steps):
            found.append(index)
            if isinstance(step, HangUp) or (
                self._works(step) and self._ends(step) and not self._skips(step)
            ):
                break
        return found

    def _on_the_way(self, steps: Sequence[Step]) -> Iterator[Step]:
        """The steps that do something, up to the one that ends the call of an idle caller."""
        for step in steps:
            if self._works(step):
                yield step
                if isinstance(step, HangUp) or self._ends(step):
                    return

    def _works(self, step: Step) -> bool:
        """Whether a step is not just passed over."""
        if not isinstance(step, PluginStep):
            return True
        return self.has(step) and (not self.is_block(step) or self.usable(step))

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

    def _ends(self, step: Step) -> bool:
        block = self.block(step)
        if block is not None:
            return block.otherwise is Otherwise.HANG_UP
        return isinstance(step, PluginStep) and step.name == MESSAGE


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
