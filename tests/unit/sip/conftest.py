"""A carrier's caller, and a world that talks with it."""

import pytest

from tests.support import sip_world


@pytest.fixture
def peer():
    return sip_world.Peer()


@pytest.fixture
def talking(peer):
    """A carrier called us, and talks."""
    return sip_world.talking(peer)
