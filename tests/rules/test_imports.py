"""Who may import whom (ARCHITECTURE.md). Imports for type checking count: they couple as well."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.rules import source
from tests.rules.source import ROOT, Import, imports_of, is_within, python_files

LAYERS = (
    (
        "core",
        {
            "contracts",
            "configuration",
            "decisions",
            "records",
            "scenarios",
            "hours",
            "peers",
            "features",
        }
        | {"recordings", "regions"}
        | {"errors", "events", "ids", "settings"},
    ),
    ("core", {"_russian", "library"}),
    ("core", {"numbers", "background", "unheard", "clock", "sdp", "sdp_body"}),
    ("core", {"ports", "office", "contributions", "hookspecs"}),
    ("core", {"_slowcodes", "_slowhours", "_slownumbering", "_slowplan", "_fastroute", "_slowroute"}),
    ("core", {"logs", "metrics", "supervisor", "control", "drain"}),
    ("core", {"sip", "media", "routing"}),
    ("core", {"_guard", "tenant_hooks", "host", "bus", "call", "trunk"}),
    ("core", {"testing"}),
    ("", {"tenants", "piccolo_conf"}),
    ("", {"web"}),
    ("", {"app", "measures", "serve", "announce", "demo", "cli"}),
)
"""From the bottom up: a module may import what is in its own layer or below it."""

STRANGERS_TO_EACH_OTHER = frozenset({"core.sip", "core.media", "core.routing"})
DATABASE = ("piccolo", "asyncpg", "psycopg", "procrastinate", "tenants.engine")
PAGES = ("litestar", "jinja2", "uvicorn")
OURS = (
    *source.PACKAGES,
    "sunsim",
    "app",
    "measures",
    "serve",
    "announce",
    "demo",
    "cli",
    "piccolo_conf",
)
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.DOTALL)


def unit(module: str) -> str:
    """What the layers speak of: ``core.sip`` for all inside it, ``tenants`` for all of tenants."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "core" else parts[0]


UNITS = {
    f"{package}.{name}".lstrip("."): height
    for height, (package, names) in enumerate(LAYERS)
    for name in names
}


def all_imports() -> list[Import]:
    return [each for path in python_files() for each in imports_of(path)]


def own_imports() -> list[Import]:
    """Imports of our own code from our own code, neither the plugins nor their API."""
    return [
        each
        for each in all_imports()
        if is_within(each.imported, OURS)
        and not is_within(each.importer, ("plugins", "sunsim"))
        and each.imported != "core"
    ]


def test_every_module_has_its_layer():
    modules = {unit(source.module_of(path)) for path in python_files()}
    assert modules - set(UNITS) - {"core", "plugins", "sunsim"} == set()


def test_imports_go_down():
    wrong = [
        str(each)
        for each in own_imports()
        if each.imported not in ("plugins", "sunsim")
        and UNITS.get(unit(each.imported), 99) > UNITS[unit(each.importer)]
    ]
    assert wrong == []


def test_signalling_media_and_routing_do_not_know_each_other():
    wrong = [
        str(each)
        for each in own_imports()
        if unit(each.importer) in STRANGERS_TO_EACH_OTHER
        and unit(each.imported) in STRANGERS_TO_EACH_OTHER
        and unit(each.importer) != unit(each.imported)
    ]
    assert wrong == []


def test_nobody_imports_a_plugin_or_the_plugin_api():
    wrong = [
        str(each)
        for each in all_imports()
        if is_within(each.imported, ("plugins", "sunsim"))
        and not is_within(each.importer, ("plugins",))
    ]
    assert wrong == []


def test_core_knows_neither_database_nor_pages():
    wrong = [
        str(each)
        for each in all_imports()
        if is_within(each.importer, ("core",)) and is_within(each.imported, (*DATABASE, *PAGES))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [path for path in python_files() if path.is_relative_to(ROOT / "core")],
    ids=source.module_of,
)
def test_core_contains_no_sql(path: Path):
    texts = (node.value for node in ast.walk(source.tree_of(path)) if isinstance(node, ast.Constant))
    assert [text for text in texts if isinstance(text, str) and SQL.search(text)] == []


def test_tenants_knows_no_pages():
    wrong = [
        str(each)
        for each in all_imports()
        if is_within(each.importer, ("tenants",)) and is_within(each.imported, PAGES)
    ]
    assert wrong == []


def test_web_calls_services_never_a_table():
    wrong = [
        str(each)
        for each in all_imports()
        if is_within(each.importer, ("web",))
        and is_within(each.imported, ("tenants.tables", *DATABASE))
    ]
    assert wrong == []


def test_the_plugin_api_rests_on_core_and_the_tables_only():
    wrong = [
        str(each)
        for each in imports_of(ROOT / "sunsim.py")
        if is_within(each.imported, OURS) and not is_within(each.imported, ("core", "tenants.tables"))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "name",
    [
        "_fastroute.pyx",
        "_fastroute.pxd",
        "_hours.pxi",
        "_numbering.pxi",
        "_slowroute.py",
        "_slowhours.py",
        "_slownumbering.py",
        "_slowcodes.py",
        "_slowplan.py",
        "_tree.pxi",
    ],
)
def test_the_routing_core_imports_nothing_else_of_ours(name):
    lines = (ROOT / "core" / name).read_text().splitlines()
    imports = [line for line in lines if re.match(r"\s*(from|import|cimport|include)\b", line)]
    ours = [line for line in imports if re.search(rf"\b({'|'.join(OURS)})\b", line)]
    assert [line for line in ours if not re.search(r"from core\._slow\w+ ", line)] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from core.sip.uri import SipUri", "core.sip.uri"),
        ("from core import routing", "core.routing"),
        ("import tenants.tables as t", "tenants.tables"),
        ("def f():\n    from web import pages", "web.pages"),
        ("if TYPE_CHECKING:\n    from core.call import switchboard", "core.call.switchboard"),
    ],
)
def test_the_rule_sees_every_form_of_import(tmp_path, code, found):
    path = tmp_path / "module.py"
    path.write_text(code)
    assert [each.imported for each in imports_of(path, tmp_path)] == [found]
