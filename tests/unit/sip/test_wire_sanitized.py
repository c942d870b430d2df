"""The fuzz tests once more, on a wire layer and a bencode that are built with the compiler's checks."""

from pathlib import Path

import pytest

from tests.support.sanitized import ROOT, Sanitized

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1800),
]


def test_nothing_is_read_outside_a_message(tmp_path):
    tree = Sanitized(tmp_path)
    others = set(Path(__file__).parent.glob("test_wire_*.py")) - {Path(__file__)}
    tree.copy("tests/golden/sip")
    tree.copy(*(str(path.relative_to(ROOT)) for path in others))
    tree.copy("tests/unit/media/test_bencode.py")
    tree.build()
    tree.run()
