"""The benchmark of calls measures what it says: CPU of the right processes, calls that failed."""

import json
import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.calls import failed, report
from benchmarks.cpu import children, cpu_seconds, resident_kib
from benchmarks.load import Carrier, Traffic, percentiles
from benchmarks.servers import Round
from benchmarks.transit import Transit

SCENARIOS = Path(__file__).parents[2] / "benchmarks" / "sipp"
BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True); input()"


@pytest.fixture
def burner():
    """A process that has used 0.3 s of CPU."""
    process = subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "done\n"
    yield process
    process.kill()
    process.communicate()


def test_cpu_of_a_process(burner):
    assert 0.28 <= cpu_seconds([burner.pid]) < 1
    assert burner.pid in children(os.getpid())
    assert resident_kib(burner.pid) > 1000


def test_cpu_of_children_that_ended(burner):
    before = cpu_seconds([os.getpid()], reaped=True) - cpu_seconds([os.getpid()])
    burner.communicate("\n")
    after = cpu_seconds([os.getpid()], reaped=True) - cpu_seconds([os.getpid()])
    assert after - before >= 0.25
    assert cpu_seconds([burner.pid]) == 0, "a process that is gone has none"


def test_percentiles():
    assert percentiles([float(value) for value in range(101)]) == {
        "p50": 50,
        "p95": 95,
        "p99": 99,
        "max": 100,
    }
    assert percentiles([]) == {}


def test_both_sides_play_the_same_call():
    assert _steps("caller") == "send recv recv recv recv send pause send recv"
    assert _steps("callee") == "recv send send pause send recv recv send"


def _steps(side):
    return " ".join(step.tag for step in ET.parse(SCENARIOS / f"{side}.xml").getroot())


def test_calls_without_a_server_between():
    carrier = Carrier(("+74950000000", "+74950000001"), "127.0.0.1")
    traffic = carrier.run(("127.0.0.1", carrier.callee_port), rate=40, calls=20)
    assert (traffic.calls, traffic.failed) == (20, 0)
    assert len(traffic.setups) == 20
    assert min(traffic.setups) >= 95, "the callee answers after 100 ms"
    assert 0 < traffic.rate < 50


def test_report_sums_rounds():
    first = Round(Traffic(1000, 0, 100.0, 0, [110.0] * 3), {"main": 3.0, "rtpengine": 1.0}, [1.0])
    second = Round(Traffic(1000, 2, 99.0, 1, [130.0] * 3), {"main": 5.0, "rtpengine": 2.0}, [3.0])
    result = report([first, second])
    assert result["cpu_seconds_per_1000_calls"] == 4.0
    assert result["cpu_seconds_per_1000_calls_by_round"] == [3.0, 5.0]
    assert result["other_processes"] == {"rtpengine": 1.5}
    assert (result["calls"], result["failed"], result["retransmissions"]) == (2000, 2, 1)
    assert result["setup_ms"]["p50"] == 120
    assert result["invite_in_to_out_ms"]["max"] == 3.0


@pytest.mark.parametrize(
    ("ours", "theirs", "bad"),
    [
        ({}, 0, False),
        ({"100": {"failed": 1}}, 0, True),
        ({}, 1, True),
        ({"records_missing": 1}, 0, True),
        ({"left": {"calls": 0.0, "sip_sessions": 1.0}}, 0, True),
        ({"1000": {"failed": 1}}, 0, False),
    ],
)
def test_what_counts_as_a_failure(ours, theirs, bad):
    good = {"100": {"failed": 0}, "records_missing": 0, "left": {"calls": 0.0}}
    result = {"sunsim_with_media": good | ours, "sippy": {"100": {"failed": theirs}}, "includes": {}}
    assert failed(result) is bad


def _frame(source, target, text):
    header = bytes([0x45]) + bytes(19) + struct.pack("!HHHH", source, target, 0, 0)
    return bytes(14) + header + text


def test_an_invite_is_found_again_when_it_comes_out():
    transit = Transit(server=5060)
    came = b'INVITE sip:a SIP/2.0\r\nFrom: "Caller 7" <sip:b>;tag=1\r\n\r\n'
    left = b"INVITE sip:c SIP/2.0\r\nVia: x\r\nFrom: Caller 7 <sip:d>;tag=2\r\n\r\n"
    transit.packet(_frame(9, 5060, came), 1_000_000)
    transit.packet(_frame(5060, 9, left), 4_000_000)
    transit.packet(_frame(5060, 9, left), 9_000_000)
    transit.packet(_frame(9, 5060, came.replace(b"7", b"8")), 5_000_000)
    assert transit.milliseconds() == [3.0], "from the first in to the first out, of whole calls only"


@pytest.mark.proof
@pytest.mark.alone
@pytest.mark.skipif(os.environ.get("SUNSIM_PROOF") != "1", reason="a long proof: make proof")
@pytest.mark.timeout(300)
def test_the_whole_comparison():
    command = [sys.executable, "-m", "benchmarks.calls", "--seconds", "3", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    for name, ratio in result["ratio_to_sippy"].items():
        assert ratio > 0
        assert result[name]["left"] == {"calls": 0, "sip_sessions": 0, "sip_transactions": 0}
        assert result[name]["memory_kib_per_call"] > 0
