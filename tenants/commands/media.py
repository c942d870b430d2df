"""``sunsim media``: emptying one rtpengine of the pool before it is stopped; the ready-made library."""

from __future__ import annotations

import asyncio

import click

from core.errors import NotFound
from core.library import CATALOGUE, LANGUAGES
from core.media.drain import drain, drained
from core.media.prompts import Prompts
from core.settings import Settings
from tenants.commands.frame import Output, command

__all__ = ["group"]


@click.group("media")
def group() -> None:
    """The rtpengines that relay audio, and what they play."""


@command(group, "drain")
@click.argument("server")
def empty(settings: Settings, server: str) -> Output:
    """Give SERVER (HOST:PORT) no new calls; its calls stay. See sunsim_media_calls for the rest."""
    return _set(settings, server, wanted=True)


@command(group, "resume")
@click.argument("server")
def resume(settings: Settings, server: str) -> Output:
    """Give SERVER new calls again."""
    return _set(settings, server, wanted=False)


@command(group, "library")
def library(settings: Settings) -> Output:
    """Make all clips of the ready-made library now, instead of each at its first use."""
    folder = settings.data.library_folder
    missing = asyncio.run(_made(Prompts(folder)))
    names = [f"{name} ({language})" for name, language in missing]
    lines = [f"The library is in {folder}."]
    if names:
        lines.append(f"Not available, as a package is missing or broken: {', '.join(names)}")
    return Output({"folder": str(folder), "missing": names}, lines)


async def _made(prompts: Prompts) -> list[tuple[str, str]]:
    """Which entries cannot be made, in which language."""
    return [
        (ready.name, language)
        for ready in CATALOGUE
        for language in LANGUAGES
        if ready.speaks(language) and await prompts.clip(ready.id, language) is None
    ]


def _set(settings: Settings, server: str, *, wanted: bool) -> Output:
    if server not in [str(address) for address in settings.media.rtpengine]:
        raise NotFound("SUNSIM_MEDIA_RTPENGINE names no such server.")
    folder = settings.data.dir.resolve() / "media"
    drain(folder, server, wanted)
    names = sorted(drained(folder))
    return Output({"draining": names}, [f"No new calls: {', '.join(names) or 'none'}"])
