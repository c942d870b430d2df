"""Every step code has words, in the reader's language, with the names of the stored snapshot."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec import structs

from core.contracts import (
    Branch,
    CallFacts,
    CallStep,
    Chain,
    Direction,
    Employee,
    Number,
    Scenario,
    SkipReason,
    Snapshot,
    StepCode,
    Terminal,
    TerminalKind,
)
from tenants.trace import REASONS, RENDERERS, render

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
