"""What was stored before a field was added is read with that field's default, for replay."""

from __future__ import annotations

import json

import pytest
from msgspec import json as fast_json
from msgspec.structs import fields

from core.contracts import (
    CallFacts,
    Chain,
    Dial,
    Employee,
    Group,
    HangUp,
    Live,
    Number,
    Options,
    Snapshot,
)
from tenants.snapshot import content, from_content

LATER = {
    Snapshot: {
        *("tags", "media", "menus", "extension_lists", "recording", "announcement", "off_hours_media"),
        *("default_manager", "missed_manager", "outgoing_tasks", "language", "feature_codes"),
    },
    CallFacts: {"contact_kind", "manager_id"},
    Employee: {"dialled_from_menu", "recording"},
    Group: {"dialled_from_menu"},
    Number: {"records", "announces"},
    Chain: {"options", "net"},
    Dial: {"each_seconds", "manager", "queue"},
    HangUp: {"media", "task"},
}
"""Fields that the first stored snapshots and facts did not have."""


def without(value, names):
    """The JSON value without these keys, however deep."""
    if isinstance(value, dict):
        return {key: without(each, names) for key, each in value.items() if key not in names}
    return [without(each, names) for each in value] if isinstance(value, list) else value


def test_an_old_snapshot_is_read_as_it_was_meant(company):
    company.employee("a")
    scenario = company.scenario(Dial((company.group("all", "a"),)), HangUp())
    company.number("+74951234567", scenario)
    now = company.snapshot
    old = without(json.loads(content(now)), set().union(*LATER.values()))
    assert from_content(json.dumps(old), now.version, now.hash) == now
    assert now.scenarios[0].default.chain.options == Options()


def test_a_mode_of_before_is_passed_over(company):
    """It is in the live state now; ``former_modes`` finds it for the calls of that time."""
    company.employee("a")
    now = company.snapshot
    old = json.loads(content(now))
    old["employees"][0]["mode"] = "unavailable"
    assert from_content(json.dumps(old), now.version, now.hash) == now


def test_an_old_live_state_is_read_as_it_was_meant(company):
    company.employee("a")
    old = without(json.loads(fast_json.encode(company.live())), {"modes"})
    assert fast_json.decode(json.dumps(old), type=Live) == company.live()


def test_old_facts_are_read_as_they_were_meant(company):
    facts = company.facts()
    old = without(json.loads(fast_json.encode(facts)), LATER[CallFacts])
    assert fast_json.decode(json.dumps(old), type=CallFacts) == facts


@pytest.mark.parametrize("kind", LATER, ids=lambda kind: kind.__name__)
def test_what_was_added_has_a_default(kind):
    added = {each.name for each in fields(kind) if not each.required}
    assert LATER[kind] <= added
