"""Carriers: where calls to them go, who they are known by, our accounts there. The operator's."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from core.contracts import IdentityHeader, NumberFormat
from core.errors import FieldError, NotFound, Unavailable
from core.ids import new_id
from core.sip import _wire as wire
from tenants import crosstenant
from tenants.db import Database
from tenants.secrets import Vault, new_token, open_trunk_password, seal_trunk_password
from tenants.services import audit
from tenants.services.actor import Actor, require_operator
from tenants.services.constraints import fields_for
from tenants.services.forms import checked
from tenants.tables import LiveTrunk, Trunk

__all__ = [
    "AddTrunk",
    "TrunkSilent",
    "TrunkTest",
    "TrunkView",
    "add",
    "probe",
    "reseal",
    "test",
    "trunks",
]

PROBE_SECONDS = 2.0
PROBE_TRIES = 2
STATE_SECONDS = 60
"""What was told of a carrier longer ago says nothing of now."""

_LOGIN = re.compile(r"[A-Za-z0-9+._-]{1,64}")
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


class AddTrunk(Struct, frozen=True):
    """A carrier. Without ``networks`` its calls come from ``host`` alone, which then is an address.

    ``core.contracts.Trunk`` says what the fields mean. ``login`` and ``password`` come together;
    ``registrar`` is ``host`` or ``host:port``.
    """

    name: str
    host: str
    port: int = 5060
    networks: tuple[str, ...] = ()
    max_calls: int | None = None
    login: str | None = None
    password: str | None = None
    realm: str | None = None
    registers: bool = False
    registrar: str | None = None
    check_seconds: int = 0
    number_format: NumberFormat = NumberFormat.E164
    identity_header: IdentityHeader = IdentityHeader.PAI
    trusted: bool = True

    def __repr__(self) -> str:
        """Without the password: commands may end up in logs."""
        return f"AddTrunk({self.name!r}, {self.host!r})"


class TrunkView(Struct, frozen=True):
    """A carrier as the operator sees it. ``state`` is ``up``, ``down`` or, when nobody watches it or
    told of it lately, ``unknown``; ``calls`` and ``problem`` are of the same moment."""

    id: UUID
    name: str
    host: str
    port: int
    networks: tuple[str, ...]
    max_calls: int | None
    enabled: bool
    login: str | None = None
    registers: bool = False
    check_seconds: int = 0
    number_format: NumberFormat = NumberFormat.E164
    identity_header: IdentityHeader = IdentityHeader.PAI
    trusted: bool = True
    state: str = "unknown"
    registered: bool | None = None
    calls: int = 0
    problem: str = ""


class TrunkTest(Struct, frozen=True):
    """What a carrier answered to OPTIONS (RFC 3261 §11), if anything."""

    reachable: bool
    status: int = 0
    reason: str = ""
    milliseconds: float = 0.0
    user_agent: str = ""


class TrunkSilent(Unavailable):
    """The trunk {name} does not answer: {reason}"""

    code = "trunk_silent"


async def add(db: Database, actor: Actor, command: AddTrunk, vault: Vault | None = None) -> TrunkView:
    """Add a carrier; ``vault`` seals its password, if it has one. Raises Invalid by field."""
    require_operator(actor, "trunks:write")
    values = asdict(command)
    values["networks"] = command.networks or (command.host,)
    trunk_id = new_id()
    values = checked(
        values,
        {
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
        },
        required=("name", "host", *_needed(command)),
    )
    password = values.pop("password")
    if password is not None:
        assert vault is not None, "a password needs a vault"
        values["password_sealed"] = seal_trunk_password(vault, trunk_id, password)
    taken = ("name", "There is a trunk with this name already.")
    async with fields_for(trunks_name_key=taken), crosstenant.operator_session(db):
        await Trunk.insert(Trunk(id=trunk_id, **values))
        await audit.operator_change(actor, "trunk.add", trunk=values["name"], host=values["host"])
    return (await trunks(db, actor, values["name"]))[0]


async def trunks(db: Database, actor: Actor, name: str | None = None) -> list[TrunkView]:
    """All carriers by name, or the one with this name."""
    require_operator(actor, "trunks:read")
    async with crosstenant.operator_session(db):
        query = Trunk.select().order_by(Trunk.name)
        rows = await (query if name is None else query.where(Trunk.name == name))
        lately = datetime.now(UTC) - timedelta(seconds=STATE_SECONDS)
        states = await LiveTrunk.select().where(LiveTrunk.seen_at > lately)
    live = {state["id"]: state for state in states}
    return [_view(row, live.get(row["id"])) for row in rows]


def _view(row: dict[str, Any], live: dict[str, Any] | None) -> TrunkView:
    now: dict[str, Any] = {}
    if live is not None and (row["check_seconds"] or row["registers"]):
        now["state"] = "up" if live["up"] else "down"
    if live is not None:
        now |= {name: live[name] for name in ("registered", "calls", "problem")}
    return TrunkView(
        id=row["id"],
        name=row["name"],
        host=row["host"],
        port=row["port"],
        networks=tuple(row["networks"]),
        max_calls=row["max_calls"],
        enabled=row["enabled"],
        login=row["login"],
        registers=row["registers"],
        check_seconds=row["check_seconds"],
        number_format=NumberFormat(row["number_format"]),
        identity_header=IdentityHeader(row["identity_header"]),
        trusted=row["trusted"],
        **now,
    )


async def reseal(db: Database, vault: Vault) -> int:
    """Seal the passwords of accounts again that an older master key sealed; returns how many."""
    count = 0
    async with crosstenant.operator_session(db):
        sealed = Trunk.password_sealed
        rows = await Trunk.select(Trunk.id, sealed).where(sealed.is_not_null()).lock_rows("UPDATE")
        for row in rows:
            if vault.is_stale(row["password_sealed"]):
                password = open_trunk_password(vault, row["id"], row["password_sealed"])
                again = seal_trunk_password(vault, row["id"], password)
                await Trunk.update({sealed: again}).where(Trunk.id == row["id"])
                count += 1
    return count


async def test(db: Database, actor: Actor, name: str) -> TrunkTest:
    """Ask the carrier whether it is there. Raises NotFound for an unknown one."""
    found = await trunks(db, actor, name)
    if not found:
        raise NotFound("There is no trunk “{name}”.", name=name)
    return await probe(found[0].host, found[0].port)


async def probe(host: str, port: int, seconds: float = PROBE_SECONDS) -> TrunkTest:
    """Send OPTIONS over UDP, twice if need be, and wait for any answer."""
    loop = asyncio.get_running_loop()
    try:
        transport, answers = await loop.create_datagram_endpoint(_Answers, remote_addr=(host, port))
    except OSError as error:
        return TrunkTest(reachable=False, reason=error.strerror or str(error))
    reason = "no answer"
    try:
        local = transport.get_extra_info("sockname")
        for _ in range(PROBE_TRIES):
            began = time.monotonic()
            transport.sendto(_options(host, port, local))
            try:
                async with asyncio.timeout(seconds):
                    answer = await answers.next()
            except TimeoutError:
                continue
            except OSError as error:  # the machine is there and says that nobody listens
                reason = error.strerror or str(error)
                break
            return TrunkTest(
                reachable=True,
                status=answer.status,
                reason=answer.reason,
                milliseconds=round((time.monotonic() - began) * 1000, 1),
                user_agent=answer.header("User-Agent") or answer.header("Server") or "",
            )
    finally:
        transport.close()
    return TrunkTest(reachable=False, reason=reason)


class _Answers(asyncio.DatagramProtocol):
    """The first responses that come back, or the error that the system reports for the address."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[wire.Message | OSError] = asyncio.Queue()

    async def next(self) -> wire.Message:
        """The next answer. Raises OSError if nobody listens there."""
        found = await self._queue.get()
        if isinstance(found, OSError):
            raise found
        return found

    def datagram_received(self, data: bytes, addr: object) -> None:
        try:
            message = wire.parse(data)
        except wire.WireError:
            return
        if not message.is_request:
            self._queue.put_nowait(message)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._queue.put_nowait(exc)


def _options(host: str, port: int, local: tuple[str, int]) -> bytes:
    here = f"[{local[0]}]:{local[1]}" if ":" in local[0] else f"{local[0]}:{local[1]}"
    there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return wire.build_request(
        "OPTIONS",
        f"sip:{there}",
        [
            ("Via", f"SIP/2.0/UDP {here};branch=z9hG4bK{new_token()};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:probe@{here}>;tag={new_token()[:16]}"),
            ("To", f"<sip:{there}>"),
            ("Call-ID", new_token()),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<sip:probe@{here}>"),
            ("Accept", "application/sdp"),
        ],
    )


# --- checks of fields -------------------------------------------------------------------------


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


def _needed(command: AddTrunk) -> tuple[str, ...]:
    """An account has a login and a password, and who registers has an account."""
    wanted = command.registers or command.login or command.password
    return ("login", "password") if wanted else ()


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
