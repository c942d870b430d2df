"""``sunsim sip trace|capture|bans``: the SIP messages of this moment and of lately, without their
secrets, and who is not listened to.

They are read from the process that runs in the data folder, through its control socket; whoever may
read that folder may read them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from core import control
from core.control import CONTROL_SOCKET
from core.errors import NotFound, SettingError
from core.settings import Settings
from core.sip.guard import Ban, Lift
from core.sip.ladder import groups, ladder, line
from core.sip.pcap import GLOBAL_HEADER, Capture
from core.sip.tap import Traced, Wanted
from tenants.commands.frame import Output, command

__all__ = ["group"]

_FOLLOW = 24 * 3600.0
_CALL = click.option("--call", default="", help="Of this call: our id, a Call-ID, or how it begins.")
_HOST = click.option("--host", default="", help="From and to this address.")
_OTHERS = click.option("--registrations", "others", is_flag=True, help="REGISTER and OPTIONS, too.")


class Captured(Struct, frozen=True):
    """What a capture wrote."""

    file: str
    messages: int
    bytes: int


@click.group("sip")
def group() -> None:
    """SIP messages of calls, live or lately."""


@command(group, "trace")
@_CALL
@_HOST
@_OTHERS
@click.option("--last", default=5, show_default=True, type=click.IntRange(1), help="So many calls.")
@click.option("--full", is_flag=True, help="Whole messages below their arrows.")
@click.option("--follow", is_flag=True, help="One line for each message as it comes, until Ctrl-C.")
def trace(
    settings: Settings, call: str, host: str, *, others: bool, last: int, full: bool, follow: bool
) -> Output:
    """Ladders of the last calls: who sent what to whom, and when."""
    wanted = Wanted(call, host, others, recent=not follow, seconds=_FOLLOW if follow else 0.0)
    messages = _read(settings, wanted)
    if follow:
        messages = _until_interrupted(messages)
        return Output(messages, map(line, messages))
    found = groups(messages)[-last:]
    if call and not found:
        raise NotFound("No message of call “{call}” is kept.", call=call)
    return Output([message for each in found for message in each], _ladders(found, full=full))


@command(group, "capture")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File.")
@_CALL
@_HOST
@_OTHERS
@click.option(
    "--seconds",
    default=0.0,
    type=click.FloatRange(0, 3600),
    help="Go on for so long with what comes; without it only what is kept is written.",
)
@click.option(
    "--megabytes", default=100, show_default=True, type=click.IntRange(1, 4096), help="Largest file."
)
def capture(settings: Settings, out: Path, megabytes: int, seconds: float, **chosen: Any) -> Output:
    """Write messages into a pcap file for Wireshark or tcpdump.

    Digests, keys of SRTP and pressed digits are overwritten in it; numbers and names are not.
    """
    messages = _read(settings, Wanted(**chosen, seconds=seconds))
    written = _write(out, messages, megabytes << 20)
    return Output(written, [f"{written.messages} messages, {written.bytes} bytes in {written.file}"])


@command(group, "bans")
@click.option("--lift", "source", default="", help="Listen to this address or network again.")
def bans(settings: Settings, source: str) -> Output:
    """Who is not listened to because of wrong passwords, and for how many seconds."""
    path = settings.data.dir.resolve() / CONTROL_SOCKET
    found = list(control.ask(path, "bans", Lift(source), Ban))
    if source and not found:
        raise NotFound("Nobody at “{source}” is banned.", source=source)
    return Output(found, [_ban(ban) for ban in found] or ["nobody"])


def _ban(ban: Ban) -> str:
    return f"{ban.source:<40} {ban.account or 'all accounts':<16} {ban.seconds:.0f} s"


def _read(settings: Settings, wanted: Wanted) -> Iterator[Traced]:
    path = settings.data.dir.resolve() / CONTROL_SOCKET
    return control.ask(path, "trace", wanted, Traced)


def _until_interrupted(messages: Iterable[Traced]) -> Iterator[Traced]:
    """Ctrl-C is how following ends."""
    try:
        yield from messages
    except KeyboardInterrupt:
        return


def _ladders(found: list[list[Traced]], *, full: bool) -> Iterator[str]:
    if not found:
        yield "no messages"
    for index, messages in enumerate(found):
        if index:
            yield ""
        yield from ladder(messages, full=full)


def _write(path: Path, messages: Iterable[Traced], limit: int) -> Captured:
    packets, count, size = Capture(), 0, len(GLOBAL_HEADER)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise SettingError(name="--out", problem=f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb", buffering=0) as file, suppress(KeyboardInterrupt):
        file.write(GLOBAL_HEADER)
        for message in messages:
            records = packets.packets(message)
            if size + len(records) > limit:
                break
            file.write(records)
            count, size = count + 1, size + len(records)
    return Captured(str(path), count, size)
