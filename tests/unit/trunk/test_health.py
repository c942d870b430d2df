"""Is the carrier there? With hysteresis. Time is an argument."""

import pytest

from core.trunk.health import Health


def health(seconds=30, random=0.5):
    return Health(seconds, lambda: random)


def ask(machine, *answers):
    """Ask at each due instant; an answer is a status or ``None``. Returns the pauses."""
    pauses = []
    for answer in answers:
        now = machine.next_at
        assert not machine.due(now - 0.1)
        assert machine.due(now)
        assert not machine.due(now + 1000)  # one question at a time
        if answer is None:
            machine.silent(now)
        else:
            machine.heard(now, answer)
        pauses.append(round(machine.next_at - now, 3))
    return pauses


def test_up_until_the_contrary_is_known():
    assert health().up


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 483, 501])
def test_any_answer_shows_that_it_is_there(status):
    machine = health()
    assert ask(machine, *[status] * 5) == [30] * 5
    assert machine.up
    assert machine.problem == ""


@pytest.mark.parametrize("bad", [None, 408, 500, 503])
def test_down_after_three_failures_up_after_two_answers(bad):
    machine = health()
    assert ask(machine, 200, bad, bad) == [30, 10, 10]
    assert machine.up
    ask(machine, bad)
    assert not machine.up
    assert machine.problem == (str(bad) if bad else "no answer")
    assert ask(machine, 200) == [10]
    assert not machine.up
    assert ask(machine, 200) == [30]
    assert machine.up
    assert machine.problem == ""


def test_a_single_failure_or_answer_changes_nothing():
    machine = health()
    ask(machine, None, None, 200, None, None, 200)
    assert machine.up
    ask(machine, None, None, None, 200, None, 200, None)
    assert not machine.up


def test_questions_are_spread():
    assert ask(health(random=0.0), 200) == [27]
    assert ask(health(random=1.0), 200) == [33]


def test_a_short_interval_stays_short():
    assert ask(health(1), None, None, None, None) == [1, 1, 1, 1]
