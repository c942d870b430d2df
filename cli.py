"""``sunsim``: run the service, play a call, and everything the operator sets up without the cabinet.

Commands that change data live beside the services they call (``tenants.commands``); this module joins
them and turns every error of ours into one line on stderr and a status that scripts can read.
"""

from __future__ import annotations

import asyncio
import os
import sys
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

import core.settings
from announce import announcement
from core.errors import SettingError, SunSimError
from core.settings import Address, Settings
from serve import ANYWHERE, ROLES, Everything, serve_all, serve_role
from tenants.commands import groups
from tenants.commands.frame import LANGUAGE
from tenants.db import Database
from tenants.demo import Demo, create_demo
from web.i18n import language

__all__ = ["main"]

_WRONG_USE = 2
PROBED_ONLY = ("sip", "worker")
"""Roles whose HTTP is health and metrics alone."""


class AddressType(click.ParamType[Any]):
    """``HOST:PORT``; ``:PORT`` is loopback, port 0 a free one."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: Any, ctx: Any) -> Address:
        """The address; a wrong one is told in one line, as a wrong variable is."""
        try:
            return value if isinstance(value, Address) else Address.parse(value)
        except ValueError as error:
            raise SettingError(name=param.opts[0], problem=str(error)) from None


class SunSimGroup(click.Group):
    """The root command: our errors become one line; a wrong setting ends with 2, others with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except SunSimError as error:
            click.echo(f"sunsim: {error.message}", err=True)
            ctx.exit(_WRONG_USE if isinstance(error, SettingError) else 1)


_DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of everything that is kept."
)


@click.group(cls=SunSimGroup, context_settings={"help_option_names": ["-h", "--help"]})
@_DATA_DIR
@click.version_option(package_name="sunsim")
@click.pass_context
def main(ctx: click.Context, data_dir: Path | None) -> None:
    """SunSim, a multi-tenant cloud PBX. All else is set by SUNSIM_… (docs/operations.md)."""
    zoneinfo.reset_tzpath(())  # the pinned tzdata decides, not what the system happens to have
    ctx.obj = core.settings.load(data={"dir": data_dir})
    ctx.meta[LANGUAGE] = _words


def _words() -> Callable[[str], str]:
    """Words in the language of the terminal (POSIX: LC_ALL, then LC_MESSAGES, then LANG)."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    spoken = next(filter(None, named), "")
    return language("ru" if spoken.startswith("ru") else "en").gettext


@main.command()
@click.option("--role", type=click.Choice(ROLES), help="Run only this part, in the foreground.")
@_DATA_DIR
@click.option(
    "--http",
    type=AddressType(),
    help="Where HTTP listens: the cabinet and the API, or a lone role's probes.",
)
@click.option("--sip", type=AddressType(), help="Where SIP listens, by UDP and TCP.")
@click.option("--demo", is_flag=True, help="Make a demo company on the first start.")
@click.option("--ready-fd", type=int, hidden=True)
@click.pass_obj
def run(
    given: Settings,
    *,
    role: str | None,
    data_dir: Path | None,
    http: Address | None,
    sip: Address | None,
    demo: bool,
    ready_fd: int | None,
) -> None:
    """Run SunSim: all of it, or one role."""
    if role in PROBED_ONLY and http is None:
        http = ANYWHERE
    settings = core.settings.load(
        data={"dir": data_dir or given.data.dir}, http={"listen": http}, sip={"listen": sip}
    )
    if role:
        serve_role(role, settings, ready_fd)
        return
    made: list[Demo] = []

    async def prepare() -> None:
        if demo:
            made.append(await _make_demo(settings))

    def announce(everything: Everything) -> None:
        click.echo(announcement(everything, made[0] if made else None))

    asyncio.run(serve_all(settings, prepare, announce))


@main.command("demo", short_help="Play one real call and check its audio.")
@_DATA_DIR
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.pass_obj
def demo_command(given: Settings, data_dir: Path | None, as_json: bool) -> None:
    """Play a carrier and an employee: one real call with its audio checked in both directions.

    Uses the instance that runs in the data folder, or one that it starts and removes again.
    """
    from demo import play  # half a telephone, which no other command needs

    say = (lambda text: None) if as_json else click.echo
    report = asyncio.run(play((data_dir or given.data.dir).resolve(), say))
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    sys.exit(0 if report.passed else 1)


async def _make_demo(settings: Settings) -> Demo:
    database = await Database.open(settings.data)
    try:
        return await create_demo(database, settings)
    finally:
        await database.close()


for _group in groups():
    main.add_command(_group)


if __name__ == "__main__":
    main()
