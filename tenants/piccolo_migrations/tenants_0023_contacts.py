"""Contacts and tags, menus, and what routing must know besides."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T15:30:00:000023"
VERSION = "1.38.0"
DESCRIPTION = "Contacts and voice."


class Tag(Table, tablename="tags"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    kind = Text(default=None)
    name = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


class Contact(Table, tablename="contacts"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    kind = Text(default="unsaved")
    name = Text(default="")
    company = Text(default=None, null=True)
    manager_id = UUID(default=None, null=True)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


class ContactNumber(Table, tablename="contact_numbers"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    contact_id = UUID(default=None)
    e164 = Text(default=None)


class ContactTag(Table, tablename="contact_tags"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    contact_id = UUID(default=None)
    tag_id = UUID(default=None)


class ContactVersion(Table, tablename="contact_versions"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    version = BigInt(default=1)


class Menu(Table, tablename="menus"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    name = Text(default=None)
    body = JSONB(default="{}")
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


class ExtensionList(Table, tablename="extension_lists"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    name = Text(default=None)
    body = JSONB(default="{}")
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


class Employee(Table, tablename="employees"):
    dialled_from_menu = Boolean(default=False)
    recording = Text(default="inherit")


class Group(Table, tablename="groups"):
    dialled_from_menu = Boolean(default=False)


class Number(Table, tablename="numbers"):
    records = Boolean(default=False)
    announces = Boolean(default=False)


class Contract(Table, tablename="contracts"):
    recording = Boolean(default=False)
    announcement = UUID(default=None, null=True)
    off_hours_media = UUID(default=None, null=True)
    default_manager = JSONB(default=None, null=True)
    missed_manager = Text(default="default")


async def forwards() -> MigrationManager:
    made = tables_made(
        *(ID, DESCRIPTION),
        *(Tag, Contact, ContactNumber, ContactTag, ContactVersion),
        *(Menu, ExtensionList),
    )
    return columns_added(made, Employee, Group, Number, Contract)
