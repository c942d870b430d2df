"""``pytest --spec``: which statements of the specification are proved, at which level.

A test proves a statement with ``@pytest.mark.spec("ACC-01", at="page")``; the levels are ``rule`` (the
decision by itself), ``call`` (a real call) and ``page`` (the cabinet or the API). A mark with an id or
a level that does not exist stops every run, with or without the option.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

LEVELS = ("rule", "call", "page")
IDS = tuple((Path(__file__).parent / "spec_ids.txt").read_text().split())
_KEY = "spec"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption(
        "--spec",
        action="store_true",
        help="list the statements that passing tests prove, and the others",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the run when asked to."""
    if config.getoption("--spec"):
        config.pluginmanager.register(SpecReport(), "spec-report")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check all marks; note on each test what it proves."""
    known = frozenset(IDS)
    wrong: list[str] = []
    for item in items:
        for mark in item.iter_markers("spec"):
            problem = _problem(mark, known)
            if problem:
                wrong.append(f"{item.nodeid}: {problem}")
            else:
                item.user_properties += [(_KEY, (name, mark.kwargs["at"])) for name in mark.args]
    if not wrong:
        return
    text = "\n".join(sorted(set(wrong)))
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(text)
    config.workeroutput[_KEY] = text  # of several processes: what one raises here is told to nobody
    items.clear()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Tell what one of several processes found wrong with the marks."""
    wrong = getattr(node, "workeroutput", {}).get(_KEY)
    if wrong:
        raise pytest.UsageError(wrong)


def _problem(mark: pytest.Mark, known: frozenset[str]) -> str | None:
    unknown = [name for name in mark.args if name not in known]
    if unknown or not mark.args:
        return f"spec names no statement: {', '.join(map(repr, unknown)) or 'nothing'}"
    if set(mark.kwargs) != {"at"} or mark.kwargs["at"] not in LEVELS:
        return f"spec needs at={' or '.join(map(repr, LEVELS))}, not {dict(mark.kwargs)}"
    return None


class SpecReport:
    """Collects outcomes; a statement counts at a level if a test passed and none failed there."""

    def __init__(self) -> None:
        self.passed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.failed: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test."""
        for key, value in report.user_properties:
            if key != _KEY:
                continue
            name, level = value
            if report.failed:
                self.failed[name].add(level)
            elif report.when == "call" and report.passed:
                self.passed[name][level] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The list."""
        terminalreporter.section("statements of the specification")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        """One line for each statement with a test, then those without, by section."""
        proved = [name for name in IDS if self.proved(name)]
        for name in IDS:
            levels = [f"{level} ({count})" for level, count in self.proved(name).items()]
            levels += [f"{level} FAILED" for level in LEVELS if level in self.failed[name]]
            if levels:
                yield f"{name}  {', '.join(levels)}"
        yield f"proved: {len(proved)} of {len(IDS)}"
        for level in LEVELS:
            yield f"  at {level}: {sum(level in self.proved(name) for name in proved)}"
        without = [name for name in IDS if name not in proved]
        yield f"without a passing test: {len(without)}"
        for section, names in groupby(without, lambda name: name.partition("-")[0]):
            yield f"  {section}: {' '.join(name.partition('-')[2] for name in names)}"

    def proved(self, name: str) -> dict[str, int]:
        """The levels at which a statement is proved, with the number of tests."""
        passed = self.passed[name]
        return {
            level: passed[level]
            for level in LEVELS
            if passed.get(level) and level not in self.failed[name]
        }
