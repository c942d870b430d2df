"""The company's numbers and scenarios, and the snapshots that calls were decided by."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import TenantTable

__all__ = ["Number", "Scenario", "ScenarioVersion", "SnapshotStore", "SnapshotVersion"]


class Number(TenantTable, tablename="numbers"):
    """A multichannel number of the company and the one scenario that handles it (NUM-02)."""

    stock_id = UUID(default=None, null=True, help_text="Where it came from; NULL: brought along.")
    e164 = Text(default=None, unique=True)
    label = Text(default="", help_text="Display name (NUM-03).")
    scenario_id = UUID(default=None, null=True)
    trunk_id = UUID(default=None, null=True)
    shows_called = Boolean(
        default=False, help_text="Phones are shown this number in place of who calls (NUM-05)."
    )
    records = Boolean(default=False, help_text="Its conversations are recorded (NUM-06).")
    announces = Boolean(default=False, help_text="Its callers are told so.")
    position = Integer(default=0)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


class Scenario(TenantTable, tablename="scenarios"):
    """How incoming calls are handled; the content is in its present version."""

    name = Text(default=None)
    enabled = Boolean(default=True)
    is_default = Boolean(default=False, help_text="Given to new numbers (ACC-08).")
    version = Integer(default=1, help_text="The present one of its ScenarioVersions.")
    created_at = Timestamptz(default=TimestamptzNow())


class ScenarioVersion(TenantTable, tablename="scenario_versions"):
    """One edition of a scenario, never changed."""

    scenario_id = UUID(default=None)
    version = Integer(default=1)
    body = JSONB(default=None, help_text="core.contracts.Scenario.")
    created_at = Timestamptz(default=TimestamptzNow())
    created_by = UUID(default=None, null=True, help_text="User.")


class SnapshotStore(TenantTable, tablename="snapshots"):
    """A whole routing configuration as some call saw it, for replay and for names in its trace."""

    hash = Text(default=None, help_text="SHA-256 of the content, hex.")
    version = BigInt(default=0)
    body = JSONB(default=None, help_text="core.contracts.Snapshot.")
    created_at = Timestamptz(default=TimestamptzNow())


class SnapshotVersion(TenantTable, tablename="snapshot_versions"):
    """Which content a version of the configuration had; several versions may have the same."""

    version = BigInt(default=0)
    hash = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
