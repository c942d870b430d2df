"""Where the keys of a voice menu lead, in sentences: what a dry run shows if none is pressed."""

from __future__ import annotations

from collections.abc import Iterator

from core.contracts import PluginStep, Step
from core.scenarios import MENU, KeyAction, MenuKey
from tenants.words import N_, Words, uuid_of

__all__ = ["ways"]


def ways(words: Words, step: Step) -> Iterator[str]:
    """Where the keys of a voice menu lead, those of its second level with both keys."""
    _, snapshot = words.gettext, words.snapshot
    if snapshot is None or not isinstance(step, PluginStep) or step.name != MENU:
        return
    menus = {menu.id: menu for menu in snapshot.menus}
    first = menus.get(uuid_of(step.config.get("menu_id")))
    for key in first.keys if first else ():
        yield _("{key}: {what}").format(key=key.key, what=_way(words, key))
        second = menus.get(key.target) if key.action is KeyAction.MENU and key.target else None
        for below in second.keys if second else ():
            yield _("{key}: {what}").format(key=key.key + below.key, what=_way(words, below))


def _way(words: Words, key: MenuKey) -> str:
    _, snapshot = words.gettext, words.snapshot
    if key.action is KeyAction.FORWARD and key.addressee is not None:
        return words.addressee(key.addressee.kind, key.addressee.ref)
    if key.action is KeyAction.PLAY:
        return _("“{name}” is played").format(name=words.media(key.target))
    if key.action is KeyAction.MENU:
        menus = snapshot.menus if snapshot else ()
        name = next((menu.name for menu in menus if menu.id == key.target), "")
        return _("voice menu “{name}”").format(name=name)
    return _(_KEYS[key.action])


_KEYS = {
    KeyAction.REPEAT: N_("the instruction is repeated"),
    KeyAction.EXTENSIONS: N_("dialling of an extension"),
    KeyAction.MESSAGE: N_("voice message"),
    KeyAction.CALLBACK: N_("request to be called back"),
    KeyAction.SKIP: N_("the next block"),
    KeyAction.FORWARD: N_("nobody"),
}
