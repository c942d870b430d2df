"""What the parts of SunSim hand to each other: frozen structs, nothing but data.

A *snapshot* is a tenant's whole routing configuration. *Facts* are what is known of one call when it
arrives. *Live* is what changes by the second. ``decide`` is a pure function of these three, an
instant and a seed; what it returns is a *decision* with its trace. What a call leaves behind is a
*CDR* with its *steps*.

Units: instants are epoch seconds (float), durations are seconds (int), telephone numbers are
``+E.164`` text, ``None`` for an anonymous caller. Ids are UUIDv7.
"""

from __future__ import annotations

from msgspec import Struct

from core.configuration import (
    AvailabilityMode,
    Employee,
    Group,
    Number,
    Recording,
    Snapshot,
    Tenant,
    Terminal,
    TerminalKind,
)
from core.decisions import (
    CallFacts,
    Contact,
    ContactKind,
    Decision,
    DialPlan,
    Direction,
    Live,
    Par,
    PlanNode,
    Ring,
    Seq,
    Skipped,
    SkipReason,
)
from core.peers import (
    CarrierAccount,
    Encryption,
    IdentityHeader,
    Line,
    NumberFormat,
    Trunk,
    TrunkTransport,
)
from core.records import (
    Attempt,
    CallStep,
    Cdr,
    Outcome,
    StepCode,
    TaskKind,
    TaskRequest,
)
from core.scenarios import (
    Addressee,
    AddresseeKind,
    Branch,
    Chain,
    ContactTag,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    ExtensionList,
    HangUp,
    ManagerFirst,
    Media,
    Menu,
    MissedManager,
    Options,
    PluginStep,
    RegionFilter,
    Scenario,
    Step,
    TagFilter,
)

__all__ = [
    "Addressee",
    "AddresseeKind",
    "Attempt",
    "AvailabilityMode",
    "Branch",
    "CallFacts",
    "CallStep",
    "CarrierAccount",
    "Cdr",
    "Chain",
    "Contact",
    "ContactKind",
    "ContactTag",
    "Decision",
    "Dial",
    "DialMode",
    "DialPlan",
    "Direction",
    "Employee",
    "Encryption",
    "Executor",
    "ExecutorKind",
    "ExtensionList",
    "Group",
    "HangUp",
    "IdentityHeader",
    "Line",
    "Live",
    "ManagerFirst",
    "Manifest",
    "Media",
    "Menu",
    "MissedManager",
    "Number",
    "NumberFormat",
    "Options",
    "Outcome",
    "Par",
    "PlanNode",
    "PluginStep",
    "Recording",
    "RegionFilter",
    "Ring",
    "Scenario",
    "Seq",
    "SkipReason",
    "Skipped",
    "Snapshot",
    "Step",
    "StepCode",
    "TagFilter",
    "TaskKind",
    "TaskRequest",
    "Tenant",
    "Terminal",
    "TerminalKind",
    "Trunk",
    "TrunkTransport",
]


class Manifest(Struct, frozen=True):
    """What a plugin says of itself. ``name`` is its key in the contract; English msgids."""

    name: str
    version: str
    title: str
    summary: str
    default_on: bool = False
