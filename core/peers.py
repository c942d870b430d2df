"""Whom we speak SIP with: the lines of employees, and carriers. Data."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

__all__ = [
    "CarrierAccount",
    "Encryption",
    "IdentityHeader",
    "Line",
    "NumberFormat",
    "Trunk",
    "TrunkTransport",
]


class Encryption(StrEnum):
    """Whether the audio of a line is encrypted, where its phone can be told a key in secret."""

    NONE = "none"  # offered as plain RTP
    PREFERRED = "preferred"  # offered as both; the phone chooses
    REQUIRED = "required"  # no call without


class Line(Struct, frozen=True):
    """A SIP account: what the registrar needs to know one phone (SIP-01, SIP-02).

    ``ha1`` maps a digest algorithm (``MD5``, ``SHA-256``) to ``H(login:realm:password)`` in hex.
    """

    login: str
    tenant_id: UUID
    employee_id: UUID
    terminal_id: UUID
    ha1: dict[str, str]
    encryption: Encryption = Encryption.PREFERRED


class TrunkTransport(StrEnum):
    """How a carrier is spoken to."""

    UDP = "udp"  # by TCP what is too large for a datagram (RFC 3261 §18.1.1)
    TCP = "tcp"
    TLS = "tls"  # its certificate must be for ``Trunk.host``

    @property
    def default_port(self) -> int:
        """Where it listens unless said otherwise (RFC 3261 §19.1.2)."""
        return 5061 if self is TrunkTransport.TLS else 5060


class NumberFormat(StrEnum):
    """How a carrier writes telephone numbers in request-URI, From and its kin."""

    E164 = "e164"  # +74951234567
    DIGITS = "digits"  # 74951234567: E.164 without the plus
    NATIONAL = "national"  # 84951234567, abroad 810…: as people dial in Russia


class IdentityHeader(StrEnum):
    """In which header a carrier wants to be told who calls."""

    PAI = "pai"  # P-Asserted-Identity (RFC 3325)
    RPID = "rpid"  # Remote-Party-ID, its predecessor
    NONE = "none"  # From alone


class CarrierAccount(Struct, frozen=True):
    """Our account at a carrier. With a ``realm`` no other one's challenge is answered."""

    login: str
    password: str
    realm: str | None = None

    def __repr__(self) -> str:
        """Without the password: structs end up in logs."""
        return f"CarrierAccount({self.login!r})"


class Trunk(Struct, frozen=True):
    """A carrier. ``host`` and ``port`` are where calls to it are sent, by ``transport``; ``networks``
    are the CIDR blocks its calls come from; ``max_calls`` counts both ways.

    With an ``account`` its challenges are answered; with ``registers`` we also register, at
    ``registrar`` (``host`` or ``host:port``) or else at the carrier itself. Every ``check_seconds``
    it is asked by OPTIONS whether it is there; 0: never. Who wants to stay anonymous is named to
    a ``trusted`` carrier only, and only such a one is believed who calls (RFC 3325 §9).
    """

    id: UUID
    name: str
    host: str
    port: int = 5060
    networks: tuple[str, ...] = ()
    max_calls: int | None = None
    account: CarrierAccount | None = None
    registers: bool = False
    registrar: str | None = None
    check_seconds: int = 0
    number_format: NumberFormat = NumberFormat.E164
    identity_header: IdentityHeader = IdentityHeader.PAI
    trusted: bool = True
    transport: TrunkTransport = TrunkTransport.UDP
