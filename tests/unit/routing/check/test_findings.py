"""What the check tells of companies with one mistake each, and that it is silent without one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Branch,
    Chain,
    Dial,
    DialMode,
    ExtensionList,
    HangUp,
    Menu,
    PluginStep,
    RegionFilter,
    Scenario,
    Snapshot,
    TagFilter,
    TerminalKind,
)
from core.hours import PeriodKind
from core.ids import new_id
from core.routing.blocks import STEPS
from core.routing.check import Code, Finding, Report, Severity, check
from core.scenarios import EXTENSIONS, MENU, MESSAGE, KeyAction, MenuKey, Queue
from tests.unit.routing.company import NUMBER, Company

OTHER = "+74951234568"
NOW = "2026-11-23 12:00"


@pytest.fixture
def company() -> Company:
    return Company()


def checked(company: Company, **more: object) -> Report:
    snapshot: Snapshot = more.pop("snapshot", None) or company.snapshot
    return check(snapshot, company.instant(NOW), modes=company.modes_by_id(), **more)


def codes(company: Company, **more: object) -> list[Code]:
    return [finding.code for finding in checked(company, **more).findings]


def only(company: Company, **more: object) -> Finding:
    (finding,) = checked(company, **more).findings
    return finding


def told(company: Company, finding: Finding) -> list[str]:
    """The spans by the company's clock."""
    zone = datetime.fromisoformat(NOW).replace(tzinfo=UTC).tzinfo
    moscow = 3 * 3600
    return [
        " – ".join(
            datetime.fromtimestamp(edge + moscow, zone).strftime("%d.%m.%Y %H:%M")
            for edge in (span.start, span.end)
        )
        for span in finding.spans
    ]


def branch(name: str, *steps: object, **more: object) -> Branch:
    return Branch(new_id(), name, Chain(tuple(steps)), **more)


def with_branches(company: Company, *branches: Branch) -> Scenario:
    """The company's only scenario with these filters."""
    scenario = replace(company.scenarios[0], branches=branches)
    company.scenarios[0] = scenario
    return scenario


def office(company: Company, **people: object) -> Dial:
    """A number that is forwarded to one employee."""
    step = Dial((company.employee("ivanov", **people),))
    company.number(NUMBER, company.scenario(step))
    return step


def with_menu(company: Company, *keys: MenuKey, then: str = "next", **menu: object) -> Snapshot:
    """The company with a menu before its forwarding."""
    made = Menu(new_id(), "Меню", keys=keys, **{"enabled": True, "instruction": new_id(), **menu})
    step = PluginStep(MENU, {"menu_id": str(made.id), "otherwise": then})
    scenario = company.scenarios[0]
    chain = Chain((step, *scenario.default.chain.steps))
    company.scenarios[0] = replace(scenario, default=replace(scenario.default, chain=chain))
    return replace(company.snapshot, menus=(made,), plugins=frozenset({"ivr"}))


# --- nobody to answer --------------------------------------------------------------------------


def test_a_company_as_it_is_on_day_one_has_no_findings(company):
    office(company, terminals=4, mode=AvailabilityMode.AVAILABLE)
    assert checked(company).findings == ()
    assert [gap.spans for gap in checked(company).gaps] == [()]


def test_new_years_eve_has_nobody(company):
    """Open until midnight, but the only one of the late shift is away, and the others leave at six."""
    late = company.schedule(**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "9:00-24:00"))
    holidays = company.calendar(*(f"2027-01-{day:02}" for day in range(1, 9)))
    day = company.employee("ivanov", schedule_id=company.office_hours(), calendar_id=holidays)
    evening = company.employee("petrova", schedule_id=late, calendar_id=holidays)
    company.extra("petrova", PeriodKind.UNAVAILABLE, "2026-12-31 00:00", "2027-01-01 00:00")
    closed = Chain((HangUp(),))
    company.number(
        NUMBER,
        company.scenario(
            Dial((day, evening)), schedule_id=late, calendar_id=holidays, off_hours=closed
        ),
    )
    finding = only(company)
    assert (finding.code, finding.severity) == (Code.NOBODY_AT_TIMES, Severity.WARNING)
    assert told(company, finding) == ["31.12.2026 18:00 – 01.01.2027 00:00"]
    assert finding.witness.instant == company.instant("2026-12-31 18:00")
    assert checked(company).gaps[0].spans == finding.spans


