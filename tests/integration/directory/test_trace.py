"""Every step code has words, in the reader's language, with the names of the stored snapshot."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from core._slowcodes import WhyNot
from core.contracts import (
    Branch,
    CallFacts,
    CallStep,
    Chain,
    Direction,
    Employee,
    Group,
    Number,
    RegionFilter,
    Scenario,
    SkipReason,
    Snapshot,
    StepCode,
    TagFilter,
    Terminal,
    TerminalKind,
)
from core.hours import ExtraPeriod, Interval, PeriodKind, Schedule
from core.routing import Unrouted
from tenants.trace import RENDERERS, render
from tenants.words import PASSED, REASONS, UNROUTED
from web.i18n import language

IVANOV, SIP, MOBILE, OUTSIDE, SCENARIO, DEFAULT, VIP = (UUID(int=number) for number in range(1, 8))

SNAPSHOT = Snapshot(
    tenant_id=UUID(int=99),
    version=3,
    hash="",
    name="Ромашка",
    employees=(Employee(IVANOV, "Иванов", terminals=(SIP, MOBILE, OUTSIDE)),),
    terminals=(
        Terminal(SIP, IVANOV, TerminalKind.SIP, "0051234567"),
        Terminal(MOBILE, IVANOV, TerminalKind.MOBILE, "0051234568"),
        Terminal(OUTSIDE, IVANOV, TerminalKind.EXTERNAL, "+79161234567"),
    ),
    numbers=(Number(UUID(int=50), "+74951234567", label="Продажи"),),
    scenarios=(
        Scenario(
            SCENARIO,
            "По умолчанию",
            1,
            default=Branch(DEFAULT, "default", Chain()),
            branches=(Branch(VIP, "VIP", Chain()),),
        ),
    ),
)

RUSSIAN = {
    "Call to {number} from {caller}": "Звонок на {number} от {caller}",
    "Scenario “{name}”, version {version}": "Сценарий «{name}», версия {version}",
    "Numbers that match no filter": "Номера, не входящие в фильтры",
    "SIP line": "SIP-линия",
    "not online": "не в сети",
}


def russian(text: str) -> str:
    return RUSSIAN.get(text, text)


def english(text: str) -> str:
    return text


FACTS = CallFacts(UUID(int=60), UUID(int=99), Direction.INCOMING, "+79031112233", "+74951234567")
BY_IVANOV = structs.replace(
    FACTS, direction=Direction.OUTGOING, employee_id=IVANOV, terminal_id=SIP, caller=None
)


def sentences(*steps: CallStep, gettext=english, snapshot=SNAPSHOT, facts=FACTS) -> list[str]:
    return [line.text for line in render(steps, snapshot, gettext, facts)]


def test_every_step_code_has_a_renderer():
    assert set(RENDERERS) == set(StepCode)


@pytest.mark.parametrize("code", StepCode)
@pytest.mark.parametrize("snapshot", [SNAPSHOT, None])
def test_a_bare_step_of_any_code_can_be_told(code, snapshot):
    for line in render([CallStep(1.0, code)], snapshot, english):
        assert line.text
        assert "{" not in line.text


def test_a_call_in_russian():
    assert sentences(
        CallStep(1.0, StepCode.ARRIVED, address="+74951234567"),
        CallStep(
            1.1,
            StepCode.ROUTED,
            data={"scenario_id": str(SCENARIO), "version": 1, "branch_id": str(DEFAULT)},
        ),
        CallStep(1.2, StepCode.NOT_RUNG, SIP, IVANOV, "0051234567", {"reason": "not_registered"}),
        gettext=russian,
    ) == [
        "Звонок на +7 495 123-45-67 (Продажи) от +7 903 111-22-33",
        "Сценарий «По умолчанию», версия 1",
        "Номера, не входящие в фильтры",
        "Иванов, SIP-линия: не в сети",
    ]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (CallStep(1, StepCode.RINGING, MOBILE, IVANOV), "Иванов, mobile application: rings"),
        (CallStep(1, StepCode.RINGING, OUTSIDE, IVANOV), "Иванов, +7 916 123-45-67: rings"),
        (CallStep(1, StepCode.RINGING, address="+79160000000"), "+7 916 000-00-00: rings"),
        (CallStep(1, StepCode.ANSWERED, SIP), "Иванов, SIP line: answered"),
        (
            CallStep(1, StepCode.NOT_RECORDING, data={"reason": "paused", "by": str(IVANOV)}),
            "Иванов pauses the recording",
        ),
        (
            CallStep(1, StepCode.NOT_RECORDING, data={"reason": "paused", "by": "Анна"}),
            "Анна pauses the recording",
        ),
        (CallStep(1, StepCode.LEG_ENDED, SIP, data={"status": 486}), "Иванов, SIP line: busy"),
        (
            CallStep(1, StepCode.LEG_ENDED, SIP, data={"reason": "elsewhere"}),
            "Иванов, SIP line: somebody else answered",
        ),
        (
            CallStep(1, StepCode.LEG_ENDED, SIP, data={"status": 499}),
            "Иванов, SIP line: no answer (499)",
        ),
        (
            CallStep(1, StepCode.DIALLED, address="+74950000000"),
            "Иванов, SIP line: dialled +7 495 000-00-00",
        ),
        (
            CallStep(1, StepCode.ADMISSION_REFUSED, data={"plugin": "crm", "reason": "No money."}),
            "The call was refused by “crm”: No money.",
        ),
        (CallStep(1, StepCode.ENDED, data={"by": "caller"}), "The caller hung up"),
        (
            CallStep(1, StepCode.ENDED, data={"by": "system", "cause": "hung_up", "who": "Анна"}),
            "The call was hung up by Анна",
        ),
        (
            CallStep(1, StepCode.ENDED, data={"by": "system", "cause": "media_unavailable"}),
            "The call was ended by the system: the media server does not answer",
        ),
        (
            CallStep(1, StepCode.ARRIVED, address="+74950000000"),
            "Call to +7 495 000-00-00 from a hidden number",
        ),
    ],
)
def test_sentences(step, text):
    assert sentences(step, facts=BY_IVANOV) == [text]


@pytest.mark.parametrize("reason", SkipReason)
def test_every_reason_for_not_ringing_has_words(reason):
    assert str(reason) in REASONS


def test_the_parts_of_a_sentence_about_a_telephone():
    named = structs.replace(SNAPSHOT, employees=(Employee(IVANOV, "Иванов: сын, младший"),))
    [line] = render([CallStep(1, StepCode.RINGING, SIP)], named, english)
    assert (line.owner, line.device, line.what) == ("Иванов: сын, младший", "SIP line", "rings")
    assert line.text == "Иванов: сын, младший, SIP line: rings"


def test_a_filter_is_named_and_an_unknown_scenario_says_nothing():
    routed = {"scenario_id": str(SCENARIO), "version": 1, "branch_id": str(VIP)}
    assert sentences(CallStep(1, StepCode.ROUTED, data=routed))[1] == "Filter “VIP”"
    assert sentences(CallStep(1, StepCode.ROUTED, data=routed), snapshot=None) == []


def test_hostile_names_are_not_format_strings():
    step = CallStep(1, StepCode.ARRIVED, address="{0}{x}", data={"caller": "%s{caller}"})
    assert sentences(step) == ["Call to {0}{x} from %s{caller}"]


# --- what decisions said ---------------------------------------------------------------------

AT = datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo("Europe/Moscow")).timestamp()
OFFICE = Schedule(UUID(int=70), "Офис", ((Interval(540, 1080),),) * 5 + ((), ()))
AWAY = ExtraPeriod(
    PeriodKind.UNAVAILABLE,
    datetime.fromisoformat("2026-11-23T09:00"),
    datetime.fromisoformat("2026-11-23T18:00"),
)
CLOSED = UUID(int=71)
ANNA, TEAM = UUID(int=72), UUID(int=73)
PLANNED = structs.replace(
    SNAPSHOT,
    schedules=(OFFICE, Schedule(CLOSED, "Суббота", ((),) * 5 + ((Interval(600, 840),), ()))),
    employees=(
        Employee(IVANOV, "Иванов", terminals=(SIP,), extra=(AWAY,)),
        Employee(ANNA, "Анна", schedule_id=CLOSED),
    ),
    groups=(Group(TEAM, "Продажи"),),
    scenarios=(
        structs.replace(
            SNAPSHOT.scenarios[0],
            default=Branch(DEFAULT, "default", Chain(), schedule_id=CLOSED),
            branches=(
                Branch(VIP, "VIP", Chain(), TagFilter(())),
                Branch(UUID(int=74), "Москва", Chain(), RegionFilter((77,))),
                Branch(UUID(int=75), "Суббота", Chain(), schedule_id=CLOSED),
            ),
        ),
    ),
)


def in_russian(*steps: CallStep, **more) -> list[str]:
    words = language("ru").gettext
    return [line.text for line in render(steps, PLANNED, words, FACTS, **more)]


def not_rung(reason: str, terminal=None, employee=None, **data) -> CallStep:
    return CallStep(AT, StepCode.NOT_RUNG, terminal, employee, data={"reason": reason, **data})


def routed(*passed, branch=DEFAULT, **data) -> CallStep:
    chosen = {"scenario_id": str(SCENARIO), "version": 1, "branch_id": str(branch)}
    return CallStep(AT, StepCode.ROUTED, data={**chosen, "passed": passed, **data})


def test_until_when_somebody_does_not_ring():
    assert in_russian(
        not_rung("extra_unavailable", employee=IVANOV),
        not_rung("off_hours", employee=ANNA),
        not_rung("busy", SIP, IVANOV),
        not_rung("unavailable", employee=IVANOV),
    ) == [
        "Иванов: доп. недоступность до 18:00",
        "Анна: нерабочее время сотрудника до 28.11.2026 10:00",
        "Иванов, SIP-линия: занято, идёт другой разговор",
        "Иванов: сотрудник недоступен",
    ]
    assert sentences(not_rung("off_hours", employee=ANNA), snapshot=PLANNED) == [
        "Анна: outside the employee’s working hours until 2026-11-28 10:00"
    ]


def test_hours_are_told_by_the_readers_clock():
    assert in_russian(not_rung("extra_unavailable", employee=IVANOV), zone="Asia/Yekaterinburg") == [
        "Иванов: доп. недоступность до 20:00"
    ]


def test_whom_an_entry_meant_that_is_gone():
    assert in_russian(
        not_rung("unknown", kind="extension", ref="105"),
        not_rung("unknown", kind="employee", ref=str(UUID(int=500))),
        not_rung("unknown", kind="employee", ref="nobody"),
        not_rung("no_terminals", kind="group", ref=str(TEAM)),
        not_rung("unknown", kind="group", ref=str(UUID(int=500))),
        not_rung("no_carrier", kind="external", ref="+79161112233"),
    ) == [
        "Добавочный номер 105: больше не существует",
        "Сотрудник: больше не существует",
        "Сотрудник: больше не существует",
        "Группа «Продажи»: звонить некому",
        "Группа: больше не существует",
        "+7 916 111-22-33: ни один оператор связи не смог принять звонок",
    ]


@pytest.mark.spec("FLT-11", at="rule")
def test_every_branch_that_passed_the_call_on_says_why():
    passed = ([str(VIP), "tags"], [str(UUID(int=74)), "regions"], [str(UUID(int=75)), "closed"])
    gone = [str(UUID(int=500)), "tags"]
    assert in_russian(routed(*passed, gone)) == [
        "Сценарий «По умолчанию», версия 1",
        "Фильтр «VIP»: тег не подошёл",
        "Фильтр «Москва»: регион не подошёл",
        "Фильтр «Суббота»: нерабочее время до 28.11.2026 10:00",
        "Номера, не входящие в фильтры",
    ]


def test_a_call_that_every_branch_passes_on_is_handled_by_nothing():
    assert in_russian(routed([str(DEFAULT), "closed"], open=False))[1:] == [
        "Номера, не входящие в фильтры: нерабочее время до 28.11.2026 10:00",
        "Сейчас звонок никто не обрабатывает",
    ]
    assert in_russian(routed(open=False))[1:] == ["Номера, не входящие в фильтры", "Нерабочее время"]


def test_a_plugins_choice_is_named():
    assert in_russian(routed(plugin="crm"))[0] == "Сценарий выбран плагином «crm»"


@pytest.mark.parametrize("reason", Unrouted)
def test_why_no_scenario_handles_a_call(reason):
    assert str(reason) in UNROUTED
    (told,) = in_russian(CallStep(AT, StepCode.UNROUTED, data={"reason": str(reason)}))
    assert (
        told == f"Звонок не обрабатывает ни один сценарий: {language('ru').gettext(UNROUTED[reason])}"
    )


def test_every_reason_of_a_branch_has_words():
    assert {code.name.lower() for code in WhyNot} == set(PASSED)
