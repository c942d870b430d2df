"""A whole decision in Russian: branches, the tree of telephones, who does not ring, the safety net."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core import routing
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
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
    Options,
    PluginStep,
    TagFilter,
)
from core.ids import new_id
from core.scenarios import EXTENSIONS, MENU, MESSAGE, Queue
from tenants.explain import explain, lines
from tests.unit.routing.company import NUMBER, Company
from web.i18n import language

NOON = "2026-11-23 12:00"
VIP, HELLO, VOICE, OFF, LIST = (new_id() for _ in range(5))


def told(company, *, at=NOON, zone=None, words="ru", **known):
    """The explanation of a call."""
    snapshot = replace(
        company.snapshot,
        tags=(ContactTag(VIP, "VIP"),),
        media=(Media(HELLO, "Добрый день"),),
        menus=(Menu(VOICE, "Главное", enabled=True), Menu(OFF, "Новое")),
        plugins=frozenset({"ivr", "queue"}),
        extension_lists=(ExtensionList(LIST, "Отдел"),),
    )
    compiled = routing.compile(snapshot)
    facts, instant = company.facts(**known), company.instant(at)
    path = routing.dry_run(compiled, facts, company.live(), instant, 7)
    return explain(path, snapshot, facts, instant, language(words).gettext, zone)


def shown(company, **known):
    """The same as a terminal shows it, without its first line."""
    words = language(known.get("words", "ru")).gettext
    return list(lines(told(company, **known), words, "Europe/Moscow"))[1:]


@pytest.fixture
def company():
    return Company()


@pytest.mark.spec("PRC-10", "GRP-04", at="rule")
def test_the_tree_and_everybody_who_does_not_ring(company):
    ivanov = company.employee("ivanov", terminals=2)
    company.employee("petrov", mode=AvailabilityMode.UNAVAILABLE)
    company.employee("sidorov", schedule_id=company.office_hours("14:00-18:00"))
    team = company.group("Продажи", "petrov", "sidorov", "ivanov")
    company.change("ivanov-2", main=False)
    company.number(NUMBER, company.scenario(Dial((team, ivanov), DialMode.SEQUENTIAL)))
    assert shown(company) == [
        "Сценарий «По умолчанию», версия 3",
        "  Номера, не входящие в фильтры",
        "0:00  Звонит последовательно, не дольше 60 с",
        "    по очереди:",
        "      ivanov, SIP-линия ivanov-1: звонит 30 с",
        "      одновременно:",
        "        ivanov, SIP-линия ivanov-1: звонит 25 с",
        "        ivanov, SIP-линия ivanov-2: звонит 25 с",
        "    Не звонят:",
        "      petrov: сотрудник недоступен",
        "      sidorov: нерабочее время сотрудника до 14:00",
        "      ivanov, SIP-линия ivanov-2: не основной терминал",
    ]


@pytest.mark.spec("FLT-11", "FLT-12", at="rule")
def test_why_branches_passed_the_call_on(company):
    ivanov = company.employee("ivanov")
    morning = company.office_hours("9:00-11:00")
    scenario = company.scenario(Dial((ivanov,)), schedule_id=morning)
    vip = Branch(new_id(), "VIP", Chain(), TagFilter((VIP,)))
    company.scenarios[0] = replace(scenario, branches=(vip,))
    company.number(NUMBER, scenario)
    assert shown(company) == [
        "Сценарий «По умолчанию», версия 3",
        "  Фильтр «VIP»: тег не подошёл",
        "  Номера, не входящие в фильтры: нерабочее время до 24.11.2026 09:00",
        "  Сейчас звонок никто не обрабатывает",
    ]
    passed = told(company).passed
    assert [each.reason for each in passed] == ["tags", "closed"]
    assert passed[1].until.timestamp() == company.instant("2026-11-24 09:00")


@pytest.mark.spec("INS-02", at="rule")
def test_every_block_has_words(company):
    ivanov, outside = company.employee("ivanov"), Addressee(AddresseeKind.EXTERNAL, "+79031112233")
    steps = (
        PluginStep(MENU, {"menu_id": str(VOICE)}),
        PluginStep(EXTENSIONS, {"list_id": str(LIST)}),
        PluginStep("crm.note"),
        Dial((ivanov,), ring_seconds=20, queue=Queue(300), manager=ManagerFirst(15)),
    )
    net = (
        Dial((outside,), DialMode.LEAST_BUSY),
        PluginStep(MESSAGE),
        HangUp(media=HELLO, task=Executor(ExecutorKind.LAST)),
    )
    options = Options(greeting=HELLO, melody=HELLO, records=True, warns=True)
    scenario = company.scenario()
    company.scenarios[0] = replace(
        scenario, default=replace(scenario.default, chain=Chain(steps, options, net))
    )
    company.number(NUMBER, scenario)
    manager = company.employees["ivanov"].id
    assert shown(company, tags=frozenset({VIP}), regions=(77, 50), manager_id=manager) == [
        "  Теги: VIP",
        "  Регион: Москва, Московская область",
        "  Персональный менеджер: ivanov",
        "Сценарий «По умолчанию», версия 3",
        "  Номера, не входящие в фильтры",
        "    Приветствие «Добрый день»",
        "    Мелодия ожидания «Добрый день»",
        "    Разговор записывается",
        "    О записи предупреждают",
        "0:00  Голосовое меню «Главное»",
        "0:00  Набор добавочного номера, «Отдел»",
        "0:00  Шаг «crm.note»: пропускается, потому что в договоре нет «crm»",
        "0:00  Персональный менеджер: звонит параллельно, не дольше 15 с",
        "    ivanov, SIP-линия ivanov-1: звонит 15 с",
        "0:15  Звонит параллельно, не дольше 20 с; кто не дозвонился, ждёт не дольше 300 с",
        "    ivanov, SIP-линия ivanov-1: звонит 20 с",
        "5:35  Страховка: звонит по наименьшему занятию, не дольше 60 с",
        "    +7 903 111-22-33: звонит 25 с",
        "6:00  Страховка: голосовое сообщение: пропускается, потому что такие шаги пока не "
        "поддерживаются",
        "6:00  Страховка: звонок завершается после «Добрый день»; задача: адресат, на котором "
        "остановился",
    ]
    assert [step.net for step in told(company, manager_id=manager).steps] == [False] * 5 + [True] * 3


@pytest.mark.spec("IVR-19", at="rule")
def test_menus_that_are_gone_or_off_are_passed_over(company):
    gone = PluginStep(MENU, {"menu_id": str(new_id())})
    off = PluginStep(MENU, {"menu_id": str(OFF), "otherwise": "hang_up"})
    on = PluginStep(MENU, {"menu_id": str(VOICE), "otherwise": "hang_up"})
    company.number(NUMBER, company.scenario(gone, off, PluginStep(EXTENSIONS), on, HangUp()))
    assert shown(company)[2:] == [
        "0:00  Голосовое меню: пропускается, потому что больше не существует",
        "0:00  Голосовое меню «Новое»: пропускается, потому что голосовое меню выключено",
        "0:00  Набор добавочного номера: пропускается, потому что больше не существует",
        "0:00  Голосовое меню «Главное»",
    ]
    assert [step.passed_over for step in told(company).steps] == ["gone", "off", "gone", None]


@pytest.mark.spec("PRC-05", at="rule")
def test_only_the_list_that_the_manager_is_put_before_has_his_step(company):
    """The list of day one, [the administrator], is a list, whoever is the caller's manager."""
    admin = company.employee("admin")
    same = Dial((admin,), ring_seconds=15, each_seconds=15)
    first = Dial((admin,), ring_seconds=30, manager=ManagerFirst(15))
    company.number(NUMBER, company.scenario(same, first))
    manager = company.employees["admin"].id
    assert [step.manager for step in told(company, manager_id=manager).steps] == [False, True, False]
    assert [step.manager for step in told(company).steps] == [False, False]
    last = replace(first, manager=ManagerFirst(15, HangUp()))
    company.scenarios[0] = replace(
        company.scenarios[0],
        default=replace(company.scenarios[0].default, chain=Chain((same, last), net=(first,))),
    )
    steps = told(company, manager_id=manager).steps
    assert [(step.kind, step.manager) for step in steps] == [
        ("dial", False),
        ("dial", True),
        ("hang_up", False),
    ]


