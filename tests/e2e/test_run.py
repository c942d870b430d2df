"""`sunsim run` as its user meets it: it starts, starts again quickly, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from tests.support.instance import Instance


@pytest.fixture
def folder():
    # Not tmp_path: the database's own user must reach the folder.
    path = Path(tempfile.mkdtemp(prefix="sunsim-run-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def descendants(pid):
    """Process ids below this one."""
    found = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        for number in map(int, child.read_text().split()):
            found += [number, *descendants(number)]
    return found


def gone(pids, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if Path(f"/proc/{pid}").exists() and not _zombie(pid)]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def _zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_first_start_makes_a_demo_company_and_the_second_knows_it(folder):
    instance = Instance(folder, "--demo")
    instance.start()
    try:
        first = instance.log()
        for text in ("SunSim is ready", "ООО «Ромашка»", "anna@romashka.example", "carrier@"):
            assert text in first
        ready = httpx.get(f"{instance.http}/health/ready")
        assert ready.json()["status"] == "ok"
        assert httpx.get(f"{instance.http}/login").status_code == 200
        pids = descendants(instance.process.pid)
        assert len(pids) >= 5  # web, sip, worker, rtpengine, PostgreSQL
    finally:
        status = instance.stop(signal.SIGINT)
    assert status == 0
    assert gone(pids)
    assert not (folder / "endpoints.json").exists()
    (folder / "log").unlink()
    instance.start()
    try:
        again = instance.log()
    finally:
        instance.stop()
    password = first.split("anna@romashka.example")[1].split()[0]
    assert password in again
    assert "migrated" not in again


def test_a_killed_parent_leaves_no_orphan(folder):
    instance = Instance(folder)
    instance.start()
    pids = descendants(instance.process.pid)
    os.kill(instance.process.pid, signal.SIGKILL)
    instance.process.wait()
    assert gone(pids)


def test_a_role_that_dies_is_started_again(folder):
    instance = Instance(folder)
    instance.start()
    try:
        before = instance.endpoints["roles"]["worker"]["pid"]
        os.kill(before, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            roles = json.loads((folder / "endpoints.json").read_text())["roles"]
            if roles["worker"]["pid"] != before:
                break
            time.sleep(0.1)
        assert roles["worker"]["pid"] != before
        assert httpx.get(f"http://{roles['worker']['http']}/health/ready").status_code == 200
    finally:
        instance.stop()


def test_a_second_instance_in_the_same_folder_is_told_so(folder):
    instance = Instance(folder)
    instance.start()
    try:
        again = Instance(folder)
        with pytest.raises(AssertionError, match=r"did not start|Another SunSim"):
            (folder / "endpoints.json").rename(folder / "aside")
            again.start(20)
        assert "Another SunSim runs" in instance.log()
    finally:
        instance.stop()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SUNSIM_MEDIA_PORT_MIN", "many", "SUNSIM_MEDIA_PORT_MIN"),
        ("SUNSIM_COLOUR", "red", "SUNSIM_COLOUR"),
        ("SUNSIM_HTTP_LISTEN", "everywhere", "SUNSIM_HTTP_LISTEN"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_clear_line(folder, name, value, told):
    done = subprocess.run(
        [sys.executable, "-m", "cli", "run", "--data-dir", str(folder)],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


def test_the_demo_plays_a_call_and_checks_its_audio(folder):
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--json", "--data-dir", str(folder)],
        env={**os.environ, **Instance(folder).environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["answered"]
    assert report["audio_caller_to_callee"]
    assert report["audio_callee_to_caller"]
    assert report["setup_ms"] > 0
    assert report["cdr"]["call"]["id"] == report["call_id"]
    assert all(Path(path).stat().st_size > 10_000 for path in report["recordings"])
