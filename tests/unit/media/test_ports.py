"""Ranges of RTP ports: overlapping ones exclude each other, a dead process holds none."""

import os
import subprocess
import sys

import pytest

from core.errors import SettingError
from core.media.ports import PortRange, free_range

_NOBODYS = 1_000_000 + os.getpid() * 1000
"""No real ports: other tests on this machine look for free ranges, too."""


def a_range(size=100):
    return free_range(size, _NOBODYS, _NOBODYS + 999)


def test_overlapping_ranges_exclude_each_other():
    ours = a_range(200)
    assert ours.last - ours.first == 199
    for first, last in (
        (ours.first, ours.last),
        (ours.last, ours.last + 1),
        (ours.first - 1, ours.first),
    ):
        with pytest.raises(SettingError, match="SUNSIM_MEDIA_PORT_MIN"):
            PortRange(first, last).claim()
    ours.lend()
    again = PortRange(ours.first, ours.last)
    again.claim()
    again.release()
    ours.release()
    ours.release()


def test_a_failed_claim_holds_nothing():
    both = a_range(200)
    below = PortRange(both.first, both.first + 99)
    above = PortRange(both.first + 100, both.last)
    both.lend()  # so that no neighbour takes them meanwhile
    above.claim()
    with pytest.raises(SettingError):
        PortRange(both.first, both.last).claim()
    below.claim()
    for ports in (below, above, both):
        ports.release()


def test_lent_ports_are_for_the_borrower_alone():
    ours = a_range()
    ours.lend()
    with pytest.raises(SettingError):
        free_range(100, ours.first, ours.last)
    borrower = PortRange(ours.first, ours.last)
    borrower.claim()
    borrower.release()
    ours.release()
    free_range(100, ours.first, ours.last).release()


def test_there_may_be_no_free_range():
    ours = a_range()
    with pytest.raises(SettingError):
        free_range(100, ours.first, ours.last)
    ours.release()


def test_other_processes_are_excluded_until_they_end():
    code = (
        "import sys; from core.media.ports import free_range;"
        f"r = free_range(100, {_NOBODYS}, {_NOBODYS + 999});"
        "print(r.first, r.last, flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        theirs = PortRange(*map(int, other.stdout.readline().split()))
        with pytest.raises(SettingError):
            theirs.claim()
        other.kill()
    theirs.claim()
    theirs.release()
