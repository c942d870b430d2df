"""What is checked of a story's ``Result``: each check returns what is wrong, or nothing."""

from itertools import pairwise

from core.contracts import Outcome, StepCode
from tests.support.script import CALLERS, EMPLOYEES, FURTHER, LOOPING, OUTSIDE

_INCIDENTAL = LOOPING
_VOICES = frozenset((*CALLERS, *EMPLOYEES, *OUTSIDE, *FURTHER))


def heard(person, *names):
    """All that the person heard, in this order. What only passes the time counts where it is named."""

    def check(result):
        found = [
            name for name in result.heard.get(person, ()) if name in names or name not in _INCIDENTAL
        ]
        told = _without_gaps(found) if _without_gaps(names) == list(names) else found
        return None if told == list(names) else f"{person} heard {found}, not {list(names)}"

    return check


def _without_gaps(names):
    """A voice that a busy machine interrupts is told twice; it is heard once."""
    return [name for before, name in pairwise((None, *names)) if name != before or name not in _VOICES]


def never_heard(person, *names):
    def check(result):
        found = [name for name in result.heard.get(person, ()) if name in names]
        return f"{person} heard {found}" if found else None

    return check


def rang(*names):
    """Whose telephones rang, in this order; a set among them rang at once."""

    def check(result):
        found = result.rang
        at = 0
        for name in names:
            group = name if isinstance(name, (set, frozenset)) else {name}
            if set(found[at : at + len(group)]) != group:
                return f"{found} rang, not {names}"
            at += len(group)
        return f"{found} rang, not only {names}" if len(found) > at else None

    return check


def nobody_rang():
    return rang()


def answered_by(person, call=0):
    return _of_call(
        call, lambda record: (record.outcome, record.answered_by), (Outcome.ANSWERED, person)
    )


def ended(outcome, by=None, call=0):
    """The outcome in the record, and who ended the call: ``caller``, ``callee`` or ``system``."""

    def found(record):
        return (record.outcome, record.ended_by if by else None)

    return _of_call(call, found, (Outcome(outcome), by))


def told(person, status):
    """Which answer a caller got whom nobody answered; 200 for one who was."""

    def check(result):
        found = result.ended.get(person)
        return None if found == status else f"{person} was told {found}, not {status}"

    return check


def steps(*codes, call=0):
    """The record has these steps, in this order among others."""
    wanted = [StepCode(code) for code in codes]

    def found(record):
        rest = iter(record.codes)
        return [code for code in wanted if code in rest]

    return _of_call(call, found, wanted)


def without_steps(*codes, call=0):
    def found(record):
        return [code for code in codes if StepCode(code) in record.codes]

    return _of_call(call, found, [])


def pressed(keys, call=0):
    """The keys in the record."""
    return _of_call(call, lambda record: "".join(record.keys), keys)


def tasks(*wanted, call=0):
    """The tasks that the call asks for, as (kind, whose)."""
    return _of_call(call, lambda record: record.tasks, list(wanted))


def step_data(code, field, call=0):
    """What the record's steps of a kind say; for ``values``."""

    def found(record):
        return [step.data.get(field) for step in record.steps if step.code == StepCode(code)]

    return lambda *values: _of_call(call, found, list(values))


def recorded(*sides, kind="conversation", call=0):
    """What was recorded: who is heard in each channel, the client's first. No side: nothing was."""

    def found(record):
        if not sides:
            return list(record.recordings)
        return [(name, heard or list(sides)) for name, heard in record.recordings]

    check = _of_call(call, found, [(kind, list(sides))] if sides else [])
    check.recordings = True
    return check


def happened(*facts):
    """These facts, in this order among others."""

    def check(result):
        rest = iter(result.facts)
        missing = [fact for fact in facts if fact not in rest]
        return f"it never was so, or not in this order: {missing}" if missing else None

    return check


def never_happened(*facts):
    def check(result):
        found = [fact for fact in facts if fact in result.facts]
        return f"it was so: {found}" if found else None

    return check


def recorded_calls(count):
    def check(result):
        found = len(result.calls)
        return None if found == count else f"{found} calls have records, not {count}"

    return check


def _of_call(number, look, wanted):
    def check(result):
        if number >= len(result.calls):
            return f"there is no record of call {number}"
        found = look(result.calls[number])
        return None if found == wanted else f"the record has {found}, not {wanted}"

    return check
