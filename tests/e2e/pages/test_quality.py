"""What holds for every page: accessible, within the budget, no sideways scrolling, both languages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.pages.conftest import PATIENCE, Open
from tests.e2e.pages.stage import Company, Stage

BUDGET = 150 * 1024
STANDARD = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

Enter = Callable[[Page], None]


def stay(_: Page) -> None:
    """The page as it opens."""


def first(page: Page) -> None:
    page.locator("tbody .k-open").first.click()
    expect(page.locator(".k-drawer")).to_be_visible()


def gear(page: Page) -> None:
    page.get_by_label("Параметры: SIP-линия").click()
    expect(page.get_by_role("dialog", name="SIP-линия")).to_be_visible()


def palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("10")
    expect(page.locator("#hits [role=option]").first).to_be_visible()


def wrong(page: Page) -> None:
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()


STATES: dict[str, tuple[str, Enter]] = {
    "login": ("/login", stay),
    "history": ("/history", stay),
    "call": ("/history", first),
    "empty": ("/history?day=2020-01-01", stay),
    "employees": ("/employees", stay),
    "card": ("/employees/{admin}", stay),
    "gear": ("/employees/{admin}/phones", gear),
    "error": ("/employees/new", wrong),
    "numbers": ("/numbers", stay),
    "profile": ("/profile", stay),
    "palette": ("/numbers", palette),
    "find": ("/find?q=2", stay),
    "nothing": ("/nothing/here", stay),
}
"""Every page in every state that a reader meets, and how to get there from its address."""


WIDE, NARROW = 1440, 390
LOOKS = [
    pytest.param([(WIDE, "light"), (NARROW, "dark")], id="two"),
    pytest.param([(WIDE, "dark"), (NARROW, "light")], id="others", marks=pytest.mark.proof),
]


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("state", STATES)
def test_a_page_is_accessible_and_fits(
    visit: Open, company: Company, state: str, looks: list[tuple[int, str]]
) -> None:
    """No violation that axe knows, in either theme, on desk and phone; nothing scrolls sideways."""
    path, enter = STATES[state]
    page = visit(path.format(admin=company.admin_id), company.email)
    enter(page)
    found = []
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        found += [f"{width} {theme}: {line}" for line in violations(page)]
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width}: {name} scrolls sideways" for name in page.evaluate(SIDEWAYS)]
    assert found == []


SIDEWAYS = """() => [document.scrollingElement, ...document.querySelectorAll(".k-page, .k-body")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.tagName)"""


def violations(page: Page) -> list[str]:
    """What axe finds, each with the place."""
    page.wait_for_function("document.fonts.status === 'loaded'")
    results = Axe().run(page, options=STANDARD)
    return [
        f"{violation['id']} at {node['target']}: {node['any'][0]['message'] if node['any'] else ''}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


def test_a_page_stays_within_150_kilobytes(visit: Open, company: Company) -> None:
    page = visit("/login")
    sizes: dict[str, int] = {}
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    urls: dict[str, str] = {}
    cdp.on("Network.responseReceived", lambda e: urls.update({e["requestId"]: e["response"]["url"]}))
    cdp.on(
        "Network.loadingFinished",
        lambda e: sizes.update({urls.get(e["requestId"], ""): int(e["encodedDataLength"])}),
    )
    page.context.add_cookies(visit("/", company.email).context.cookies())
    page.goto("/history")
    page.wait_for_function("document.fonts.status === 'loaded'")
    deadline = time.monotonic() + PATIENCE / 1000
    while {"js", "css", "woff2"} - {url.rsplit(".")[-1] for url in sizes}:
        assert time.monotonic() < deadline, sizes
        page.wait_for_timeout(100)
    page.wait_for_timeout(700)  # whatever is still to come counts
    heavy = {url: size for url, size in sizes.items() if re.search(r"\.(js|css|woff2|svg)$", url)}
    assert {url.rsplit(".")[-1] for url in heavy} >= {"js", "css", "woff2"}
    assert sum(heavy.values()) <= BUDGET, heavy
    assert any("/static/" in url for url in heavy)


def test_everything_comes_from_this_server(visit: Open, stage: Stage, company: Company) -> None:
    page = visit("/login")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/login", "/history", "/employees"):
        page.goto(path)
    assert asked and all(url.startswith(stage.url) for url in asked)


RUSSIAN = re.compile(r"[А-Яа-яЁё]{3,}")
NAMES = "Русский|СанСим|По умолчанию|Номера, не входящие в фильтры"


def test_english_is_complete(visit: Open, stage: Stage, company: Company) -> None:
    """Nothing Russian is left but what people and defaults named so."""
    page = visit("/login?language=en", language="en-US")
    assert RUSSIAN.findall(page.inner_text("body").replace("Русский", "").replace("СанСим", "")) == []
    english = stage.run(stage.company("Acme", "boss@acme.test", "+74957770033"))
    stage.run(stage.rename(english, "John Doe"))
    page = visit("/profile", english.email)
    page.get_by_label("Язык", exact=True).select_option("en")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My profile")
    person = stage.run(stage.person(english, "John Doe"))
    stage.run(stage.ended(english, person))
    left: list[str] = []
    for path in ("/history", "/employees", f"/employees/{person.id}/phones", "/numbers", "/nothing"):
        page.goto(path)
        text = page.inner_text("body")
        left += RUSSIAN.findall(re.sub(NAMES, "", text))
    page.goto("/history")
    page.locator("tbody .k-open").first.click()
    expect(page.locator(".k-tl")).to_contain_text("John Doe answers")
    assert left == []


def test_dates_are_shown_in_the_readers_zone(visit: Open, stage: Stage, company: Company) -> None:
    east = stage.run(stage.company("Восток", "east@zone.test", "+74957770044"))
    person = stage.run(stage.person(east, "Анна Климова"))
    stage.run(stage.ended(east, person, at=stage.now_in_everybodys_day()))
    page = visit("/history", east.email)
    moscow = page.locator("tbody .k-open").first.inner_text()
    page.goto(f"/employees/{person.id}")
    page.get_by_label("Часовой пояс").select_option("Asia/Yekaterinburg")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#toasts")).to_contain_text("Сохранено")
    page.goto("/history")
    east_of_it = page.locator("tbody .k-open").first.inner_text()
    assert int(east_of_it.split(":")[0]) == (int(moscow.split(":")[0]) + 2) % 24


def test_theme_and_language_are_kept_with_the_user(visit: Open, stage: Stage, company: Company) -> None:
    night = stage.run(stage.company("Ночь", "night@theme.test"))
    page = visit("/profile", night.email)
    page.get_by_label("Тема").select_option("dark")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    fresh = visit("/history", night.email)
    assert fresh.locator("html").get_attribute("data-theme") == "dark"
    assert fresh.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 15, 19)"


def test_pages_carry_no_inline_script_or_style(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    for path, _ in STATES.values():
        html = page.request.get(path.format(admin=company.admin_id)).text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<[a-z][^>]*\s(on\w+|style)=|<style", html), path
