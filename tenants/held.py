"""What the directory holds of one company, and carriers, made of their rows.

Secrets stay sealed until a line is asked for, or are opened for a carrier once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import (
    AvailabilityMode,
    CarrierAccount,
    Encryption,
    IdentityHeader,
    Line,
    Number,
    NumberFormat,
    Snapshot,
    Trunk,
    TrunkTransport,
)
from tenants import snapshot as snapshots
from tenants.crosstenant.configuration import Configuration
from tenants.secrets import SealBroken, Vault, open_trunk_password
from tenants.tables import TerminalState

__all__ = ["ALL_ON_SCHEDULE", "Held", "SealedLine", "held_of", "trunk_of"]

log = structlog.get_logger(__name__)

ALL_ON_SCHEDULE: Mapping[UUID, AvailabilityMode] = MappingProxyType({})
"""The modes of a company where nobody switched his."""


class SealedLine(Struct):
    """A line as it was read; its secrets are opened when it is first asked for, if not before."""

    login: str
    employee_id: UUID
    terminal_id: UUID
    ha1: dict[str, str]
    encryption: Encryption = Encryption.PREFERRED
    opened: Line | None = None
    broken: bool = False

    def same_account(self, other: SealedLine) -> bool:
        """Whether the login, its terminal and its password are the same."""
        return self.terminal_id == other.terminal_id and self.ha1 == other.ha1


class Held(Struct):
    """What of one tenant stands in the indexes, and the modes of its employees."""

    snapshot: Snapshot
    modes: Mapping[UUID, AvailabilityMode]
    modes_version: int
    numbers: tuple[Number, ...] = ()
    lines: tuple[SealedLine, ...] = ()


def held_of(configuration: Configuration) -> Held | None:
    """What to hold of a tenant; ``None`` if its rows make no sense, so that the last state stays."""
    try:
        snapshot = snapshots.build(configuration.tenant, configuration.rows)
        modes = snapshots.modes(configuration.rows["employees"]) or ALL_ON_SCHEDULE
        lines = () if snapshot.suspended else tuple(_lines(configuration.rows["terminals"]))
    except (ValueError, msgspec.MsgspecError) as error:
        log.error("tenant_unreadable", tenant=str(configuration.tenant["id"]), error=str(error))
        return None
    version = configuration.tenant["modes_version"]
    return Held(snapshot, modes, version, snapshot.numbers, lines)


def _lines(terminals: Iterable[snapshots.Row]) -> Iterator[SealedLine]:
    """Lines whose activation is not finished (INV-05) cannot be used yet."""
    for row in terminals:
        if row["ha1"] and row["state"] == TerminalState.ACTIVE:
            ha1 = msgspec.json.decode(row["ha1"], type=dict[str, str])
            wanted = Encryption(row["encryption"])
            yield SealedLine(row["address"], row["employee_id"], row["id"], ha1, wanted)


def trunk_of(row: snapshots.Row, vault: Vault) -> Trunk:
    """A carrier of its row; without its account if that cannot be opened."""
    account = None
    if row["password_sealed"]:
        try:
            password = open_trunk_password(vault, row["id"], row["password_sealed"])
            account = CarrierAccount(row["login"], password, row["realm"])
        except SealBroken:
            log.error("trunk_seal_broken", trunk=row["name"])
    return Trunk(
        id=row["id"],
        name=row["name"],
        host=row["host"],
        port=row["port"],
        networks=tuple(row["networks"] or ()),
        max_calls=row["max_calls"],
        account=account,
        registers=row["registers"],
        registrar=row["registrar"],
        check_seconds=row["check_seconds"],
        number_format=NumberFormat(row["number_format"]),
        identity_header=IdentityHeader(row["identity_header"]),
        trusted=row["trusted"],
        transport=TrunkTransport(row["transport"]),
    )
