"""Finding a carrier by source address."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.networks import NetworkMap

MAP = NetworkMap(
    [
        ("10.0.0.0/8", "wide"),
        ("10.1.0.0/16", "narrow"),
        ("10.1.2.3", "host"),
        ("2001:db8::/32", "six"),
        ("10.0.0.0/8", "late"),
    ]
)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("10.9.9.9", "wide"),
        ("10.1.9.9", "narrow"),
        ("10.1.2.3", "host"),
        ("::ffff:10.1.2.3", "host"),
        ("2001:db8::1", "six"),
        ("11.0.0.1", None),
        ("carrier.example", None),
        ("", None),
    ],
)
def test_the_smallest_block_wins(host, found):
    assert MAP.find(host) == found


def test_a_block_of_everything_and_of_nothing():
    assert NetworkMap([("0.0.0.0/0", "all")]).find("203.0.113.1") == "all"
    assert NetworkMap([]).find("203.0.113.1") is None
    with pytest.raises(ValueError, match="nonsense"):
        NetworkMap([("nonsense", 1)])


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=20),
    st.integers(0, 2**32 - 1),
)
def test_like_asking_every_network(blocks, number):
    texts = [f"{ip_address(base)}/{length}" for base, length in blocks]
    host = ip_address(number)
    around = [t for t in texts if host in ip_network(t, strict=False)]
    best = max(around, key=lambda t: ip_network(t, strict=False).prefixlen, default=None)
    found = NetworkMap([(t, ip_network(t, strict=False)) for t in texts]).find(str(host))
    assert found == (ip_network(best, strict=False) if best else None)
