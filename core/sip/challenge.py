"""A carrier's challenge that our account answers, in the requests of one session (RFC 3261 §22)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.contracts import CarrierAccount
from core.sip import digest

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["CHALLENGES", "Challenged"]

CHALLENGES = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
"""In which header each asks, and in which one is answered."""


class Challenged:
    """A challenge that was accepted, and how often its nonce was used."""

    __slots__ = ("_account", "_challenge", "_count", "_header")

    def __init__(self, challenge: digest.Challenge, header: str, account: CarrierAccount) -> None:
        self._challenge = challenge
        self._header = header
        self._account = account
        self._count = 0

    @classmethod
    def of(cls, response: Message, account: CarrierAccount | None) -> Challenged | None:
        """What a refusal asks for, if it is a challenge that the account can answer."""
        if account is None or response.status not in CHALLENGES:
            return None
        asks, answers = CHALLENGES[response.status]
        challenge = digest.strongest(response.headers(asks), account.realm)
        return None if challenge is None else cls(challenge, answers, account)

    def answer(self, method: str, uri: str) -> tuple[str, str]:
        """The header that answers it for one request."""
        self._count += 1
        account = self._account
        value = digest.authorize(
            self._challenge, method, uri, account.login, account.password, self._count
        )
        return self._header, value
