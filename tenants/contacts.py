"""Who is known to the companies, in memory: number → kind, tags and manager of a contact.

Much is said of few: a company has thousands of contacts and a handful of tags and managers. So what is
known is kept once for all to whom it applies, and each number costs twelve bytes: the number, and which
of these it is. A company whose contacts changed is read anew, whole, and exchanged at once.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from core.contracts import Contact, ContactKind
from tenants.crosstenant import Row
from tenants.crosstenant.contacts import contact_versions, known_contacts
from tenants.db import Database

__all__ = ["ContactIndex"]


BATCH = 200


class _Known(NamedTuple):
    """One tenant: ``numbers`` rise, ``which`` says of each which of ``contacts`` it is."""

    numbers: array[int]
    which: array[int]
    contacts: tuple[Contact, ...]


class ContactIndex:
    """What calls must know of contacts; one for each process that routes calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants: dict[UUID, _Known] = {}
        self._versions: dict[UUID, int] = {}

    def of(self, tenant_id: UUID, number: str | None) -> Contact | None:
        """The contact with this ``+E.164`` number; ``None`` for strangers and the anonymous."""
        known = self._tenants.get(tenant_id)
        if known is None or not number or not number[1:].isdecimal():
            return None
        digits = int(number[1:])
        at = bisect_left(known.numbers, digits)
        if at == len(known.numbers) or known.numbers[at] != digits:
            return None
        return known.contacts[known.which[at]]

    async def compare(self) -> None:
        """Read every tenant whose contacts have another version than ours. Raises Unavailable."""
        versions = await contact_versions(self._database)
        for tenant_id in self._versions.keys() - versions.keys():
            self._forget(tenant_id)
        await self.load(key for key, value in versions.items() if self._versions.get(key) != value)

    async def load(self, tenant_ids: Iterable[UUID | None]) -> None:
        """Read the contacts of these tenants anew. Raises Unavailable."""
        wanted = [tenant_id for tenant_id in dict.fromkeys(tenant_ids) if tenant_id is not None]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            versions, rows = await known_contacts(self._database, batch)
            by_tenant: dict[UUID, list[Row]] = {tenant_id: [] for tenant_id in versions}
            for row in rows:
                by_tenant[row["tenant_id"]].append(row)
            for tenant_id in batch:
                if by_tenant.get(tenant_id):  # a hundred thousand contacts must not hold up calls
                    self._tenants[tenant_id] = await asyncio.to_thread(_known, by_tenant[tenant_id])
                else:
                    self._forget(tenant_id)
                if tenant_id in versions:
                    self._versions[tenant_id] = versions[tenant_id]

    def _forget(self, tenant_id: UUID) -> None:
        self._versions.pop(tenant_id, None)
        self._tenants.pop(tenant_id, None)


def _known(rows: list[Row]) -> _Known:
    bits = len(rows).bit_length()  # one integer of number and row sorts faster than a pair
    both = sorted(number << bits | at for at, row in enumerate(rows) for number in row["numbers"])
    mask = (1 << bits) - 1
    return _Known(
        array("Q", [each >> bits for each in both]),
        array("I", [each & mask for each in both]),
        tuple(map(_contact, rows)),
    )


def _contact(row: Row) -> Contact:
    return Contact(ContactKind(row["kind"]), frozenset(row["tags"] or ()), row["manager_id"])
