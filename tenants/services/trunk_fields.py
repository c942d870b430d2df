"""What may stand in the fields of a carrier; each check returns the value as it is kept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import FieldError

__all__ = ["CHECKS"]

_LOGIN = re.compile(r"[A-Za-z0-9+._-]{1,64}")
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 60 or not name.isprintable():
        raise FieldError("A name has 1 to 60 characters.")
    return name


def _host(text: str) -> str:
    host = text.strip().strip("[]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):
            raise FieldError("This is neither an address nor the name of a host.") from None
        return host.lower()


def _networks(blocks: tuple[str, ...]) -> list[str]:
    try:
        return [str(ipaddress.ip_network(block.strip(), strict=False)) for block in blocks]
    except ValueError:
        raise FieldError("Networks are addresses or CIDR blocks, such as 203.0.113.0/24.") from None


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise FieldError("A port is a number from 1 to 65535.")
    return port


def _max_calls(calls: int) -> int:
    if calls < 1:
        raise FieldError("At least one call.")
    return calls


def _login(text: str) -> str:
    login = text.strip()
    if not _LOGIN.fullmatch(login):
        raise FieldError("A login has up to 64 letters, digits and signs of - _ . + only.")
    return login


def _password(text: str) -> str:
    if len(text) > 128 or not text.isprintable():
        raise FieldError("A password has at most 128 printable characters.")
    return text


def _realm(text: str) -> str:
    realm = text.strip()
    if len(realm) > 128 or not realm.isprintable():
        raise FieldError("A realm has at most 128 printable characters.")
    return realm


def _registrar(text: str) -> str:
    """An IPv6 address has brackets if a port follows."""
    whole = text.strip()
    try:
        return str(ipaddress.ip_address(whole.strip("[]")))
    except ValueError:
        pass
    host, colon, port = whole.rpartition(":")
    if not colon:
        return _host(whole)
    if not port.isascii() or not port.isdigit():
        raise FieldError("A port is a number from 1 to 65535.")
    host, number = _host(host), _port(int(port))
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def _check_seconds(seconds: int) -> int:
    if not 0 <= seconds <= 3600:
        raise FieldError("Between 0 and 3600 seconds.")
    return seconds


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "host": _host,
    "networks": _networks,
    "port": _port,
    "max_calls": _max_calls,
    "login": _login,
    "password": _password,
    "realm": _realm,
    "registrar": _registrar,
    "check_seconds": _check_seconds,
}
"""By field; for ``tenants.services.forms.checked``."""
