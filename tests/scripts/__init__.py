"""Stories: calls as they are told, played in virtual time and by real telephones."""

from tests.scripts import (
    asked,
    consulting,
    extensions,
    forwarding,
    greeting,
    leaving,
    menus,
    queue,
    recording,
    talking,
    tasks,
    telephones,
)

_MODULES = (
    *(greeting, menus, extensions, forwarding, telephones, leaving, tasks),
    *(talking, consulting, asked, queue, recording),
)


def everything():
    """All stories."""
    return [story for module in _MODULES for story in module.STORIES]
