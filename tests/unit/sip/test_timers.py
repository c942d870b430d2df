"""The timer wheel: exact to a tick, never early, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sip.timers import TICK, Wheel


class Clock:
    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def __call__(self):
        return self.seconds


def turn(clock, wheel, until):
    while clock.seconds < until - 1e-9:
        clock.seconds = round(clock.seconds + TICK, 6)
        wheel.advance()


def test_runs_once_at_its_tick():
    clock = Clock(100.0)
    wheel = Wheel(clock)
    ran = []
    wheel.after(0.5, lambda: ran.append(clock.seconds))
    turn(clock, wheel, 100.45)
    assert ran == []
    turn(clock, wheel, 102)
    assert ran == [100.5]


def test_cancelled_never_runs_and_is_not_counted():
    clock = Clock()
    wheel = Wheel(clock)
    timer = wheel.after(0.1, lambda: pytest.fail("cancelled"))
    assert len(wheel) == 1
    timer.cancel()
    timer.cancel()
    assert len(wheel) == 0
    turn(clock, wheel, 1)


def test_order_of_one_tick_is_that_of_the_start():
    clock = Clock()
    wheel = Wheel(clock)
    ran = []
    for i in range(20):
        wheel.after(0.2, lambda i=i: ran.append(i))
    turn(clock, wheel, 1)
    assert ran == list(range(20))


def test_a_timer_may_start_and_stop_others_of_its_tick():
    clock = Clock()
    wheel = Wheel(clock)
    ran = []
    later = []
    wheel.after(0.1, lambda: (later[0].cancel(), wheel.after(0, lambda: ran.append(clock.seconds))))
    later.append(wheel.after(0.1, lambda: ran.append("stopped")))
    turn(clock, wheel, 1)
    assert ran == [0.15]


def test_what_raises_does_not_lose_the_others():
    clock = Clock()
    wheel = Wheel(clock)
    ran = []
    wheel.after(0.1, lambda: 1 / 0)
    wheel.after(0.1, lambda: ran.append("a"))
    wheel.after(0.15, lambda: ran.append("b"))
    with pytest.raises(ZeroDivisionError):
        turn(clock, wheel, 1)
    turn(clock, wheel, 2)
    assert ran == ["a", "b"]


def test_a_loop_that_slept_catches_up_in_order():
    clock = Clock()
    wheel = Wheel(clock)
    ran = []
    wheel.after(2, lambda: ran.append(2))
    wheel.after(1, lambda: ran.append(1))
    clock.seconds = 10.0
    wheel.advance()
    assert ran == [1, 2]


@given(st.floats(0, 1e6), st.floats(0, 100))
def test_never_early_and_at_most_one_tick_late(start, delay):
    clock = Clock(start)
    wheel = Wheel(clock)
    fired = []
    wheel.after(delay, lambda: fired.append(clock.seconds))
    due = start + delay
    clock.seconds = due - 1e-3
    if clock.seconds > start:
        wheel.advance()
        assert not fired
    clock.seconds = due + 2 * TICK
    wheel.advance()
    assert fired