def test_zones_and_their_changes_count(company):
    """Berlin is two hours behind Moscow in winter and one in summer."""
    week = company.office_hours()
    berlin = company.employee("ivanov", schedule_id=week, timezone="Europe/Berlin")
    company.number(
        NUMBER, company.scenario(Dial((berlin,)), schedule_id=week, off_hours=Chain((HangUp(),)))
    )
    spans = told(company, only(company))
    assert spans[0] == "24.11.2026 09:00 – 24.11.2026 11:00"
    assert "26.03.2027 09:00 – 26.03.2027 11:00" in spans
    assert "29.03.2027 09:00 – 29.03.2027 10:00" in spans
    assert spans[-1] == "23.11.2027 09:00 – 23.11.2027 11:00"


def test_what_goes_on_over_a_change_of_the_clock_is_one(company):
    off = company.calendar("2027-05-01")
    office(company, calendar_id=off, timezone="Europe/Berlin")
    assert told(company, only(company)) == ["01.05.2027 01:00 – 02.05.2027 01:00"]


def test_terminals_have_hours_of_their_own(company):
    office(company)
    company.change("ivanov-1", schedule_id=company.schedule(mon="0:00-24:00"))
    finding = only(company)
    assert finding.code is Code.NOBODY_AT_TIMES
    assert told(company, finding)[0] == "24.11.2026 00:00 – 30.11.2026 00:00"


def test_who_is_unavailable_now_is_told_of_but_no_gap_of_a_year(company):
    step = office(company, mode=AvailabilityMode.UNAVAILABLE)
    finding = only(company)
    assert (finding.code, finding.severity) == (Code.UNAVAILABLE_NOW, Severity.WARNING)
    assert (finding.place.step, finding.spans) == (0, ())
    assert [gap.spans for gap in checked(company).gaps] == [()]
    both = replace(step, addressees=(*step.addressees, company.employee("petrova")))
    company.scenarios[0] = replace(company.scenarios[0], default=branch("", both))
    assert codes(company) == []


def test_who_is_unavailable_now_is_back_on_schedule_afterwards(company):
    office(company, mode=AvailabilityMode.UNAVAILABLE, schedule_id=company.office_hours())
    found = checked(company).findings
    assert [finding.code for finding in found] == [Code.NOBODY_AT_TIMES, Code.UNAVAILABLE_NOW]
    assert told(company, found[0])[0] == "23.11.2026 18:00 – 24.11.2026 09:00"


def test_an_employee_without_telephones_is_not_unavailable_just_now(company):
    office(company, mode=AvailabilityMode.UNAVAILABLE, terminals=0)
    assert codes(company) == [Code.NOBODY_EVER, Code.TARGET_NEVER_RINGS]


def test_main_terminals_only_ring_at_once(company):
    office(company)
    company.change("ivanov-1", main=False)
    found = checked(company).findings
    assert [finding.code for finding in found] == [Code.NOBODY_EVER, Code.TARGET_NEVER_RINGS]
    assert found[1].data == {"reason": "not_main"}


def test_extra_periods_and_which_of_them_wins(company):
    """Nobody works on Sundays: at home from 10 to 16, but away again from 12 to 14 (H-4)."""
    hours = company.schedule(**dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), "0:00-24:00"))
    office(company, schedule_id=hours)
    company.extra("ivanov", PeriodKind.AVAILABLE, "2026-11-29 10:00", "2026-11-29 16:00")
    company.extra("ivanov", PeriodKind.UNAVAILABLE, "2026-11-29 12:00", "2026-11-29 14:00")
    assert told(company, only(company))[:4] == [
        "29.11.2026 00:00 – 29.11.2026 10:00",
        "29.11.2026 12:00 – 29.11.2026 14:00",
        "29.11.2026 16:00 – 30.11.2026 00:00",
        "06.12.2026 00:00 – 07.12.2026 00:00",
    ]


