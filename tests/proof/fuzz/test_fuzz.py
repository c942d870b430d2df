"""Ten minutes of fuzzing, guided by coverage, under the address and undefined-behaviour sanitizers.

No crash, no exception that was not expected, and memory that stays where it is. What is found is left
in ``test-results/fuzz/``; once mended, it goes to ``tests/golden/fuzz/<target>/`` for good.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.proof.fuzz.targets import TARGETS, seeds

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1800),
]

RESULTS = Path(__file__).parents[3] / "test-results" / "fuzz"
LANES = ({"wire": 300}, {name: 50 for name in TARGETS if name != "wire"})
"""Seconds for each target; the lanes go side by side, ten minutes in all."""
GROWTH = 100
"""Megabytes: what the fuzzer itself, its corpus and the allocator may take after the first third."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    build = pytest.importorskip(
        "tests.proof.fuzz.build", reason="requirements-proof.lock is not installed"
    )
    if build.CLANG is None:
        pytest.skip("there is no clang")
    return build.build(tmp_path_factory.mktemp("fuzz"))


def fuzz(tree: Path, target: str, seconds: int) -> tuple[int, str]:
    """Fuzz one target; the exit status and what libFuzzer said."""
    from tests.proof.fuzz.build import environment

    begin, corpus = (tree.parent / kind / target for kind in ("seeds", "corpus"))
    for folder in (begin, corpus, RESULTS):
        folder.mkdir(parents=True, exist_ok=True)
    for data in seeds(target):
        (begin / hashlib.sha1(data).hexdigest()).write_bytes(data)
    options = {
        "max_total_time": seconds,
        "max_len": 3000,
        "rss_limit_mb": 1500,
        "timeout": 60,
        "artifact_prefix": f"{RESULTS}/{target}-",
        "print_final_stats": 1,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.fuzz", target, str(corpus), str(begin)]
        + [f"-{name}={value}" for name, value in options.items()],
        cwd=tree,  # which comes first on Python's path, whatever the environment says
        env=environment(tree),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def memory(told: str) -> list[int]:
    """Resident megabytes as libFuzzer tells them from time to time."""
    return [int(number) for number in re.findall(r" rss: (\d+)Mb", told)]


def test_nothing_is_found_and_memory_is_flat(tree):
    shutil.rmtree(RESULTS, ignore_errors=True)

    def lane(targets):
        return {name: fuzz(tree, name, seconds) for name, seconds in targets.items()}

    with ThreadPoolExecutor() as pool:
        results = [pair for found in pool.map(lane, LANES) for pair in found.items()]
    for target, (status, told) in results:
        runs = re.findall(r"number_of_executed_units: (\d+)", told)
        print(target, *runs, "runs, MB:", memory(told)[-1:])
        assert status == 0, f"{target}: see {RESULTS}\n{told[-4000:]}"
        assert "inline 8-bit counters" in told, "this is not the wire layer that was made for it"
        assert int(runs[0]) > 300
        sizes = memory(told)
        assert sizes[-1] - sizes[len(sizes) // 3] <= GROWTH, f"{target}: {sizes}"
