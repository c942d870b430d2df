"""«История звонков» in the browser: today, who may see what, the card, present calls, hostile names."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
from playwright.sync_api import expect

from core.contracts import CallStep, Direction, StepCode
from tenants.storage import RECORDINGS, Storage
from tenants.tables import Recording
from tests.e2e.pages.conftest import Open
from tests.e2e.pages.stage import HOSTILE, Company, Stage
from tests.support.sound import mp3

DAY = 86400
# The length of what is played, once some of it was.
PLAYED = """player => new Promise((done, failed) => {
  player.muted = true;
  player.ontimeupdate = () => player.currentTime > 0.2 && done(player.duration);
  player.play().catch(failed);
})"""


@pytest.mark.spec("HIS-01", at="page")
def test_incoming_and_outgoing_calls_are_shown(visit: Open, stage: Stage, company: Company) -> None:
    person = stage.run(stage.person(company, "Илья Сафронов"))
    dialled = {"direction": Direction.OUTGOING, "called": "+78126405510", "employee_id": person.id}
    stage.run(stage.ended(company, person, caller="+74951234567", **dialled))
    page = visit("/history", company.email)
    incoming = page.locator("tr", has_text="+7 916 204-18-33").first
    expect(incoming).to_contain_text("Марина Кравцова")
    expect(incoming).to_contain_text("3:06")
    expect(incoming.get_by_text("Входящий")).to_be_attached()
    outgoing = page.locator("tr", has_text="+7 812 640-55-10")
    expect(outgoing).to_contain_text("Илья Сафронов")
    expect(outgoing.get_by_text("Исходящий")).to_be_attached()
    missed = page.locator("tr", has_text="+7 903 118-74-09")
    expect(missed).to_contain_text("Никто не ответил")
    page.get_by_role("link", name="Исходящие").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Пропущенные").click()
    expect(page.locator("tbody tr")).to_have_count(1)


@pytest.mark.spec("HIS-02", at="page")
def test_the_page_opens_on_today_whatever_was_looked_at(
    visit: Open, stage: Stage, company: Company
) -> None:
    stage.run(stage.ended(company, caller="+73432879014", at=time.time() - DAY))
    page = visit("/history?show=outgoing", company.email)
    page.get_by_label("Предыдущий день").click()
    page.get_by_role("link", name="Все звонки").click()
    expect(page.locator("tbody")).to_contain_text("+7 343 287-90-14")
    page.goto("/numbers")
    page.locator(".k-nav a", has_text="История звонков").click()
    expect(page.locator(".k-chip[aria-current=date]")).to_have_text("Сегодня")
    expect(page.locator(".k-chip[aria-current=true]")).to_have_text("Все звонки")
    expect(page.locator("tbody")).to_contain_text("+7 903 118-74-09")
    expect(page.locator("tbody")).not_to_contain_text("+7 343 287-90-14")


@pytest.mark.spec("HIS-15", at="page")
def test_an_administrator_sees_all_calls_an_employee_the_own_ones(
    visit: Open, stage: Stage, company: Company
) -> None:
    stage.run(stage.give_password("marina@romashka.test"))
    everything = visit("/history", company.email).locator("tbody").inner_text()
    own = visit("/history", "marina@romashka.test").locator("tbody").inner_text()
    assert "+7 916 204-18-33" in everything and "+7 916 204-18-33" in own
    assert "+7 903 118-74-09" in everything and "+7 903 118-74-09" not in own
    assert "Номер скрыт" in everything and "Номер скрыт" not in own


def test_a_call_of_others_is_not_there_for_an_employee(
    visit: Open, stage: Stage, company: Company
) -> None:
    stage.run(stage.give_password("marina@romashka.test"))
    other = stage.run(stage.person(company, "Ольга Титова"))
    foreign = stage.run(stage.ended(company, other, caller="+79990001122"))
    page = visit("/history", "marina@romashka.test")
    answer = page.request.get(f"/history/{foreign}")
    assert answer.status == 404
    assert "Ольга" not in answer.text()


@pytest.mark.spec("HIS-12", at="page")
def test_the_card_tells_the_course_of_the_call(visit: Open, company: Company) -> None:
    page = visit("/history", company.email)
    page.locator("tr", has_text="+7 916 204-18-33").first.click()
    course = page.locator(".k-tl")
    expect(course).to_contain_text("Звонок на +7 495 123-45-67")
    expect(course).to_contain_text("Сценарий «По умолчанию», версия 1")
    expect(course).to_contain_text("Номера, не входящие в фильтры")
    expect(course).to_contain_text("Звонят 2 терминала")
    expect(course).to_contain_text("Отвечает Марина Кравцова")
    expect(course).to_contain_text("Звонивший положил трубку")
    bars = page.locator(".k-rings li").all_inner_texts()
    assert [" ".join(bar.split()) for bar in bars] == [
        "SIP-линия 0:09",
        "Мобильное приложение занято",
        "Вебфон не в сети",
    ]
    assert page.locator(".k-facts").inner_text().split() == [
        "Начало",
        *page.locator(".k-facts dd").first.inner_text().split(),
        "Ожидание",
        "0:11",
        "Разговор",
        "3:06",
    ]
    expect(page.locator(".k-facts + p")).to_have_text("Регион неизвестен")  # no plan is loaded
    page.keyboard.press("Escape")
    expect(page.locator(".k-drawer")).to_have_count(0)
    page.go_back()
    expect(page.locator(".k-drawer")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ru", ["занято", "другая сторона", "0:05"]),
        ("en", ["busy", "the other side", "0:05"]),
    ],
)
def test_each_attempt_is_on_the_card(
    visit: Open, stage: Stage, company: Company, language: str, expected: list[str]
) -> None:
    person = stage.run(stage.person(company, "Марина Кравцова"))
    line = person.lines[1]
    here = {"terminal_id": line.id, "employee_id": person.id, "address": line.login}
    mobile = "+79031112233"
    course = [
        (1, StepCode.RINGING, here, {}),
        (3, StepCode.LEG_ENDED, here, {"status": 486}),
        (3, StepCode.RINGING, {"address": mobile}, {}),
        (7, StepCode.LEG_ENDED, {"address": mobile}, {"status": 503}),
        (7, StepCode.RINGING, here, {}),
        (12, StepCode.ANSWERED, here, {}),
    ]
    began = time.time() - 300
    steps = [CallStep(began + at, code, data=data, **where) for at, code, where, data in course]
    call = stage.run(stage.ended(company, person, at=began, steps=steps, caller="+74991230000"))
    stage.run(stage.speaks(company.email, language))
    try:
        page = visit(f"/history/{call}", company.email)
        bars = page.locator(".k-rings li")
        expect(bars).to_have_count(3)
        for bar, words in zip(bars.all(), expected, strict=True):
            expect(bar).to_contain_text(words)
    finally:
        stage.run(stage.speaks(company.email, "ru"))


def test_a_call_between_colleagues_has_their_names(visit: Open, stage: Stage, company: Company) -> None:
    olga = stage.run(stage.person(company, "Ольга Титова"))
    inside = {"direction": Direction.INTERNAL, "caller": "101", "employee_id": company.admin_id}
    stage.run(stage.ended(company, olga, called=olga.extension, **inside))
    stage.run(stage.ended(company, called="999", **inside))
    page = visit("/history", company.email)
    row = page.locator("tbody tr", has_text="доб.").first
    words = " ".join(row.inner_text().split())
    assert words.startswith(f"Внутренний Ольга Титова доб. {olga.extension} Анна Климова")
    unanswered = page.locator("tbody tr", has_text="Внутренний").filter(has_text="не отвечает")
    expect(unanswered).to_contain_text("999")
    facts = stage.facts(company, called=olga.extension, **inside)
    stage.run(stage.on_board("call_started", facts, time.time()))
    stage.run(stage.on_board("call_ringing", facts, time.time(), [olga.id]))
    call = page.locator("#now li", has_text=f"101 → {olga.extension}")
    expect(call).to_contain_text("Ольга Титова")
    stage.run(stage.on_board("call_ended", facts))
    expect(page.locator("#now li")).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "menu", "queue", "rings"),
    [
        ("ru", "слушает приветствие или меню", "ждёт в очереди", "звонит"),
        ("en", "hears a greeting or a menu", "waits in a queue", "rings"),
    ],
)
def test_who_waits_is_not_said_to_ring(
    visit: Open, stage: Stage, company: Company, language: str, menu: str, queue: str, rings: str
) -> None:
    stage.run(stage.speaks(company.email, language))
    page = visit("/history", company.email)
    facts, now = stage.facts(company, "+74994083178"), time.time()
    call = page.locator("#now li", has_text="+7 499 408-31-78")
    clock = call.locator("[data-since]")
    try:
        stage.run(stage.on_board("call_started", facts, now - 100))
        expect(call).to_contain_text(menu)
        expect(clock).to_have_text(re.compile(r"1:[45]\d"))
        stage.run(stage.on_board("call_queued", facts, now - 40, f"{facts.call_id}/open/0", 0))
        expect(call).to_contain_text(queue)
        expect(clock).to_have_text(re.compile(r"(0:[45]|1:)\d"))
        stage.run(stage.on_board("call_ringing", facts, now, []))
        expect(call).to_contain_text(rings)
        expect(clock).to_have_count(0)
        stage.run(stage.on_board("call_left_queue", facts))
        expect(call).to_contain_text(menu)
        expect(call).not_to_contain_text(rings)
    finally:
        stage.run(stage.on_board("call_ended", facts))
        stage.run(stage.speaks(company.email, "ru"))
    expect(call).to_have_count(0)


def test_who_talks_now_changes_by_itself(visit: Open, stage: Stage, company: Company) -> None:
    person = stage.run(stage.person(company, "Илья Сафронов"))
    page = visit("/history", company.email)
    expect(page.locator("#now li")).to_have_count(0)
    facts = stage.facts(company, "+74994083177")
    now = time.time()
    stage.run(stage.on_board("call_started", facts, now))
    stage.run(stage.on_board("call_ringing", facts, now, [person.id]))
    call = page.locator("#now li", has_text="+7 499 408-31-77")
    expect(call).to_contain_text("звонит")
    stage.run(stage.on_board("call_answered", facts, now, person.id, person.lines[0].id))
    expect(call).to_have_class("is-talk")
    expect(call).to_contain_text("Илья Сафронов")
    expect(call.locator("[data-since]")).to_have_text(re.compile(r"0:(0[2-9]|[1-5]\d)"))
    stage.run(stage.on_board("call_ended", facts))
    stage.run(stage.ended(company, person, caller="+74994083177", talk=2))
    expect(page.locator("#now li")).to_have_count(0)
    expect(page.locator("tbody")).to_contain_text("+7 499 408-31-77")


@pytest.mark.parametrize("name", [HOSTILE, "</title><script>alert(1)</script>", "javascript:alert(1)"])
def test_a_callers_name_is_never_markup(visit: Open, stage: Stage, company: Company, name: str) -> None:
    person = stage.run(stage.person(company, "Марина Кравцова"))
    call = stage.run(stage.ended(company, person, caller="+74951112233", caller_name=name))
    page = visit("/", company.email)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(f"/history/{call}")
    expect(page.locator("#card-name + span")).to_have_text(name)
    expect(page.locator("tbody")).to_contain_text(name)
    assert page.locator(".k-page img, .k-drawer img, .k-main script").count() == 0


def test_many_calls_are_paged(visit: Open, stage: Stage, company: Company) -> None:
    busy = stage.run(stage.company("Много звонков", "many@calls.test", "+74957770022"))
    started = stage.now_in_moscow_day()
    calls = {f"+7916000{index:04}": started + index for index in range(53)}
    stage.run(stage.all_of(stage.ended(busy, caller=who, at=at) for who, at in calls.items()))
    page = visit("/history", busy.email)
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator("#foot")).to_contain_text("1–50 из 53")
    page.get_by_label("Более старые звонки").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("#foot")).to_contain_text("51–53 из 53")
    page.get_by_label("Более новые звонки").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_a_company_without_calls_is_told_what_to_do(visit: Open, stage: Stage) -> None:
    quiet = stage.run(stage.company("Тихая", "quiet@calls.test"))
    page = visit("/history", quiet.email)
    expect(page.get_by_role("heading", name="Сегодня звонков ещё не было")).to_be_visible()
    page.get_by_role("link", name="Показать номера").click()
    page.wait_for_url("**/numbers")


async def recorded(stage: Stage, company: Company, call_id: UUID, kind: str, sound: bytes) -> UUID:
    """A recording of a call whose sound was made."""
    storage = Storage(stage.settings.data.dir.resolve() / RECORDINGS)
    peaks = [[50, 200] * 200, [20] * 400] if kind == "conversation" else [[90] * 400]
    row = Recording(
        tenant_id=company.id,
        call_id=call_id,
        kind=kind,
        source=f"0-{call_id}",
        started_at=datetime.now(UTC),
        state="ready",
        form="mp3",
        bytes=len(sound),
        milliseconds=2000,
        peaks=json.dumps(peaks),
    )
    async with storage.incoming(company.id) as folder:
        (folder / "sound").write_bytes(sound)
        await storage.put(company.id, f"{row.id}.mp3", folder / "sound")
    async with stage.database.tenant(company.id):
        await Recording.insert(row)
    return row.id


@pytest.mark.spec("HIS-10", at="page")
def test_what_was_recorded_is_marked_and_played(visit: Open, stage: Stage, company: Company) -> None:
    person = stage.run(stage.person(company, "Илья Сафронов"))
    call_id = stage.run(stage.ended(company, person, caller="+79051112233"))
    left = stage.run(stage.ended(company, caller="+79051112244"))
    sound = mp3(440, 2.0)
    kept = stage.run(recorded(stage, company, call_id, "conversation", sound))
    stage.run(recorded(stage, company, left, "message", sound))
    page = visit("/history", company.email)
    expect(page.locator("tr", has_text="+7 905 111-22-44")).to_contain_text("Голосовое сообщение")
    row = page.locator("tr", has_text="+7 905 111-22-33")
    expect(row).to_contain_text("Запись разговора")
    row.click()
    expect(page.locator(".k-wave path")).to_have_count(2)
    player = page.locator("audio")
    expect(player).to_have_count(1)
    assert 1.8 < player.evaluate(PLAYED) < 2.3
    path = f"/history/recordings/{kept}/audio"
    piece = page.request.get(path, headers={"range": "bytes=5-9"})
    assert (piece.status, piece.body()) == (206, sound[5:10])
    stage.run(stage.give_password("marina@romashka.test"))
    other = visit("/history", "marina@romashka.test")
    assert other.request.get(path).status == 404
