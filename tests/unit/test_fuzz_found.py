"""What the fuzzer begins with and what it once found: nothing of it is a finding (any more)."""

import pytest

from tests.proof.fuzz.targets import FOUND, TARGETS, seeds


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_former_findings(target):
    for data in seeds(target):
        TARGETS[target](data)


def test_every_finding_belongs_to_a_target():
    assert {path.name for path in FOUND.iterdir() if path.is_dir()} <= set(TARGETS)
