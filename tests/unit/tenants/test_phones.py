"""Normalising what people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FieldError
from tenants.services import phones


@pytest.mark.parametrize(
    "typed",
    [
        "+74951234567",
        "+7 495 123-45-67",
        "8 (495) 123-45-67",
        "84951234567",
        "74951234567",
        "4951234567",
        " 495 123 45 67 ",
        "+7\u00a0495\u00a0123\u201345\u201367",
    ],
)
def test_russian_forms(typed):
    assert phones.telephone(typed) == "+74951234567"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+49 30 901820", "+4930901820"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("810 49 30 901820", "+4930901820"),
    ],
)
def test_other_countries(typed, stored):
    assert phones.telephone(typed) == stored


@pytest.mark.parametrize("typed", ["", "abc", "+", "112", "+7495", "12", "<script>", "+7495123456x"])
def test_what_is_no_number(typed):
    with pytest.raises(FieldError):
        phones.telephone(typed)


@given(st.text())
def test_any_text_is_a_number_or_a_field_error(text):
    try:
        number = phones.telephone(text)
    except FieldError:
        return
    assert number.startswith("+")
    assert number[1:].isdigit()
    assert number.isascii()
    assert phones.telephone(number) == number


@pytest.mark.parametrize("good", ["10", "101", " 999999 ", "00"])
def test_extensions(good):
    assert phones.extension(good) == good.strip()


@pytest.mark.parametrize("bad", ["", "1", "1234567", "10a", "١٢٣", "-10", "1 0", "112"])
def test_what_is_no_extension(bad):
    with pytest.raises(FieldError):
        phones.extension(bad)


def test_addresses_are_lower_case():
    assert phones.email(" Anna.Petrova+x@Example.RU ") == "anna.petrova+x@example.ru"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "anna",
        "anna@",
        "@example.ru",
        "a@b\r\nBcc: x@y.ru",
        "a..b@c.ru",
        ".a@c.ru",
        "a b@c.ru",
        "a@-c.ru",
        "x" * 65 + "@c.ru",
    ],
)
def test_what_is_no_address(bad):
    with pytest.raises(FieldError):
        phones.email(bad)
