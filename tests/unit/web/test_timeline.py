"""The time line of a call's card: who rang for how long, and why somebody did not."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

from msgspec.structs import replace

from core.contracts import (
    Branch,
    CallStep,
    Chain,
    Direction,
    Outcome,
    Scenario,
    Snapshot,
    StepCode,
)
from core.ids import new_id
from tenants.services.calls import CallCard, CallRow
from tenants.trace import render
from web.formats import Formats
from web.icons import known
from web.timeline import ICONS, RINGS, course

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAGE = SimpleNamespace(
    formats=Formats("en", "UTC"),
    text=lambda msgid, **fields: msgid.format_map(fields),
    counted=lambda one, many, count: (one if count == 1 else many).format(count=count),
)


def card(*steps):
    row = CallRow(
        new_id(), Direction.INCOMING, "+79160000001", "", "+74950000001", Outcome.ANSWERED,
        BEGAN, None, BEGAN + timedelta(seconds=60), 9, 51, None, "",
    )  # fmt: skip
    return CallCard(row, steps, render(steps, None, str), 200, "caller", None)


def bars(*steps):
    (group,) = (entry for entry in course(card(*steps), PAGE) if entry.rings)
    return {bar.name: bar.note for bar in group.rings}


def step(after, code, address, **data):
    return CallStep(BEGAN.timestamp() + after, code, address=address, data=data)


def test_of_those_who_lost_the_call_it_says_how_long_they_rang():
    assert bars(
        step(0, StepCode.RINGING, "0050000001"),
        step(0, StepCode.RINGING, "0050000002"),
        step(2, StepCode.RINGING, "0050000003"),
        step(5, StepCode.LEG_ENDED, "0050000003", status=486),
        step(9, StepCode.ANSWERED, "0050000001"),
        step(9, StepCode.LEG_ENDED, "0050000002", reason="elsewhere"),
    ) == {"0050000001": "0:09", "0050000002": "0:09", "0050000003": "busy"}


def test_each_attempt_at_a_telephone_has_a_line_of_its_own():
    (group,) = (
        entry
        for entry in course(
            card(
                step(0, StepCode.NOT_RUNG, "0050000001", reason="busy"),
                step(0, StepCode.RINGING, "+79160000001"),
                step(4, StepCode.LEG_ENDED, "+79160000001", status=503),
                step(4, StepCode.RINGING, "+79160000001"),
                step(10, StepCode.LEG_ENDED, "+79160000001", status=486),
                step(10, StepCode.RINGING, "0050000001"),
                step(20, StepCode.ANSWERED, "0050000001"),
            ),
            PAGE,
        )
        if entry.rings
    )
    assert group.text == "Rings 2 phones"
    assert [(bar.name, bar.note) for bar in group.rings] == [
        ("0050000001", "busy with another call"),
        ("+7 916 000-00-01", "the other side cannot take calls now"),
        ("+7 916 000-00-01", "busy"),
        ("0050000001", "0:10"),
    ]


def test_branches_that_passed_the_call_on_stand_in_the_course():
    default, vip = (Branch(UUID(int=key), name, Chain()) for key, name in ((1, "default"), (2, "VIP")))
    scenario = Scenario(UUID(int=3), "Sales", 4, default, (vip,))
    snapshot = Snapshot(UUID(int=9), 1, "", "Company", scenarios=(scenario,))
    routed = {"scenario_id": str(scenario.id), "branch_id": str(default.id), "version": 4}
    steps = (
        step(0, StepCode.ARRIVED, "+74950000001"),
        step(0, StepCode.ROUTED, None, **routed, passed=[[str(vip.id), "tags"]]),
    )
    found = replace(card(*steps), trace=render(steps, snapshot, str))
    assert [(entry.icon, entry.text, entry.note) for entry in course(found, PAGE)[1:]] == [
        ("filter", "Filter “VIP”: the tag does not match", ""),
        ("filter", "Numbers that match no filter", ""),
    ]


def test_a_call_without_a_scenario_is_marked():
    (entry,) = course(card(step(0, StepCode.UNROUTED, None, reason="disabled")), PAGE)
    assert (entry.icon, entry.tone) == ("circle-x", "is-bad")
    assert entry.text == "No scenario handles the call: the scenario is switched off"


def test_every_step_of_a_call_has_its_icon():
    assert ICONS.keys() | set(RINGS) == set(StepCode)
    assert [known(icon) for icon in ICONS.values()] == list(ICONS.values())


def test_a_callers_time_in_a_queue_is_on_the_card():
    left = step(30, StepCode.LEFT_QUEUE, None, reason="answered", seconds=30)
    entries = course(card(step(0, StepCode.QUEUED, None, place=2), left), PAGE)
    assert [entry.icon for entry in entries] == ["clock", "clock"]
