"""«Сотрудники» in the browser: phones and their registration, the card, the gear dialog, rights."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tenants.services.employees import UpdateEmployee, update
from tests.e2e.pages.conftest import Open
from tests.e2e.pages.stage import NUMBER, PASSWORD, SECOND, Company, Stage


def card(page: Page, name: str, tab: str = "Телефоны") -> None:
    """Open a card by its row and go to a tab."""
    page.locator("tr", has_text=name).locator(".k-open").click()
    expect(page.locator("#card-name")).to_have_text(name)
    page.locator("#drawer").get_by_role("link", name=tab).click()
    expect(page.locator("#drawer [aria-current=page]")).to_have_text(tab)


@pytest.mark.spec("ACC-10", at="page")
def test_every_employee_has_three_lines(visit: Open, company: Company) -> None:
    page = visit("/employees", company.email)
    for name in ("Анна Климова", "Марина Кравцова", "Ольга Титова"):
        card(page, name)
        lines = page.locator("#phones li").all_inner_texts()
        assert [line.splitlines()[0] for line in lines[:3]] == [
            "Мобильное приложение",
            "SIP-линия",
            "Вебфон",
        ]
        assert all(re.search(r"\b005\d{7}\b", line) for line in lines[:3])


def test_a_phone_shows_that_it_is_registered_as_it_happens(
    visit: Open, stage: Stage, company: Company
) -> None:
    person = stage.run(stage.hire(company, "Живой Телефон"))
    page = visit("/employees", company.email)
    row = page.locator("tr", has_text="Живой Телефон")
    expect(row.get_by_text("Вебфон: не в сети")).to_be_attached()
    stage.run(stage.register(company, person, 2))
    expect(row.get_by_text("Вебфон: на связи")).to_be_attached()
    card(page, "Живой Телефон")
    expect(page.locator("#phones")).to_contain_text("Yealink T46U")
    stage.run(stage.unregister(company, person, 2))
    expect(page.locator("#phones li", has_text="Вебфон")).to_contain_text("не в сети")


@pytest.mark.spec("EMP-01", "EMP-12", at="page")
def test_external_number_and_extension_are_set_on_the_phones_tab(
    visit: Open, stage: Stage, company: Company
) -> None:
    stage.run(stage.hire(company, "Номера Внешние"))
    page = visit("/employees", company.email)
    card(page, "Номера Внешние")
    page.get_by_label("Внешний номер для приёма звонков").fill("8 916 880-41-15")
    page.get_by_label("Добавочный номер").fill("77a")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#error-extension")).to_have_text("В добавочном номере от 2 до 6 цифр.")
    expect(page.get_by_label("Внешний номер для приёма звонков")).to_have_value("8 916 880-41-15")
    page.get_by_label("Добавочный номер").fill("770")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#toasts")).to_contain_text("Сохранено")
    page.reload()
    expect(page.get_by_label("Добавочный номер")).to_have_value("770")
    expect(page.locator("#phones")).to_contain_text("+7 916 880-41-15")
    expect(page.locator("tr", has_text="Номера Внешние")).to_contain_text("770")


def test_a_taken_extension_is_said_beside_the_field(visit: Open, company: Company) -> None:
    page = visit("/employees", company.email)
    card(page, "Ольга Титова")
    page.get_by_label("Добавочный номер").fill("104")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#error-extension")).to_have_text("Этот добавочный номер занят.")
    assert page.get_by_label("Добавочный номер").get_attribute("aria-invalid") == "true"


def test_a_part_that_renews_itself_leaves_what_is_said_to_the_page(
    visit: Open, stage: Stage, company: Company
) -> None:
    page = visit("/employees", company.email)
    page.context.add_cookies([{"name": "sunsim_said", "value": "saved", "url": stage.url}])
    anew = {"HX-Request": "true", "HX-Trigger": "list", "HX-Target": "list"}
    assert page.request.get("/employees", headers=anew).ok
    page.reload()
    expect(page.locator("#toasts")).to_contain_text("Сохранено")


def test_phones_that_renew_themselves_leave_everything_else_as_it_is(
    visit: Open, stage: Stage, company: Company
) -> None:
    """They stand within the form, whose answer has a message for the page; theirs has none."""
    stage.run(stage.hire(company, "Тихие Телефоны"))
    page = visit("/employees", company.email)
    card(page, "Тихие Телефоны")
    page.get_by_label("Добавочный номер").fill("774")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#toasts")).to_contain_text("Сохранено")
    page.evaluate(
        "document.querySelector('#toasts').innerHTML = '<b id=said>Сказано</b>';"
        "document.querySelector('#phones li').id = 'former'"
    )
    page.evaluate("htmx.trigger(document.body, 'live-lines')")
    expect(page.locator("#former")).to_have_count(0)  # they did renew themselves
    assert page.locator("#said").count() == 1
    page.locator("#phones").get_by_label("Параметры: Вебфон").click()
    expect(page.get_by_role("dialog", name="Вебфон")).to_be_visible()
    assert page.locator("#said").count() == 1


@pytest.mark.spec("EMP-14", at="page")
def test_caller_id_is_chosen_from_several_numbers_only(
    visit: Open, stage: Stage, company: Company
) -> None:
    page = visit("/employees", company.email)
    card(page, "Илья Сафронов")
    choice = page.get_by_label("АОН")
    assert choice.locator("option").all_inner_texts() == [
        "Как у компании",
        "+7 495 123-45-67",
        "+7 800 555-01-20",
    ]
    choice.select_option(label="+7 800 555-01-20")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#toasts")).to_contain_text("Сохранено")
    page.reload()
    expect(page.get_by_label("АОН").locator("option[selected]")).to_have_text("+7 800 555-01-20")
    single = stage.run(stage.company("Один номер", "one@number.test", "+74957770011"))
    page = visit("/employees", single.email)
    card(page, "Анна Климова")
    expect(page.get_by_label("Добавочный номер")).to_be_visible()
    expect(page.get_by_label("АОН")).to_have_count(0)


@pytest.mark.spec("EMP-05", at="page")
def test_the_gear_shows_the_sip_parameters_after_the_password(visit: Open, company: Company) -> None:
    page = visit("/employees", company.email)
    card(page, "Марина Кравцова")
    page.get_by_label("Параметры: SIP-линия").click()
    dialog = page.get_by_role("dialog", name="SIP-линия")
    password = dialog.get_by_label("Ваш пароль")
    expect(password).to_be_focused()
    expect(dialog.locator("#sip-password")).to_have_count(0)
    password.fill("not my password")
    dialog.get_by_role("button", name="Показать параметры").click()
    expect(dialog.locator("#error-password")).to_have_text("Неверный пароль.")
    dialog.get_by_label("Ваш пароль").fill(PASSWORD)
    dialog.get_by_role("button", name="Показать параметры").click()
    expect(dialog.locator("#sip-server")).to_have_text("sip.sunsim.localhost")
    expect(dialog.locator("#sip-login")).to_have_text(re.compile(r"005\d{7}"))
    assert len(dialog.locator("#sip-password").inner_text()) >= 20
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("Параметры: SIP-линия")).to_be_focused()


@pytest.mark.spec("INV-05", at="page")
def test_a_new_employees_lines_are_pending_until_they_work(
    visit: Open, stage: Stage, company: Company
) -> None:
    page = visit("/employees", company.email)
    page.get_by_label("Добавить сотрудника").click()
    page.get_by_label("ФИО").fill("Новая Линия")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("heading", name="Новая Линия")).to_be_visible()
    expect(page.locator("#phones li")).to_have_count(3)
    expect(page.locator("#phones")).not_to_contain_text("Подключается")
    person = stage.run(stage.person(company, "Новая Линия"))
    stage.run(stage.set_pending(company, person))  # as between the request and its fulfilment
    page.reload()
    expect(page.locator("#phones li", has_text="Подключается")).to_have_count(3)
    row = page.locator("tr", has_text="Новая Линия")
    expect(row.get_by_text("SIP-линия: подключается")).to_be_attached()


def test_two_who_edit_one_card_do_not_overwrite_each_other(
    visit: Open, stage: Stage, company: Company
) -> None:
    person = stage.run(stage.hire(company, "Общая Карточка"))
    page = visit(f"/employees/{person.id}", company.email)
    theirs = UpdateEmployee(person.id, person.version, name="Общая Карточка Б")
    stage.run(update(stage.database, company.actor, theirs))
    page.get_by_label("ФИО").fill("Общая Карточка А")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_contain_text("изменил кто-то другой")
    expect(page.get_by_label("ФИО")).to_have_value("Общая Карточка А")  # what was typed stays


@pytest.mark.spec("NAV-04", "NAV-05", at="page")
def test_an_employee_sees_others_but_changes_only_the_own_card(
    visit: Open, stage: Stage, company: Company
) -> None:
    stage.run(stage.give_password("marina@romashka.test"))
    page = visit("/employees", "marina@romashka.test")
    expect(page.get_by_label("Добавить сотрудника")).to_have_count(0)
    expect(page.get_by_label(re.compile("Изменить"))).to_have_count(1)
    card(page, "Анна Климова")
    expect(page.locator("#phones li")).to_have_count(1)  # the external number; no SIP data (NAV-05)
    expect(page.get_by_role("button", name="Сохранить")).to_have_count(0)
    card(page, "Марина Кравцова")
    expect(page.locator("#phones li")).to_have_count(3)
    expect(page.get_by_label("Добавочный номер")).to_be_disabled()
    page.get_by_label("Последовательно").check()
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#toasts")).to_contain_text("Сохранено")


def test_another_companys_card_is_not_there(visit: Open, stage: Stage, company: Company) -> None:
    other = stage.run(stage.company("Чужая", "boss@other.test"))
    page = visit("/employees", company.email)
    cookies = {c["name"]: c["value"] for c in page.context.cookies()}
    with httpx.Client(timeout=30, base_url=stage.url, cookies=cookies) as client:
        for path in ("", "/phones", "/lines/" + str(other.admin_id)):
            assert client.get(f"/employees/{other.admin_id}{path}").status_code == 404
        assert client.get("/employees/not-an-id").status_code == 404


@pytest.mark.spec("NUM-01", at="page")
def test_the_pbx_page_lists_all_numbers(visit: Open, stage: Stage, company: Company) -> None:
    page = visit("/numbers", company.email)
    rows = page.locator("tbody tr").all_inner_texts()
    assert len(rows) == 2
    for row, number in zip(rows, ("+7 495 123-45-67", "+7 800 555-01-20"), strict=True):
        assert number in row and "По умолчанию" in row
    assert {NUMBER, SECOND} == {"+74951234567", "+78005550120"}
    nothing = stage.run(stage.company("Без номеров", "none@number.test"))
    page = visit("/numbers", nothing.email)
    expect(page.get_by_role("heading", name="Номеров пока нет")).to_be_visible()


def test_a_list_works_without_scripts(visit: Open, company: Company) -> None:
    page = visit("/employees", company.email, scripts=False)
    page.locator("tr", has_text="Ольга Титова").locator(".k-open").click()
    page.get_by_label("Часовой пояс").select_option("Asia/Omsk")
    page.get_by_role("button", name="Сохранить").click()
    assert "Сохранено" in page.locator("#toasts").inner_text()
    assert page.get_by_label("Часовой пояс").input_value() == "Asia/Omsk"
