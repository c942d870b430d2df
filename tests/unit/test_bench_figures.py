"""What a benchmark prints on stdout is its figures, whatever is logged meanwhile."""

import json
import re
import subprocess
import sys

import pytest

from tests.rules.source import ROOT

LOGS = """
import logging
import structlog
from benchmarks.figures import begin, show

begin("bench")
structlog.get_logger("tenants.migrate").info("migrated", app="tenants")
structlog.get_logger("tenants.migrate").warning("not migrated")
logging.getLogger("elsewhere").warning("by way of the standard library")
show({"company": "ООО «Ромашка»"})
"""
PRINTING = ("calls", "instructions", "media", "parse", "register", "routing")


def test_figures_alone_are_on_stdout():
    command = [sys.executable, "-c", LOGS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {"company": "ООО «Ромашка»"}
    assert b"not migrated" in done.stderr
    assert b"standard library" in done.stderr


@pytest.mark.parametrize("name", PRINTING)
def test_every_benchmark_begins_so_and_prints_nothing_else_there(name):
    text = (ROOT / "benchmarks" / f"{name}.py").read_text()
    main = text.partition("def main() -> int:")[2]
    assert re.match(r'\s+"""[^"]+"""\s+begin\(', main), "before anything can be logged"
    assert all("file=sys.stderr" in said for said in re.findall(r"\bprint\(.*", text))


def test_no_other_benchmark_has_figures_to_print():
    files = (ROOT / "benchmarks").glob("*.py")
    mains = {path.stem for path in files if "def main() -> int:" in path.read_text()}
    assert mains == set(PRINTING)