def test_a_terminal_without_channels_is_always_busy(company):
    office(company)
    company.change("ivanov-1", channels=0)
    found = checked(company).findings
    assert [finding.code for finding in found] == [Code.NOBODY_EVER, Code.TARGET_NEVER_RINGS]
    assert found[1].data == {"reason": "busy"}


def test_who_is_reached_twice_at_once_rings_where_first_reached(company):
    """His only terminal is not main: the group, at once, does not ring it, and whoever is dialled at
    once is not tried a second time. In turn he is."""
    person = company.employee("ivanov")
    company.change("ivanov-1", main=False)
    team = company.group("team", "ivanov")
    calm = company.group("calm", "ivanov", dial_mode=DialMode.SEQUENTIAL)
    company.number(NUMBER, company.scenario(Dial((team, calm), DialMode.PARALLEL)))
    assert Code.NOBODY_EVER in codes(company)
    company.scenarios[0] = replace(
        company.scenarios[0], default=branch("", Dial((team, person), DialMode.SEQUENTIAL))
    )
    assert codes(company) == [Code.TARGET_NEVER_RINGS]


def test_a_voice_message_takes_the_call(company):
    week = company.office_hours()
    office(company, schedule_id=week)
    scenario = company.scenarios[0]
    chain = replace(scenario.default.chain, net=(PluginStep(MESSAGE, {}),))
    company.scenarios[0] = replace(scenario, default=replace(scenario.default, chain=chain))
    snapshot = replace(company.snapshot, plugins=frozenset({"ivr"}))
    assert codes(company, snapshot=snapshot, steps=STEPS | {MESSAGE}) == []
    assert codes(company) == [Code.PLUGIN_MISSING, Code.NOBODY_AT_TIMES]
    # As calls do: a step that nothing executes is passed over.
    found = checked(company, snapshot=snapshot).findings
    assert [(each.code, each.severity) for each in found] == [
        (Code.STEP_UNKNOWN, Severity.ERROR),
        (Code.NOBODY_AT_TIMES, Severity.WARNING),
    ]
    assert (found[0].place.step, found[0].data) == (1, {"name": MESSAGE})


def test_a_closed_branch_without_chain_leaves_callers_alone(company):
    """H-3: the top branch closed, no chain: the call ends, and the check warns."""
    step = Dial((company.employee("ivanov"),))
    company.number(NUMBER, company.scenario(step, schedule_id=company.office_hours()))
    finding = only(company)
    assert (finding.code, finding.severity) == (Code.CLOSED_WITHOUT_CHAIN, Severity.WARNING)
    assert told(company, finding)[0] == "23.11.2026 18:00 – 24.11.2026 09:00"
    assert checked(company).gaps[0].spans == finding.spans


def test_numbers_that_nothing_handles(company):
    company.number(NUMBER, None)
    company.number(OTHER, company.scenario(Dial((company.employee("a"),)), enabled=False))
    assert codes(company) == [Code.NUMBER_WITHOUT_SCENARIO, Code.SCENARIO_DISABLED]
    company.suspended = True
    assert codes(company) == [Code.SUSPENDED]


# --- filters -----------------------------------------------------------------------------------


def test_a_filter_whose_callers_others_take(company):
    step = office(company)
    vip, spam, rare = new_id(), new_id(), new_id()
    first = branch("VIP и спам", step, filter=TagFilter((vip, spam)))
    second = branch("VIP", step, filter=TagFilter((vip,)))
    third = branch("VIP и редкие", step, filter=TagFilter((vip, rare)))
    with_branches(company, first, second, third)
    finding = only(company)
    assert (finding.code, finding.place.branch_id) == (Code.BRANCH_COVERED, second.id)
    assert finding.data == {"by": [str(first.id)]}
    assert finding.witness.tags == (vip,)


def test_two_filters_that_share_a_day_cover_a_third(company):
    step = office(company)
    tag = TagFilter((new_id(),))
    morning, evening = company.schedule(mon="0:00-12:00"), company.schedule(mon="12:00-24:00")
    monday = company.schedule(mon="9:00-18:00")
    branches = [
        branch(name, step, filter=tag, schedule_id=hours)
        for name, hours in (("Утро", morning), ("Вечер", evening), ("День", monday))
    ]
    with_branches(company, *branches)
    finding = only(company)
    assert (finding.code, finding.place.branch_id) == (Code.BRANCH_COVERED, branches[2].id)
    assert finding.data == {"by": [str(branches[0].id), str(branches[1].id)]}


