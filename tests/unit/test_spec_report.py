"""``pytest --spec``, run on little test suites of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.spec_report import IDS

pytest_plugins = ["pytester"]

SPEC = Path(__file__).parents[2].parent / "shared/spec/features.md"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Runs these tests with the option; gives its result."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a second instead of a minute

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makeini("[pytest]\nmarkers = spec(*ids, at): as in the project\n")
        pytester.makepyfile("import pytest\nspec = pytest.mark.spec\n" + tests)
        return pytester.runpytest_inprocess("-p", "tests.spec_report", *options)

    return run


def test_passing_tests_prove_statements_at_their_level(suite):
    result = suite(
        """
@spec("ACC-01", "ACC-02", at="rule")
@pytest.mark.parametrize("n", range(3))
def test_many(n): pass

@spec("ACC-01", at="page")
def test_page(): pass
""",
        "--spec",
    )
    result.stdout.fnmatch_lines(
        ["ACC-01  rule (3), page (1)", "ACC-02  rule (3)", f"proved: 2 of {len(IDS)}", "  at rule: 2"]
    )
    result.stdout.fnmatch_lines(["  ACC: 03 04 05 06 07 08 09 10"])


@pytest.mark.parametrize(
    "body", ["assert False", "pytest.skip()", "pytest.xfail()", "raise ValueError"], ids=str
)
def test_others_prove_nothing(suite, body):
    result = suite(f"@spec('ACC-01', at='rule')\ndef test_it(): {body}\n", "--spec")
    result.stdout.fnmatch_lines([f"proved: 0 of {len(IDS)}"])


def test_one_failure_disproves_the_level(suite):
    result = suite(
        """
@spec("ACC-01", at="rule")
@pytest.mark.parametrize("n", range(3))
def test_many(n): assert n != 1

@spec("ACC-01", at="call")
def test_call(): pass
""",
        "--spec",
    )
    result.stdout.fnmatch_lines(["ACC-01  call (1), rule FAILED", f"proved: 1 of {len(IDS)}"])


def test_failing_teardown_disproves_too(suite):
    result = suite(
        """
@pytest.fixture
def broken():
    yield
    raise RuntimeError

@spec("ACC-01", at="rule")
def test_it(broken): pass
""",
        "--spec",
    )
    result.stdout.fnmatch_lines(["ACC-01  rule FAILED", f"proved: 0 of {len(IDS)}"])


@pytest.mark.parametrize(
    ("mark", "problem"),
    [
        ("spec('ACC-99', at='rule')", "*spec names no statement: 'ACC-99'*"),
        ("spec(at='rule')", "*spec names no statement: nothing*"),
        ("spec('ACC-01')", "*spec needs at='rule' or 'call' or 'page', not {}*"),
        ("spec('ACC-01', at='moon')", "*spec needs at=*moon*"),
    ],
    ids=str,
)
@pytest.mark.parametrize("options", [(), ("--spec",)], ids=str)
def test_wrong_marks_stop_every_run(suite, mark, problem, options):
    result = suite(f"@{mark}\ndef test_it(): pass\n", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([problem])


def test_several_processes_say_the_same(suite):
    several = ("-p", "xdist.plugin", "-n", "2")
    spread = """
@spec("ACC-01", at="rule")
@pytest.mark.parametrize("n", range(3))
def test_many(n): pass
"""
    result = suite(spread, "--spec", *several)
    result.stdout.fnmatch_lines(["ACC-01  rule (3)", f"proved: 1 of {len(IDS)}"])
    result = suite("@spec('ACC-99', at='rule')\ndef test_it(): pass\n", *several)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*spec names no statement: 'ACC-99'*"])


def test_without_the_option_nothing_is_said(suite):
    result = suite("@spec('ACC-01', at='rule')\ndef test_it(): pass\n")
    result.stdout.no_fnmatch_line("*ACC-01*")


def test_the_list_of_statements_is_the_specifications():
    if not SPEC.exists():
        pytest.skip(f"{SPEC} is not here")
    numbered = re.findall(r"^\d+\. \*\*([A-Z]{3}-\d\d)\*\*", SPEC.read_text(), re.MULTILINE)
    assert list(IDS) == numbered
    assert len(set(IDS)) == 309
