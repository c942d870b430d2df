"""The routing core, compiled. ``_slowroute`` says what it does; both have the same answers."""

from collections.abc import Sequence
from typing import Final, final

ALL_CODES: Final[dict[str, int]]

def digits(e164: str | None) -> int:
    """The digits of ``+E.164`` text as a number; 0 if it is none (an anonymous caller)."""

@final
class Zone:
    """The offsets of a time zone. Immutable, shared by the tables of all companies that live in it."""

    def __init__(self, instants: Sequence[int], offsets: Sequence[int]) -> None:
        """``offsets[0]`` holds before ``instants[0]``. ValueError unless there is one offset more."""

    def minute(self, instant: float) -> int:
        """The wall clock at an instant, in minutes since 1 January 1970, 00:00 of the same clock."""

@final
class Hours:
    """All schedules and calendars of one company, known by index."""

    def __init__(
        self,
        schedules: Sequence[Sequence[Sequence[int]]],
        calendars: Sequence[Sequence[Sequence[int]]],
    ) -> None:
        """Copies the rows; ValueError for wrong ones."""

    def open(self, schedule: int, calendar: int, minute: int) -> bool:
        """Whether it is working time at a minute of the wall clock; -1 is no schedule or calendar."""

    @property
    def schedules(self) -> int:
        """How many there are."""

    @property
    def calendars(self) -> int:
        """How many there are."""

    @property
    def size(self) -> int:
        """Bytes of the tables."""

@final
class NumberingPlan:
    """From which federal subjects a Russian number is. Immutable: a changed plan is a new one."""

    def __init__(self, edges: bytes, subjects: bytes) -> None:
        """Copies them; ValueError if they do not fit together."""

    def __len__(self) -> int:
        """How many edges it has."""

    def subjects(self, digits: int) -> tuple[int, ...]:
        """Codes of the subjects of a number, ``digits`` of its E.164 form; empty if unknown."""

    @property
    def size(self) -> int:
        """Bytes of the tables."""

@final
class Table:
    """One company. Immutable: a changed configuration is a new table."""

    def __init__(
        self,
        zones: Sequence[Zone],
        hours: Hours,
        numbers: Sequence[Sequence[int]],
        scenarios: Sequence[Sequence[int]],
        branches: Sequence[Sequence[int]],
        values: Sequence[int],
        employees: Sequence[Sequence[int]],
        terminals: Sequence[Sequence[int]],
        periods: Sequence[Sequence[int]],
        groups: Sequence[Sequence[int]],
        members: Sequence[int],
    ) -> None:
        """Copies the rows; IndexError for one that refers to nothing, OverflowError for too large."""

    def route(
        self, called: int, tags: bytes, regions: bytes, instant: float
    ) -> tuple[int, bytes]:
        """Who takes a call to the number ``called``, and why the branches before did not."""

    def plan(
        self,
        step: bytes,
        registered: bytes,
        calls: bytes,
        modes: bytes,
        talked: bytes,
        caller: int,
        instant: float,
        seed: int,
    ) -> tuple[bytes, bytes]:
        """Who rings and who does not; ValueError for live state of another configuration."""

    @property
    def size(self) -> int:
        """Bytes of the tables."""
