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
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import msgspec
import structlog

from core.settings import LogSettings

__all__ = ["configure"]

_SECRETS = frozenset({"password", "token", "secret", "authorization", "cookie", "ha1", "key", "dsn"})
_PLAIN = (str, int, float, NoneType)
_LEVELS = {"warn": "warning", "exception": "error"}
_NOISY = ("uvicorn", "litestar", "asyncio", "httpx", "piccolo", "procrastinate")
_REPEATING = ("asyncpg.pool", "psycopg.pool")
"""They tell of a database that is away with every try; who misses it says so once, in a line."""

_Event = MutableMapping[str, Any]


def configure(settings: LogSettings, process: str) -> None:
    """Set logging up for this process; ``process`` stands on every line."""
    shared: list[structlog.typing.Processor] = [structlog.contextvars.merge_contextvars, _complete]
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
        return [_exception_as_data, _json]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=24,
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]


_AS_DATA = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_STACK = structlog.processors.StackInfoRenderer()


def _complete(logger: Any, method: str, event: _Event) -> _Event:
    """Level, time and stack of a line, without secrets: one function, because every call pays it."""
    event["level"] = _LEVELS.get(method, method)
    event["timestamp"] = datetime.now(UTC).isoformat()[:-6] + "Z"
    if "stack_info" in event:
        event = _STACK(logger, method, event)
    if not _SECRETS.isdisjoint(event):
        for name in event.keys() & _SECRETS:
            event[name] = "…"
    return event


def _exception_as_data(logger: Any, method: str, event: _Event) -> _Event:
    return _AS_DATA(logger, method, event) if "exc_info" in event else event


def _json(_logger: Any, _method: str, event: _Event) -> str:
    """One line. What is no plain value stands there as ``repr`` says, which hides secrets."""
    for value in event.values():
        if not isinstance(value, _PLAIN):
            break
    else:
        with suppress(UnicodeEncodeError):  # half a surrogate pair, which json escapes
            return msgspec.json.encode(event).decode()
    return json.dumps(event, default=repr)
