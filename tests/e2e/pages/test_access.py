"""Coming in: the e-mail is the login, wrong is wrong, forged posts are refused."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.pages.conftest import Open
from tests.e2e.pages.stage import PASSWORD, Company, Stage
from web.headers import HEADERS


@pytest.mark.spec("ACC-02", at="page")
def test_the_email_of_the_purchase_is_the_login(visit: Open, company: Company) -> None:
    page = visit("/", company.email)
    assert page.get_by_role("heading", level=1).inner_text() == "История звонков"
    page.get_by_role("link", name="Мой профиль").click()
    expect(page.locator("main")).to_contain_text("Администратор, anna@romashka.test")


def test_whoever_is_not_signed_in_is_led_to_the_login_and_back(visit: Open, company: Company) -> None:
    page = visit("/employees?show=online")
    assert page.url.endswith("/login?next=%2Femployees%3Fshow%3Donline")
    page.get_by_label("E-mail").fill(company.email)
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    page.wait_for_url("**/employees?show=online")


@pytest.mark.parametrize(
    "target", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)"]
)
def test_the_way_back_never_leads_elsewhere(stage: Stage, company: Company, target: str) -> None:
    with httpx.Client(timeout=30, base_url=stage.url) as client:
        form = _form(client, email=company.email, password=PASSWORD, next=target)
        assert client.post("/login", data=form).headers["location"] == "/"


def test_wrong_password_and_unknown_address_read_alike(visit: Open, company: Company) -> None:
    said = []
    for email in (company.email, "nobody@romashka.test"):
        page = visit("/login")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Пароль").fill("wrong password")
        page.get_by_role("button", name="Войти").click()
        said.append(page.get_by_role("alert").inner_text())
        assert page.get_by_label("E-mail").input_value() == email
    assert said == ["Неверный e-mail или пароль."] * 2


def test_guessing_is_slowed_down(stage: Stage, company: Company) -> None:
    with httpx.Client(timeout=30, base_url=stage.url) as client:
        answers = [
            client.post("/login", data=_form(client, email="guess@romashka.test", password=str(n)))
            for n in range(7)
        ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0


def test_what_cannot_be_stored_or_counted_is_no_crash(stage: Stage, company: Company) -> None:
    with httpx.Client(timeout=30, base_url=stage.url) as client:
        nul = _form(client, email="\0", password="\0")
        assert client.post("/login", data=nul).status_code == 401
        signed_in = client.post("/login", data=_form(client, email=company.email, password=PASSWORD))
        assert signed_in.status_code == 303
        for path in ("/find?q=%00", f"/history?after=x&from={'9' * 5000}"):
            assert client.get(path).status_code < 500, path


def test_a_form_without_the_token_or_from_elsewhere_is_refused(stage: Stage, company: Company) -> None:
    with httpx.Client(timeout=30, base_url=stage.url) as client:
        form = _form(client, email=company.email, password=PASSWORD)
        forged = {**form, "_csrf_token": "0" * 128}
        assert client.post("/login", data=forged).status_code == 403
        elsewhere = {"origin": "https://evil.test"}
        assert client.post("/login", data=form, headers=elsewhere).status_code == 403
        assert (
            client.post("/login", data=form, headers={"sec-fetch-site": "cross-site"}).status_code
            == 403
        )
        assert client.post("/login", data=form, headers={"origin": stage.url}).status_code == 303
        mode = {"mode": "unavailable", "back": "/"}
        assert client.post("/profile/mode", data=mode).status_code == 403


def test_a_page_of_another_site_cannot_post(visit: Open, stage: Stage, company: Company) -> None:
    page = visit("/profile", company.email)
    other = page.context.new_page()
    other.goto(stage.url.replace("127.0.0.1", "localhost") + "/login")  # another origin, same browser
    other.evaluate(
        """(url) => { const form = document.createElement("form"); form.method = "post";
            form.action = url; document.body.append(form); form.submit(); }""",
        stage.url + "/logout",
    )
    other.wait_for_timeout(300)
    page.reload()
    assert page.url.endswith("/profile")


def test_signing_out_ends_the_session_on_the_server(
    visit: Open, stage: Stage, company: Company
) -> None:
    page = visit("/profile", company.email)
    token = next(c["value"] for c in page.context.cookies() if c["name"] == "sunsim_session")
    with httpx.Client(timeout=30, base_url=stage.url, cookies={"sunsim_session": token}) as client:
        assert client.get("/profile").status_code == 200
        page.get_by_role("button", name="Выйти").click()
        page.wait_for_url("**/login")
        assert client.get("/profile").status_code == 303


def test_cookies_and_headers_are_strict(stage: Stage, company: Company) -> None:
    with httpx.Client(timeout=30, base_url=stage.url) as client:
        answer = client.post("/login", data=_form(client, email=company.email, password=PASSWORD))
        cookie = next(
            c for c in answer.headers.get_list("set-cookie") if c.startswith("sunsim_session")
        )
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        page = client.get("/history")
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/nothing/here", "/static/none.css"])
def test_an_address_without_a_page_has_the_headers_too(stage: Stage, path: str) -> None:
    answer = httpx.get(stage.url + path, timeout=30)
    assert answer.status_code == 404
    for name, value in HEADERS.items():
        assert answer.headers[name] == value


def _form(client: httpx.Client, **fields: str) -> dict[str, str]:
    """The fields with the token that the form of this client carries."""
    token = client.get("/login").text.split('name="_csrf_token" value="')[1].split('"')[0]
    return {"_csrf_token": token, "next": "", **fields}
