"""``sunsim media drain|resume``: emptying one rtpengine of the pool before it is stopped."""

from __future__ import annotations

import click

from core.errors import NotFound
from core.media.drain import drain, drained
from core.settings import Settings
from tenants.commands.frame import Output, command

__all__ = ["group"]


@click.group("media")
def group() -> None:
    """The rtpengines that relay audio."""


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


def _set(settings: Settings, server: str, *, wanted: bool) -> Output:
    if server not in [str(address) for address in settings.media.rtpengine]:
        raise NotFound("SUNSIM_MEDIA_RTPENGINE names no such server.")
    folder = settings.data.dir.resolve() / "media"
    drain(folder, server, wanted)
    names = sorted(drained(folder))
    return Output({"draining": names}, [f"No new calls: {', '.join(names) or 'none'}"])
