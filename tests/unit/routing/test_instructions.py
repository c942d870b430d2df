"""The instructions that a decision takes, counted by callgrind: no busy machine changes them."""

from __future__ import annotations

import shutil

import pytest

from benchmarks import instructions

OF_OTHERS = 1.3
"""How far the counts of another compiler or interpreter may lie from those that were kept."""


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no valgrind")
def test_decisions_take_no_more_instructions_than_they_did():
    kept, now = instructions.kept(), instructions.count()
    before = kept.get(instructions.build())
    if before is None:
        before = {name: int(number * OF_OTHERS) for name, number in next(iter(kept.values())).items()}
    assert instructions.excess(now, before) == {}, (
        "if it is worth it: python -m benchmarks.instructions --renew"
    )
    assert now.keys() == before.keys()


def test_more_is_noticed_and_a_little_is_not():
    before = {"region_lookup": 1000, "typical_decision": 1000}
    assert instructions.excess({"region_lookup": 1030, "typical_decision": 1100}, before) == {}
    assert instructions.excess({"region_lookup": 1031, "typical_decision": 900}, before) == {
        "region_lookup": "1031 instructions, 1000 before"
    }
    assert instructions.excess({"region_lookup": 0, "typical_decision": 1101}, before).keys() == {
        "typical_decision"
    }
