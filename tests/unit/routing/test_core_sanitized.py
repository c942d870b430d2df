"""The tests of routing once more, on a core that is built with the compiler's checks: no company, step
or live state, whatever it refers to, has the core read or write outside its tables."""

import pytest

from tests.support.sanitized import Sanitized

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1800),
]
EXAMPLES = "200"
"""Companies that both cores route; the oracle takes nearly all of the time."""
ELSEWHERE = ("test_core_sanitized.py", "test_instructions.py", "check", "test_old_snapshots.py")


def test_nothing_is_read_or_written_outside_a_table(tmp_path):
    tree = Sanitized(tmp_path)
    tree.copy("tenants", "tests", "benchmarks", "web/locale")
    tree.build()
    compiled = [*tmp_path.glob("core/*.so"), *tmp_path.glob("core/routing/*.so")]
    assert len(compiled) == 3
    assert all(b"__asan_report_load" in path.read_bytes() for path in compiled)
    tree.run(
        *("tests/unit/routing", "tests/unit/test_numbers.py", "-p", "no:cacheprovider"),
        *(f"--ignore=tests/unit/routing/{name}" for name in ELSEWHERE),
        environ={"SUNSIM_EXAMPLES": EXAMPLES, "SUNSIM_PROOF": "0"},
    )
