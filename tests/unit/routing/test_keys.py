"""A dry run through voice menus: the branch of the keys that are given, else all possible ways."""

from __future__ import annotations

import pytest

from core import routing
from core.contracts import Addressee, Dial, ExtensionList, Menu, PluginStep
from core.ids import new_id
from core.scenarios import EXTENSIONS, MENU, KeyAction, MenuKey
from tenants.explain import explain
from tests.unit.routing.company import NUMBER, Company, text

AT = "2026-11-23 12:00"
SECOND, LIST = new_id(), new_id()


@pytest.fixture
def company(company: Company) -> Company:
    ivanov = company.employee("ivanov", extension="101")
    company.employee("petrov", extension="1012", dialled_from_menu=True)
    company.employee("sidorov", extension="102", dialled_from_menu=True)
    second = Menu(
        SECOND, "Второе", level=2, enabled=True, keys=(_forward("1", company.addressee("petrov")),)
    )
    first = Menu(
        new_id(),
        "Первое",
        enabled=True,
        keys=(
            _forward("2", company.addressee("sidorov")),
            MenuKey("3", KeyAction.MENU, target=SECOND),
            MenuKey("4", KeyAction.EXTENSIONS, target=LIST),
            MenuKey("5", KeyAction.CALLBACK),
            MenuKey("7", KeyAction.PLAY, target=new_id()),
            MenuKey("9", KeyAction.SKIP),
            MenuKey("*", KeyAction.REPEAT),
        ),
    )
    company.settings |= {
        "plugins": frozenset({"ivr"}),
        "menus": (first, second),
        "extension_lists": (ExtensionList(LIST, "Все"),),
    }
    extensions = PluginStep(EXTENSIONS, {"list_id": str(LIST), "otherwise": "hang_up"})
    menu = PluginStep(MENU, {"menu_id": str(first.id), "otherwise": "next"})
    company.number(NUMBER, company.scenario(menu, Dial((ivanov,)), extensions, Dial((ivanov,))))
    return company


def _forward(key: str, addressee: Addressee) -> MenuKey:
    return MenuKey(key, KeyAction.FORWARD, addressee)


def tried(company: Company, keys: str, **facts: object) -> list[str]:
    """Of each step its keys, or who rings."""
    return [
        text(stage.plan.root) if stage.plan else f"[{stage.keys}]"
        for stage in path(company, keys, **facts).stages
    ]


def path(company: Company, keys: str, **facts: object) -> routing.Path:
    asked = (company.compile(), company.facts(**facts), company.live(), company.instant(AT), 7)
    return routing.dry_run(*asked, keys=keys)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", ["[]", "ivanov-1:60", "[]"]),
        ("2", ["[2]", "sidorov-1:60", "ivanov-1:60", "[]"]),
        ("*72", ["[*72]", "sidorov-1:60", "ivanov-1:60", "[]"]),
        ("8", ["[8]", "ivanov-1:60", "[]"]),
        ("31", ["[31]", "petrov-1:60", "ivanov-1:60", "[]"]),
        ("9", ["[9]", "ivanov-1:60", "[]"]),
        ("9102", ["[9]", "ivanov-1:60", "[102]", "sidorov-1:60"]),
        ("4102", ["[4102]", "sidorov-1:60", "ivanov-1:60", "[]"]),
        ("41012", ["[41012]", "petrov-1:60", "ivanov-1:60", "[]"]),
        ("4101#", ["[4101#]", "ivanov-1:60", "[]"]),  # he is not dialled from menus
        ("45*102", ["[45*102]", "sidorov-1:60", "ivanov-1:60", "[]"]),
        ("5", ["[5]"]),
    ],
)
def test_keys_lead_where_a_call_would_go(company, keys, expected):
    assert tried(company, keys) == expected


@pytest.mark.spec("MNU-06", at="rule")
@pytest.mark.parametrize(("otherwise", "rest"), [("next", ["ivanov-1:60"]), ("hang_up", [])])
def test_trap_22_no_key_and_an_extension_that_is_not_reached_lead_to_the_same_step(
    company, otherwise, rest
):
    block = PluginStep(EXTENSIONS, {"list_id": str(LIST), "otherwise": otherwise})
    company.numbers, company.scenarios = [], []
    company.number(NUMBER, company.scenario(block, Dial((company.addressee("ivanov"),))))
    assert tried(company, "") == ["[]", *rest]
    assert tried(company, "102") == ["[102]", "sidorov-1:60", *rest]
    assert tried(company, "77") == ["[77]", *rest]


def test_who_hides_the_number_is_not_called_back(company):
    assert tried(company, "5", caller=None) == ["[5]", "ivanov-1:60", "[]"]


def test_a_menu_that_is_off_asks_for_no_key(company):
    first, second = company.settings["menus"]
    company.settings["menus"] = (Menu(first.id, "", enabled=False, keys=first.keys), second)
    assert tried(company, "102") == ["[]", "ivanov-1:60", "[102]", "sidorov-1:60"]


def test_without_a_key_the_ways_of_the_menu_are_told(company):
    facts, instant = company.facts(), company.instant(AT)
    shown = explain(path(company, ""), company.snapshot, facts, instant, str).steps[0]
    assert shown.ways == (
        "2: sidorov",
        "3: voice menu “Второе”",
        "31: petrov",
        "4: dialling of an extension",
        "5: request to be called back",
        "7: “” is played",
        "9: the next block",
        "*: the instruction is repeated",
    )
    pressed = explain(path(company, "2"), company.snapshot, facts, instant, str).steps[0]
    assert (pressed.keys, pressed.ways) == ("2", ())
    assert pressed.text.endswith("; pressed: 2")
