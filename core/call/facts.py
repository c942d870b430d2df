"""What is known of a call when its INVITE arrives: who calls whom, and in which direction."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from core.contracts import CallFacts, Contact, Direction, Employee, Line, Number, Snapshot, Trunk
from core.ids import new_id
from core.numbers import is_extension, normalize, public_short
from core.sip._wire import Message
from core.sip.uri import NameAddr, SipUri, UriError
from core.trunk.caller import Caller
from core.trunk.numbers import from_uri

__all__ = ["called_number", "dialled_by", "from_company", "from_outside", "number_shown", "user_of"]

_NAME_LENGTH = 64


def user_of(uri: str) -> str:
    """The telephone-number part of a SIP or tel URI, parameters aside; empty if it is none."""
    try:
        return SipUri.parse(uri).user
    except UriError:
        return ""


def called_number(request: Message, trunk: Trunk) -> str | None:
    """The number that a carrier asks for: the request-URI's user.

    Where we are registered the carrier may ask for our account's Contact instead; then the number is
    in P-Called-Party-ID (RFC 7315 §4.2) or To.
    """
    form, account = trunk.number_format, trunk.account
    if account is not None and user_of(request.uri) == account.login:
        for name in ("P-Called-Party-ID", "To"):
            try:
                number = from_uri(NameAddr.parse(request.header(name) or "").uri, form)
            except UriError:
                continue
            if number is not None:
                return number
    return from_uri(request.uri, form)


def from_outside(
    caller: Caller,
    trunk: Trunk,
    snapshot: Snapshot,
    number: Number,
    regions: tuple[int, ...] = (),
    contact: Contact | None = None,
) -> CallFacts:
    """A carrier brings a call for one of the company's numbers; ``regions`` are the caller's, and
    ``contact`` is what the company has saved of him."""
    return CallFacts(
        call_id=new_id(),
        tenant_id=snapshot.tenant_id,
        direction=Direction.INCOMING,
        caller=caller.number,
        caller_name=_clean(caller.name),
        called=number.e164,
        number_id=number.id,
        trunk_id=trunk.id,
        regions=regions,
        tags=contact.tags if contact else frozenset(),
        contact_kind=contact.kind if contact else None,
        manager_id=contact.manager_id if contact else None,
    )


def from_company(request: Message, line: Line, snapshot: Snapshot) -> CallFacts | None:
    """An employee dials an extension or a number; ``None`` if it is neither."""
    return dialled_by(snapshot, line.employee_id, line.terminal_id, user_of(request.uri))


def dialled_by(
    snapshot: Snapshot, employee_id: UUID | None, terminal_id: UUID | None, dialled: str
) -> CallFacts | None:
    """What is dialled at this telephone of an employee's: an extension or a number, else ``None``.

    A short number of the public network is an extension for those who gave it to somebody.
    """
    employee = _employee(snapshot, employee_id)
    name = employee.name if employee else ""
    short = None if _has_extension(snapshot, dialled) else public_short(dialled)
    if short is None and is_extension(dialled):
        return CallFacts(
            call_id=new_id(),
            tenant_id=snapshot.tenant_id,
            direction=Direction.INTERNAL,
            caller=employee.extension if employee else None,
            caller_name=name,
            called=dialled,
            employee_id=employee_id,
            terminal_id=terminal_id,
        )
    called = short or normalize(dialled)
    if called is None:
        return None
    number = number_shown(snapshot, employee)
    return CallFacts(
        call_id=new_id(),
        tenant_id=snapshot.tenant_id,
        direction=Direction.OUTGOING,
        caller=number.e164 if number else None,
        caller_name=name,
        called=called,
        number_id=number.id if number else None,
        trunk_id=number.trunk_id if number else None,
        employee_id=employee_id,
        terminal_id=terminal_id,
    )


def number_shown(snapshot: Snapshot, employee: Employee | UUID | None) -> Number | None:
    """What the world sees when an employee calls: the own caller ID (EMP-14), else the contract's
    first number; ``None`` if the contract has no number."""
    if isinstance(employee, UUID):
        employee = _employee(snapshot, employee)
    chosen = employee.caller_id if employee else None
    number = next((n for n in snapshot.numbers if n.id == chosen), None)
    return number or next(iter(snapshot.numbers), None)


def _has_extension(snapshot: Snapshot, extension: str) -> bool:
    employees = (employee.extension for employee in snapshot.employees)
    groups = (group.extension for group in snapshot.groups)
    return extension in employees or extension in groups


def _employee(snapshot: Snapshot, employee_id: UUID | None) -> Employee | None:
    return next((e for e in snapshot.employees if e.id == employee_id), None)


def _clean(name: str) -> str:
    """A display name from the network is an attacker's text: no control characters, bounded."""
    kept = name
    if not name.isprintable():
        kept = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    return kept.strip()[:_NAME_LENGTH]
