"""Icons, addresses and policies that pages rely on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from web import vendor
from web.headers import POLICY
from web.icons import FALLBACK, ICONS, known
from web.pages import local_path

WEB = Path(vendor.__file__).parent


def test_every_icon_that_is_used_is_in_the_sprite_and_the_other_way_round() -> None:
    sources = [*WEB.rglob("templates/**/*.html"), *WEB.rglob("*.py")]
    text = "\n".join(p.read_text() for p in sources if p.name not in ("icons.py", "vendor.py"))
    used = {name for name in ICONS if re.search(rf"[\"']{name}[\"']", text)}
    named = set(re.findall(r"icon\(\"([a-z0-9-]+)\"", text))
    assert named <= ICONS
    assert used - ICONS == set()
    assert known("no-such-icon") == FALLBACK
    assert known("phone") == "phone"


def test_an_unknown_icon_stops_the_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "ICONS", frozenset({"no-such-icon"}))
    with pytest.raises(KeyError, match="no-such-icon"):
        vendor._sprite(tmp_path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/history?day=2026-01-02", "/history?day=2026-01-02"),
        ("//evil.test/x", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_stays_here(text: str, path: str) -> None:
    assert local_path(text) == path


def test_the_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    assert "unsafe" not in POLICY
    assert "*" not in POLICY
    assert POLICY.startswith("default-src 'self'")
    templates = "\n".join(p.read_text() for p in (WEB / "templates").rglob("*.html"))
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|hx-on|javascript:|\| ?safe", templates)
