"""One family of errors for pages, API, CLI and calls.

Every error has a stable ``code`` for programs, a translatable ``message`` for people, the ``fields``
that fill it in, and the status it becomes at either edge: HTTP (RFC 9457 problem) or SIP.
A class's docstring is its default message, an English msgid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "Conflict",
    "FieldError",
    "Forbidden",
    "Invalid",
    "MediaRefused",
    "MediaUnavailable",
    "NotFound",
    "PluginError",
    "SettingError",
    "SunSimError",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
]


class SunSimError(Exception):
    """Something went wrong on our side; nothing was lost. Try again in a minute."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    sip_status: int = 500

    def __init__(self, message: str | None = None, /, **fields: object) -> None:
        self.msgid: str = message or _first_line(type(self))
        self.fields: Mapping[str, object] = fields
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The sentence in English, its fields filled in; edges translate ``msgid`` instead."""
        return self.msgid.format_map(self.fields) if self.fields else self.msgid


class FieldError(SunSimError):
    """This value cannot be used."""

    code = "field"
    http_status = 422


class Invalid(SunSimError):
    """Some fields need correction."""

    code = "invalid"
    http_status = 422
    sip_status = 400

    def __init__(self, message: str | None = None, /, **errors: FieldError | str) -> None:
        """``errors`` maps the name of a field to what is wrong with it."""
        self.errors: dict[str, FieldError] = {
            name: error if isinstance(error, FieldError) else FieldError(error)
            for name, error in errors.items()
        }
        super().__init__(message)


class NotFound(SunSimError):
    """There is nothing here, or it is not yours to see."""

    code = "not_found"
    http_status = 404
    sip_status = 404


class Unauthenticated(SunSimError):
    """Sign in first."""

    code = "unauthenticated"
    http_status = 401
    sip_status = 401


class Forbidden(SunSimError):
    """Your role does not allow this."""

    code = "forbidden"
    http_status = 403
    sip_status = 403


class Conflict(SunSimError):
    """Somebody changed this meanwhile. Look at the new version and repeat your change."""

    code = "conflict"
    http_status = 409


class TooManyRequests(SunSimError):
    """Too many attempts. Wait {retry_after} seconds."""

    code = "too_many_requests"
    http_status = 429
    sip_status = 503

    def __init__(self, message: str | None = None, /, *, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(message, retry_after=retry_after)


class Unavailable(SunSimError):
    """A part of the service is not reachable now. Try again in a minute."""

    code = "unavailable"
    http_status = 503
    sip_status = 503


class MediaUnavailable(Unavailable):
    """The media server does not answer."""

    code = "media_unavailable"


class MediaRefused(MediaUnavailable):
    """The offered audio cannot be used."""

    code = "media_refused"
    http_status = 422
    sip_status = 488


class SettingError(SunSimError):
    """A setting is wrong: {name}: {problem}"""

    code = "setting"


class PluginError(SunSimError):
    """The plugin {plugin} cannot be used: {problem}"""

    code = "plugin"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]
