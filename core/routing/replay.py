"""Past decisions asked for again: the same ones, or what another configuration would have said.

Under the call's own snapshot the answers are the same to the last bit: the functions are pure, and the
record has everything that they were given. Under another one it may be that telephones were not looked
at then; they count as registered and free, their owners as on schedule, and they are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from core.contracts import Attempt, AvailabilityMode, CallFacts, Decision, Dial, Direction, Live
from core.routing.blocks import STEPS
from core.routing.compiled import Compiled
from core.routing.decide import plan, route
from core.routing.dryrun import Path, Stage, dry_run, unrouted
from core.routing.manager import places

__all__ = ["Evidence", "replay", "replay_under"]


class Evidence(Struct, frozen=True):
    """What a call's record keeps for this (``contracts.Cdr``); ``decision`` if a plugin took it."""

    facts: CallFacts
    instant: float
    seed: int
    attempts: tuple[Attempt, ...] = ()
    decision: Decision | None = None

    def asked(self) -> Iterator[Asked]:
        """Every dialling with what was left out because it had not changed."""
        step, live = Dial(()), Live()
        for attempt in self.attempts:
            step = step if attempt.step is None else attempt.step
            live = live if attempt.live is None else attempt.live
            yield Asked(attempt.at, step, live, attempt.only, attempt.snapshot_hash)


class Asked(NamedTuple):
    """One dialling, whole."""

    at: float
    step: Dial
    live: Live
    only: tuple[str, ...] | None = None
    snapshot_hash: str = ""


_NOTHING: Mapping[str, Compiled] = MappingProxyType({})


def replay(compiled: Compiled, evidence: Evidence, newer: Mapping[str, Compiled] = _NOTHING) -> Path:
    """The decisions of the call, and a stage for each dialling that came to pass. ``newer`` are the
    configurations that attempts name by hash. Raises KeyError for one that is missing."""
    facts = evidence.facts
    decision = evidence.decision or route(compiled, facts, evidence.instant)
    regular = decision.chain.steps if decision else ()
    net = decision.chain.net if decision else ()
    asked = tuple(evidence.asked())
    managed = _managed(compiled, decision, facts, [each.step for each in asked])
    stages = tuple(
        Stage(
            at,
            step,
            plan(newer[key] if key else compiled, step, facts, live, at, evidence.seed, only),
            net=step in net and step not in regular,
            manager=manager,
        )
        for (at, step, live, only, key), manager in zip(asked, managed, strict=True)
    )
    return Path(decision, stages, None if decision else unrouted(compiled, facts))


def replay_under(
    other: Compiled, own: Compiled, evidence: Evidence, steps: Set[str] = STEPS
) -> tuple[Path, tuple[UUID, ...]]:
    """What would become of the call under another configuration, and the telephones whose state then
    is not known; ``own`` is the call's, ``steps`` are the names that plugins registered."""
    facts = evidence.facts
    if facts.direction is not Direction.INCOMING:
        asked = [(each.at, each.step) for each in evidence.asked()]
    else:
        decision = route(other, facts, evidence.instant)
        whole = decision.chain.all_steps if decision else ()
        asked = [(evidence.instant, step) for step in whole if isinstance(step, Dial)]
    live, known = _then(own, evidence)
    consulted = {t.id for _, step in asked for t in other.consulted(step)}
    assumed = tuple(sorted(consulted - known))
    live = replace(live, registered=live.registered | set(assumed))
    if facts.direction is Direction.INCOMING:
        return dry_run(other, facts, live, evidence.instant, evidence.seed, steps), assumed
    stages = (Stage(at, step, plan(other, step, facts, live, at, evidence.seed)) for at, step in asked)
    return Path(None, tuple(stages), unrouted(other, facts)), assumed


def _managed(
    compiled: Compiled, decision: Decision | None, facts: CallFacts, asked: Iterable[Dial]
) -> Iterator[bool]:
    """Of each dialling whether it tried the personal manager: those of a chain come in its order."""
    managers = places(compiled, decision, facts) if decision else frozenset()
    steps = list(enumerate(decision.chain.all_steps if decision else ()))
    for dialled in asked:
        place = next((place for place, step in steps if step == dialled), None)
        if place is not None:  # else it was a key's
            steps = [each for each in steps if each[0] > place]
        yield place in managers


def _then(own: Compiled, evidence: Evidence) -> tuple[Live, set[UUID]]:
    """The live state of that time, as everybody was first looked at; and which telephones were."""
    registered: set[UUID] = set()
    calls: dict[UUID, int] = {}
    talked: dict[UUID, int] = {}
    modes: dict[UUID, AvailabilityMode] = {}
    seen: set[UUID] = set()
    known: set[UUID] = set()
    for _, step, live, *_ in evidence.asked():
        fresh = set(_ids(own, step)) - known
        known |= fresh
        registered |= fresh & live.registered
        calls |= {key: count for key, count in live.calls.items() if key in fresh}
        talked = {**live.talked, **talked}
        asked = set(own.asked(step)) - seen
        seen |= asked
        modes |= {key: mode for key, mode in live.modes.items() if key in asked}
    return Live(frozenset(registered), calls, talked, modes), known


def _ids(own: Compiled, step: Dial) -> Iterable[UUID]:
    return (terminal.id for terminal in own.consulted(step))
