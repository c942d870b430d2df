"""How a ring becomes INVITEs: to each phone registered with a line, or to a carrier.

What the called side sees as the caller is decided here. Phones of the company see the caller's number
and name; the outside world sees one of the company's numbers, or the client's when a call for the
company is forwarded to an employee's external number (with Diversion, RFC 5806). A colleague whose
external number rings sees the company's number, too: no carrier takes an extension for a caller.
Where the called number is to be seen in place of the client's (NUM-07), all see that one.

A phone that was told to forward calls answers 3xx. It may send a call to a colleague's extension, or to
a number outside by the rules for every external number; a carrier that says 3xx has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import structlog

from core.call.channels import Channel
from core.call.encryption import at, profile_of
from core.call.facts import number_shown
from core.call.ways import InTurn, NoPlace, Place
from core.contracts import CallFacts, Direction, Encryption, Number, Ring, Snapshot, Trunk
from core.contributions import DialOptions
from core.numbers import is_domestic, is_extension, is_outside, normalize
from core.ports import TenantDirectory
from core.sdp import PLAIN
from core.settings import SipSettings
from core.sip.endpoint import Endpoint
from core.sip.flow import Target, host_port
from core.sip.session import Listener, Session
from core.sip.tap import Owner
from core.sip.uri import NameAddr, SipUri, UriError
from core.trunk.board import TrunkBoard
from core.trunk.caller import NOBODY, Caller, introduce
from core.trunk.numbers import write
from core.trunk.way import way_to

__all__ = ["Placing"]

log = structlog.get_logger(__name__)

_PATIENCE = 4.0  # seconds for a first sign of life, if there is another carrier
_SIGN_OF_LIFE = 8.0  # seconds for one of a phone: its INVITE was sent five times by then


class Placing:
    """The placer of one call; ``options`` is what plugins want the phones to be told.

    With ``shows_called`` they are told which number was called in place of who calls. ``channel`` gives
    the company's channel that whoever is called outside holds; it raises NoPlace if none is free.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        directory: TenantDirectory,
        facts: CallFacts,
        snapshot: Snapshot,
        *,
        settings: SipSettings,
        max_forwards: int,
        board: TrunkBoard,
        caller: Caller,
    ) -> None:
        """``max_forwards`` is what the caller's INVITE still allows, so that loops end (RFC 7332).

        ``board`` knows which carriers can take a call; ``caller`` is who calls from outside, or how
        an employee wants to be seen.
        """
        self._endpoint = endpoint
        self._directory = directory
        self._facts = facts
        self._owner = Owner(facts.call_id, facts.tenant_id)
        self._snapshot = snapshot
        self._domain = settings.domain
        self._keys_in_clear = settings.keys_in_clear
        self._max_forwards = max_forwards
        self._board = board
        self._caller = caller
        self.channel: Callable[[str], Channel | None] = lambda number: None
        self.options = DialOptions()
        self.shows_called = False

    def __call__(self, ring: Ring) -> Sequence[Place] | InTurn:
        """One INVITE for each contact of the line, or one to each carrier in turn."""
        if is_outside(ring.address):
            return self._outside(ring.address)
        return self._phones_of(ring.address)

    def elsewhere(self, ring: Ring, contacts: Sequence[str]) -> Iterator[str]:
        """The extensions and numbers that the contacts of a 3xx name, the best first; a carrier's 3xx
        names none."""
        if is_outside(ring.address):
            return
        for contact in _by_preference(contacts):
            try:
                uri = SipUri.parse(contact.uri)
            except UriError:
                continue
            if not self.ours(uri):
                continue
            address = uri.user if is_extension(uri.user) else normalize(uri.user)
            if address is not None:
                yield address

    def ours(self, uri: SipUri) -> bool:
        """Whether a URI names somebody here; strangers' domains are not called for the asking."""
        return uri.scheme == "tel" or uri.host == self._domain.lower()

    def _phones_of(self, login: str) -> list[Place]:
        to = f"<sip:{login}@{self._domain}>"
        line = self._directory.line(login)
        wanted = line.encryption if line is not None else Encryption.PREFERRED
        places = []
        for phone in (contact.target() for contact in self._endpoint.contacts(login)):
            profile = profile_of(phone, wanted, keys_in_clear=self._keys_in_clear)
            if profile is None:
                log.warning("call.phone_not_secret", line=login, phone=str(phone.flow))
            else:
                places.append(Place(self._invite(phone, to), profile))
        return places

    def _outside(self, number: str) -> Sequence[Place] | InTurn:
        own = self._own_number()
        if own is None or not is_domestic(number):
            return ()  # a forwarded call costs like any other that goes outside
        if self._forwarded and self._is_ours(number):
            return ()  # the carrier would bring a call for ourselves back, again and again
        known = {trunk.id: trunk for trunk in self._trunks(own)}  # in the order of first mention
        ways = [trunk for trunk in known.values() if self._board.up(trunk)]
        last = len(ways) - 1
        return InTurn(
            tuple(
                self._through(trunk, number, own, None if index == last else _PATIENCE)
                for index, trunk in enumerate(ways)
            )
        )

    def _trunks(self, own: Number) -> Iterator[Trunk]:
        """The carrier that brought the call, then those of the company's number."""
        first = self._directory.trunk(self._facts.trunk_id) if self._facts.trunk_id else None
        if first is not None:
            yield first
        yield from self._directory.trunks_for(own)

    def _through(self, trunk: Trunk, number: str, own: Number, patience: float | None) -> Place:
        """An INVITE to a carrier, which occupies one of its channels until all is over."""
        user = write(number, trunk.number_format)
        host = host_port(trunk.host, trunk.port) if ":" in trunk.host else trunk.host
        target = way_to(trunk, f"sip:{user}@{host}")
        from_, headers = introduce(
            trunk,
            own.e164,
            Caller() if self.shows_called else self._caller,
            forwarded=self._forwarded and not self.shows_called,
            domain=self._domain,
        )

        def place(sdp: bytes, listener: Listener) -> Session:
            channel = self._occupy(trunk, number)
            log.info("call.carrier", trunk=trunk.name)
            try:
                return self._endpoint.invite(
                    target,
                    from_=from_,
                    to=f"<{target.uri}>",
                    sdp=sdp,
                    headers=headers,
                    listener=listener,
                    max_forwards=self._max_forwards,
                    account=trunk.account,
                    patience=patience,
                    on_close=lambda: self._release(trunk, channel),
                    owner=self._owner,
                )
            except BaseException:  # no session, so nobody will say that the channel is free
                self._release(trunk, channel)
                raise

        return Place(place, at(PLAIN, trunk.host), trunk_id=trunk.id)

    def _occupy(self, trunk: Trunk, number: str) -> Channel | None:
        """Take a channel of the carrier and hold the company's. Raises NoPlace."""
        if self._board.full(trunk):
            raise NoPlace
        channel = self.channel(number)
        self._board.take(trunk)
        return channel

    def _release(self, trunk: Trunk, channel: Channel | None) -> None:
        self._board.release(trunk)
        if channel is not None:
            channel.free()

    @property
    def _forwarded(self) -> bool:
        return self._facts.direction is Direction.INCOMING

    def _is_ours(self, number: str) -> bool:
        return any(own.e164 == number for own in self._snapshot.numbers)

    def _own_number(self) -> Number | None:
        """The company's number of this call: it was called, or it is what the caller shows."""
        facts = self._facts
        if facts.number_id is None and facts.employee_id is not None:
            return number_shown(self._snapshot, facts.employee_id)
        return next((n for n in self._snapshot.numbers if n.id == facts.number_id), None)

    def _invite(self, target: Target, to: str) -> Callable[[bytes, Listener], Session]:
        from_, headers = self._as_seen_inside(), self.options.headers

        def place(sdp: bytes, listener: Listener) -> Session:
            return self._endpoint.invite(
                target,
                from_=from_,
                to=to,
                sdp=sdp,
                headers=headers,
                listener=listener,
                max_forwards=self._max_forwards,
                patience=_SIGN_OF_LIFE,
                owner=self._owner,
            )

        return place

    def _as_seen_inside(self) -> str:
        facts = self._facts
        number, own_name = facts.caller, facts.caller_name
        if self.shows_called:
            own = self._own_number()
            number, own_name = facts.called, own.label if own else ""
        uri = f"sip:{number}@{self._domain}" if number else NOBODY
        name = (self.options.caller_name or own_name).replace("\\", "").replace('"', "")
        return f'"{name}" <{uri}>' if name else f"<{uri}>"


def _by_preference(contacts: Sequence[str]) -> list[NameAddr]:
    """The contacts of a 3xx, the best first (RFC 3261 §20.10); what cannot be read is left out."""
    read = []
    for contact in contacts:
        try:
            read.append(NameAddr.parse(contact))
        except UriError:
            continue
    return sorted(read, key=_preference, reverse=True)


def _preference(contact: NameAddr) -> float:
    try:
        return min(max(float(contact.params.get("q", "1")), 0.0), 1.0)
    except ValueError:
        return 0.0
