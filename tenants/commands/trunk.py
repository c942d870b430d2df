"""``sunsim trunk add|edit|disable|enable|delete|list|test``: carriers."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click
from msgspec import convert

from core.contracts import IdentityHeader, NumberFormat, TrunkTransport
from tenants.commands.frame import Office, Output, office_command, table
from tenants.secrets import Vault
from tenants.services import trunks
from tenants.services.trunks import AddTrunk, EditTrunk, TrunkView

__all__ = ["group"]


@click.group("trunk")
def group() -> None:
    """Carriers."""


Command = Callable[..., Awaitable[Output]]


def _options(function: Command) -> Command:
    """What a carrier has, for ``add`` and ``edit`` alike; what is not given is ``None`` or empty."""
    options = (
        click.option("--port", type=click.IntRange(1, 65535), help="5060, by TLS 5061."),
        click.option(
            "--transport",
            type=click.Choice([each.value for each in TrunkTransport]),
            help="How it is spoken to: udp, tcp, or tls with a certificate for its host.",
        ),
        click.option(
            "--network", "networks", multiple=True, help="CIDR block its calls come from; repeatable."
        ),
        click.option(
            "--max-calls",
            type=click.IntRange(0),
            help="Calls at once, both ways together; 0: any number.",
        ),
        click.option("--login", help="Our account there, which answers its challenges."),
        click.option("--password-stdin", is_flag=True, help="Read the account's password from stdin."),
        click.option("--realm", help="Answer challenges of this realm only."),
        click.option("--register/--no-register", "registers", default=None, help="Register there."),
        click.option("--registrar", help="HOST or HOST:PORT of the registrar, if it is another."),
        click.option(
            "--check",
            "check_seconds",
            type=click.IntRange(0, 3600),
            help="Ask every so many seconds whether it is there (OPTIONS); 0, as at first: never.",
        ),
        click.option(
            "--numbers",
            "number_format",
            type=click.Choice([form.value for form in NumberFormat]),
            help="How it writes numbers: +7495…, as at first, 7495… or 8495….",
        ),
        click.option(
            "--identity",
            "identity_header",
            type=click.Choice([header.value for header in IdentityHeader]),
            help="The header that tells it who calls; at first pai.",
        ),
        click.option(
            "--trusted/--untrusted",
            default=None,
            help="Whether it may know who hides, and is believed who calls; at first it is.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _given(fields: dict[str, Any], password_stdin: bool) -> dict[str, Any]:
    """The fields that were given, with the password from stdin."""
    given = {name: value for name, value in fields.items() if value not in (None, ())}
    if given.get("max_calls") == 0:
        given["max_calls"] = None
    if password_stdin:
        given["password"] = sys.stdin.readline().rstrip("\r\n")
    return given


def _vault(office: Office, given: dict[str, Any]) -> Vault | None:
    return Vault.open(office.settings.data) if given.get("password") else None


@office_command(group, "add")
@click.argument("name")
@click.option("--host", required=True, help="Where calls to it are sent.")
@_options
async def add(office: Office, password_stdin: bool, **fields: Any) -> Output:
    """Add the carrier NAME. Without --network its calls come from the host, given as an address."""
    given = _given(fields, password_stdin)
    command = convert(given, AddTrunk)
    return _said(await trunks.add(office.db, office.actor, command, _vault(office, given)))


@office_command(group, "edit")
@click.argument("trunk")
@click.option("--name", help="Another name.")
@click.option("--host", help="Where calls to it are sent.")
@_options
async def edit(office: Office, trunk: str, password_stdin: bool, **fields: Any) -> Output:
    """Change what is given of the carrier TRUNK. An empty --login takes our account there away."""
    given = _given(fields, password_stdin)
    command = convert(given, EditTrunk)
    return _said(await trunks.edit(office.db, office.actor, trunk, command, _vault(office, given)))


@office_command(group, "disable")
@click.argument("trunk")
async def disable(office: Office, trunk: str) -> Output:
    """Take the carrier TRUNK out of use, in both directions; calls that go on are left alone."""
    return _said(await trunks.set_enabled(office.db, office.actor, trunk, enabled=False))


@office_command(group, "enable")
@click.argument("trunk")
async def enable(office: Office, trunk: str) -> Output:
    """Take the carrier TRUNK into use again."""
    return _said(await trunks.set_enabled(office.db, office.actor, trunk, enabled=True))


@office_command(group, "delete")
@click.argument("trunk")
async def delete(office: Office, trunk: str) -> Output:
    """Forget the carrier TRUNK, which delivers no number any more."""
    await trunks.delete(office.db, office.actor, trunk)
    return Output({"deleted": trunk}, [f"{trunk} is deleted"])


def _said(trunk: TrunkView) -> Output:
    way = "" if trunk.transport is TrunkTransport.UDP else f" by {trunk.transport}"
    words = f"{trunk.name}: {trunk.host}:{trunk.port}{way}, {', '.join(trunk.networks)}"
    return Output(trunk, [words if trunk.enabled else f"{words} (disabled)"])


@office_command(group, "list")
async def list_trunks(office: Office) -> Output:
    """All carriers and how they are now."""
    found = await trunks.trunks(office.db, office.actor)
    rows = [
        (
            t.name,
            f"{t.host}:{t.port}" + ("" if t.transport == "udp" else f" {t.transport}"),
            ", ".join(t.networks),
            f"{t.calls}/{t.max_calls or '∞'}",
            "yes" if t.enabled else "no",
            _state(t),
        )
        for t in found
    ]
    return Output(found, table(("NAME", "ADDRESS", "NETWORKS", "CALLS", "ENABLED", "STATE"), rows))


def _state(trunk: TrunkView) -> str:
    """In words: ``up, registered``, ``down: no answer``."""
    words = trunk.state
    if trunk.registered is not None:
        words += ", registered" if trunk.registered else ", not registered"
    return f"{words}: {trunk.problem}" if trunk.problem else words


@office_command(group, "test")
@click.argument("name")
async def test(office: Office, name: str) -> Output:
    """Ask the carrier NAME whether it is there (SIP OPTIONS); the exit code is 6 if it is not."""
    result = await trunks.test(office.db, office.actor, name)
    if not result.reachable:
        raise trunks.TrunkSilent(name=name, reason=result.reason)
    answer = f"{result.status} {result.reason} in {result.milliseconds} ms"
    return Output(result, [f"{name} answers: {answer} {result.user_agent}".rstrip()])
