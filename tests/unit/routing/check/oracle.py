"""One call followed by ``route`` and ``plan``: what the check says of a year, at one instant."""

from __future__ import annotations

from core import routing
from core.contracts import CallFacts, Chain, Dial, HangUp, Live, PluginStep, Step
from core.routing.compiled import Compiled
from core.scenarios import EXTENSIONS, MENU
from tests.unit.routing.check.companies import STEPS, rung


def unattended(compiled: Compiled, call: CallFacts, instant: float, live: Live) -> bool:
    """Whether nobody is there for a caller who presses no key."""
    decision = routing.route(compiled, call, instant)
    if decision is None or decision.chain == Chain():
        return True
    outcome = follow(compiled, decision.chain.all_steps, call, instant, live)
    return outcome in ("nobody", "nothing")


def follow(
    compiled: Compiled,
    steps: tuple[Step, ...],
    call: CallFacts,
    instant: float,
    live: Live,
) -> str:
    """``rings``, ``machine`` (a menu or a recorder answers), ``ended``, ``nobody`` or ``nothing``."""
    dialled = offered = False
    for step in steps:
        if isinstance(step, Dial):
            dialled = True
            if any(rung(compiled, step, call, instant, live)):
                return "rings"
        elif isinstance(step, HangUp):
            return "nobody" if dialled else "ended"
        else:
            outcome = _plugin(compiled, step)
            if outcome in ("machine", "hang_up"):
                return "machine"
            offered |= outcome == "offered"
    return "nobody" if dialled else "machine" if offered else "nothing"


def _plugin(compiled: Compiled, step: PluginStep) -> str:
    """``passed``, ``offered`` (and the next step follows), ``hang_up`` or ``machine``."""
    snapshot = compiled.snapshot
    if step.name.partition(".")[0] not in snapshot.plugins or step.name not in STEPS:
        return "passed"
    if step.name == MENU:
        menus = {str(menu.id): menu for menu in snapshot.menus}
        menu = menus.get(step.config.get("menu_id", ""))
        if menu is None or not menu.enabled:
            return "passed"
    elif step.name == EXTENSIONS:
        if step.config["list_id"] not in {str(each.id) for each in snapshot.extension_lists}:
            return "passed"
    else:
        return "machine"
    return "hang_up" if step.config.get("otherwise") == "hang_up" else "offered"
