"""All tables as they were at first; keys, checks and triggers follow in the next two migrations.

The definitions are a frozen copy on purpose: a migration must mean the same for ever, whatever
becomes of ``tenants.tables``.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Array, BigInt, Boolean, Bytea, Integer, JSONB, Text, Timestamptz, UUID
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

ID = "2026-11-23T08:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "All tables."


class Keyed(Table):
    id = UUID(primary_key=True, default=UUID4())


class Owned(Keyed):
    tenant_id = UUID(default=None)


def tables() -> list[type[Table]]:
    class Tenant(Keyed, tablename="tenants"):
        name = Text(default=None)
        status = Text(default="active")
        timezone = Text(default="Europe/Moscow")
        created_at = Timestamptz(default=TimestamptzNow())
        config_version = BigInt(default=1)

    class Trunk(Keyed, tablename="trunks"):
        name = Text(default=None, unique=True)
        host = Text(default=None)
        port = Integer(default=5060)
        networks = Array(base_column=Text())
        max_calls = Integer(default=None, null=True)
        enabled = Boolean(default=True)
        created_at = Timestamptz(default=TimestamptzNow())

    class NumberStock(Keyed, tablename="number_stock"):
        e164 = Text(default=None, unique=True)
        trunk_id = UUID(default=None, null=True)
        city = Text(default="")
        category = Text(default="standard")
        holder_id = UUID(default=None, null=True)
        created_at = Timestamptz(default=TimestamptzNow())

    class OperatorToken(Keyed, tablename="operator_tokens"):
        token_hash = Text(default=None, unique=True, secret=True)
        name = Text(default="")
        scopes = Array(base_column=Text())
        created_at = Timestamptz(default=TimestamptzNow())
        expires_at = Timestamptz(default=None, null=True)
        revoked_at = Timestamptz(default=None, null=True)

    class Contract(Owned, tablename="contracts"):
        plugins = Array(base_column=Text())
        tariff = Text(default="start")
        channels = Integer(default=10)
        outgoing_calls = Integer(default=None, null=True)
        activated_at = Timestamptz(default=TimestamptzNow())

    class Schedule(Owned, tablename="schedules"):
        name = Text(default=None)
        week = JSONB(default="[[],[],[],[],[],[],[]]")
        is_default = Boolean(default=False)
        version = Integer(default=1)

    class Employee(Owned, tablename="employees"):
        name = Text(default=None)
        email = Text(default=None, null=True)
        extension = Text(default=None, null=True)
        role = Text(default="employee")
        mode = Text(default="schedule")
        dial_mode = Text(default="parallel")
        timezone = Text(default=None, null=True)
        caller_id = UUID(default=None, null=True)
        position = Integer(default=0)
        created_at = Timestamptz(default=TimestamptzNow())
        version = Integer(default=1)

    class Terminal(Owned, tablename="terminals"):
        employee_id = UUID(default=None)
        kind = Text(default=None)
        address = Text(default=None)
        active = Boolean(default=True)
        main = Boolean(default=True)
        ring_seconds = Integer(default=25)
        channels = Integer(default=1)
        position = Integer(default=0)
        state = Text(default="active")
        password_sealed = Text(default=None, null=True, secret=True)
        ha1 = JSONB(default=None, null=True, secret=True)
        created_at = Timestamptz(default=TimestamptzNow())

    class Group(Owned, tablename="groups"):
        name = Text(default=None)
        extension = Text(default=None, null=True)
        dial_mode = Text(default="parallel")
        ring_seconds = Integer(default=30)
        position = Integer(default=0)
        version = Integer(default=1)

    class GroupMember(Owned, tablename="group_members"):
        group_id = UUID(default=None)
        employee_id = UUID(default=None)
        position = Integer(default=0)

    class Extension(Owned, tablename="extensions"):
        number = Text(default=None)
        employee_id = UUID(default=None, null=True)
        group_id = UUID(default=None, null=True)
        feature = Text(default=None, null=True)

    class User(Owned, tablename="users"):
        email = Text(default=None, unique=True)
        password_hash = Text(default=None, null=True, secret=True)
        employee_id = UUID(default=None)
        locale = Text(default="ru")
        theme = Text(default="auto")
        status = Text(default="active")
        last_login_at = Timestamptz(default=None, null=True)
        created_at = Timestamptz(default=TimestamptzNow())

    class LoginSession(Owned, tablename="login_sessions"):
        token_hash = Text(default=None, unique=True, secret=True)
        user_id = UUID(default=None)
        created_at = Timestamptz(default=TimestamptzNow())
        last_seen_at = Timestamptz(default=TimestamptzNow())
        expires_at = Timestamptz(default=None)
        address = Text(default="")
        user_agent = Text(default="")

    class ApiToken(Owned, tablename="api_tokens"):
        token_hash = Text(default=None, unique=True, secret=True)
        name = Text(default="")
        scopes = Array(base_column=Text())
        created_by = UUID(default=None, null=True)
        created_at = Timestamptz(default=TimestamptzNow())
        expires_at = Timestamptz(default=None, null=True)
        last_used_at = Timestamptz(default=None, null=True)
        revoked_at = Timestamptz(default=None, null=True)

    class AuditEntry(Owned, tablename="audit_entries"):
        seq = BigInt(default=0)
        at = Timestamptz(default=TimestamptzNow())
        actor = Text(default=None)
        user_id = UUID(default=None, null=True)
        source = Text(default="")
        action = Text(default=None)
        object_id = UUID(default=None, null=True)
        before = JSONB(default=None, null=True)
        after = JSONB(default=None, null=True)
        hash = Bytea(default=b"")

    class Number(Owned, tablename="numbers"):
        stock_id = UUID(default=None, null=True)
        e164 = Text(default=None, unique=True)
        label = Text(default="")
        scenario_id = UUID(default=None, null=True)
        trunk_id = UUID(default=None, null=True)
        position = Integer(default=0)
        created_at = Timestamptz(default=TimestamptzNow())
        version = Integer(default=1)

    class Scenario(Owned, tablename="scenarios"):
        name = Text(default=None)
        enabled = Boolean(default=True)
        is_default = Boolean(default=False)
        version = Integer(default=1)
        created_at = Timestamptz(default=TimestamptzNow())

    class ScenarioVersion(Owned, tablename="scenario_versions"):
        scenario_id = UUID(default=None)
        version = Integer(default=1)
        body = JSONB(default=None)
        created_at = Timestamptz(default=TimestamptzNow())
        created_by = UUID(default=None, null=True)

    class SnapshotStore(Owned, tablename="snapshots"):
        hash = Text(default=None)
        version = BigInt(default=0)
        body = JSONB(default=None)
        created_at = Timestamptz(default=TimestamptzNow())

    class Call(Owned, tablename="calls"):
        direction = Text(default=None)
        caller = Text(default=None, null=True)
        caller_name = Text(default="")
        called = Text(default=None)
        outcome = Text(default=None)
        sip_status = Integer(default=0)
        started_at = Timestamptz(default=None)
        ringing_at = Timestamptz(default=None, null=True)
        answered_at = Timestamptz(default=None, null=True)
        ended_at = Timestamptz(default=None)
        ended_by = Text(default="")
        number_id = UUID(default=None, null=True)
        trunk_id = UUID(default=None, null=True)
        scenario_id = UUID(default=None, null=True)
        caller_employee_id = UUID(default=None, null=True)
        answered_employee_id = UUID(default=None, null=True)
        answered_terminal_id = UUID(default=None, null=True)
        snapshot_hash = Text(default="")
        seed = BigInt(default=0)
        facts = JSONB(default=None, null=True)
        live = JSONB(default=None, null=True)

    class CallStep(Owned, tablename="call_steps"):
        call_id = UUID(default=None)
        seq = Integer(default=0)
        at = Timestamptz(default=None)
        code = Text(default=None)
        terminal_id = UUID(default=None, null=True)
        employee_id = UUID(default=None, null=True)
        address = Text(default=None, null=True)
        data = JSONB(default="{}")

    class Outbox(Owned, tablename="outbox"):
        type = Text(default=None)
        body = JSONB(default=None)
        created_at = Timestamptz(default=TimestamptzNow())

    class OutboxDone(Owned, tablename="outbox_done"):
        consumer = Text(default=None)
        event_id = UUID(default=None)
        done_at = Timestamptz(default=TimestamptzNow())

    class LiveLine(Owned, tablename="live_lines"):
        terminal_id = UUID(default=None)
        registered_at = Timestamptz(default=None)
        expires_at = Timestamptz(default=None)
        user_agent = Text(default="")
        source = Text(default="")

    class LiveCall(Owned, tablename="live_calls"):
        call_id = UUID(default=None)
        direction = Text(default=None)
        caller = Text(default=None, null=True)
        called = Text(default=None)
        state = Text(default="started")
        employee_id = UUID(default=None, null=True)
        terminal_id = UUID(default=None, null=True)
        started_at = Timestamptz(default=None)
        answered_at = Timestamptz(default=None, null=True)

    return [
        Tenant,
        Trunk,
        NumberStock,
        OperatorToken,
        Contract,
        Schedule,
        Employee,
        Terminal,
        Group,
        GroupMember,
        Extension,
        User,
        LoginSession,
        ApiToken,
        AuditEntry,
        Number,
        Scenario,
        ScenarioVersion,
        SnapshotStore,
        Call,
        CallStep,
        Outbox,
        OutboxDone,
        LiveLine,
        LiveCall,
    ]


async def forwards() -> MigrationManager:
    return tables_made(ID, DESCRIPTION, *tables())
