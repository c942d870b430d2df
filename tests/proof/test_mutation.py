"""Small mistakes in the transaction layer and in the routing core are noticed by the unit tests.

A seeded sample of all mutants; which ones survive is printed. Not every survivor is a gap: some
mistakes change nothing that anybody could see.
"""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proof.mutation import mutants

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]

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
SAMPLE = 60
NOTICED = 0.6
"""Of the mutants tried; it was 0.73. The rest are printed for people to judge."""
USUAL = {name: value for name, value in os.environ.items() if name != "SUNSIM_PROOF"}
"""The environment of the suite, with as many examples as it has."""


def noticed(module: str, number: int) -> bool:
    """Whether a test fails with this mutant, or does not end."""
    command = [sys.executable, "-m", "tests.proof.mutation", module, str(number), *MODULES[module]]
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
