"""Who calls: contacts with their numbers and tags, and the tags that there are and what has them
(CON, TAG)."""

from __future__ import annotations

from enum import StrEnum

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from core.contracts import ContactKind
from tenants.tables.base import TenantTable

__all__ = [
    "CallTag",
    "Contact",
    "ContactNumber",
    "ContactTag",
    "ContactVersion",
    "NumberTag",
    "Tag",
    "TagKind",
]


class TagKind(StrEnum):
    """What a tag is for (TAG-01)."""

    CONTACT = "contact"
    CALL = "call"
    NUMBER = "number"


class Tag(TenantTable, tablename="tags"):
    """A tag; those of contacts can be looked at by filters (TAG-07)."""

    kind = Text(default=None)
    name = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1, help_text="For conflicting edits.")


class Contact(TenantTable, tablename="contacts"):
    """Somebody who called or was saved (CON-01, CON-03)."""

    kind = Text(default=ContactKind.UNSAVED)
    name = Text(default="")
    company = Text(default=None, null=True, help_text="Of a business contact (CON-04).")
    manager_id = UUID(default=None, null=True, help_text="The personal manager, an employee.")
    pending_manager = UUID(
        default=None, null=True, help_text="Becomes the manager when the contact is saved (H-23)."
    )
    pending_since = Timestamptz(default=None, null=True, help_text="When that call was missed.")
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1, help_text="For conflicting edits.")


class ContactNumber(TenantTable, tablename="contact_numbers"):
    """A telephone number of a contact; nobody else's within the company."""

    contact_id = UUID(default=None)
    e164 = Text(default=None)


class ContactTag(TenantTable, tablename="contact_tags"):
    """A tag that a contact has (TAG-05)."""

    contact_id = UUID(default=None)
    tag_id = UUID(default=None)


class CallTag(TenantTable, tablename="call_tags"):
    """A tag that a call has (TAG-04)."""

    call_id = UUID(default=None)
    tag_id = UUID(default=None)


class NumberTag(TenantTable, tablename="number_tags"):
    """A tag that a number of the company has (TAG-06)."""

    number_id = UUID(default=None)
    tag_id = UUID(default=None)


class ContactVersion(TenantTable, tablename="contact_versions"):
    """Counts changes of what is known of callers; kept by triggers, one row for each tenant."""

    version = BigInt(default=1)
