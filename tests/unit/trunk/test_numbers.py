"""How carriers write numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts import NumberFormat
from core.trunk.numbers import from_uri, read, write

E164, DIGITS, NATIONAL = NumberFormat


@pytest.mark.parametrize(
    ("form", "russian", "american"),
    [
        (E164, "+74951234567", "+12125550100"),
        (DIGITS, "74951234567", "12125550100"),
        (NATIONAL, "84951234567", "81012125550100"),
    ],
)
def test_numbers_go_out_and_come_in(form, russian, american):
    assert write("+74951234567", form) == russian
    assert write("+12125550100", form) == american
    assert read(russian, form) == "+74951234567"
    assert read(american, form) == "+12125550100"


@given(st.integers(10**9, 10**10 - 1), st.sampled_from(NumberFormat))
def test_every_russian_number_comes_back(number, form):
    if str(number)[0] in "3489":
        assert read(write(f"+7{number}", form), form) == f"+7{number}"


def test_digits_alone_mean_what_was_agreed():
    assert read("4930901820", DIGITS) == "+4930901820"  # Berlin
    assert read("4951234567", E164) == "+74951234567"  # Moscow, without the code of the country


@pytest.mark.parametrize("form", NumberFormat)
@pytest.mark.parametrize("text", ["", "anonymous", "sunsim", "+", "12", "+7495123456a"])
def test_what_is_no_number(text, form):
    assert read(text, form) is None


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+74951234567@host",
        "sip:+7(495)123-45-67;phone-context=+7@host;user=phone",
        "sip:4951234567;phone-context=+7@host",
        "tel:+7-495-123-45-67",
        "tel:4951234567;phone-context=+7",
        "sip:8495%3123-4567@host".replace("%3123", "123"),
    ],
)
def test_uris_that_name_a_number(uri):
    assert from_uri(uri, E164) == "+74951234567"


@pytest.mark.parametrize("uri", ["", "sip:host", "mailto:a@b", "sip:sunsim@host"])
def test_uris_that_name_none(uri):
    assert from_uri(uri, E164) is None
