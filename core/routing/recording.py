"""Whether a conversation is recorded, and what the caller is told of it (H-5).

service of the contract  employee  number or branch  recorded
-----------------------  --------  ----------------  --------
off                      any       any               no (SET-03, OPT-06)
on                       on        any               yes
on                       off       any               no
on                       inherit   on                yes
on                       inherit   off               no
"""

from __future__ import annotations

from uuid import UUID

from core.contracts import CallFacts, Chain, Dial, Direction, Number, Options, PluginStep, Recording
from core.library import Prompt, media_id
from core.routing.compiled import Compiled
from core.scenarios import MESSAGE

__all__ = ["announcement", "records"]


def records(compiled: Compiled, facts: CallFacts, options: Options, *employees: UUID | None) -> bool:
    """Whether a conversation of this employee, or of nobody of the company, is recorded.

    Of two employees one who is not to be recorded counts first, then one who is.
    """
    if not compiled.snapshot.recording:
        return False
    own = {_of_employee(compiled, employee_id) for employee_id in employees}
    if own & {Recording.ON, Recording.OFF}:
        return Recording.OFF not in own
    number = _number(compiled, facts)
    return options.records or (number is not None and number.records)


def announcement(compiled: Compiled, facts: CallFacts, chain: Chain) -> UUID | None:
    """What is played if the chain may lead to a recording and callers are to know (OPT-04): the
    branch's, else the contract's, else what the ready-made library says. Whom the company calls,
    and its own people, are told by people (ADR 0011)."""
    if facts.direction is not Direction.INCOMING:
        return None
    options, number = chain.options, _number(compiled, facts)
    if not (options.warns or (number is not None and number.announces)):
        return None
    dials = [step for step in chain.all_steps if isinstance(step, Dial)]
    people = {None, *(key for step in dials for key in compiled.asked(step))}
    if any(isinstance(step, PluginStep) and step.name != MESSAGE for step in chain.all_steps):
        people |= {employee.id for employee in compiled.snapshot.employees}  # whom a caller may reach
    if not any(records(compiled, facts, options, key) for key in people):
        return None
    return options.warning or compiled.snapshot.announcement or media_id(Prompt.ANNOUNCEMENT)


def _of_employee(compiled: Compiled, employee_id: UUID | None) -> Recording:
    at = compiled.layout.employees.get(employee_id)
    return Recording.INHERIT if at is None else compiled.snapshot.employees[at].recording


def _number(compiled: Compiled, facts: CallFacts) -> Number | None:
    numbers = compiled.snapshot.numbers
    return next((number for number in numbers if number.id == facts.number_id), None)
