"""Numbers, dates and durations as the reader writes them, in the reader's own time zone."""

from __future__ import annotations

from datetime import date, datetime

from babel import Locale
from babel.dates import format_date, format_datetime, format_time

from core.numbers import pretty
from core.routing.zones import clock

__all__ = ["Formats", "initials"]


class Formats:
    """How one reader reads. Instants are epoch seconds; durations are seconds."""

    def __init__(self, locale: str, zone: str) -> None:
        self._locale = Locale.parse(locale)
        self.zone = clock(zone)

    def local(self, at: float) -> datetime:
        """The instant on the reader's clock."""
        return datetime.fromtimestamp(at, self.zone)

    def time(self, at: float) -> str:
        """``17:52``, or ``5:52 PM``."""
        return format_time(self.local(at), "short", locale=self._locale)

    def clock(self, at: float) -> str:
        """``17:52:08``."""
        return format_time(self.local(at), "medium", locale=self._locale)

    def moment(self, at: float) -> str:
        """Day and time in full: ``23 ноября 2026 г., 17:52``."""
        return format_datetime(self.local(at), "d MMMM y, HH:mm", locale=self._locale)

    def day(self, day: date) -> str:
        """``23 ноября``; the year stands only where it is not this one."""
        pattern = "d MMMM" if day.year == datetime.now(self.zone).year else "d MMMM y"
        return format_date(day, pattern, locale=self._locale)

    @staticmethod
    def phone(e164: str | None) -> str:
        """``+7 495 123-45-67``; nothing for a hidden number."""
        return pretty(e164)

    @staticmethod
    def span(seconds: float) -> str:
        """``3:06``, ``1:02:00``."""
        minutes, rest = divmod(max(0, round(seconds)), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def initials(name: str) -> str:
    """The two letters of an avatar: «Марина Кравцова» → «МК»."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "•"
