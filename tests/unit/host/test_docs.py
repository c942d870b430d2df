"""docs/hooks.md says what the code does: every hook, its arguments, its result, the whole API."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import sunsim
from core import contributions, hookspecs
from core._guard import HookRule, Limits

TEXT = (Path(__file__).parents[3] / "docs" / "hooks.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)\([^\n]*\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
HOOKS = {name: spec for name, spec in vars(hookspecs).items() if hasattr(spec, "sunsim_spec")}
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)


def test_every_hook_is_documented_and_nothing_else():
    assert set(SECTIONS) == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_documented_signature_is_the_real_one(hook):
    (written,) = re.findall(rf"^### `({hook}\(.*\))`$", TEXT, re.MULTILINE)
    assert written == f"{hook}({', '.join(inspect.signature(HOOKS[hook]).parameters)})"


@pytest.mark.parametrize("hook", HOOKS)
def test_the_documented_result_is_the_real_one(hook):
    rule, section = HookRule.of(HOOKS[hook]), SECTIONS[hook]
    assert section.strip().startswith("`async`.") == rule.is_async
    if rule.result:
        kind = "a sequence of " if rule.many else ""
        assert f"Returns {kind}`{rule.result.__name__}`" in section


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_in_its_docstring_what_to_return(hook):
    assert re.search(r"\b[Rr]eturn\b", HOOKS[hook].__doc__)


def test_the_whole_api_is_listed():
    table = TEXT[TEXT.index("## The module `sunsim`") : TEXT.index("## Testing a plugin")]
    assert sorted(set(re.findall(r"`(\w+)`", table)) - {"sunsim"}) == sorted(sunsim.__all__)


def test_plugins_can_import_all_that_hooks_speak_of():
    assert set(contributions.__all__) - {"Owned"} <= set(sunsim.__all__)


def test_the_documented_limits_are_the_real_ones():
    limits = Limits()
    assert (limits.sync, limits.event, limits.panels, limits.boot) == (0.005, 5, 1, 30)
    for words in ("5 ms", "five seconds", "one second", "30 seconds", f"{limits.faults} faults"):
        assert words in TEXT


def test_the_example_works(tmp_path, monkeypatch, sunsim_host, sunsim_tenant):
    sources = [source for language, source in BLOCKS if language == "python"]
    module = ModuleType("nightwatch")
    exec(next(source for source in sources if "# nightwatch.py" in source), module.__dict__)
    monkeypatch.setitem(sys.modules, "nightwatch", module)
    test: dict[str, object] = {}
    exec(next(source for source in sources if "import nightwatch" in source), test)
    test["test_anonymous_calls_are_refused"](sunsim_host, sunsim_tenant)
