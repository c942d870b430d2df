"""The registry of the numbering plan, read from its CSV files.

Columns, separated by semicolons: «АВС/ DEF;От;До;Емкость;Оператор;Регион;ИНН», a range of numbers of
an area code in each row. Files are UTF-8 or Windows-1251. A row that cannot be used is reported, never
guessed at, and the others are used.
"""

from __future__ import annotations

import csv
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from core.errors import SunSimError
from core.regions import NATIONWIDE, subjects_in

__all__ = ["Plan", "Report", "UnusableNumbering", "read"]

_AREA = 10**7
_REGION = 5
_SAMPLES = 20
"""So many examples of each trouble are kept; the numbers are exact."""


class UnusableNumbering(SunSimError):
    """{folder} holds no file of the numbering plan: no row of it could be used."""

    code = "unusable_numbering"


class Report(Struct, frozen=True):
    """What could not be used. ``unmapped`` are names of regions and how many rows have them;
    ``malformed`` and ``overlapping`` give file and line of the first rows."""

    rows: int = 0
    unmapped: dict[str, int] = {}
    malformed_rows: int = 0
    malformed: tuple[str, ...] = ()
    overlapping_rows: int = 0
    overlapping: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """A whole plan: ``edges`` and ``subjects`` as the routing core takes them."""

    ranges: int
    edges: bytes
    subjects: bytes
    report: Report


class _Range(NamedTuple):
    """National numbers from ``first`` to ``last`` and the subjects they are from."""

    first: int
    last: int
    subjects: tuple[int, ...]
    place: str


def read(folder: Path) -> Plan:
    """The plan in all CSV files of a folder (or in one file). UnusableNumbering if there is none."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.[cC][sS][vV]"))
    trouble = _Trouble()
    ranges = sorted(each for file in files for each in _rows(file, trouble))
    kept = list(_disjoint(ranges, trouble))
    if not kept:
        raise UnusableNumbering(folder=str(folder))
    edges, subjects = _edges(kept)
    return Plan(len(kept), edges.tobytes(), subjects.tobytes(), trouble.report(len(ranges)))


class _Trouble:
    """Collects what a report is made of."""

    def __init__(self) -> None:
        self.unmapped: Counter[str] = Counter()
        self.malformed: list[str] = []
        self.overlapping: list[str] = []

    def report(self, rows: int) -> Report:
        return Report(
            rows=rows + len(self.malformed),
            unmapped=dict(self.unmapped.most_common()),
            malformed_rows=len(self.malformed),
            malformed=tuple(self.malformed[:_SAMPLES]),
            overlapping_rows=len(self.overlapping),
            overlapping=tuple(self.overlapping[:_SAMPLES]),
        )


def _rows(path: Path, trouble: _Trouble) -> Iterator[_Range]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line or (number == 1 and not line[0].isdigit()):
            continue  # the headings
        place = f"{path.name}:{number}"
        try:
            # Line by line: a quote that is not closed must not swallow the rows after it.
            row = next(csv.reader([line], delimiter=";"))
            area, first, last = (int(cell) for cell in row[:3])
            name = row[_REGION].strip()
        except (ValueError, IndexError, csv.Error):
            trouble.malformed.append(place)
            continue
        if not (100 <= area <= 999 and 0 <= first <= last < _AREA):
            trouble.malformed.append(place)
            continue
        subjects = subjects_in(name)[:2]
        if not subjects and name.lower() != NATIONWIDE:
            trouble.unmapped[name] += 1
        yield _Range(area * _AREA + first, area * _AREA + last, subjects, place)


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1251", errors="replace")


def _disjoint(ranges: Iterable[_Range], trouble: _Trouble) -> Iterator[_Range]:
    """In rising order; of two that overlap, the first one counts."""
    end = -1
    for each in ranges:
        if each.first <= end:
            trouble.overlapping.append(each.place)
            continue
        end = each.last
        yield each


def _edges(ranges: Iterable[_Range]) -> tuple[array[int], array[int]]:
    edges, subjects = array("Q"), array("H")
    now, after = 0, 0

    def edge(at: int, code: int) -> None:
        nonlocal now
        if code != now:
            edges.append(at)
            subjects.append(code)
            now = code

    for each in ranges:
        if each.first > after:
            edge(after, 0)  # a gap
        edge(each.first, sum(code << 8 * at for at, code in enumerate(each.subjects)))
        after = each.last + 1
    if after < 1000 * _AREA:
        edge(after, 0)
    return edges, subjects
