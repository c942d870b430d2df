"""The frame: keyboard, palette, menu, availability, profile; and plugins' entries in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.pages.conftest import Open
from tests.e2e.pages.stage import PASSWORD, Company, Stage


def test_the_palette_finds_people_numbers_and_sections(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    for keys, words, found, path in (
        ("Control+k", "марина", "Марина Кравцова", "employees/*"),
        ("/", "555-01", "+7 800 555-01-20", "numbers"),
        ("/", "истор", "История звонков", "history"),
    ):
        page.keyboard.press(keys)
        box = page.locator("#palette input")
        expect(box).to_be_focused()
        box.fill(words)
        option = page.locator("#hits [role=option]", has_text=found)
        expect(option).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{path}")
    page.keyboard.press("/")
    page.locator("#palette input").fill("нет такого")
    expect(page.locator("#hits")).to_contain_text("Ничего не найдено")
    page.keyboard.press("Escape")
    expect(page.locator("#palette input")).to_be_hidden()


def test_arrows_choose_and_wrap_around(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    page.keyboard.press("Control+k")
    options = page.locator("#hits [role=option]")
    expect(options).to_have_count(4)
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")


def test_single_keys_go_to_sections_and_can_be_switched_off(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    for key, path in (("e", "employees"), ("n", "numbers"), ("h", "history"), ("p", "profile")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**/{path}")
    page.get_by_label("Горячие клавиши").uncheck()
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.keyboard.press("/")
    page.wait_for_timeout(300)
    assert page.url.endswith("/profile")
    expect(page.locator("#palette input")).to_be_hidden()


def test_everything_is_reached_by_tab_and_the_focus_shows(visit: Open, company: Company) -> None:
    page = visit("/employees", company.email)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="К содержанию")).to_be_focused()
    page.keyboard.press("Enter")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => { const e = document.activeElement; const s = getComputedStyle(e);
                const a = getComputedStyle(e, "::after");
                return [e.id || e.className || e.tagName,
                        s.boxShadow !== "none" || a.boxShadow !== "none" || e === document.body]; }"""
        )
        seen.add(focus[0])
        assert focus[1], focus
    assert any(str(name).startswith("open-") for name in seen)
    assert any(str(name).startswith("edit-") for name in seen)


def test_a_card_opens_closes_and_gives_the_focus_back(visit: Open, company: Company) -> None:
    page = visit("/employees", company.email)
    row = page.locator("tr", has_text="Ольга Титова").locator(".k-open")
    row.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ольга Титова")).to_be_focused()
    expect(page.locator("tr.is-sel")).to_contain_text("Ольга Титова")
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    expect(page.locator("tr.is-sel")).to_have_count(0)
    assert page.url.endswith("/employees")


def test_on_a_phone_the_menu_slides_in(visit: Open, company: Company) -> None:
    page = visit("/history", company.email, width=390)
    expect(page.locator(".k-nav")).to_be_hidden()
    page.get_by_role("button", name="Меню", exact=True).click()
    page.locator(".k-nav a", has_text="ВАТС").click()
    page.wait_for_url("**/numbers")
    expect(page.locator(".k-nav")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("ВАТС")


def test_sections_are_swapped_without_losing_the_frame(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    page.evaluate("window.kept = true")
    page.locator(".k-nav a", has_text="Сотрудники и группы").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Сотрудники и группы")
    expect(page.locator(".k-nav a[aria-current]")).to_have_text("Сотрудники и группы")
    expect(page).to_have_title("Сотрудники · СанСим")
    assert page.evaluate("window.kept")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("История звонков")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_mode_is_switched_in_the_header(
    visit: Open, stage: Stage, company: Company, scripts: bool
) -> None:
    page = visit("/employees", company.email, scripts=scripts)
    for name, mode in (("Недоступен", "unavailable"), ("Доступен", "available")):
        page.locator(".k-seg").get_by_role("button", name=name, exact=True).click()
        expect(page.locator(f".k-seg [value={mode}]")).to_have_attribute("aria-pressed", "true")
        assert stage.run(stage.person(company, "Анна Климова")).mode == mode
    assert page.url.endswith("/employees")


def test_one_changes_the_own_password(visit: Open, stage: Stage) -> None:
    own = stage.run(stage.company("Пароль", "pass@word.test"))
    page = visit("/profile", own.email)
    page.get_by_label("Текущий пароль").fill("wrong password")
    page.get_by_label("Новый пароль").fill("another horse 43")
    page.get_by_role("button", name="Сменить пароль").click()
    expect(page.locator("#error-old")).to_have_text("Неверный пароль.")
    page.get_by_label("Текущий пароль").fill(PASSWORD)
    page.get_by_label("Новый пароль").fill("short")
    page.get_by_role("button", name="Сменить пароль").click()
    expect(page.locator("#error-new")).to_contain_text("не меньше 10")
    page.get_by_label("Текущий пароль").fill(PASSWORD)
    page.get_by_label("Новый пароль").fill("another horse 43")
    page.get_by_role("button", name="Сменить пароль").click()
    expect(page.locator("#toasts")).to_contain_text("Пароль изменён")


def test_a_lost_connection_is_said(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    notice = page.get_by_text("Нет связи")
    expect(notice).to_be_hidden()
    page.context.route("**/live", lambda route: route.abort())
    page.reload()
    expect(notice).to_be_visible()
    page.context.unroute("**/live")
    expect(notice).to_be_hidden()


def test_sections_not_built_are_absent(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    assert page.locator(".k-nav a").all_inner_texts() == [
        "История звонков",
        "Сотрудники и группы",
        "ВАТС",
    ]
    assert page.locator("a[href='#'], a:not([href])").count() == 0
