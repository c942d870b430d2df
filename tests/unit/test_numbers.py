"""Telephone numbers as people, phones and carriers write them."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core._russian import russian as compiled
from core.numbers import (
    EMERGENCY,
    is_domestic,
    is_extension,
    is_outside,
    normalize,
    pretty,
    public_short,
    russian,
)


@pytest.mark.parametrize(
    "text",
    [
        "+74951234567",
        "84951234567",
        "74951234567",
        "4951234567",
        "8 (495) 123-45-67",
        "+7 495 123\u201145\u201167",
    ],
)
def test_russian_forms_are_one_number(text):
    assert normalize(text) == "+74951234567"


@pytest.mark.parametrize("text", ["19161112233", "99161112233", "+89161112233"])
@pytest.mark.parametrize("form", [russian, compiled])
def test_eleven_digits_that_begin_with_neither_7_nor_8_are_no_russian_form(form, text):
    assert form(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("810 49 30 901820", "+4930901820"),
        ("+1 212 555 0100", "+12125550100"),
        ("anonymous", None),
        ("", None),
        ("101", None),
        ("abc", None),
        ("+", None),
        ("٧٤٩٥١٢٣٤٥٦٧", None),
    ],
)
def test_other_forms(text, expected):
    assert normalize(text) == expected


@given(st.integers(min_value=3_000_000_000, max_value=9_999_999_999))
def test_normalizing_twice_changes_nothing(national):
    number = normalize(f"8{national}")
    assert number == f"+7{national}"
    assert normalize(pretty(number)) == number


@given(st.text(max_size=24))
def test_any_text_gives_a_number_or_none(text):
    number = normalize(text)
    assert number is None or (number[0] == "+" and number[1:].isdigit())


def test_domestic_is_russia_only():
    assert is_domestic("+74951234567")
    assert not is_domestic("+77010000000")
    assert not is_domestic("+12125550100")
    assert is_domestic("+78005550120")
    assert not is_domestic("+78095550120")


def test_extensions_have_two_to_six_digits():
    assert [
        text for text in ("1", "12", "104", "123456", "1234567", "1a", "") if is_extension(text)
    ] == [
        "12",
        "104",
        "123456",
    ]


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        ("112", "112"),
        ("03", "103"),
        ("103", "103"),
        ("122", "122"),
        ("105", None),
        ("1", None),
        ("", None),
    ],
)
def test_short_numbers_of_the_public_network(dialled, expected):
    assert public_short(dialled) == expected


@pytest.mark.parametrize("short", sorted(EMERGENCY))
def test_emergency_numbers_are_outside_and_cost_nothing(short):
    assert is_outside(short)
    assert is_domestic(short)
    assert pretty(short) == short


def test_a_login_is_not_outside():
    assert not is_outside("0051234567")
    assert is_outside("+74951234567")


_WRITTEN = st.from_regex(r"\A\+?\(?[+789 (]?[0-9 .()\u00a0\u2011\u2013\t-]{8,15}\Z")


@given(st.one_of(_WRITTEN, st.text(max_size=24), st.text("+78493 -(\u2013\u0663", max_size=16)))
def test_compiled_or_not_a_russian_number_is_the_same(text):
    assert compiled(text) == russian(text)


def test_numbers_without_a_compiler_are_the_same():
    code = """
import sys
sys.modules["core._russian"] = None  # what an import that fails leaves behind
from core import numbers
assert numbers.normalize("8 (495) 123-45-67") == "+74951234567"
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
