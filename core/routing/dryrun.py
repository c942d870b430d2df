"""The whole way of a call that nobody answers: the branch, then every step with who rings and who not.

The same ``route`` and ``plan`` as for calls, asked in turn; each step is asked for the instant at which
it begins if those before it rang in vain. Pure, like both.
"""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum
from typing import Any

from msgspec import Struct

from core.contracts import (
    CallFacts,
    Decision,
    Dial,
    DialPlan,
    Direction,
    Live,
    Par,
    PlanNode,
    Ring,
    Step,
)
from core.routing.blocks import STEPS, Blocks, PassedOver
from core.routing.compiled import Compiled
from core.routing.decide import plan, route
from core.routing.keys import way
from core.routing.manager import places

__all__ = ["Path", "Stage", "Unrouted", "dry_run", "unrouted"]


class Unrouted(StrEnum):
    """Why no scenario handles a call."""

    NOT_INCOMING = "not_incoming"  # scenarios are for calls from outside
    SUSPENDED = "suspended"  # the contract is
    NO_NUMBER = "no_number"  # the company does not have the number that was called
    NO_SCENARIO = "no_scenario"  # the number has none (NUM-02)
    DISABLED = "disabled"  # its scenario is switched off


class Stage(Struct, frozen=True):
    """A step, the instant at which it begins, and of a dialling who rings and who does not.

    ``net`` says that it belongs to «Страховка» (INS-01), ``manager`` that it tries the contact's
    personal manager before a list (PRC-05), ``passed_over`` why calls do nothing with it; ``keys`` are
    those that were pressed in it.
    """

    at: float
    step: Step
    plan: DialPlan | None = None
    net: bool = False
    manager: bool = False
    passed_over: PassedOver | None = None
    keys: str = ""


class Path(Struct, frozen=True):
    """What becomes of a call that nobody answers. Without a decision ``unrouted`` says why."""

    decision: Decision | None
    stages: tuple[Stage, ...] = ()
    unrouted: Unrouted | None = None

    @property
    def rings(self) -> bool:
        """Whether any telephone would ring."""
        return any(stage.plan is not None and stage.plan.root is not None for stage in self.stages)


def dry_run(
    compiled: Compiled,
    facts: CallFacts,
    live: Live,
    instant: float,
    seed: int,
    steps: Set[str] = STEPS,
    keys: str = "",
) -> Path:
    """Where the call goes at this instant and who rings (SCN-01, FLT-11, PRC-07).

    ``steps`` are the names that plugins registered, ``keys`` what the caller presses, from the first
    menu on. What follows a menu in which no key is left to be pressed is there as far as silence or
    some key leads to it.
    """
    decision = route(compiled, facts, instant)
    if decision is None:
        return Path(None, unrouted=unrouted(compiled, facts))
    stages: list[Stage] = []
    at = instant
    regular = len(decision.chain.steps)
    blocks, managers = Blocks(compiled.snapshot, steps), places(compiled, decision, facts)

    def reached(step: Step, **what: Any) -> None:
        nonlocal at
        found = plan(compiled, step, facts, live, at, seed) if isinstance(step, Dial) else None
        stages.append(Stage(at, step, found, passed_over=blocks.passed_over(step), **what))
        if isinstance(step, Dial) and found is not None and found.root is not None:
            at += min(step.ring_seconds, _seconds(found.root))
        if isinstance(step, Dial) and step.queue is not None and blocks.has(step):
            at += step.queue.seconds

    for place, step in enumerate(decision.chain.all_steps):
        led = way(compiled, blocks, step, facts, keys) if keys else None
        reached(step, net=place >= regular, manager=place in managers, keys=led.used if led else "")
        if led is None:
            if not blocks.goes_on(step):
                break
            continue
        keys = keys[len(led.used) :]
        if led.addressee is not None:
            reached(Dial((led.addressee,)))
        if not led.goes_on:
            break
    return Path(decision, tuple(stages))


def unrouted(compiled: Compiled, facts: CallFacts) -> Unrouted:
    """Why ``route`` has no decision on this call."""
    snapshot = compiled.snapshot
    if facts.direction is not Direction.INCOMING:
        return Unrouted.NOT_INCOMING
    if snapshot.suspended:
        return Unrouted.SUSPENDED
    number = next((number for number in snapshot.numbers if number.e164 == facts.called), None)
    if number is None:
        return Unrouted.NO_NUMBER
    known = any(scenario.id == number.scenario_id for scenario in snapshot.scenarios)
    return Unrouted.DISABLED if known else Unrouted.NO_SCENARIO


def _seconds(node: PlanNode) -> int:
    """How long it rings if nobody answers."""
    if isinstance(node, Ring):
        return node.seconds
    lengths = [_seconds(item) for item in node.items]
    return max(lengths) if isinstance(node, Par) else sum(lengths)
