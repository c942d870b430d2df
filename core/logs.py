"""Structured logs: one event a line, with the call and the tenant it belongs to, without secrets.

``structlog.get_logger(__name__).info("call.ended", outcome=…)`` is how everybody logs; call id and
tenant are bound once (``structlog.contextvars``) and stand on every line of that call. The standard
library's loggers end in the same lines. Values of keys that name a secret are replaced.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from types import NoneType
from typing import Any

import msgspec
import structlog

from core.settings import LogSettings

__all__ = ["configure"]

_SECRETS = frozenset({"password", "token", "secret", "authorization", "cookie", "ha1", "key", "dsn"})
_PLAIN = (str, int, float, NoneType)
_NOISY = ("uvicorn", "litestar", "asyncio", "httpx", "piccolo", "procrastinate")
_REPEATING = ("asyncpg.pool", "psycopg.pool")
"""They tell of a database that is away with every try; who misses it says so once, in a line."""


def configure(settings: LogSettings, process: str) -> None:
    """Set logging up for this process; ``process`` stands on every line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _redact,
    ]
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        # Rendered and written right here: by way of the standard library a line costs thrice as much.
        processors=[*shared, *_renderer(settings.json)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(settings.json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _REPEATING:
        logging.getLogger(name).setLevel(logging.ERROR)


def _renderer(as_json: bool) -> list[structlog.typing.Processor]:
    """Tracebacks never show the values of variables: those may be secrets."""
    if as_json:
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [
            structlog.processors.ExceptionRenderer(transformer),
            structlog.processors.JSONRenderer(_json),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=24,
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]


def _json(event: MutableMapping[str, Any], **_: Any) -> str:
    """One line. What is no plain value stands there as ``repr`` says, which hides secrets."""
    for value in event.values():
        if not isinstance(value, _PLAIN):
            break
    else:
        with suppress(UnicodeEncodeError):  # half a surrogate pair, which json escapes
            return msgspec.json.encode(event).decode()
    return json.dumps(event, default=repr)


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event.keys() & _SECRETS:
        event[name] = "…"
    return event
