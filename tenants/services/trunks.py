"""Carriers, known by address: the operator's."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from core.errors import FieldError, NotFound, Unavailable
from core.sip import _wire as wire
from tenants import crosstenant
from tenants.db import Database
from tenants.secrets import new_token
from tenants.services import audit
from tenants.services.actor import Actor, require_operator
from tenants.services.constraints import fields_for
from tenants.services.forms import checked
from tenants.tables import Trunk

__all__ = ["AddTrunk", "TrunkSilent", "TrunkTest", "TrunkView", "add", "probe", "test", "trunks"]

PROBE_SECONDS = 2.0
PROBE_TRIES = 2

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


class AddTrunk(Struct, frozen=True):
    """A carrier. Without ``networks`` its calls come from ``host`` alone, which then is an address."""

    name: str
    host: str
    port: int = 5060
    networks: tuple[str, ...] = ()
    max_calls: int | None = None


class TrunkView(Struct, frozen=True):
    """A carrier as the operator sees it."""

    id: UUID
    name: str
    host: str
    port: int
    networks: tuple[str, ...]
    max_calls: int | None
    enabled: bool


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


async def add(db: Database, actor: Actor, command: AddTrunk) -> TrunkView:
    """Add a carrier. Raises Invalid by field."""
    require_operator(actor, "trunks:write")
    values = asdict(command)
    values["networks"] = command.networks or (command.host,)
    values = checked(
        values,
        {
            "name": _name,
            "host": _host,
            "networks": _networks,
            "port": _port,
            "max_calls": _max_calls,
        },
        required=("name", "host"),
    )
    taken = ("name", "There is a trunk with this name already.")
    async with fields_for(trunks_name_key=taken), crosstenant.operator_session(db):
        trunk = Trunk(**values)
        await Trunk.insert(trunk)
        await audit.operator_change(actor, "trunk.add", trunk=values["name"], host=values["host"])
    return (await trunks(db, actor, values["name"]))[0]


async def trunks(db: Database, actor: Actor, name: str | None = None) -> list[TrunkView]:
    """All carriers by name, or the one with this name."""
    require_operator(actor, "trunks:read")
    async with crosstenant.operator_session(db):
        query = Trunk.select().order_by(Trunk.name)
        rows = await (query if name is None else query.where(Trunk.name == name))
    return [
        TrunkView(
            id=row["id"],
            name=row["name"],
            host=row["host"],
            port=row["port"],
            networks=tuple(row["networks"]),
            max_calls=row["max_calls"],
            enabled=row["enabled"],
        )
        for row in rows
    ]


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
