"""The operator's commands, ``sunsim tenant|number|trunk|calls|route|check|media|…``, for ``cli.py``.

``ctx.obj`` of click is the ``Settings``. Every command takes ``--json`` and prints one JSON value with
it. What goes wrong is one line on stderr and an exit code (see ``frame.EXIT_CODES``).
"""

from __future__ import annotations

import click

from tenants.commands import (
    calls,
    check,
    db,
    media,
    number,
    numbering,
    plugin,
    recording,
    route,
    sip,
    tenant,
    token,
    trunk,
)

__all__ = ["groups"]


def groups() -> list[click.Command]:
    """The groups and commands, to be added to the main command."""
    return [
        tenant.group,
        number.group,
        numbering.group,
        trunk.group,
        calls.group,
        route.command,
        check.command,
        media.group,
        recording.group,
        sip.group,
        plugin.group,
        token.group,
        db.group,
    ]
