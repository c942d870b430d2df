"""Voice menus and extension dialling: off, gone, silent, no way out, keys that lead to nothing.

A *way out* leads from a menu to people or to a machine that listens: a key that forwards, takes a
message or a request, lets an extension be dialled, goes on to the next block, or to a menu that has
one; or silence, where the next block follows. What only plays or repeats is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from core.contracts import Branch, Chain, Dial, Menu
from core.library import BY_ID
from core.routing.blocks import reachable_menus
from core.routing.check.chains import Chains
from core.routing.check.findings import Code, Finding, Place, Severity
from core.routing.check.moments import Moments
from core.routing.check.people import People
from core.routing.check.survey import Survey
from core.routing.extensions import dialable, dialled
from core.scenarios import ExtensionBlock, KeyAction, MenuBlock, MenuKey, Otherwise, PluginStep

__all__ = ["menus"]

_LEADS_OUT = frozenset(
    {
        KeyAction.FORWARD,
        KeyAction.EXTENSIONS,
        KeyAction.MESSAGE,  # these two, if anything serves them: else they are dead
        KeyAction.CALLBACK,
        KeyAction.SKIP,
    }
)


def menus(survey: Survey, people: People, chains: Chains) -> Iterator[Finding]:
    """What is wrong with the menus and lists that a scenario uses."""
    for branch, off_hours, chain in survey.chains():
        for index in chains.possible(chain):
            step = chain.all_steps[index]
            if isinstance(step, PluginStep) and chains.has(step) and chains.is_block(step):
                yield from _Used(survey, people, chains, branch, off_hours, index).found(step)


class _Used:
    """A menu or a list in its place of a chain."""

    def __init__(
        self,
        survey: Survey,
        people: People,
        chains: Chains,
        branch: Branch,
        off_hours: bool,
        index: int,
    ) -> None:
        self._survey, self._people, self._chains = survey, people, chains
        self._chain: Chain = (branch.off_hours if off_hours else None) or branch.chain
        self._index = index
        self._reach = survey.reach(branch, off_hours)
        self._place = survey.place(branch, off_hours, index)
        self._branch, self._off_hours = branch, off_hours
        self._goes_on = index + 1 < len(self._chain.all_steps)

    def found(self, step: PluginStep) -> Iterator[Finding]:
        """Everything about the block."""
        block = self._chains.block(step)
        if isinstance(block, ExtensionBlock):
            yield from self._list(block.list_id, self._place)
        elif block is None or (menu := self._chains.menus.get(block.menu_id)) is None:
            yield self._finding(Code.MENU_GONE, Severity.ERROR, self._place)
        elif not menu.enabled:
            place = replace(self._place, menu_id=menu.id)
            yield self._finding(Code.MENU_OFF, Severity.ERROR, place)
        else:
            yield from self._menu(menu, block)

    def _menu(self, first: Menu, block: MenuBlock) -> Iterator[Finding]:
        used = reachable_menus(self._chains.menus, first.id)
        dead = {
            (menu.id, key.key): reason
            for menu in used
            for key in menu.keys
            if (reason := self._why_dead(key))
        }
        silence = block.otherwise is Otherwise.NEXT and self._goes_on
        if not silence:
            for menu in _without_way_out(used, set(dead)):
                place = replace(self._place, menu_id=menu.id)
                yield self._finding(Code.MENU_NO_WAY_OUT, Severity.WARNING, place)
        for menu in used:
            if menu.instruction is None:
                place = replace(self._place, menu_id=menu.id)
                yield self._finding(Code.MENU_SILENT, Severity.WARNING, place)
            for key in menu.keys:
                place = replace(self._place, menu_id=menu.id, key=key.key)
                if reason := dead.get((menu.id, key.key)):
                    yield self._finding(
                        *(Code.KEY_DEAD, Severity.WARNING, place),
                        action=key.action.value,
                        reason=reason,
                    )
                elif key.action is KeyAction.EXTENSIONS and key.target:
                    yield from self._list(key.target, place)
                elif missing := self._reach & self._nobody(key):
                    yield self._survey.finding(
                        Code.KEY_NOBODY_AT_TIMES,
                        Severity.WARNING,
                        place,
                        moments=missing,
                        witness=self._survey.witness(self._branch, self._off_hours, missing),
                    )

    def _nobody(self, key: MenuKey) -> Moments:
        """When a key leads to nobody although it is pressed."""
        if dial := _dial(key):
            return self._survey.year.all & ~self._people.step(dial)
        if key.action is KeyAction.SKIP:
            return self._chains.unattended(self._chain, self._index + 1)
        return 0

    def _why_dead(self, key: MenuKey) -> str | None:
        """Why a key never leads to anything, or ``None`` if it does."""
        if key.action is KeyAction.FORWARD:
            return self._why_nobody(_dial(key))
        if key.action is KeyAction.MENU:
            menu = self._chains.menus.get(key.target) if key.target else None
            return "gone" if menu is None else None if menu.enabled else "off"
        if key.action is KeyAction.SKIP:
            return None if self._goes_on else "no_next_block"
        if not self._chains.serves(key):
            return "not_served"
        known: Mapping[UUID, object] = {}
        if key.action is KeyAction.EXTENSIONS:
            known = self._chains.lists
        elif key.action is KeyAction.PLAY:
            known = {media.id: media for media in self._survey.year.snapshot.media} | dict(BY_ID)
        else:
            return None
        return None if key.target in known else "gone"

    def _why_nobody(self, dial: Dial | None) -> str | None:
        if dial is None:
            return "unset"
        return None if self._people.step(dial) else self._people.why_never(dial, 0).value

    def _list(self, list_id: UUID, place: Place) -> Iterator[Finding]:
        found = self._chains.lists.get(list_id)
        if found is None:
            yield self._finding(Code.LIST_GONE, Severity.ERROR, place)
            return
        place = replace(place, list_id=list_id)
        compiled = self._survey.year.compiled
        if not dialable(compiled, found.numbers):
            yield self._finding(Code.LIST_EMPTY, Severity.WARNING, place)
        for ref in found.numbers or ():
            if ref not in compiled.owners:
                yield self._finding(Code.EXTENSION_GONE, Severity.WARNING, place, ref=ref)
            elif dialled(compiled, ref) is None:
                yield self._finding(Code.EXTENSION_FORBIDDEN, Severity.WARNING, place, ref=ref)

    def _finding(self, code: Code, severity: Severity, place: Place, **data: Any) -> Finding:
        return self._survey.finding(code, severity, place, **data)


def _dial(key: MenuKey) -> Dial | None:
    if key.action is not KeyAction.FORWARD or key.addressee is None:
        return None
    return Dial((key.addressee,))


def _without_way_out(used: list[Menu], dead: set[tuple[UUID, str]]) -> Iterator[Menu]:
    """Of the menus that lead to each other those from which no key leads out."""
    out: set[UUID] = set()
    while True:
        more = {
            menu.id
            for menu in used
            if menu.id not in out
            and any(_leads_out(key, out) for key in menu.keys if (menu.id, key.key) not in dead)
        }
        if not more:
            break
        out |= more
    yield from (menu for menu in used if menu.id not in out)


def _leads_out(key: MenuKey, out: set[UUID]) -> bool:
    if key.action is KeyAction.MENU:
        return key.target in out
    return key.action in _LEADS_OUT
