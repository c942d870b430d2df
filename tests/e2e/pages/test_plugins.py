"""Plugins in the cabinet: there for companies whose contract has them, absent for all others."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.pages.conftest import Open
from tests.e2e.pages.stage import Company, Stage


def test_a_plugin_of_the_contract_has_its_entry_page_and_panels(visit: Open, stage: Stage) -> None:
    guest = stage.run(
        stage.company("С модулем", "with@plugin.test", "+74957770055", plugins=frozenset({"visits"}))
    )
    person = stage.run(stage.person(guest, "Анна Климова"))
    call = stage.run(stage.ended(guest, person))
    page = visit("/history", guest.email)
    page.locator(".k-nav a", has_text="Visits").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Visits of С модулем")
    for path, place in ((f"/history/{call}", "call"), (f"/employees/{person.id}", "employee")):
        page.goto(path)
        expect(page.locator(".visits-panel")).to_have_text(f"<b>{place}</b>")  # once, and as text


def test_without_the_plugin_nothing_of_it_is_there(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    assert page.locator(".k-nav a", has_text="Visits").count() == 0
    assert page.request.get("/visits").status == 404
    page.goto(f"/employees/{company.admin_id}")
    assert page.locator(".visits-panel").count() == 0
