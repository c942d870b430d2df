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
    Dial,
    Executor,
    ExecutorKind,
    Step,
)
from core.routing.compiled import Compiled

__all__ = ["for_caller"]


def for_caller(compiled: Compiled, chain: Chain, facts: CallFacts) -> Chain:
    """The chain as it is for this caller."""
    if facts.manager_id not in compiled.layout.employees or not any(map(_wants, chain.all_steps)):
        return chain
    manager = Addressee(AddresseeKind.EMPLOYEE, str(facts.manager_id))
    return replace(
        chain,
        steps=tuple(_with_manager(chain.steps, manager)),
        net=tuple(_with_manager(chain.net, manager)),
    )


def _wants(step: Step) -> bool:
    return isinstance(step, Dial) and step.manager is not None


def _with_manager(steps: Iterable[Step], manager: Addressee) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, Dial) and step.manager is not None:
            seconds, otherwise = step.manager.ring_seconds, step.manager.otherwise
            yield Dial((manager,), step.mode, seconds, each_seconds=seconds)
            if otherwise is not None:
                yield replace(otherwise, task=otherwise.task or Executor(ExecutorKind.MANAGER))
                return
        yield step
