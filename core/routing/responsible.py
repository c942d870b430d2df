"""Who is to deal with a call that nobody answered: the task's executor, the contact's manager.

Two choices with names that sound alike (trap 14): a task goes to an entry of the forwarding list, an
employee or a group (PRC-13, TSK-02); a manager is an employee (PMA-03). Both go by the configured
order, never by the time at which telephones rang (PMA-05, PRC-14), and for both the external number
of an employee counts as the employee (PMA-06). ``rung`` is what rang in this step, in order.

    choice                              in turn                           at once
    ----------------------------------  --------------------------------  ---------------------------
    task: «Первый из адресатов»         first of the list                 first of the list
    task: «Адресат, на котором          the one that rang last, or the    last of the list
    остановился»                        last if none rang
    manager: «первый из адресатов»      first of the people               first of the people
    manager: «последний из не           who rang last; of a group at      last of the people
    ответивших» (H-24)                  once, the last of those who rang
    manager: «случайный выбор»          one of the people, by the seed    likewise (H-25)

The people are the employees of the list, groups opened in their own order, everybody once, without
those whose mode is «Недоступен» then (PMA-04, AVL-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    CallFacts,
    Dial,
    DialMode,
    Employee,
    Executor,
    ExecutorKind,
    Group,
    MissedManager,
    Ring,
    TerminalKind,
)
from core.routing.compiled import Compiled

__all__ = ["default_manager", "executor", "missed_manager"]

_ALL_ON_SCHEDULE: Mapping[UUID, AvailabilityMode] = MappingProxyType({})


def executor(
    compiled: Compiled,
    wanted: Executor,
    facts: CallFacts,
    step: Dial | None = None,
    rung: Sequence[Ring] = (),
) -> Addressee | None:
    """The employee or group that gets the task; ``None`` if there is none such (PRC-13, PRC-06)."""
    if wanted.kind is ExecutorKind.MANAGER:
        return _known(compiled, AddresseeKind.EMPLOYEE, str(facts.manager_id))
    if wanted.kind in (ExecutorKind.EMPLOYEE, ExecutorKind.GROUP):
        return _known(compiled, AddresseeKind(wanted.kind.value), wanted.ref)
    owners = [owner for each in (step.addressees if step else ()) if (owner := _owner(compiled, each))]
    if not owners or step is None:
        return None
    if wanted.kind is ExecutorKind.LAST:
        at = None if step.mode is DialMode.PARALLEL else _stopped(compiled, owners, rung)
        return _addressee(owners[-1 if at is None else at])
    return _addressee(owners[0])


def missed_manager(
    compiled: Compiled,
    step: Dial,
    rung: Sequence[Ring] = (),
    seed: int = 0,
    modes: Mapping[UUID, AvailabilityMode] = _ALL_ON_SCHEDULE,
) -> UUID | None:
    """Who becomes the contact's manager after a missed call (PMA-03); ``None``: nobody took part.

    ``modes`` are those of the call's ``Live``.
    """
    choice = compiled.snapshot.missed_manager
    if choice is MissedManager.DEFAULT:
        return default_manager(compiled)
    entries = [owner for each in step.addressees if (owner := _owner(compiled, each))]
    away = AvailabilityMode.UNAVAILABLE
    people = [e.id for e in _people(compiled, entries) if modes.get(e.id) is not away]
    if choice is MissedManager.LAST:
        return _last(compiled, step, entries, people, rung)
    if not people:
        return None
    return people[seed % len(people) if choice is MissedManager.RANDOM else 0]


def default_manager(compiled: Compiled) -> UUID | None:
    """The manager of every new contact (PMA-02): an employee, or who has the extension now (H-6)."""
    named = compiled.snapshot.default_manager
    owner = _owner(compiled, named) if named else None
    return owner.id if isinstance(owner, Employee) else None


def _last(
    compiled: Compiled,
    step: Dial,
    entries: Sequence[Employee | Group],
    people: Sequence[UUID],
    rung: Sequence[Ring],
) -> UUID | None:
    if step.mode is DialMode.PARALLEL:
        return people[-1] if people else None
    rang = [who for who in _rang(compiled, rung) if who in people]
    at = _stopped(compiled, entries, rung)
    if not rang or at is None:
        return None
    entry = entries[at]
    if isinstance(entry, Group) and entry.dial_mode is DialMode.PARALLEL:
        return next((member for member in reversed(entry.members) if member in rang), rang[-1])
    return rang[-1]


def _stopped(
    compiled: Compiled, entries: Sequence[Employee | Group], rung: Sequence[Ring]
) -> int | None:
    """The entry whose turn it was last; the later one of two with the same employee."""
    last = next(reversed(_rang(compiled, rung)), None)
    for at in reversed(range(len(entries))):
        entry = entries[at]
        if last in (entry.members if isinstance(entry, Group) else (entry.id,)):
            return at
    return None


def _rang(compiled: Compiled, rung: Sequence[Ring]) -> list[UUID]:
    """The employees who rang, in order."""
    found = (ring.employee_id or _of_phone(compiled, ring.address) for ring in rung)
    return [who for who in found if who is not None]


def _people(compiled: Compiled, entries: Sequence[Employee | Group]) -> Iterator[Employee]:
    seen: set[UUID] = set()
    for entry in entries:
        for key in entry.members if isinstance(entry, Group) else (entry.id,):
            at = compiled.layout.employees.get(key)
            if at is not None and key not in seen:
                seen.add(key)
                yield compiled.snapshot.employees[at]


def _owner(compiled: Compiled, addressee: Addressee) -> Employee | Group | None:
    """The employee or group that an entry means."""
    if addressee.kind is AddresseeKind.EXTERNAL:
        key = _of_phone(compiled, addressee.ref)
        return compiled.owner(Addressee(AddresseeKind.EMPLOYEE, str(key))) if key else None
    return compiled.owner(addressee)


def _of_phone(compiled: Compiled, number: str) -> UUID | None:
    """Whose external number this is; the first one's, if several share it."""
    return next(
        (
            terminal.employee_id
            for terminal in compiled.layout.terminals
            if terminal.kind is TerminalKind.EXTERNAL and terminal.address == number
        ),
        None,
    )


def _known(compiled: Compiled, kind: AddresseeKind, ref: str) -> Addressee | None:
    owner = compiled.owner(Addressee(kind, ref))
    return _addressee(owner) if owner else None


def _addressee(owner: Employee | Group) -> Addressee:
    kind = AddresseeKind.GROUP if isinstance(owner, Group) else AddresseeKind.EMPLOYEE
    return Addressee(kind, str(owner.id))
