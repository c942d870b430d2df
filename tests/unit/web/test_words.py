"""The words of the cabinet: the Russian catalogue, the guide's labels, numbers and times."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from core.errors import FieldError, Forbidden, TooManyRequests
from web import catalogue
from web.formats import Formats, initials
from web.i18n import language, negotiate

FIELD = re.compile(r"\{\w*\}")

# features.md section G, as far as its pages exist; verbatim.
LABELS = """История звонков|Сотрудники и группы|Сотрудники|Добавить сотрудника|Информация|Телефоны|ФИО
E-mail|Сотрудник|Администратор|Недоступен|Доступен по расписанию|Доступен|Часовой пояс
Мобильное приложение|SIP-линия|Вебфон|Внешний номер|Добавочный номер|АОН|ВАТС|Войти|Последовательно
Параллельно|Номера, не входящие в фильтры""".replace("\n", "|").split("|")


def test_every_msgid_has_a_russian_translation_and_no_other_is_kept() -> None:
    russian = catalogue.russian()
    said = {m.id[0] if isinstance(m.id, tuple | list) else m.id for m in russian if m.id}
    wanted = {m if isinstance(m, str) else m[0] for m in catalogue.gathered()}
    assert wanted - said == set(), "run python -m web.catalogue and translate"
    assert said - wanted == set(), "run python -m web.catalogue"
    assert catalogue.untranslated(russian) == []


def test_translations_keep_the_fields_and_plural_forms() -> None:
    for message in catalogue.russian():
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[1]
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        assert len(forms) == (1 if isinstance(message.id, str) else 3), message.id
        for form in forms:
            assert sorted(FIELD.findall(form)) == sorted(FIELD.findall(source)), message.id


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_the_guides(label: str) -> None:
    assert label in {message.string for message in catalogue.russian()}


def test_russian_counts_in_three_forms() -> None:
    count = language("ru").ngettext
    said = [count("{count} call", "{count} calls", n).format(count=n) for n in (1, 2, 5, 11, 21)]
    assert said == ["1 звонок", "2 звонка", "5 звонков", "11 звонков", "21 звонок"]


def test_errors_speak_the_readers_language() -> None:
    assert language("ru").error(Forbidden()) == "Ваша роль этого не позволяет."
    assert (
        language("ru").error(TooManyRequests(retry_after=7)) == "Слишком много попыток. Подождите 7 с."
    )
    assert language("en").error(FieldError("Whatever was said.")) == "Whatever was said."
    assert language("xx").code == "ru"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("en-US,en;q=0.9", "en"),
        ("de,en;q=0.5,ru;q=0.7", "ru"),
        ("de", "ru"),
        ("", "ru"),
        ("en;q=broken, *;q=0", "en"),
    ],
)
def test_the_browsers_wish_is_heard(header: str, chosen: str) -> None:
    assert negotiate(header) == chosen


def test_numbers_and_times_are_written_as_people_read_them() -> None:
    at = datetime(2026, 3, 5, 21, 7, 9, tzinfo=UTC).timestamp()
    moscow, london = Formats("ru", "Europe/Moscow"), Formats("en", "Europe/London")
    assert moscow.phone("+74951234567") == "+7 495 123-45-67"
    assert moscow.phone(None) == ""
    assert (moscow.time(at), moscow.clock(at)) == ("00:07", "00:07:09")
    assert london.time(at).replace("\u202f", " ") == "9:07 PM"
    assert moscow.moment(at) == "6 марта 2026, 00:07"
    assert moscow.day(date(2020, 2, 1)) == "1 февраля 2020"
    assert [moscow.span(s) for s in (0, 9.4, 186, 3720, -5)] == [
        "0:00",
        "0:09",
        "3:06",
        "1:02:00",
        "0:00",
    ]


@pytest.mark.parametrize(
    ("name", "letters"), [("Марина Кравцова", "МК"), ("анна", "А"), ("«Ромашка» Ltd", "L"), ("", "•")]
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters
