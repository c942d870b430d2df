"""The embedded server lives and dies with us, and is quick to come back."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.errors import SunSimError, Unavailable
from core.settings import DataSettings
from tenants import postgres as programs
from tenants.apps import CORE_APP
from tenants.db import Database
from tenants.embedded import EmbeddedPostgres, InUse, endpoint, running_or_started
from tenants.migrate import migrate
from tenants.tables import Employee
from tests.support.database import add_tenant

PARENT = """
import sys, time
from pathlib import Path
from tenants.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
try:
    server.start()
    print(server.pid, flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    pass
finally:
    server.stop()
"""


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A data folder whose database was made once for all tests here."""
    folder = Path(tempfile.mkdtemp(prefix="sunsim-embedded-"))
    with EmbeddedPostgres(folder, durable=False) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE SCHEMA probe")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(initialised: Path) -> Iterator[Path]:
    """A stopped server's folder; whatever a test leaves running is ended."""
    yield initialised
    programs.Control(initialised / "postgres" / "data").end_leftover(10)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.02)


def one(dsn: str, query: str = "SELECT 1") -> object:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchone()[0]


def test_a_new_folder_gets_a_database():
    folder = Path(tempfile.mkdtemp(prefix="sunsim-new-"))
    try:
        with EmbeddedPostgres(folder) as server:
            assert one(server.dsn, "SELECT current_user::text") == "sunsim"
            assert one(server.dsn, "SELECT lower('ЁЖ')") == "ёж"
            assert one(server.dsn, "SHOW listen_addresses") == ""
            assert one(server.dsn, "SHOW fsync") == "on"
            assert not one(server.dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = 'sunsim'")
            assert (folder / "postgres" / "run").stat().st_mode & 0o077 == 0
            assert (folder / "postgres" / "data").stat().st_mode & 0o077 == 0
            if os.geteuid() == 0:
                assert (
                    pwd.getpwuid((folder / "postgres/data").stat().st_uid).pw_name == "sunsim-postgres"
                )
            with pytest.raises(SunSimError, match="sunsim db migrate"):
                asyncio.run(Database.open(DataSettings(dir=folder)))
            pid = server.pid
        assert not alive(pid)
        assert not (folder / "postgres" / "endpoint.json").exists()
    finally:
        shutil.rmtree(folder)


def test_a_second_start_keeps_what_there_was(folder):
    with EmbeddedPostgres(folder, durable=False) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE probe.kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(folder, durable=False) as server:
        assert one(server.dsn, "SELECT answer FROM probe.kept") == 42


def test_others_find_the_running_server_and_not_a_stopped_one(folder):
    with pytest.raises(Unavailable):
        endpoint(folder)
    with EmbeddedPostgres(folder, durable=False) as server:
        assert endpoint(folder) == server.dsn
        with running_or_started(folder) as dsn:
            assert dsn == server.dsn
        assert one(server.dsn) == 1  # the visitor did not stop it
        refused = EmbeddedPostgres(folder)
        with pytest.raises(InUse):
            refused.start(wait=0.1)
        refused.stop()
        assert endpoint(folder) == server.dsn
        assert one(server.dsn) == 1
    with pytest.raises(Unavailable):
        endpoint(folder)
    with running_or_started(folder) as dsn:
        assert one(dsn) == 1
    with pytest.raises(Unavailable):
        endpoint(folder)


def test_a_stale_endpoint_is_not_believed(folder):
    path = folder / "postgres" / "endpoint.json"
    for content in (json.dumps({"pid": os.getpid(), "dsn": "x"}), "{", "{}"):
        path.write_text(content)
        with pytest.raises(Unavailable):
            endpoint(folder)
    path.unlink()


def start_parent(folder: Path) -> tuple[subprocess.Popen, int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        start_new_session=True,
    )
    return parent, int(parent.stdout.readline())


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_the_server_ends_with_its_parent(folder, signal_number):
    parent, pid = start_parent(folder)
    assert alive(pid)
    # The whole foreground group gets a terminal's Ctrl-C; the server is not in it.
    assert os.getpgid(pid) != os.getpgid(parent.pid)
    if signal_number is signal.SIGINT:
        os.killpg(os.getpgid(parent.pid), signal_number)
    else:
        parent.kill()
    parent.wait(60)
    wait_until_gone(pid)
    log = (folder / "postgres" / "server.log").read_text().splitlines()
    assert "database system is shut down" in log[-1]


def test_after_a_killed_parent_the_next_start_needs_no_help(folder):
    parent, pid = start_parent(folder)
    parent.kill()
    parent.wait(60)
    with EmbeddedPostgres(folder, durable=False) as server:  # at once, the old one may still be ending
        assert server.pid != pid
        assert one(server.dsn) == 1
    assert not alive(pid)


def test_an_orphan_that_escaped_is_ended_at_the_next_start(folder):
    account = programs.Account.for_server()
    data = folder / "postgres" / "data"
    account.run(
        [
            programs.Binaries.path("pg_ctl"), "-D", data, "-w", "-s", "-l", "/dev/null",
            "-o", f"-c listen_addresses='' -k {folder}/postgres/run", "start",
        ]
    )  # fmt: skip
    orphan = programs.Control(data).pid()
    assert orphan is not None
    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.pid != orphan
        assert not alive(orphan)


def test_a_killed_server_recovers_what_was_committed(folder):
    server = EmbeddedPostgres(folder)
    server.start()
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE probe.committed AS SELECT 7 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    with EmbeddedPostgres(folder) as server:
        assert one(server.dsn, "SELECT answer FROM probe.committed") == 7


def test_a_server_that_does_not_start_says_why(folder):
    settings = folder / "postgres" / "data" / "postgresql.conf"
    whole = settings.read_text()
    settings.write_text(f"{whole}\nno_such_setting = 1\n")
    try:
        with pytest.raises(Unavailable, match="no_such_setting"):
            EmbeddedPostgres(folder).start()
    finally:
        settings.write_text(whole)
    with EmbeddedPostgres(folder, durable=False) as server:  # and the folder is free again
        assert one(server.dsn) == 1


def test_a_server_that_died_is_revived_in_a_folder_that_nobody_else_gets(folder):
    settings = folder / "postgres" / "data" / "postgresql.conf"
    whole = settings.read_text()
    with EmbeddedPostgres(folder, durable=False) as server:
        os.kill(server.pid, signal.SIGKILL)
        settings.write_text(f"{whole}\nno_such_setting = 1\n")
        try:
            with pytest.raises(Unavailable):
                server.revive()
            with pytest.raises(InUse):
                EmbeddedPostgres(folder).start(wait=0)
        finally:
            settings.write_text(whole)
        server.revive()
        assert one(endpoint(folder)) == 1


def test_an_interrupted_first_start_leaves_nothing_half_made():
    folder = Path(tempfile.mkdtemp(prefix="sunsim-half-"))
    try:
        (folder / "postgres" / "data.new" / "base").mkdir(parents=True)
        with EmbeddedPostgres(folder, durable=False) as server:
            assert one(server.dsn) == 1
        assert not (folder / "postgres" / "data.new").exists()
    finally:
        shutil.rmtree(folder)


def test_a_long_path_still_has_room_for_the_socket():
    folder = Path(tempfile.mkdtemp(prefix="sunsim-long-"))
    deep = folder / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    try:
        with EmbeddedPostgres(deep, durable=False) as server:
            assert one(server.dsn) == 1
            socket = Path(server.dsn.rpartition("=")[2])
            assert socket.stat().st_mode & 0o077 == 0
        shutil.rmtree(socket)
    finally:
        shutil.rmtree(folder)


async def test_the_pool_recovers_by_itself_when_the_server_comes_back(folder):
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    await migrate(server.dsn, [CORE_APP])
    database = await Database.open(DataSettings(dir=folder, pool=3))
    try:
        tenant_id = await add_tenant(database)

        async def count() -> int:
            async with database.tenant(tenant_id):
                return await Employee.count()

        assert await asyncio.gather(*(count() for _ in range(3))) == [0, 0, 0]
        server.stop()
        assert not await database.healthy()
        for _ in range(3):
            with pytest.raises(Unavailable, match="not reachable"):
                await count()
        with pytest.raises(Unavailable):
            await database.listen_connection()
        server.start()
        assert await asyncio.gather(*(count() for _ in range(6))) == [0] * 6
        assert await database.healthy()
    finally:
        await database.close()
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_an_ordinary_user_runs_the_server_as_itself():
    folder = Path(tempfile.mkdtemp(prefix="sunsim-user-"))
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    script = (
        "import os, pathlib, sys; from tenants.embedded import EmbeddedPostgres\n"
        "os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))\n"
        "with EmbeddedPostgres(pathlib.Path(sys.argv[1]), durable=False) as server: print(server.pid)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder), str(nobody.pw_uid), str(nobody.pw_gid)],
            cwd=Path(__file__).parents[3],
            env={"PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (folder / "postgres" / "data").stat().st_uid == nobody.pw_uid
    finally:
        shutil.rmtree(folder)
