"""Small mistakes in the transaction layer and in the routing core are noticed by the unit tests.

A seeded sample of all mutants, and in the routing core, compiled and not, every comparison; which ones
survive is printed. Not every survivor is a gap: some mistakes change nothing that anybody could see.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proof.mutation import comparisons, mutants
from tests.support.sanitized import ROOT, copy

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3000)]

SIP, ROUTING = "tests/unit/sip", "tests/unit/routing"
TRANSACTIONS = (
    "transaction_client",
    "transaction_server",
    "agent",
    "session_inbound",
    "session_outbound",
)
MODULES = {
    "core.sip.transaction": [f"{SIP}/test_{name}.py" for name in TRANSACTIONS],
    "core.sip.transaction_client": [f"{SIP}/test_{name}.py" for name in TRANSACTIONS],
    "core.sip.transaction_server": [f"{SIP}/test_{name}.py" for name in TRANSACTIONS],
    "core.sip.timers": [f"{SIP}/test_timers.py", *(f"{SIP}/test_{name}.py" for name in TRANSACTIONS)],
    "core.sip.dialog": [f"{SIP}/test_dialog.py", *(f"{SIP}/test_{name}.py" for name in TRANSACTIONS)],
    "core._slowroute": [f"{ROUTING}/test_{name}.py" for name in ("route", "plan", "cores")],
    "core.routing.decide": [f"{ROUTING}/test_{name}.py" for name in ("route", "plan", "cores")],
}
RULES = [
    *(f"{ROUTING}/test_{name}.py" for name in ("translator", "hours", "numbering", "route", "plan")),
    *(f"{ROUTING}/test_{name}.py" for name in ("filters", "availability", "expansion")),
    "tests/unit/test_numbers.py",
    f"{ROUTING}/test_cores.py",  # last, as it takes longest
]
"""Each runs on the oracle and on the compiled core; here on one of them, by the name of its example."""
ORACLE = ("core._slowroute", "core._slowplan", "core._slowhours", "core._slownumbering")
COMPARISONS = 40
"""So many of the oracle's are tried; of the core, whose mutants are one build, all of them."""
NOTICED_COMPARISONS = 0.8
SAMPLE = 60
NOTICED = 0.6
"""Of the mutants tried; it was 0.73. The rest are printed for people to judge."""
USUAL = {name: value for name, value in os.environ.items() if name != "SUNSIM_PROOF"}
USUAL |= {"SUNSIM_EXAMPLES": "60"}
"""The environment of the suite, with fewer companies that both cores route: it is run very often."""


def noticed(module: str, number: int) -> bool:
    """Whether a test fails with this mutant, or does not end."""
    return noticed_by(module, number, MODULES[module])


def noticed_by(module: str, number: int, tests: list[str]) -> bool:
    """Whether one of these tests fails with this mutant, or does not end."""
    command = [sys.executable, "-m", "tests.proof.mutation", module, str(number), *tests]
    try:
        done = subprocess.run(command, capture_output=True, timeout=300, env=USUAL, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def test_the_tests_pass_without_a_mistake():
    every = sorted({path for paths in MODULES.values() for path in paths})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *every]
    done = subprocess.run(command, capture_output=True, text=True, env=USUAL, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_mistakes_are_noticed():
    every = [
        (module, number, what) for module in MODULES for number, what in enumerate(mutants(module))
    ]
    tried = random.Random(4711).sample(every, SAMPLE)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda each: noticed(*each[:2]), tried))
    survivors = [what for (_, _, what), found in zip(tried, results, strict=True) if not found]
    score = sum(results) / SAMPLE
    print(f"\n{SAMPLE} of {len(every)} mutants tried, {score:.0%} noticed; these were not:")
    print("\n".join(survivors))
    assert score >= NOTICED


def judged(survivors: list[str], tried: int) -> None:
    print(f"\n{tried - len(survivors)} of {tried} comparisons noticed; these were not:")
    print("\n".join(survivors))
    assert 1 - len(survivors) / tried >= NOTICED_COMPARISONS


def test_comparisons_of_the_oracle_are_noticed():
    every = [(module, *each) for module in ORACLE for each in comparisons(module)]
    tried = random.Random(4711).sample(every, min(COMPARISONS, len(every)))
    with ThreadPoolExecutor(2) as pool:
        tests = [*RULES, "-k", "not fast"]
        results = list(pool.map(lambda each: noticed_by(*each[:2], tests), tried))
    judged([what for (*_, what), found in zip(tried, results, strict=True) if not found], len(tried))


def test_comparisons_of_the_compiled_core_are_noticed(tmp_path):
    """Also of what is compiled beside it: translator and numbers."""
    copy(tmp_path, "core", "tenants", "tests", "benchmarks", "web/locale", "pyproject.toml")
    (wire,) = (ROOT / "core" / "sip").glob("_wire*.so")
    shutil.copy(wire, tmp_path / "core" / "sip")
    command = [sys.executable, "-m", "tests.proof.compiled_mutants"]
    how = {"cwd": tmp_path, "env": USUAL | {"PYTHONPATH": str(tmp_path)}, "text": True}
    subprocess.run([*command, "build"], check=True, **how)
    count = len(json.loads((tmp_path / "mutants.json").read_text()))
    assert count > 80
    tests = [*RULES, "-k", "not slow"]
    # Mutant 0 is none: it says that the tests pass as such.
    lanes = [
        subprocess.Popen(
            [*command, "run", first, "2", *tests],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **how,
        )
        for first in ("0", "1")
    ]
    survivors = [what for lane in lanes for what in json.loads(lane.communicate()[0])]
    assert "none" in survivors
    survivors.remove("none")
    judged(survivors, count)
