"""Why a session ends, as its BYE or CANCEL says it (RFC 3326)."""

from __future__ import annotations

import re

__all__ = ["parse_reason"]

_PARAM = re.compile(r""";\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)""", re.ASCII)


def parse_reason(value: str | None) -> tuple[int, str]:
    """Cause and text of a Reason header; 200 without one.

    A cause of Q.850, which speaks of the telephone network, is kept as text only.
    """
    if value is None:
        return 200, ""
    cause, text = 200, ""
    is_sip = value.partition(";")[0].strip().upper() == "SIP"
    for name, given in _PARAM.findall(value):
        if name.lower() == "cause" and given.isdigit() and is_sip:
            cause = int(given[:3])
        elif name.lower() == "text":
            text = re.sub(r"\\(.)", r"\1", given[1:-1] if given.startswith('"') else given)
    return cause, text
