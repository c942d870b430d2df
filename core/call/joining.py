"""INVITEs that become part of a call that goes on: pickup by a code, and Replaces (RFC 3891)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from core.call.encryption import profile_for
from core.call.takeover import TakeOver
from core.contracts import Line, Ring, Snapshot
from core.sdp import Profile
from core.sip.endpoint import Endpoint
from core.sip.identity import FromLine, Origin
from core.sip.replaces import Replaces
from core.sip.session import Session
from core.sip.tap import Owner

if TYPE_CHECKING:
    from core.call.call import Call
    from core.call.conversation import Conversation
    from core.call.leg import Leg
    from core.call.state import CallState

__all__ = ["Joining"]

_NOT_FOUND = 404
_NOT_ACCEPTABLE = 488
_DECLINED = 603


class Joining:
    """``present`` are the calls of this moment; ``reject`` refuses an INVITE and counts why."""

    def __init__(
        self,
        endpoint: Callable[[], Endpoint],
        present: Callable[[], Iterable[Call]],
        reject: Callable[[Session, int, str], None],
        *,
        keys_in_clear: bool,
    ) -> None:
        self._endpoint = endpoint
        self._present = present
        self._reject = reject
        self._keys_in_clear = keys_in_clear

    def dialog(
        self, tenant_id: UUID, replaces: Replaces
    ) -> tuple[Conversation | CallState, Leg] | None:
        """Where in conversations of a company a dialog is, or in a call that rings, and whose."""
        session = self._endpoint().session_of(replaces)
        for call in self._present() if session is not None else ():
            if session is not None and call.facts.tenant_id == tenant_id:
                found = call.transferable(session)
                if found is not None:
                    return found
        return None

    def pick_up(self, session: Session, line: Line, snapshot: Snapshot, extension: str) -> None:
        """Take the call that has rung longest at a colleague's, or in the groups of whoever dials."""
        wanted = _rung_for(snapshot, line.employee_id, extension)
        for call in self._present():
            ours = call.facts.tenant_id == line.tenant_id
            if ours and any(ring.employee_id in wanted for ring in call.ringing()):
                self._take(session, line, call)
                return
        self._reject(session, _NOT_FOUND, "pickup")

    def replace(self, session: Session, origin: Origin, replaced: Session) -> None:
        """A telephone wants the place of another one: what rings anybody of the company may pick up,
        a conversation goes on at another telephone of the same employee alone."""
        line = origin.line if isinstance(origin, FromLine) else None
        for call in self._present() if line is not None else ():
            if line is None or call.facts.tenant_id != line.tenant_id:
                continue
            found = call.leg_of(replaced)
            if found is None:
                continue
            talk, leg = found
            if leg.ring in call.ringing():
                self._take(session, line, call)
            elif talk is None or leg.employee_id != line.employee_id or leg.trunk_id is not None:
                break
            else:
                profile = self._joins(session, line, call)
                if profile is not None:
                    talk.want(TakeOver(leg, _ring(line), session, profile))
            return
        self._reject(session, _DECLINED, "replaces")

    def _take(self, session: Session, line: Line, call: Call) -> None:
        profile = self._joins(session, line, call)
        if profile is not None:
            call.pick_up(_ring(line), session, profile)

    def _joins(self, session: Session, line: Line, call: Call) -> Profile | None:
        """How audio is offered to an INVITE that becomes a leg of a call; ``None`` if it is refused."""
        profile = profile_for(session, line.encryption, keys_in_clear=self._keys_in_clear)
        if profile is None:
            self._reject(session, _NOT_ACCEPTABLE, "pickup")
            return None
        owner = Owner(call.facts.call_id, call.facts.tenant_id)
        self._endpoint().tap.bind(session.request.call_id, owner)
        return profile


def _ring(line: Line) -> Ring:
    return Ring(line.login, 0, line.terminal_id, line.employee_id)


def _rung_for(snapshot: Snapshot, employee_id: UUID, extension: str) -> set[UUID]:
    """Whose calls somebody wants to pick up: of one extension, or of his groups."""
    groups = snapshot.groups
    if extension:
        chosen = [group for group in groups if group.extension == extension]
        people = {each.id for each in snapshot.employees if each.extension == extension}
    else:
        chosen, people = [group for group in groups if employee_id in group.members], set()
    return people.union(*(group.members for group in chosen))
