"""Where the endpoint listens, and with which certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.settings import Address, SipSettings
from core.sip.certificate import self_signed
from core.sip.tls import Certificate
from core.sip.transport import route_address
from core.sip.transport_stream import Limits

__all__ = ["CannotListen", "Listen", "from_settings"]


class CannotListen(OSError):
    """An address is taken or not ours. ``transport`` is as in Via; for UDP and TCP it is ``UDP``."""

    def __init__(self, transport: str, address: Address, error: OSError) -> None:
        reason = error.strerror or error.__cause__ or error  # uvloop gives no errno
        super().__init__(f"{address}: {reason}")
        self.transport = transport


class Listen:
    """Addresses by transport. ``sip`` is UDP and TCP on the same port, the first of them the usual
    address; ``certificate`` is what ``tls`` and ``wss`` need; ``client`` is for connections that we
    open ourselves, by default one that trusts the system's authorities."""

    def __init__(
        self,
        *sip: Address,
        tls: Sequence[Address] = (),
        ws: Sequence[Address] = (),
        wss: Sequence[Address] = (),
        certificate: Certificate | None = None,
        client: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._addresses = {"UDP": sip, "TLS": tls, "WS": ws, "WSS": wss}
        self.certificate = certificate
        self.client = client
        self.limits = limits or Limits()

    def __iter__(self) -> Iterator[tuple[str, Address]]:
        """Every transport as in Via with its address; UDP stands for TCP, too."""
        return (
            (transport, address)
            for transport, addresses in self._addresses.items()
            for address in addresses
        )


def from_settings(settings: SipSettings, folder: Path) -> Listen:
    """What the settings say; without a certificate of theirs one is made in ``folder``.

    OSError (ssl.SSLError is one) if the certificate or its key cannot be read or do not fit.
    """
    certificate = None
    secured = (*settings.listen_tls, *settings.listen_wss)
    if secured:
        given = settings.tls_certificate, settings.tls_key
        paths = (given[0], given[1]) if given[0] and given[1] else None
        certificate = Certificate(*(paths or self_signed(folder, _names(settings, secured))))
    return Listen(
        settings.listen,
        *settings.listen_also,
        tls=settings.listen_tls,
        ws=settings.listen_ws,
        wss=settings.listen_wss,
        certificate=certificate,
        limits=Limits(total=settings.connections, address=settings.connections_per_address),
    )


def _names(settings: SipSettings, addresses: Sequence[Address]) -> list[str]:
    """What phones may call us by: the domain, the external address, those that we listen on."""
    names = [settings.domain]
    if settings.external_address:
        name, colon, port = settings.external_address.rpartition(":")
        plain = name if colon and port.isdigit() and ":" not in name.strip("[]") else ""
        names.append((plain or settings.external_address).strip("[]"))
    return [*names, *(route_address(address.host) for address in addresses)]
