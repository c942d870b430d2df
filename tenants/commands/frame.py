"""What all commands share: settings and database in, text or JSON out, errors as one line."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from msgspec import Struct, structs

from core import logs
from core.errors import Conflict, Forbidden, Invalid, NotFound, SunSimError, Unavailable
from core.settings import Settings
from tenants.db import Database
from tenants.embedded import running_or_started
from tenants.secrets import Vault
from tenants.services.actor import Actor, operator
from tenants.services.lines import LineIssuer
from tenants.words import Gettext

__all__ = [
    "EXIT_CODES",
    "LANGUAGE",
    "Office",
    "Output",
    "command",
    "gettext",
    "office_command",
    "owner_dsn",
    "table",
]

LANGUAGE = "sunsim.gettext"
"""In click's ``meta``: a function that gives the ``gettext`` of the terminal."""

EXIT_CODES: dict[type[SunSimError], int] = {
    Invalid: 2,  # like click's own for a wrong option
    NotFound: 3,
    Conflict: 4,
    Forbidden: 5,
    Unavailable: 6,
}
"""Exit codes by error; every other error is 1."""


class Output(Struct, frozen=True):
    """What a command tells: ``value`` as JSON (an iterator's, each on a line), ``lines`` to people."""

    value: Any
    lines: Iterable[str]


class Office(Struct, frozen=True):
    """The operator at the command line, with what services need."""

    settings: Settings
    db: Database
    actor: Actor

    @property
    def issuer(self) -> LineIssuer:
        """Makes lines; opened only where needed, because it makes a master key if there is none."""
        return LineIssuer(Vault.open(self.settings.data), self.settings.sip.domain)


def command(group: click.Group, name: str) -> Callable[[Callable[..., Output]], click.Command]:
    """Make a function of ``(settings, **options)`` a command of the group, with ``--json``."""

    def decorate(function: Callable[..., Output]) -> click.Command:
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
        @click.pass_context
        @functools.wraps(function)
        def run(context: click.Context, /, as_json: bool, **options: Any) -> None:
            settings = context.find_object(Settings)
            assert settings is not None
            logs.configure(structs.replace(settings.log, level="warning"), "cli")
            try:
                _print(function(settings, **options), as_json)
            except SunSimError as error:
                _fail(context, error, as_json)

        return group.command(name)(run)

    return decorate


def office_command(
    group: click.Group, name: str
) -> Callable[[Callable[..., Awaitable[Output]]], click.Command]:
    """The same for an async function of ``(office, **options)``; the database is open meanwhile."""

    def decorate(function: Callable[..., Awaitable[Output]]) -> click.Command:
        @functools.wraps(function)
        def run(settings: Settings, **options: Any) -> Output:
            with owner_dsn(settings, make=False):
                return asyncio.run(_in_office(settings, function, options))

        return command(group, name)(run)

    return decorate


@contextmanager
def owner_dsn(settings: Settings, *, make: bool) -> Iterator[str]:
    """DSN of the schema's owner; without a setting that of the embedded server, which is started
    for the length of the command unless SunSim runs.

    A wrong --data-dir must not leave a database behind: only who sets one up may ``make`` it.
    """
    if settings.data.dsn is not None:
        yield settings.data.dsn
        return
    with running_or_started(settings.data.dir, make=make) as dsn:
        yield dsn


def gettext() -> Gettext:
    """The words in the language of whoever sits at the terminal; English unless ``cli`` says else."""
    make = click.get_current_context().meta.get(LANGUAGE)
    words: Gettext = make() if make else str
    return words


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Columns aligned for a terminal."""
    cells = [["-" if cell in (None, "") else str(cell) for cell in row] for row in rows]
    lines = [list(headings), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


async def _in_office(
    settings: Settings, function: Callable[..., Awaitable[Output]], options: dict[str, Any]
) -> Output:
    db = await Database.open(settings.data)
    try:
        return await function(Office(settings, db, operator()), **options)
    finally:
        await db.close()


def _print(output: Output, as_json: bool) -> None:
    if as_json:
        values = output.value if isinstance(output.value, Iterator) else (output.value,)
        for value in values:
            click.echo(msgspec.json.encode(value).decode())
        return
    for line in output.lines:
        click.echo(line)


def _fail(context: click.Context, error: SunSimError, as_json: bool) -> None:
    message = error.message
    if isinstance(error, Invalid) and error.errors:
        message = "; ".join(f"{name}: {problem.message}" for name, problem in error.errors.items())
    message = " ".join(message.split())
    if as_json:
        click.echo(msgspec.json.encode({"error": error.code, "message": message}).decode())
    click.echo(f"sunsim: {message}", err=True)
    context.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))
