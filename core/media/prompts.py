"""Ready-made prompts: recorded by professionals, from the Debian packages asterisk-core-sounds-*.

They come as 8 kHz WAV, which rtpengine paces badly (gaps of over 100 ms); 48 kHz is even. So a prompt
is converted once and kept, by name and language.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import MediaUnavailable, SunSimError
from core.media.clip import converted

__all__ = ["Prompts"]

_PACKAGES = Path("/usr/share/asterisk/sounds")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*\Z", re.IGNORECASE)


class Prompts:
    """``folder`` keeps the converted files, ``packages`` holds one folder per language and voice."""

    def __init__(self, folder: Path, packages: Path = _PACKAGES) -> None:
        self._folder = folder
        self._packages = packages

    def find(self, name: str, language: str) -> Path | None:
        """The file of a prompt (``beep``, ``digits/5``) in a language (``ru``), or ``None``.

        It is the converted file if ``prepare`` made one, else the package's own, which is playable
        but less even. Never waits.
        """
        ready = self._ready(name, language)
        if ready is None:
            return None
        return ready if ready.exists() else self._original(name, language)

    async def prepare(self, name: str, language: str) -> Path | None:
        """As ``find``, but converted to 48 kHz first, once for ever.

        Raises MediaUnavailable when the conversion fails.
        """
        ready = self._ready(name, language)
        original = self._original(name, language)
        if ready is None or original is None or ready.exists():
            return ready if original is not None else None
        try:
            await converted(original, ready)
        except SunSimError:
            raise MediaUnavailable() from None
        return ready

    def _ready(self, name: str, language: str) -> Path | None:
        if not _NAME.match(name) or not _NAME.match(language):
            return None
        return self._folder / language / f"{name}.wav"

    def _original(self, name: str, language: str) -> Path | None:
        if self._ready(name, language) is None:
            return None
        voices = sorted(self._packages.glob(f"{language}_*")) or [self._packages / language]
        found = (voice / f"{name}.wav" for voice in voices)
        return next((path for path in found if path.is_file()), None)
