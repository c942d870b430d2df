"""The numbers that the routing core speaks in: modes, flags, reasons. Tests hold both to them."""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = [
    "ALL_CODES",
    "Addressee",
    "Availability",
    "Filter",
    "Flag",
    "Mode",
    "Node",
    "PeriodKind",
    "Reason",
    "RouteResult",
    "WhyNot",
]


class Mode(IntEnum):
    """Order of dialling."""

    SEQUENTIAL = 0
    PARALLEL = 1
    LEAST_BUSY = 2


class Availability(IntEnum):
    """The employee's mode (AVL-01)."""

    UNAVAILABLE = 0
    SCHEDULE = 1
    AVAILABLE = 2


class PeriodKind(IntEnum):
    """Of an extra period."""

    UNAVAILABLE = 0
    AVAILABLE = 1


class Filter(IntEnum):
    """What a branch looks at (FLT-06)."""

    NONE = 0  # every call: the default branch, or a filter that nobody set up yet
    TAGS = 1
    REGIONS = 2


class WhyNot(IntEnum):
    """Why a branch did not take the call."""

    TAGS = 0
    REGIONS = 1
    CLOSED = 2


class Flag(IntFlag):
    """Of a terminal."""

    ACTIVE = 1
    MAIN = 2
    REGISTERS = 4  # a SIP line: reachable only while a phone is registered with it
    OWN_NUMBER = 8  # not active, as it is a number of the company itself
    NOT_ALLOWED = 16  # not active, as calls there cost extra


class Addressee(IntEnum):
    """What an entry of a step refers to."""

    EMPLOYEE = 0
    GROUP = 1
    OUTSIDE = 2  # an external number: rings through a trunk
    UNKNOWN = 3
    OWN_NUMBER = 4  # an external number that is the company's own: does not ring
    NOT_ALLOWED = 5  # an external number where calls cost extra: does not ring


class Node(IntEnum):
    """Nodes of a plan in preorder: RING terminal seconds, OUTSIDE entry seconds, SEQ n, PAR n."""

    RING = 0
    OUTSIDE = 1
    SEQ = 2
    PAR = 3


class Reason(IntEnum):
    """Why somebody does not ring; in the order of ``contracts.SkipReason``."""

    UNAVAILABLE = 0
    INACTIVE = 1
    NOT_MAIN = 2
    NOT_REGISTERED = 3
    BUSY = 4
    CALLER = 5
    NO_TERMINALS = 6
    UNKNOWN = 7
    EXTRA_UNAVAILABLE = 8
    OFF_HOURS = 9
    TERMINAL_OFF_HOURS = 10
    OWN_NUMBER = 11
    NOT_ALLOWED = 12


class RouteResult(IntEnum):
    """What ``route`` returns in place of a branch."""

    NO_NUMBER = -1
    NO_SCENARIO = -2
    DISABLED = -3
    CLOSED = -4  # no branch takes the call now


ALL_CODES = {
    f"{kind.__name__}.{code.name}": int(code)
    for kind in (
        *(Mode, Availability, PeriodKind, Filter, WhyNot, Flag),
        *(Addressee, Node, Reason, RouteResult),
    )
    for code in kind
}
"""Every code by name; a test holds ``_fastroute`` to them."""
