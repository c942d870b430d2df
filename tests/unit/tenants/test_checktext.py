"""What the check found, in sentences."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from core.contracts import Chain, Dial, HangUp
from core.hours import PeriodKind
from core.routing.check import Code, check
from tenants.checktext import SENTENCES, describe
from tests.unit.routing.check.companies import Case, companies
from tests.unit.routing.company import NUMBER, Company
from web.i18n import language

RUSSIAN = language("ru").gettext


def sentences(company: Company, gettext=RUSSIAN) -> list[str]:
    snapshot = company.snapshot
    report = check(snapshot, company.instant("2026-11-23 12:00"))
    return [finding.text for finding in describe(report, snapshot, gettext).findings]


@pytest.fixture
def company() -> Company:
    company = Company()
    hours = company.schedule(mon="9:00-24:00", thu="9:00-24:00")
    person = company.employee("Иванов", schedule_id=hours)
    chain = Chain((HangUp(),))
    company.number(NUMBER, company.scenario(Dial((person,)), schedule_id=hours, off_hours=chain))
    return company


def test_every_code_has_a_sentence():
    assert set(SENTENCES) == set(Code)


def test_new_years_eve(company):
    company.extra("Иванов", PeriodKind.UNAVAILABLE, "2026-12-31 18:00", "2027-01-01 12:00")
    where = "сценарий «По умолчанию», Номера, не входящие в фильтры"
    assert sentences(company) == [f"{where}: 31 декабря 18:00–24:00 некому ответить"]
    (english,) = sentences(company, str)
    assert english.endswith(": 31 December 18:00–24:00 nobody can answer")


def test_many_times_are_counted_and_long_ones_named_by_both_days(company):
    company.extra("Иванов", PeriodKind.UNAVAILABLE, "2026-12-28 00:00", "2027-01-08 00:00")
    (text,) = sentences(company)
    assert text.endswith("28 декабря 09:00–24:00 (за 12 месяцев таких промежутков: 4) некому ответить")
    company.scenarios.clear()
    assert sentences(company) == ["+7 495 123-45-67: нет сценария, звонки не принимаются"]


def test_a_witness_is_told(company):
    company.extra("Иванов", PeriodKind.UNAVAILABLE, "2026-12-31 18:00", "2027-01-01 12:00")
    snapshot = company.snapshot
    report = check(snapshot, company.instant("2026-11-23 12:00"))
    (finding,) = describe(report, snapshot, RUSSIAN).findings
    assert finding.witness.text == "Звонок на +7 495 123-45-67, 31 декабря 18:00"
    assert finding.witness.at.isoformat() == "2026-12-31T15:00:00+00:00"
    assert finding.numbers == (NUMBER,)


@settings(max_examples=40, deadline=None)
@given(case=companies())
def test_whatever_is_found_can_be_told(case: Case):
    view = describe(check(case.snapshot, case.start), case.snapshot, RUSSIAN)
    for finding in view.findings:
        assert not re.search(r"[{}]|None|[_]|: $", finding.text), finding
        if finding.witness is not None:
            assert not re.search(r"[{}]|None", finding.witness.text)
