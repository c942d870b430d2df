"""The embedded PostgreSQL: a real server from a wheel, kept in the data folder.

The server is our own child, not pg_ctl's daemon: it has a session of its own so that Ctrl-C in the
terminal reaches it through us and last, and the kernel sends it SIGINT (a fast, clean shutdown) when
our process dies in whatever way (prctl(2), PR_SET_PDEATHSIG). It listens on a Unix socket in a folder
that only its user may enter, never on the network, so it needs no passwords.

Layout of ``<data folder>/postgres``: ``data`` (PGDATA), ``run`` (socket), ``owner.lock`` (held by the
process whose child the server is), ``endpoint.json`` (the DSN, for other processes), ``server.log``.

PostgreSQL refuses to run as root; then the server gets a system user of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from core.errors import NotFound, SunSimError, Unavailable
from tenants.postgres import Account, Binaries, Control, initialise

__all__ = ["EmbeddedPostgres", "InUse", "endpoint", "running_or_started"]

START_SECONDS = 30.0
STOP_SECONDS = 15.0
OWNER = "sunsim"
SUPERUSER = "postgres"
DATABASE = "sunsim"


class InUse(SunSimError):
    """Another SunSim runs in the folder {folder}. Stop it first, or use another --data-dir."""

    code = "in_use"


def endpoint(data_dir: Path) -> str:
    """DSN of the embedded server that runs in this data folder. Raises Unavailable if none does."""
    folder = data_dir.resolve() / "postgres"
    with suppress(FileNotFoundError, ValueError, KeyError):
        known = json.loads((folder / "endpoint.json").read_text())
        if Control(folder / "data").pid() == known["pid"]:
            return str(known["dsn"])
    raise Unavailable("The database is not running. Start SunSim with `sunsim run`.")


@contextmanager
def running_or_started(data_dir: Path, *, make: bool = True) -> Iterator[str]:
    """DSN of the server in this folder; one is started for the length of the block if none runs.

    Raises NotFound for a folder without a database, unless it may ``make`` one.
    """
    server = EmbeddedPostgres(data_dir)
    if not make and not server.initialised:
        raise NotFound(
            "There is no database in the folder {folder}. `sunsim run` makes one; "
            "or use another --data-dir.",
            folder=data_dir.resolve(),
        )
    try:
        server.start(wait=0)
    except InUse:
        yield _wait_for_endpoint(data_dir)
        return
    try:
        yield server.dsn
    finally:
        server.stop()


class EmbeddedPostgres:
    """One server. ``start`` and ``stop`` block; call ``start`` in the main thread, because the
    kernel takes the end of the thread that made a child for the death of its parent."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """``durable=False`` trades safety against a crash of the machine for speed (tests)."""
        self.folder = data_dir.resolve() / "postgres"
        self.durable = durable
        self._control = Control(self.folder / "data")
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._socket = self.folder / "run"

    @property
    def dsn(self) -> str:
        """DSN of the schema's owner."""
        return self._dsn(OWNER)

    @property
    def superuser_dsn(self) -> str:
        """DSN of the server's superuser, for making and dropping databases."""
        return self._dsn(SUPERUSER)

    @property
    def initialised(self) -> bool:
        """Whether the folder has a database."""
        return (self.folder / "data" / "PG_VERSION").exists()

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, *, wait: float = STOP_SECONDS) -> str:
        """Start the server, making its database first if need be; returns the owner's DSN.

        ``wait`` is how many seconds another process may take to let go of the folder. Raises InUse,
        or Unavailable with the last lines of the log if the server does not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(self.folder, wait)
        try:
            self._serve()
        except BaseException:
            self.stop()
            raise
        return self.dsn

    def revive(self) -> None:
        """Start a server that died again; the folder stays ours meanwhile, even if this fails.

        Raises Unavailable as ``start`` does.
        """
        self._end()
        try:
            self._serve()
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """A fast shutdown: connections are ended, everything committed is on disk. Safe to repeat."""
        self._end()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _serve(self) -> None:
        account = Account.for_server()
        self._control.end_leftover(STOP_SECONDS)
        self._socket = account.socket_folder(self.folder)
        if not self.initialised:
            initialise(self.folder, account, OWNER, DATABASE, durable=self.durable)
        account.open_path(self.folder / "data")
        self._process = self._launch(account)
        self._wait_until_ready()
        self._publish()

    def _end(self) -> None:
        if self._lock is not None:  # else the file is another's
            (self.folder / "endpoint.json").unlink(missing_ok=True)
        if self._process is not None:
            for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    self._process.send_signal(signal_number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
                    break
            self._process = None

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _dsn(self, user: str) -> str:
        return f"postgresql://{user}@/{DATABASE}?host={self._socket}"

    def _launch(self, account: Account) -> subprocess.Popen[bytes]:
        log = self.folder / "server.log"
        if log.exists() and log.stat().st_size > 1_000_000:
            log.replace(log.with_suffix(".log.1"))
        settings = {"listen_addresses": "", "unix_socket_directories": str(self._socket)}
        settings |= {"unix_socket_permissions": "0700", "timezone": "UTC", "log_timezone": "UTC"}
        # A template database is cloned and dropped often in tests, many processes connect in use.
        settings |= {"max_connections": "200"}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(Binaries.path("postgres")), "-D", str(self.folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with log.open("ab") as output:
            return account.spawn(command, output)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        assert self._process is not None
        while not self._control.ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "server.log").read_text(errors="replace").splitlines()[-8:]
                raise Unavailable("The embedded database does not start: {log}", log="\n".join(tail))
            time.sleep(0.01)

    def _publish(self) -> None:
        path = self.folder / "endpoint.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"pid": self.pid, "dsn": self.dsn, "superuser": self.superuser_dsn}))
        new.replace(path)


def _take_lock(folder: Path, wait: float) -> IO[str]:
    """The exclusive lock of the folder, which ends with our process. Raises InUse."""
    lock = (folder / "owner.lock").open("a+")
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                lock.close()
                raise InUse(folder=folder.parent) from None
            time.sleep(0.05)
        else:
            lock.seek(0)
            lock.truncate()
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            return lock


def _wait_for_endpoint(data_dir: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return endpoint(data_dir)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
