"""Token buckets and bans, on a clock of the test's."""

from hypothesis import given
from hypothesis import strategies as st

from core.sip.guard import Ban, Buckets, Failures, is_scanner, network_of


def test_a_burst_and_then_the_rate():
    buckets = Buckets(10, 5, lambda host: False)
    assert [buckets.admit("a", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [buckets.admit("a", 0.1) for _ in range(2)] == [True, False]
    assert [buckets.admit("a", 100.0) for _ in range(6)] == [True] * 5 + [False]


def test_sources_do_not_share():
    buckets = Buckets(1, 1, lambda host: False)
    assert buckets.admit("a", 0.0)
    assert not buckets.admit("a", 0.0)
    assert buckets.admit("b", 0.0)


def test_a_carrier_is_asked_for_only_when_its_bucket_is_empty():
    asked = []
    buckets = Buckets(1, 100, lambda host: asked.append(host) or True)
    assert all(buckets.admit("carrier", 0.0) for _ in range(1000))
    assert len(asked) == 9


def test_memory_is_bounded_whatever_the_number_of_sources():
    buckets = Buckets(1, 2, lambda host: False, capacity=100)
    for i in range(1000):
        buckets.admit(f"host{i}", i / 1000)
    assert len(buckets._levels) <= 101


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_never_more_than_burst_and_rate_allow(gaps):
    buckets = Buckets(5, 3, lambda host: False)
    now, admitted = 0.0, 0
    for gap in gaps:
        now += gap
        admitted += buckets.admit("a", now)
    assert admitted <= 3 + 5 * now + 1e-6


def test_failures_count_by_account_and_network():
    failures = Failures(per_account=3, per_source=100)
    assert [failures.record("192.0.2.1", "a", 0.0) for _ in range(3)] == [False, False, True]
    assert failures.banned("192.0.2.1", "a", 1.0)
    assert failures.banned("192.0.2.99", "a", 1.0)  # the same /24
    assert not failures.banned("192.0.3.1", "a", 1.0)
    assert not failures.banned("192.0.2.1", "b", 1.0)


def test_the_window_slides():
    failures = Failures(per_account=2, per_source=100, window=60)
    failures.record("192.0.2.1", "a", 0.0)
    failures.record("192.0.2.1", "a", 59.0)
    assert failures.banned("192.0.2.1", "a", 59.5)
    assert not failures.banned("192.0.2.1", "a", 61.0)
    failures.record("192.0.2.1", "a", 61.0)
    assert failures.banned("192.0.2.1", "a", 61.0)


def test_the_right_password_forgives_its_own_account_only():
    failures = Failures(per_account=3, per_source=4)
    for account in ("a", "a", "b", "b"):
        failures.record("192.0.2.1", account, 0.0)
    failures.forgive("192.0.2.1", "a", 0.0)
    assert failures.banned("192.0.2.1", "c", 0.0)  # the address tried too many


def test_of_those_who_signed_in_the_longest_silent_are_forgotten_first():
    failures = Failures(per_account=100, per_source=1, capacity=1)
    for account in ("office", *"abcdefghi"):
        failures.forgive("192.0.2.1", account, 0.0)
    failures.forgive("192.0.2.1", "office", 1.0)
    failures.forgive("192.0.2.1", "j", 2.0)
    failures.record("192.0.2.1", "guess", 3.0)
    assert not failures.banned("192.0.2.1", "office", 3.0)
    assert failures.banned("192.0.2.1", "a", 3.0)


def test_failures_are_bounded():
    failures = Failures(capacity=50)
    for i in range(500):
        failures.record(f"192.0.{i % 250}.1", f"account{i}", float(i))
    assert len(failures._by_account) <= 50
    assert len(failures._by_source) <= 50


def test_neighbourhoods():
    assert network_of("192.0.2.77") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert network_of("no address") == "no address"


def test_an_office_goes_on_behind_an_address_that_is_banned():
    """security.md: nat_office_of_50_phones_is_not_banned."""
    failures = Failures(per_account=10, per_source=100)
    office, now = "192.0.2.1", 0.0
    for phone in range(50):
        failures.forgive(office, f"good{phone}", now)
    for guess in range(200):
        failures.record(office, f"guessed{guess}", now)
    assert failures.banned(office, "guessed0", now)
    assert not any(failures.banned(office, f"good{phone}", now) for phone in range(50))
    for _ in range(10):  # one's own wrong passwords still count
        failures.record(office, "good1", now)
    assert failures.banned(office, "good1", now)
    later = now + 86_401
    for guess in range(200):
        failures.record(office, f"guessed{guess}", later)
    assert failures.banned(office, "good2", later)  # it has not signed in for a day


def test_bans_are_listed_and_lifted():
    failures = Failures(per_account=2, per_source=5, window=60)
    for _ in range(2):
        failures.record("192.0.2.1", "a", 10.0)
    for account in "bcdef":
        failures.record("198.51.100.7", account, 20.0)
    assert failures.bans(30.0) == [Ban("192.0.2.0/24", "a", 40.0), Ban("198.51.100.7", None, 50.0)]
    assert failures.lift("203.0.113.1", 30.0) == []
    assert failures.lift("192.0.2.99", 30.0) == [Ban("192.0.2.0/24", "a", 40.0)]
    assert failures.lift("198.51.100.0/24", 30.0) == [Ban("198.51.100.7", None, 50.0)]
    assert failures.bans(30.0) == []
    assert not failures.banned("192.0.2.1", "a", 30.0)


def test_tools_are_known_by_name_and_phones_are_not_them():
    assert all(map(is_scanner, ("friendly-scanner", "SIPVicious 0.3.8", "sundayddr", "sipcli/v1.8")))
    assert is_scanner(1000 * "x" + " sipvicious")
    phones = ("Yealink SIP-T46U 108.86", "baresip v3.1", "Linphone/5", "Zoiper", "", "SIP.js/0.21")
    assert not any(map(is_scanner, phones))
