"""Backup and restore of the whole database, with the wheel's ``pg_dump`` and ``psql``.

The file is gzipped SQL, which any PostgreSQL can read. A cut-off or altered file is refused by its
checksum and its last line before anything is touched (pg_dump's own format lacks both). The present
(unlogged tables, bindings of phones) is left out. A backup must hold every tenant's rows, so the role
in the DSN needs BYPASSRLS (the embedded server's owner has it); without it pg_dump refuses rather than
write half a backup. Stop the instance before restoring: it would go on with the configuration it has
in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import asyncpg

from core.errors import SunSimError, Unavailable
from tenants import rls
from tenants.engine import Session, lost_connection_is_unavailable, use_session
from tenants.migrate import migrate
from tenants.postgres import Binaries, program_environment

__all__ = ["BackupFailed", "NotEmpty", "backup", "restore"]

SCHEMAS = "SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'"
EMPTY = f"""
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT nspname FROM ({SCHEMAS}) AS ours LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
END $$"""


class BackupFailed(SunSimError):
    """The backup or restore did not succeed and changed nothing: {output}"""

    code = "backup_failed"


class NotEmpty(SunSimError):
    """The database has tables already. Restore into an empty one, or say that it may be replaced."""

    code = "database_not_empty"


async def backup(dsn: str, target: Path) -> int:
    """Write everything to ``target`` (mode 0600, whole or not at all); returns its size in bytes.

    Raises BackupFailed with what pg_dump said.
    """
    with _whole_or_nothing(target) as output:
        arguments = ["--compress=gzip", "--no-owner", "--no-unlogged-table-data"]
        arguments.append("--exclude-table-data=line_bindings")
        await _run("pg_dump", arguments, dsn, stdout=output.fileno())
        return os.fstat(output.fileno()).st_size


async def restore(dsn: str, source: Path, *, replace: bool = False) -> list[str]:
    """Put a backup into the database and migrate it; returns the migrations that were newer than it.

    All or nothing: what ``replace`` would remove is removed in the transaction that restores.
    Raises NotEmpty, BackupFailed.
    """
    with tempfile.NamedTemporaryFile("wb", prefix="sunsim-restore-", suffix=".sql") as script:
        await asyncio.to_thread(_unpack, source, script)
        await _prepare(dsn, replace)
        arguments = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        if replace:
            arguments += [f"--command={EMPTY}"]
        await _run("psql", [*arguments, f"--file={script.name}"], dsn)
    return await migrate(dsn)


@contextlib.contextmanager
def _whole_or_nothing(target: Path) -> Iterator[IO[bytes]]:
    """A file beside ``target`` that takes its place, synced, if the block ends well."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as output:
            yield output
            os.fsync(output.fileno())
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _unpack(source: Path, script: IO[bytes]) -> None:
    """Read the whole backup, so that a damaged one is found before the database is touched."""
    tail = b""
    try:
        with gzip.open(source) as packed:
            while block := packed.read(1 << 20):
                script.write(block)
                tail = (tail + block)[-200:]
    except (OSError, EOFError, zlib.error) as error:
        raise BackupFailed(output=f"{source}: {error}") from error
    if b"-- PostgreSQL database dump complete" not in tail:
        raise BackupFailed(output=f"{source} is not a whole backup")
    script.flush()


async def _prepare(dsn: str, replace: bool) -> None:
    with lost_connection_is_unavailable():
        connection = await asyncpg.connect(dsn, timeout=10)
    try:
        filled = await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM pg_class c JOIN ({SCHEMAS}) s ON s.oid = c.relnamespace)"
        )
        if filled and not replace:
            raise NotEmpty
        async with connection.transaction():
            with use_session(Session(connection, None, asyncio.current_task())) as session:
                await rls.create_roles(session)
    finally:
        await connection.close()


async def _run(
    program: str, arguments: list[str], dsn: str | None = None, stdout: int | None = None
) -> None:
    environment = {**program_environment(), "PGOPTIONS": "-c client_min_messages=warning"}
    if dsn is not None:
        public, password = _without_password(dsn)
        arguments = [*arguments, f"--dbname={public}"]
        if password is not None:
            environment["PGPASSWORD"] = password
    try:
        process = await asyncio.create_subprocess_exec(
            str(Binaries.path(program)),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL if stdout is None else stdout,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
    except OSError as error:
        raise Unavailable("{program} cannot be run: {error}", program=program, error=error) from error
    try:
        _, output = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if process.returncode:
        raise BackupFailed(output=output.decode(errors="replace").strip()[-2000:])


def _without_password(dsn: str) -> tuple[str, str | None]:
    """The DSN as it may stand on a command line, which everybody on the machine can read."""
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    password = query.pop("password", None) or (unquote(parts.password) if parts.password else None)
    user, at, host = parts.netloc.rpartition("@")
    netloc = user.partition(":")[0] + at + host
    return parts._replace(netloc=netloc, query=urlencode(query, safe="/")).geturl(), password
