"""When a role that leaves has nothing left to wait for."""

import pytest

from core.drain import Drain


@pytest.mark.parametrize(
    ("left", "seconds", "over"),
    [
        ([0], 20, [True]),  # nothing goes on
        ([2, 1, 0], 20, [False, False, True]),
        ([1, 1, 1], 1, [False, False, True]),  # it takes too long
        ([3], 0, [True]),
    ],
)
def test_a_drain(left, seconds, over):
    began = []
    remaining = []
    drain = Drain(lambda: began.append(True), lambda: remaining[0], seconds)
    for at, (count, expected) in enumerate(zip(left, over, strict=True)):
        remaining[:] = [count]
        assert drain.over(at / 2) is expected
    assert began == [True]
