"""Every property once more with new random examples, ten times as many as in the suite."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]


def test_properties_hold_for_new_examples():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "900"]
    done = subprocess.run(
        [*command, "-m", "hypothesis and not proof", "tests/unit"]
        + ["--ignore", "tests/unit/sip/test_wire_fuzz.py"],  # test_wire_sanitized.py does more there
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout[-400:])
    assert done.returncode == 0, done.stdout[-6000:]
