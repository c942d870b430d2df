"""A name that nobody has and a wrong password take the same work; by time: ``tests/e2e/test_storm``."""

import math
import random
from itertools import groupby

import pytest

from core.sip import digest, identity
from tests.support.sip_world import DOMAIN, Peer, World

METHODS = ("REGISTER", "INVITE")


def attempt(login, index, method):
    """A signed request with a wrong password, from an address of its own, and that address."""
    source = (f"198.18.{index // 250}.{index % 250 + 1}", 5060)
    peer = Peer(source, login, DOMAIN)
    uri = f"sip:{DOMAIN}"
    nonce = digest.make_nonce(b"s" * 32, World().clock.now(), source[0])
    challenge = digest.Challenge(DOMAIN, nonce, "MD5", ("auth",))
    value = digest.authorize(challenge, method, uri, login, "wrong", 1, "c")
    to = f"<sip:{login}@{DOMAIN}>"
    return source, peer.request(method, uri, to=to, headers=[("Authorization", value)])


def rank_sum_p(first, second):
    """Two-sided p of the Mann-Whitney test, by the normal approximation, with ties."""
    together = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks, at, ties = 0.0, 1, 0.0
    for _, group in groupby(together, key=lambda pair: pair[0]):
        members = [which for _, which in group]
        ranks += members.count(0) * (at + (len(members) - 1) / 2)
        at += len(members)
        ties += len(members) ** 3 - len(members)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    total = n + m
    sigma = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    return math.erfc(abs(u - n * m / 2) / sigma / math.sqrt(2))


def test_the_measure_tells_a_difference_from_none():
    numbers = random.Random(1)

    def sample(mean):
        return [round(numbers.gauss(mean, 1), 1) for _ in range(300)]

    by_chance = sum(rank_sum_p(sample(10), sample(10)) <= 0.05 for _ in range(200))
    assert 2 <= by_chance <= 20  # one in twenty
    assert rank_sum_p(sample(10), sample(10.5)) < 0.001


@pytest.mark.parametrize("method", METHODS)
def test_the_same_work_is_done_for_a_name_that_nobody_has(monkeypatch, method):
    """Every function of the digest is called as often, with arguments of the same length."""
    done = []

    def counting(name, function):
        def run(*args, **kwargs):
            done.append((name, [len(a) if isinstance(a, str | bytes) else type(a) for a in args]))
            return function(*args, **kwargs)

        return run

    for name in ("decoy_ha1", "verify", "check_nonce", "make_nonce", "challenges", "parse_credentials"):
        monkeypatch.setattr(digest, name, counting(name, getattr(digest, name)))
    for name in ("_hash", "_seal", "blake2b"):
        monkeypatch.setattr(digest, name, counting(name, getattr(digest, name)))
    assert identity.digest is digest
    work = []
    for login in ("0051234567", "0059999999"):
        world = World()
        source, request = attempt(login, 1, method)
        done.clear()
        (answer,) = world.receive(request, source)
        assert answer.what == 401
        work.append(list(done))
    assert work[0] == work[1]
    assert [name for name, _ in work[0]].count("verify") == 1
