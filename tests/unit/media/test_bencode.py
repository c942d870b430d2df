"""Bencode holds everything that ng messages need, and refuses everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.bencode import BencodeError, decode, encode

values = st.recursive(
    st.integers(-(10**18), 10**18) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_encoded_is_decoded(value):
    assert decode(encode(value)) == value


@given(st.binary())
def test_any_bytes_are_a_value_or_an_error(data):
    try:
        value = decode(data)
    except BencodeError:
        return
    assert decode(encode(value)) == value


@given(values, st.data())
def test_a_cut_value_is_an_error(value, data):
    whole = encode(value)
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BencodeError):
        decode(whole[:end])


def test_keys_are_sorted_and_text_is_utf8():
    assert encode({"b": 1, "a": ["é", b"\xff", -2]}) == b"d1:al2:\xc3\xa91:\xffi-2ee1:bi1ee"


@pytest.mark.parametrize(
    "data", [b"", b"i1", b"i-e", b"ie", b"3:ab", b"-1:a", b"di1e1:ae", b"1:ab", b"l" * 40 + b"e" * 40]
)
def test_broken(data):
    with pytest.raises(BencodeError):
        decode(data)


@pytest.mark.parametrize("value", [True, None, 1.5])
def test_what_has_no_form(value):
    with pytest.raises(TypeError):
        encode(value)
