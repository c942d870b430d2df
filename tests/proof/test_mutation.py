"""Small mistakes in the transaction layer and in the routing core are noticed by the unit tests.

A seeded sample of all mutants, as many as six minutes allow; which ones survive is printed. Not every
survivor is a gap: some mistakes change nothing that anybody could see.
"""

import random
import subprocess
import sys
import time
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
SECONDS = 360
ENOUGH = 40
NOTICED = 0.8
"""Of the mutants tried; the rest are printed for people to judge."""


def noticed(module: str, number: int) -> bool:
    """Whether a test fails with this mutant, or does not end."""
    command = [sys.executable, "-m", "tests.proof.mutation", module, str(number), *MODULES[module]]
    try:
        done = subprocess.run(command, capture_output=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def test_the_tests_pass_without_a_mistake():
    every = sorted({path for paths in MODULES.values() for path in paths})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *every]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_mistakes_are_noticed():
    every = [
        (module, number, what) for module in MODULES for number, what in enumerate(mutants(module))
    ]
    random.Random(4711).shuffle(every)
    end = time.monotonic() + SECONDS

    def tried(each):
        module, number, what = each
        return None if time.monotonic() > end else (what, noticed(module, number))

    with ThreadPoolExecutor(2) as pool:
        results = [result for result in pool.map(tried, every) if result]
    survivors = [what for what, found in results if not found]
    score = 1 - len(survivors) / len(results)
    print(f"\n{len(results)} of {len(every)} mutants tried, {score:.0%} noticed; these were not:")
    print("\n".join(survivors))
    assert len(results) >= ENOUGH
    assert score >= NOTICED
