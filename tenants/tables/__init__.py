"""All tables of the core. Queries on them work inside ``async with database.tenant(tenant_id)``.

Ids of other rows are plain UUID columns; the foreign keys behind them are composite,
``(tenant_id, id)``, so that no reference crosses tenants. They, the named unique keys and the
triggers are in ``tenants/piccolo_migrations``. JSONB columns read as text; decode with msgspec.
"""

from tenants.tables.access import (
    ApiToken,
    AuditEntry,
    LoginSession,
    OperatorEntry,
    OperatorToken,
    User,
    UserStatus,
)
from tenants.tables.base import GlobalTable, TenantTable
from tenants.tables.calls import Call, CallStep, Outbox, OutboxDone
from tenants.tables.carriers import LiveTrunk, NumberRoute, NumberStock, Trunk
from tenants.tables.company import Calendar, Contract, Schedule, Tenant, TenantStatus
from tenants.tables.contacts import (
    CallTag,
    Contact,
    ContactNumber,
    ContactTag,
    ContactVersion,
    NumberTag,
    Tag,
    TagKind,
)
from tenants.tables.live import CallCommand, LineBindings, LiveCall, LiveCallState, LiveLine
from tenants.tables.media import Media, UploadedFile
from tenants.tables.numbering import NumberingPlan
from tenants.tables.people import (
    Employee,
    EmployeeRole,
    Extension,
    Group,
    GroupMember,
    ModeVersion,
    Terminal,
    TerminalState,
)
from tenants.tables.recordings import Recording, RecordingState
from tenants.tables.telephony import Number, Scenario, ScenarioVersion, SnapshotStore, SnapshotVersion
from tenants.tables.voice import ExtensionList, Menu

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Calendar",
    "Call",
    "CallCommand",
    "CallStep",
    "CallTag",
    "Contact",
    "ContactNumber",
    "ContactTag",
    "ContactVersion",
    "Contract",
    "Employee",
    "EmployeeRole",
    "Extension",
    "ExtensionList",
    "GlobalTable",
    "Group",
    "GroupMember",
    "LineBindings",
    "LiveCall",
    "LiveCallState",
    "LiveLine",
    "LiveTrunk",
    "LoginSession",
    "Media",
    "Menu",
    "ModeVersion",
    "Number",
    "NumberRoute",
    "NumberStock",
    "NumberTag",
    "NumberingPlan",
    "OperatorEntry",
    "OperatorToken",
    "Outbox",
    "OutboxDone",
    "Recording",
    "RecordingState",
    "Scenario",
    "ScenarioVersion",
    "Schedule",
    "SnapshotStore",
    "SnapshotVersion",
    "Tag",
    "TagKind",
    "Tenant",
    "TenantStatus",
    "TenantTable",
    "Terminal",
    "TerminalState",
    "Trunk",
    "UploadedFile",
    "User",
    "UserStatus",
]
