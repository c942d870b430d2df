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

from tests.proof.compiled_mutants import suite_of
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
ORACLE = ("core._slowroute", "core._slowplan", "core._slowhours", "core._slownumbering")
LANES = 2
NOTICED_COMPARISONS = 0.8
SAMPLE = 60
NOTICED = 0.6
"""Of the mutants tried; it was 0.73. The rest are printed for people to judge."""
USUAL = {name: value for name, value in os.environ.items() if name != "SUNSIM_PROOF"}
USUAL |= {"SUNSIM_EXAMPLES": "60"}
"""The environment of the suite, with fewer companies that both cores route: it is run very often."""


def survivors_of(command: list[str], given: str = "", **how: object) -> list[str]:
    """Mutants that no test noticed, judged in LANES processes that each print a JSON list."""
    lanes = [
        subprocess.Popen(
            [sys.executable, "-m", *(str(lane) if each == "LANE" else each for each in command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **how,
        )
        for lane in range(LANES)
    ]
    with ThreadPoolExecutor(LANES) as pool:
        answers = list(pool.map(lambda lane: lane.communicate(given)[0], lanes))
    return [what for answer in answers for what in json.loads(answer)]


def judged(what: str, every: list[tuple[str, int, str, list[str]]], least: float) -> None:
    """At least this share of the mutants is noticed; the others are printed."""
    command = ["tests.proof.mutation", "judge", "LANE", str(LANES)]
    told(what, survivors_of(command, json.dumps(every), env=USUAL), len(every), least)


def told(what: str, survivors: list[str], tried: int, least: float) -> None:
    print(f"\n{tried - len(survivors)} of {tried} {what} noticed; these were not:")
    print("\n".join(survivors))
    assert 1 - len(survivors) / tried >= least


def test_the_tests_pass_without_a_mistake():
    every = sorted({path for paths in MODULES.values() for path in paths})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *every]
    done = subprocess.run(command, capture_output=True, text=True, env=USUAL, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_mistakes_are_noticed():
    every = [
        (module, number, what, tests)
        for module, tests in MODULES.items()
        for number, what in enumerate(mutants(module))
    ]
    judged("mutants", random.Random(4711).sample(every, SAMPLE), NOTICED)


def test_comparisons_of_the_oracle_are_noticed():
    every = [
        (module, number, what, [*suite_of(module), "-k", "not fast"])
        for module in ORACLE
        for number, what in comparisons(module)
    ]
    judged("comparisons", every, NOTICED_COMPARISONS)


def test_comparisons_of_the_compiled_core_are_noticed(tmp_path):
    """Also of what is compiled beside it: translator and numbers."""
    copy(tmp_path, "core", "tenants", "tests", "benchmarks", "web/locale", "pyproject.toml")
    for compiled in (ROOT / "core").rglob("*.so"):  # those that change are compiled anew
        shutil.copy(compiled, tmp_path / compiled.relative_to(ROOT))
    command = "tests.proof.compiled_mutants"
    how = {"cwd": tmp_path, "env": USUAL | {"PYTHONPATH": str(tmp_path)}}
    subprocess.run([sys.executable, "-m", command, "build"], check=True, **how)
    count = len(json.loads((tmp_path / "mutants.json").read_text()))
    assert count > 80
    survivors = survivors_of([command, "run", "LANE", str(LANES), "-k", "not slow"], **how)
    # Mutant 0 is none: it says that the tests pass as such.
    assert "none" in survivors
    survivors.remove("none")
    told("comparisons", survivors, count, NOTICED_COMPARISONS)