def test_regions_come_in_the_sets_that_the_plan_knows(company):
    """Were all numbers of 77 those of 50, too, the filter for 77 would take none."""
    step = office(company)
    first = branch("Область", step, filter=RegionFilter((50,)))
    second = branch("Москва", step, filter=RegionFilter((77,)))
    with_branches(company, first, second)
    assert codes(company) == []
    both = {(77, 50): "+74951110000", (50,): "+74961110000"}
    finding = only(company, origins=both)
    assert (finding.code, finding.place.branch_id) == (Code.BRANCH_COVERED, second.id)
    assert (finding.witness.caller, finding.witness.regions) == ("+74951110000", (77, 50))
    assert codes(company, origins={(77,): "+74951110000"}) == [Code.NO_SUCH_CALLER]


def test_a_filter_without_values_or_hours(company):
    step = office(company)
    empty = branch("Пусто", step, filter=TagFilter(()))
    never = branch("Никогда", step, filter=RegionFilter((77,)), schedule_id=company.schedule())
    with_branches(company, empty, never)
    assert codes(company) == [Code.NO_SUCH_CALLER, Code.BRANCH_NEVER_OPEN]


def test_an_off_hours_chain_of_a_branch_that_never_closes(company):
    step = Dial((company.employee("ivanov"),))
    company.number(NUMBER, company.scenario(step, off_hours=Chain((HangUp(),))))
    finding = only(company)
    assert (finding.code, finding.place.off_hours) == (Code.CHAIN_UNUSED, True)
    assert finding.data == {"reason": "always_open"}


def test_tags_that_nobody_has(company):
    step = office(company)
    used, unused = new_id(), new_id()
    with_branches(company, branch("Теги", step, filter=TagFilter((used, unused))))
    assert codes(company) == []
    finding = only(company, tags_in_use={used})
    assert (finding.code, finding.data) == (Code.TAG_UNUSED, {"tag": str(unused)})


# --- what blocks name --------------------------------------------------------------------------


def test_who_is_gone_and_what(company):
    step = office(company, schedule_id=new_id(), calendar_id=new_id())
    gone = Addressee(AddresseeKind.EXTENSION, "999")
    company.scenarios[0] = replace(
        company.scenarios[0],
        default=branch("", replace(step, addressees=(*step.addressees, gone))),
    )
    found = checked(company).findings
    assert [finding.code for finding in found] == [
        Code.TARGET_GONE,
        Code.SCHEDULE_GONE,
        Code.CALENDAR_GONE,
    ]
    assert (found[0].place.entry, found[0].data) == (1, {"ref": "999"})


def test_steps_behind_the_end_are_not_reached(company):
    step = office(company)
    company.scenarios[0] = replace(company.scenarios[0], default=branch("", step, HangUp(), step))
    finding = only(company)
    assert (finding.code, finding.place.step) == (Code.STEP_UNREACHED, 2)


@pytest.mark.spec("INS-05", at="rule")
def test_trap_17_a_safety_net_for_the_same_people(company):
    step = office(company, extension="101")
    same = Dial((Addressee(AddresseeKind.EXTENSION, "101"),), DialMode.SEQUENTIAL)
    chain = Chain((step,), net=(same,))
    scenario = company.scenarios[0]
    company.scenarios[0] = replace(scenario, default=replace(scenario.default, chain=chain))
    finding = only(company)
    assert (finding.code, finding.place.step) == (Code.NET_SAME, 1)
    other = replace(chain, net=(Dial((company.employee("petrova"),)),))
    company.scenarios[0] = replace(scenario, default=replace(scenario.default, chain=other))
    assert codes(company) == []


