"""One server and one browser for all page tests; each test has a browser context of its own.

Every page reports what its content security policy refused and what its scripts threw; a test that
leaves such a report behind fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.settings import DataSettings
from tests.e2e.pages.stage import NUMBER, PASSWORD, SECOND, Company, Stage
from tests.support.chromium import ARGUMENTS, CHROMIUM
from tests.support.database import TEMPLATE, Server

WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP-REPORT", event.violatedDirective, event.sourceFile, event.sample));
"""

Open = Callable[..., Page]
PATIENCE = 60_000
"""Milliseconds; other tests may share the machine."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def stage(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    until_midnight = Stage.moscow_day_began() + 24 * 3600 - time.time()
    if until_midnight < 240:  # the pages show today's calls: let the day be one and the same
        time.sleep(until_midnight + 1)
    name = postgres.create(TEMPLATE)
    folder: Path = tmp_path_factory.mktemp("stage")
    stage = Stage(DataSettings(dir=folder, dsn=postgres.dsn(name), pool=4))
    stage.start()
    yield stage
    stage.stop()
    postgres.drop(name)


@pytest.fixture(scope="session")
def company(stage: Stage) -> Company:
    """A company with two numbers, four employees, a registered phone and calls of today."""
    company = stage.run(stage.company("Ромашка", "anna@romashka.test", NUMBER, SECOND))
    people = [
        stage.run(stage.hire(company, name, extension=str(104 + index), email=email))
        for index, (name, email) in enumerate(
            [
                ("Марина Кравцова", "marina@romashka.test"),
                ("Илья Сафронов", None),
                ("Ольга Титова", None),
            ]
        )
    ]
    stage.run(stage.register(company, people[0]))
    stage.run(stage.ended(company, people[0], caller="+79162041833"))
    stage.run(stage.ended(company, caller="+79031187409"))
    stage.run(stage.ended(company, people[1], caller=None))
    return company


@pytest.fixture(scope="module")  # no longer: Playwright holds the thread's loop, other tests need one
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed() -> dict[str, list]:
    """The cookies of those who signed in already."""
    return {}


@pytest.fixture
def visit(browser: Browser, stage: Stage, signed: dict[str, list]) -> Iterator[Open]:
    """Open a page: ``visit(path, email=…, width=…, theme=…)``; signs in first if there is an e-mail."""
    contexts, reports = [], []

    def listen(page: Page) -> None:
        page.on(
            "console",
            lambda m: reports.append(m.text) if "CSP" in m.text or "Security" in m.text else None,
        )
        page.on("pageerror", lambda error: reports.append(str(error)))
        page.on("response", lambda r: "/static/" in r.url or print(r.status, r.request.method, r.url))

    def visit(
        path: str = "/",
        email: str | None = None,
        *,
        width: int = 1440,
        theme: str = "light",
        language: str = "ru-RU",
        scripts: bool = True,
    ) -> Page:
        context = browser.new_context(
            base_url=stage.url,
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            locale=language,
            java_script_enabled=scripts,
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        contexts.append(context)
        page = context.new_page()
        listen(page)
        if email and (known := signed.get(email)):
            context.add_cookies(known)
        elif email:
            sign_in(page, email)
            signed[email] = [c for c in context.cookies() if c["name"] == "sunsim_session"]
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert reports == []


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Through the form, as people do."""
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("form button").click()
    page.wait_for_url("**/history")
