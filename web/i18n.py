"""The languages of the cabinet.

Msgids are English; ``web/locale/<language>/LC_MESSAGES/messages.po`` holds the rest, plugins bring
theirs in ``<package>/locale``. Catalogues are read once, when a process first needs them, so there is
nothing to compile and nothing to forget.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from core.errors import SunSimError

__all__ = ["DEFAULT", "LOCALES", "Language", "language", "negotiate", "use_catalogues"]

LOCALES: Mapping[str, str] = {"ru": "Русский", "en": "English"}
DEFAULT = "ru"

_folders: list[Path] = [Path(__file__).parent / "locale"]


class Language:
    """One language: translates msgids, counted ones and errors."""

    def __init__(self, code: str, catalogue: NullTranslations) -> None:
        self.code = code
        self._catalogue = catalogue

    def gettext(self, msgid: str) -> str:
        """The sentence in this language; a msgid without translation stays English."""
        return self._catalogue.gettext(msgid) if msgid else ""

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The form for ``count``; Russian has three."""
        return self._catalogue.ngettext(one, many, count)

    def error(self, error: SunSimError) -> str:
        """What an error says, its fields filled in."""
        text = self.gettext(error.msgid)
        return text.format_map(error.fields) if error.fields else text


def use_catalogues(folders: Iterable[Path]) -> None:
    """Add the catalogues of plugins; called once, before the first page."""
    _folders.extend(folder for folder in folders if folder.is_dir() and folder not in _folders)
    language.cache_clear()


@cache
def language(code: str) -> Language:
    """The language with this code, or the default one for a code that we do not have."""
    code = code if code in LOCALES else DEFAULT
    catalogue: NullTranslations | None = None
    for folder in _folders:
        path = folder / code / "LC_MESSAGES" / "messages.po"
        if not path.is_file():
            continue
        if catalogue is None:
            catalogue = _read(path, code)
        else:  # our own words come first: a plugin translates its sentences, not ours
            catalogue.add_fallback(_read(path, code))
    return Language(code, catalogue or NullTranslations())


def negotiate(accept_language: str) -> str:
    """The best of our languages for a browser's ``Accept-Language`` (RFC 9110 §12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        wanted.append((-weight, tag.strip().lower().split("-")[0]))
    for _, code in sorted(wanted, key=lambda pair: pair[0]):
        if code in LOCALES:
            return code
    return DEFAULT


def _read(path: Path, code: str) -> Translations:
    with path.open("rb") as source:
        catalogue = read_po(source, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain="messages")
