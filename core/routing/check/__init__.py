"""«Проверка сценария»: what is wrong with a company's configuration, exactly, for all callers and all
moments of the coming 12 months. Pure: ``check(snapshot, instant)`` gives a ``Report``.

    moments    sets of moments as numbers: a year cut where anything changes
    working    schedules, calendars, extra periods and zones as edges
    year       the company's indices and its coming year
    people     when who rings             callers    who takes which caller when
    chains     what a chain does          survey     a scenario with its callers
    branches, gaps, targets, menus: the checks themselves
"""

from core.routing.check.callers import Origins
from core.routing.check.company import check
from core.routing.check.findings import (
    Code,
    Finding,
    NumberGaps,
    Place,
    Report,
    Severity,
    Span,
    Witness,
    fresh,
)

__all__ = [
    "Code",
    "Finding",
    "NumberGaps",
    "Origins",
    "Place",
    "Report",
    "Severity",
    "Span",
    "Witness",
    "check",
    "fresh",
]
