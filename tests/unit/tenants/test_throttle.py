"""Sliding windows of failed logins, on a clock that the test holds."""

import pytest

from core.errors import TooManyRequests
from tenants.services import throttle
from tenants.services.throttle import LoginThrottle, Window


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def fail(guard, times, address="1.1.1.1", account="a@x.ru"):
    for _ in range(times):
        guard.check(address, account)
        guard.attempt(address, account)


def test_the_sixth_guess_waits_and_the_answer_says_how_long():
    clock = Clock()
    guard = LoginThrottle(clock)
    fail(guard, 5)
    with pytest.raises(TooManyRequests) as caught:
        guard.check("1.1.1.1", "a@x.ru")
    assert caught.value.retry_after == 300
    clock.now += 299.5
    with pytest.raises(TooManyRequests) as caught:
        guard.check("1.1.1.1", "a@x.ru")
    assert caught.value.retry_after == 1
    clock.now += 0.5
    guard.check("1.1.1.1", "a@x.ru")


def test_one_address_does_not_lock_the_account_for_others():
    guard = LoginThrottle(Clock())
    fail(guard, 5)
    guard.check("2.2.2.2", "a@x.ru")


def test_many_accounts_from_one_address_are_stopped():
    guard = LoginThrottle(Clock())
    for n in range(20):
        fail(guard, 1, account=f"{n}@x.ru")
    with pytest.raises(TooManyRequests):
        guard.check("1.1.1.1", "new@x.ru")


def test_one_account_from_many_addresses_is_stopped():
    guard = LoginThrottle(Clock())
    for n in range(50):
        fail(guard, 1, address=f"10.0.0.{n}")
    with pytest.raises(TooManyRequests):
        guard.check("9.9.9.9", "a@x.ru")


def test_an_office_of_fifty_people_logs_in_behind_one_address():
    guard = LoginThrottle(Clock())
    for n in range(50):
        fail(guard, 1, account=f"{n}@x.ru")
        guard.succeeded("1.1.1.1", f"{n}@x.ru")
    guard.check("1.1.1.1", "51@x.ru")


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(throttle, "_MAX_KEYS", 10)
    window = Window(3, 60, Clock())
    for n in range(1000):
        window.mark(n)
    assert len(window._marks) == 10
    window.give_back("unknown")
    window.forget("unknown")