def test_a_net_that_never_rings_anybody(company):
    step = office(company)
    never = company.employee("petrova", schedule_id=company.schedule())
    scenario = company.scenarios[0]
    chain = Chain((step,), net=(Dial((never,)),))
    company.scenarios[0] = replace(scenario, default=replace(scenario.default, chain=chain))
    found = checked(company).findings
    assert [(finding.code, finding.place.step) for finding in found] == [
        (Code.STEP_RINGS_NOBODY, 1),
        (Code.TARGET_NEVER_RINGS, 1),
    ]


# --- our own numbers ---------------------------------------------------------------------------


def test_a_forward_to_our_own_number_rings_nobody(company):
    office(company)
    company.number(OTHER, company.scenario(Dial((Addressee(AddresseeKind.EXTERNAL, NUMBER),))))
    nobody, loop = checked(company).findings
    assert (loop.code, loop.severity, loop.place.entry) == (Code.FORWARD_LOOP, Severity.ERROR, 0)
    assert nobody.code is Code.NOBODY_EVER


def test_an_employees_telephone_of_our_own_number_rings_nobody(company):
    office(company)
    company.change("ivanov-1", kind=TerminalKind.EXTERNAL, address=NUMBER)
    nobody, loop = checked(company).findings
    assert (loop.code, nobody.code) == (Code.FORWARD_LOOP, Code.NOBODY_EVER)


@pytest.mark.parametrize("number", ["+493012345678", "+78091234567", "+77011234567"])
def test_a_forward_that_costs_extra_rings_nobody(company, number):
    company.number(NUMBER, company.scenario(Dial((Addressee(AddresseeKind.EXTERNAL, number),))))
    nobody, never = checked(company).findings
    assert nobody.code is Code.NOBODY_EVER
    assert (never.code, never.data) == (Code.TARGET_NEVER_RINGS, {"reason": "not_allowed"})


# --- menus -------------------------------------------------------------------------------------


def key(name: str, action: KeyAction, **more: object) -> MenuKey:
    return MenuKey(name, action, **more)


def test_a_menu_with_a_way_on_is_in_order(company):
    office(company)
    snapshot = with_menu(company, key("1", KeyAction.SKIP), key("*", KeyAction.REPEAT))
    assert codes(company, snapshot=snapshot) == []


def test_a_menu_that_is_off_or_gone(company):
    office(company)
    snapshot = with_menu(company, enabled=False)
    assert codes(company, snapshot=snapshot) == [Code.MENU_OFF]
    assert codes(company, snapshot=replace(snapshot, menus=())) == [Code.MENU_GONE]


@pytest.mark.parametrize("second", [False, True])
def test_a_menu_that_was_switched_on_before_it_had_to_say_something(company, second):
    office(company)
    keys = (key("1", KeyAction.SKIP),)
    silent = Menu(new_id(), "Отдел", 2, keys=keys, enabled=True)
    if second:
        keys += (key("2", KeyAction.MENU, target=silent.id),)
    snapshot = with_menu(company, *keys, instruction=new_id() if second else None)
    first = snapshot.menus[0]
    snapshot = replace(snapshot, menus=(first, silent) if second else (first,))
    (finding,) = check(snapshot, company.instant(NOW)).findings
    assert (finding.code, finding.severity) == (Code.MENU_SILENT, Severity.WARNING)
    assert finding.place.menu_id == (silent if second else first).id
    off = replace(snapshot, menus=tuple(replace(menu, enabled=False) for menu in snapshot.menus))
    assert codes(company, snapshot=off) == [Code.MENU_OFF]


def test_a_menu_without_a_way_out(company):
    office(company)
    snapshot = with_menu(company, key("1", KeyAction.REPEAT), then="hang_up")
    assert codes(company, snapshot=snapshot) == [Code.MENU_NO_WAY_OUT, Code.STEP_UNREACHED]
    assert codes(company, snapshot=with_menu(company, key("1", KeyAction.REPEAT)))[:1] != [
        Code.MENU_NO_WAY_OUT
    ]


@pytest.mark.parametrize("action", [KeyAction.MESSAGE, KeyAction.CALLBACK])
def test_a_key_that_nothing_executes_is_no_way_out(company, action):
    office(company)
    snapshot = with_menu(company, key("1", action), then="hang_up")
    assert set(codes(company, snapshot=snapshot)) == {
        Code.MENU_NO_WAY_OUT,
        Code.KEY_DEAD,
        Code.STEP_UNREACHED,
    }
    executed = codes(company, snapshot=snapshot, steps=STEPS | {MESSAGE})
    assert Code.MENU_NO_WAY_OUT not in executed
    assert Code.KEY_DEAD not in executed


