"""What the demo company's second number shows: greeting, menu, queue, recording; all of the library."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.library import Prompt, media_id
from core.scenarios import (
    MENU,
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    HangUp,
    KeyAction,
    MenuKey,
    Options,
    PluginStep,
    Queue,
)
from tenants.db import Database
from tenants.services import company_settings, menus, numbers, scenarios
from tenants.services.actor import Actor
from tenants.services.company_settings import UpdateSettings
from tenants.services.employees import EmployeeView
from tenants.services.menus import CreateMenu
from tenants.services.numbers import UpdateNumber
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.scenarios import CreateScenario

__all__ = ["GREETING", "MENU_KEY", "show"]

GREETING = Prompt.GREETING
MENU_KEY = "0"
"""What the menu's instruction asks to press."""

_NAME = "Меню и очередь"
_UNTOUCHED = 1


async def show(db: Database, here: Actor, operators: Sequence[EmployeeView]) -> None:
    """Have the last number handled so, once; one that somebody has changed since stays as it is."""
    number = (await numbers.numbers(db, here))[-1]
    if number.version != _UNTOUCHED:
        return
    settings = await company_settings.get(db, here)
    if not settings.recording:
        await company_settings.update(db, here, UpdateSettings(settings.version, recording=True))
    scenario_id = await _scenario(db, here, await _menu(db, here), operators)
    await numbers.update(db, here, UpdateNumber(number.id, number.version, scenario_id=scenario_id))


async def _menu(db: Database, here: Actor) -> UUID:
    made = next((menu for menu in await menus.menus(db, here) if menu.name == _NAME), None)
    if made is None:
        keys = (MenuKey(MENU_KEY, KeyAction.SKIP), MenuKey("*", KeyAction.REPEAT))
        instruction = media_id(Prompt.MENU_OPERATOR)
        command = CreateMenu(
            _NAME, keys, instruction=instruction, repeat_seconds=7, idle_seconds=20, enabled=True
        )
        made = await menus.create(db, here, command)
    return made.id


async def _scenario(
    db: Database, here: Actor, menu_id: UUID, operators: Sequence[EmployeeView]
) -> UUID:
    there = await scenarios.scenarios(db, here)
    made = next((scenario for scenario in there if scenario.name == _NAME), None)
    if made is None:
        people = tuple(Addressee(AddresseeKind.EMPLOYEE, str(each.id)) for each in operators)
        queue = Queue(seconds=300, media=media_id(Prompt.HOLD_MUSIC), place_seconds=60)
        task = Executor(ExecutorKind.FIRST)
        chain = Chain(
            steps=(
                PluginStep(MENU, {"menu_id": str(menu_id)}),
                Dial(people, DialMode.PARALLEL, queue=queue),
                HangUp(media=media_id(Prompt.NOBODY), task=task),
            ),
            options=Options(greeting=media_id(GREETING), records=True, warns=True),
        )
        draft = BranchDraft(chain=chain)
        made = await scenarios.create(db, here, CreateScenario(_NAME, draft))
    return made.id