@pytest.mark.parametrize("words", ["ru", "en"])
def test_nothing_that_is_gone_breaks_a_sentence(company, words):
    gone = [Addressee(kind, str(new_id())) for kind in AddresseeKind if kind != "external"]
    scenario = company.scenario(
        Dial(tuple(gone)),
        PluginStep(MENU, {"menu_id": str(new_id())}),
        PluginStep(EXTENSIONS),
        HangUp(media=new_id(), task=Executor(ExecutorKind.GROUP, str(new_id()))),
        off_hours=Chain(),
    )
    company.number(NUMBER, scenario)
    company.timezone = "No/Where"
    for line in shown(company, words=words, at=1_795_000_000.0):
        assert "{" not in line
        assert line.strip()


def test_a_number_without_a_scenario(company):
    company.number(NUMBER, None)
    assert shown(company) == ["Звонок не обрабатывает ни один сценарий: у номера нет сценария"]
    assert told(company).unrouted == "no_scenario"


def test_hours_are_told_by_the_readers_clock(company):
    who = company.employee("ivanov", schedule_id=company.office_hours("14:00-18:00"))
    company.number(NUMBER, company.scenario(Dial((who,))))
    (silent,) = told(company, zone="Asia/Yekaterinburg").steps[0].not_ringing
    assert silent.text == "ivanov: нерабочее время сотрудника до 16:00"
    assert silent.until.timestamp() == company.instant("2026-11-23 14:00")
