"""Stories: calls as they are told, played in virtual time and by real telephones."""

from tests.scripts import (
    extensions,
    forwarding,
    greeting,
    leaving,
    menus,
    queue,
    recording,
    talking,
    tasks,
)

_MODULES = (greeting, menus, extensions, forwarding, leaving, tasks, talking, queue, recording)


def everything():
    """All stories."""
    return [story for module in _MODULES for story in module.STORIES]
