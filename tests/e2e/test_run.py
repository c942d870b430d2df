"""`sunsim run` as its user meets it: it starts, starts again quickly, and leaves nothing behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from tests.support.instance import Instance, grown_folder, own_instance
from tests.support.processes import descendants, gone


@pytest.fixture
def folder():
    """Of an instance that never ran. Not tmp_path: the database's own user must reach it."""
    path = Path(tempfile.mkdtemp(prefix="sunsim-run-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def grown():
    """Of an instance that ran before."""
    path = grown_folder("run")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def healing():
    """A running instance whose parts these tests kill."""
    with own_instance("healing") as running:
        yield running


@pytest.fixture(scope="module")
def intruder(healing):
    """A second instance in its folder, which waits for a while: it is asked for what it said last."""
    words = [sys.executable, "-m", "cli", "run", "--data-dir", str(healing.folder)]
    words += ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"]
    with subprocess.Popen(words, env=healing.environ, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def instance(healing, intruder):
    """The same, knowing which processes it has now."""
    healing.endpoints = json.loads((healing.folder / "endpoints.json").read_text())
    return healing


def until(condition, seconds=90):
    """What the condition gives once it gives something; time passes slowly on a busy machine."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def well(url):
    """Whether this address answers 200, at the latest after a while."""

    def answers():
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, timeout=30).status_code == 200

    return until(answers)


def restarted(instance, role):
    """The endpoints of the instance once the role has another process."""
    before = instance.endpoints["roles"][role]["pid"]

    def changed():
        now = json.loads((instance.folder / "endpoints.json").read_text())
        return now if now["roles"][role]["pid"] != before else None

    return until(changed)


def run(*options, environ=None):
    """``sunsim run`` that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "cli", "run", *options],
        env=environ or os.environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_first_start_makes_a_demo_company_and_the_second_knows_it(folder):
    instance = Instance(folder, "--demo")
    instance.start()
    try:
        first = instance.log()
        for text in ("SunSim is ready", "ООО «Ромашка»", "anna@romashka.example", "carrier@"):
            assert text in first
        ready = httpx.get(f"{instance.http}/health/ready", timeout=30)
        assert ready.json()["status"] == "ok"
        assert httpx.get(f"{instance.http}/login", timeout=30).status_code == 200
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


def test_a_killed_parent_leaves_no_orphan(grown):
    instance = Instance(grown)
    instance.start()
    pids = descendants(instance.process.pid)
    os.kill(instance.process.pid, signal.SIGKILL)
    instance.process.wait()
    assert gone(pids)
    assert "Traceback" not in instance.log()
    assert '"exception"' not in instance.log()


def test_a_role_that_dies_is_started_again(instance):
    os.kill(instance.endpoints["roles"]["worker"]["pid"], signal.SIGKILL)
    now = restarted(instance, "worker")
    assert well(f"http://{now['roles']['worker']['http']}/health/ready")


def test_a_role_that_is_started_again_listens_where_it_did(instance):
    os.kill(instance.endpoints["roles"]["web"]["pid"], signal.SIGKILL)
    assert restarted(instance, "web")["http"] == instance.http
    assert well(f"{instance.http}/health/live")


@pytest.mark.parametrize("option", ["http", "sip"])
def test_a_port_in_use_is_named_in_a_line(folder, option):
    kind = socket.SOCK_STREAM if option == "http" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        addresses = {"http": "127.0.0.1:0", "sip": "127.0.0.1:0"} | {option: address}
        options = (part for name, value in addresses.items() for part in (f"--{name}", value))
        done = run("--data-dir", str(folder), *options, environ=Instance(folder, log="error").environ)
    assert done.returncode == 2
    assert f"SUNSIM_{option.upper()}_LISTEN: {address}" in done.stderr
    assert "already in use" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "endpoints.json").exists()


@pytest.mark.parametrize("role", [(), ("--role", "sip")])
def test_a_folder_that_cannot_be_written_is_named_in_a_line(role):
    done = run("--data-dir", "/proc/sunsim", *role)
    assert done.returncode == 2
    assert done.stderr.startswith("sunsim: A setting is wrong: SUNSIM_DATA_DIR: /proc/sunsim")


def interrupted(folder):
    """Ctrl-C while the roles are being started; what was printed until then."""
    instance = Instance(folder, log="error")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "run", "--data-dir", str(folder)]
            + ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"],
            env=instance.environ,
            stdout=log,
            stderr=log,
        )
    try:
        # PostgreSQL with its helpers runs, the roles are being started
        until(lambda: len(descendants(process.pid)) >= 9 or "ready" in instance.log())
        pids = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert gone(pids)
        return instance.log()
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_ends_a_start(grown):
    for _ in range(5):
        told = interrupted(grown)
        assert "Traceback" not in told
        if "ready" not in told:
            break  # else the machine paused us for so long that we came too late
    assert "ready" not in told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SUNSIM_MEDIA_PORT_MIN", "many", "SUNSIM_MEDIA_PORT_MIN"),
        ("SUNSIM_DATA_MASTER_KEY", "aaa", "SUNSIM_DATA_MASTER_KEY"),
        ("SUNSIM_MEDIA_INTERFACE", "1.2.3", "SUNSIM_MEDIA_INTERFACE"),
        ("SUNSIM_COLOUR", "red", "SUNSIM_COLOUR"),
        ("SUNSIM_HTTP_LISTEN", "everywhere", "SUNSIM_HTTP_LISTEN"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_clear_line(folder, name, value, told):
    done = run("--data-dir", str(folder), environ={**os.environ, name: value})
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


@pytest.mark.parametrize("option", ["--http", "--sip"])
def test_a_wrong_address_on_the_command_line_too(folder, option):
    done = run("--data-dir", str(folder), option, "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith(f"sunsim: A setting is wrong: {option}")
    assert done.stderr.count("\n") == 1


def test_the_demo_plays_a_call_and_checks_its_audio(folder):
    ports = Instance(folder)  # for as long as it lives
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--json", "--data-dir", str(folder)],
        env=ports.environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["answered"]
    assert report["guided"], "through greeting and menu into the queue"
    codes = [step["code"] for step in report["cdr"]["steps"]]
    assert codes.index("played") < codes.index("pressed") < codes.index("answered")
    assert "recording" in codes
    assert report["audio_caller_to_callee"]
    assert report["audio_callee_to_caller"]
    assert report["setup_ms"] > 0
    assert report["cdr"]["call"]["id"] == report["call_id"]
    assert all(Path(path).stat().st_size > 10_000 for path in report["recordings"])


def test_the_demo_uses_a_running_instance_and_leaves_no_phone_there(instance):
    told = instance.cli("demo")
    assert told.startswith(f"Using the SunSim that runs in {instance.folder}")
    assert "Caller → employee: heard" in told
    assert told.endswith("Passed.\n")
    assert instance.metrics()["sunsim_sip_lines"] == 0


@pytest.mark.proof  # an instance of its own for one 503
def test_a_demo_that_fails_says_so_in_its_json(folder):
    # The production settings of this shell do not concern an instance that goes away again.
    wrong = {"SUNSIM_DATA_DSN": "postgresql://nobody@127.0.0.1:1/none"}
    environ = {**Instance(folder).environ, **wrong, "SUNSIM_MEDIA_RTPENGINE": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--json", "--data-dir", str(folder)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not report["answered"]
    assert "503" in report["problem"]


def test_a_second_instance_in_the_same_folder_is_told_so(instance, intruder):
    _, told = intruder.communicate(timeout=90)
    assert intruder.returncode == 1
    assert told.startswith("sunsim: Another SunSim runs")
    assert told.count("\n") == 1
    # ``sunsim demo`` and others still find the first one.
    assert json.loads((instance.folder / "endpoints.json").read_text())["http"] == instance.http
    assert well(f"{instance.http}/health/live")


def test_a_database_that_dies_is_started_again(instance, intruder):
    intruder.wait(90)  # or it might take the folder over before the other is back
    told = instance.folder / "postgres" / "endpoint.json"
    before = json.loads(told.read_text())["pid"]
    os.kill(before, signal.SIGKILL)

    def another():
        with contextlib.suppress(FileNotFoundError):
            return json.loads(told.read_text())["pid"] != before

    until(another)
    assert well(f"{instance.http}/health/ready")