def test_menus_that_only_lead_to_each_other(company):
    office(company)
    snapshot = with_menu(company, then="hang_up")
    first, second = snapshot.menus[0], new_id()
    menus = (
        replace(first, keys=(key("1", KeyAction.MENU, target=second),)),
        replace(first, id=second, level=2, keys=(key("1", KeyAction.MENU, target=first.id),)),
    )
    found = codes(company, snapshot=replace(snapshot, menus=menus))
    assert found == [Code.MENU_NO_WAY_OUT] * 2 + [Code.STEP_UNREACHED]


def test_dead_keys(company):
    office(company)
    gone = Addressee(AddresseeKind.EMPLOYEE, str(new_id()))
    snapshot = with_menu(
        company,
        key("1", KeyAction.FORWARD, addressee=gone),
        key("2", KeyAction.FORWARD),
        key("3", KeyAction.MENU, target=new_id()),
        key("4", KeyAction.PLAY, target=new_id()),
        key("5", KeyAction.EXTENSIONS, target=new_id()),
        key("6", KeyAction.MESSAGE),
    )
    found = check(snapshot, company.instant(NOW)).findings
    assert {(f.code, f.place.key, f.data["reason"]) for f in found} == {
        (Code.KEY_DEAD, "1", "unknown"),
        (Code.KEY_DEAD, "2", "unset"),
        (Code.KEY_DEAD, "3", "gone"),
        (Code.KEY_DEAD, "4", "gone"),
        (Code.KEY_DEAD, "5", "gone"),
        (Code.KEY_DEAD, "6", "not_served"),
    }


def test_a_key_that_leads_to_nobody_at_times(company):
    office(company)
    busy = company.employee("petrova", schedule_id=company.office_hours())
    snapshot = with_menu(company, key("1", KeyAction.FORWARD, addressee=busy))
    (finding,) = check(snapshot, company.instant(NOW)).findings
    assert (finding.code, finding.place.key) == (Code.KEY_NOBODY_AT_TIMES, "1")
    assert told(company, finding)[0] == "23.11.2026 18:00 – 24.11.2026 09:00"


def test_extensions_that_cannot_be_dialled(company):
    office(company, extension="101")
    listed = ExtensionList(new_id(), "Отделы", numbers=("101", "999"))
    step = PluginStep(EXTENSIONS, {"list_id": str(listed.id)})
    scenario = company.scenarios[0]
    chain = Chain((step, *scenario.default.chain.steps))
    company.scenarios[0] = replace(scenario, default=replace(scenario.default, chain=chain))

    def found(**more: object) -> list[Code]:
        company.employees["ivanov"] = replace(company.employees["ivanov"], **more)
        lists = {"plugins": frozenset({"ivr"}), "extension_lists": (listed,)}
        return codes(company, snapshot=replace(company.snapshot, **lists))

    assert found() == [Code.LIST_EMPTY, Code.EXTENSION_FORBIDDEN, Code.EXTENSION_GONE]
    assert found(dialled_from_menu=True) == [Code.EXTENSION_GONE]
    assert UUID(step.config["list_id"]) == listed.id


def test_a_queue_that_nobody_serves_or_nobody_answers(company):
    person = company.employee("ivanov")
    company.change("ivanov-1", active=False)
    company.number(NUMBER, company.scenario(Dial((person,), queue=Queue(90, first=(UUID(int=9),)))))
    snapshot = replace(company.snapshot, plugins=frozenset({"queue"}))
    found = checked(company, snapshot=snapshot, tags_in_use=set()).findings
    in_vain = next(each for each in found if each.code is Code.QUEUE_IN_VAIN)
    assert (in_vain.place.step, in_vain.data) == (0, {"seconds": 90})
    assert Code.TAG_UNUSED in [each.code for each in found]
    assert Code.QUEUE_MISSING in codes(company)
    assert Code.QUEUE_IN_VAIN not in codes(company)
