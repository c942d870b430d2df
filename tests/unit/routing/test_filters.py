"""Which branch of a scenario takes a call: filters, their hours, the order of creation; both cores."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.contracts import Branch, Chain, HangUp, RegionFilter, TagFilter
from core.ids import new_id
from tests.unit.routing.company import NUMBER

VIP, SPAM, PARTNER = (new_id() for _ in range(3))
MOSCOW, MOSCOW_REGION, PETERSBURG = 77, 50, 78
DAY, NIGHT = "2026-11-23 12:00", "2026-11-23 03:00"
DEFAULT = "Номера, не входящие в фильтры"


def tags(*ids):
    return TagFilter(ids)


def regions(*codes):
    return RegionFilter(codes)


@pytest.fixture
def taken(company):
    """Furnish a scenario with branches in order of creation; then: who takes a call."""
    company.number(NUMBER, company.scenario())

    def furnish(*branches, default=None):
        made = tuple(
            Branch(new_id(), name, Chain((HangUp(400 + at),)), look_at, **hours)
            for at, (name, look_at, hours) in enumerate(branches)
        )
        scenario = company.scenarios[0]
        company.scenarios[0] = replace(
            scenario, branches=made, default=replace(scenario.default, **(default or {}))
        )
        names = {branch.id: branch.name for branch in (*made, scenario.default)}

        def ask(at=DAY, **facts):
            decision = company.route(at=at, **facts)
            return names[decision.branch_id], decision

        return ask

    return furnish


@pytest.mark.spec("FLT-08", "TAG-07", at="rule")
@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({VIP}, "vip"),
        ({PARTNER}, "vip"),
        ({VIP, SPAM}, "vip"),
        ({SPAM}, DEFAULT),
        (set(), DEFAULT),
    ],
)
def test_any_tag_of_the_filter_matches(taken, has, expected):
    ask = taken(("vip", tags(VIP, PARTNER), {}))
    assert ask(tags=frozenset(has))[0] == expected


@pytest.mark.spec("FLT-07", at="rule")
@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ((MOSCOW,), "capital"),
        ((MOSCOW, MOSCOW_REGION), "capital"),
        ((MOSCOW_REGION,), DEFAULT),
        ((), DEFAULT),
    ],
)
def test_any_region_of_the_callers_number_matches(taken, origin, expected):
    ask = taken(("capital", regions(MOSCOW, PETERSBURG), {}))
    assert ask(regions=origin)[0] == expected


@pytest.mark.spec("FLT-11", at="rule")
def test_trap_8_the_filter_created_earlier_takes_the_call(taken):
    known = {"tags": frozenset({VIP}), "regions": (MOSCOW,)}
    assert taken(("region", regions(MOSCOW), {}), ("vip", tags(VIP), {}))(**known)[0] == "region"
    assert taken(("vip", tags(VIP), {}), ("region", regions(MOSCOW), {}))(**known)[0] == "vip"


@pytest.mark.spec("FLT-10", at="rule")
def test_several_filters_each_with_its_own_handling(taken):
    ask = taken(("vip", tags(VIP), {}), ("region", regions(MOSCOW), {}))
    for facts, name, status in (
        ({"tags": frozenset({VIP})}, "vip", 400),
        ({"regions": (MOSCOW,)}, "region", 401),
    ):
        took, decision = ask(**facts)
        assert took == name
        assert decision.chain.steps == (HangUp(status),)
        assert decision.open


@pytest.mark.spec("FLT-12", at="rule")
def test_who_fits_no_filter_goes_to_the_default_branch(taken):
    ask = taken(("vip", tags(VIP), {}), ("region", regions(MOSCOW), {}))
    assert ask(tags=frozenset({SPAM}), regions=(PETERSBURG,))[0] == DEFAULT
    assert ask(caller=None)[0] == DEFAULT


@pytest.mark.spec("FLT-09", at="rule")
def test_a_filter_is_open_round_the_clock_unless_it_has_hours(company, taken):
    hours = {"schedule_id": company.office_hours()}
    vip = {"tags": frozenset({VIP})}
    assert taken(("vip", tags(VIP), {}))(NIGHT, **vip)[0] == "vip"
    ask = taken(("vip", tags(VIP), hours))
    assert ask(DAY, **vip)[0] == "vip"
    assert ask(NIGHT, **vip)[0] == DEFAULT


@pytest.mark.spec("FLT-09", at="rule")
def test_trap_9_a_closed_filter_has_its_own_chain_or_passes_the_call_on(company, taken):
    closed = {"schedule_id": company.office_hours()}
    night = Chain((HangUp(486),))
    both = {"tags": frozenset({VIP}), "regions": (MOSCOW,)}
    ask = taken(("vip", tags(VIP), closed), ("region", regions(MOSCOW), {}))
    assert ask(NIGHT, **both)[0] == "region"
    with_chain = {**closed, "off_hours": night}
    ask = taken(("vip", tags(VIP), with_chain), ("region", regions(MOSCOW), {}))
    took, decision = ask(NIGHT, **both)
    assert (took, decision.chain, decision.open) == ("vip", night, False)
    assert decision.trace[-1] == ("branch", str(decision.branch_id), "off_hours")
    took, decision = ask(DAY, **both)
    assert (took, decision.chain.steps, decision.open) == ("vip", (HangUp(400),), True)


def test_trap_9_a_closed_default_branch(company, taken):
    closed = {"schedule_id": company.office_hours()}
    took, decision = taken(default=closed)(NIGHT)
    assert (took, decision.chain.steps, decision.open) == (DEFAULT, (), False)
    night = Chain((HangUp(486),))
    took, decision = taken(default={**closed, "off_hours": night})(NIGHT)
    assert (took, decision.chain, decision.open) == (DEFAULT, night, False)


def test_trap_9_who_is_handled_by_nothing_hears_the_off_hours_media(company, taken):
    company.settings["off_hours_media"] = media = new_id()
    closed = {"schedule_id": company.office_hours()}
    took, decision = taken(default=closed)(NIGHT)
    assert (took, decision.chain.steps, decision.open) == (DEFAULT, (HangUp(media=media),), False)
    assert taken(default=closed)(DAY)[1].chain.steps != decision.chain.steps
    night = Chain((HangUp(486),))
    assert taken(default={**closed, "off_hours": night})(NIGHT)[1].chain == night


def test_a_filter_on_the_default_branch_has_no_meaning(taken):
    assert taken(default={"filter": tags(VIP)})()[0] == DEFAULT


def test_a_filter_that_is_not_set_up_takes_every_call_but_an_empty_one_none(taken):
    assert taken(("all", None, {}))()[0] == "all"
    assert taken(("none", tags(), {}), ("nowhere", regions(), {}))(tags=frozenset({VIP}))[0] == DEFAULT


def test_the_trace_says_who_passed_the_call_on_and_why(company, taken):
    closed = {"schedule_id": company.office_hours()}
    ask = taken(("vip", tags(VIP), {}), ("north", regions(PETERSBURG), {}), ("all", None, closed))
    _, decision = ask(NIGHT, regions=(MOSCOW,))
    scenario = company.scenarios[0]
    passed = [(entry[1], entry[2]) for entry in decision.trace if entry[0] == "passed"]
    reasons = ("tags", "regions", "closed")
    assert passed == [(str(b.id), why) for b, why in zip(scenario.branches, reasons, strict=True)]
    assert decision.trace[-1] == ("branch", str(scenario.default.id))


@pytest.mark.spec("SCN-07", "NUM-02", at="rule")
def test_one_scenario_serves_several_numbers(company, taken):
    ask = taken(("vip", tags(VIP), {}))
    company.number("+74951234568", company.scenarios[0])
    for called in (NUMBER, "+74951234568"):
        assert ask(called=called, tags=frozenset({VIP}))[0] == "vip"
