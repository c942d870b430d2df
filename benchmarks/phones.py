"""Phones of one address, registered by digest: SIPp answers for all of them afterwards."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

from core.sip import digest

__all__ = ["Account", "register"]

_SECONDS = 3600


class Account(NamedTuple):
    """A line's login and password."""

    login: str
    password: str


def register(
    server: tuple[str, int], domain: str, accounts: Iterable[Account], local: tuple[str, int]
) -> None:
    """Register each of them at ``local``, from there; RuntimeError if one is refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(local)
        sock.connect(server)
        sock.settimeout(5)
        for account in accounts:
            challenged = _ask(sock, domain, account, local, 1)
            value = re.search(rb"WWW-Authenticate: (.*)\r\n", challenged)
            challenge = digest.strongest([value[1].decode()] if value else [])
            if challenge is None:
                raise RuntimeError(f"no challenge: {challenged!r}")
            proof = digest.authorize(challenge, "REGISTER", f"sip:{domain}", *account)
            answer = _ask(sock, domain, account, local, 2, f"Authorization: {proof}\r\n")
            if not answer.startswith(b"SIP/2.0 200 "):
                raise RuntimeError(f"not registered: {answer!r}")


def _ask(
    sock: socket.socket,
    domain: str,
    account: Account,
    local: tuple[str, int],
    cseq: int,
    more: str = "",
) -> bytes:
    host, port = local
    login = account.login
    sock.send(
        f"REGISTER sip:{domain} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{login}{cseq}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{login}@{domain}>;tag={login}\r\n"
        f"To: <sip:{login}@{domain}>\r\nCall-ID: {login}@{host}\r\nCSeq: {cseq} REGISTER\r\n"
        f"Contact: <sip:{login}@{host}:{port}>\r\nExpires: {_SECONDS}\r\n"
        f"{more}Content-Length: 0\r\n\r\n".encode()
    )
    return sock.recv(4096)
