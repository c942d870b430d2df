"""Asking by OPTIONS inside a dialog whether the far side is there."""

import pytest

from core.sip.session import Ended
from tests.support.sip_world import reply, whats


@pytest.fixture
def world(talking):
    talking.session.probe()
    return talking


@pytest.mark.parametrize("status", [200, 405, 486, 501])
def test_any_answer_is_a_sign_of_life(world, status):
    (options,) = world.take()
    assert options.what == "OPTIONS"
    world.receive(reply(options, status))
    assert world.events == []


@pytest.mark.parametrize("status", [408, 481])
def test_who_does_not_know_the_dialog_is_gone(world, status):
    (options,) = world.take()
    sent = world.receive(reply(options, status))
    assert world.events == [Ended(by_remote=False, cause=status, reason="vanished")]
    assert "BYE" in whats(sent)


def test_silence_is_the_end(world):
    world.advance(33)
    assert world.events == [Ended(by_remote=False, cause=408, reason="vanished")]
