"""The contact's personal manager, before the lists of a chain that want him first (PRC-05).

    manager  reached  ``otherwise``  what follows
    -------  -------  -------------  ---------------------------------------------------------
    none     -        any            the list
    known    yes      any            the conversation
    known    no       none           the list, the general queue
    known    no       hang up        the end, with a task for the manager (PRC-06, trap 15)

He is an addressee like any other: his mode, hours and telephones count, by the mode of the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from core.contracts import (
    Addressee,
    AddresseeKind,
    CallFacts,
    Chain,
    Decision,
    Dial,
    Executor,
    ExecutorKind,
    Step,
)
from core.routing.compiled import Compiled

__all__ = ["for_caller", "places"]


def for_caller(compiled: Compiled, chain: Chain, facts: CallFacts) -> Chain:
    """The chain as it is for this caller."""
    if facts.manager_id not in compiled.layout.employees or not any(map(_wants, chain.all_steps)):
        return chain
    return replace(
        chain,
        steps=tuple(step for step, _ in _with_manager(chain.steps, facts)),
        net=tuple(step for step, _ in _with_manager(chain.net, facts)),
    )


def places(compiled: Compiled, decision: Decision, facts: CallFacts) -> frozenset[int]:
    """Which of ``decision.chain.all_steps`` try the personal manager before a list.

    None in a chain that is not the branch's own, such as a plugin may give.
    """
    chains = (
        row.branch.chain if decision.open else row.branch.off_hours
        for row in compiled.layout.branches
        if row.branch.id == decision.branch_id
    )
    chain = next(chains, None)
    if chain is None or chain is decision.chain or for_caller(compiled, chain, facts) != decision.chain:
        return frozenset()
    made = (*_with_manager(chain.steps, facts), *_with_manager(chain.net, facts))
    return frozenset(place for place, (_, added) in enumerate(made) if added)


def _wants(step: Step) -> bool:
    return isinstance(step, Dial) and step.manager is not None


def _with_manager(steps: Iterable[Step], facts: CallFacts) -> Iterator[tuple[Step, bool]]:
    """The steps, and of each whether it is the one that tries the manager."""
    manager = Addressee(AddresseeKind.EMPLOYEE, str(facts.manager_id))
    for step in steps:
        if isinstance(step, Dial) and step.manager is not None:
            seconds, otherwise = step.manager.ring_seconds, step.manager.otherwise
            yield Dial((manager,), step.mode, seconds, each_seconds=seconds), True
            if otherwise is not None:
                yield replace(otherwise, task=otherwise.task or Executor(ExecutorKind.MANAGER)), False
                return
        yield step, False
