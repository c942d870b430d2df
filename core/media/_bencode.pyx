"""Bencode to bytes and back in one pass, compiled; ``bencode`` says what is what.

What is written goes into one buffer that grows, what is read is looked at where it lies. Every read is
checked against the end of the data.
"""

from collections.abc import Mapping, Sequence

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy

__all__ = ["BencodeError", "decode", "encode"]

cdef enum:
    FIRST_ROOM = 2048  # an offer with its body
    DEPTH = 32  # rtpengine nests about ten deep in `query`; more is a hostile datagram, or a mistake
    DIGITS = 24  # of a number
    LENGTH_DIGITS = 9  # of a length: what is longer fits no datagram


class BencodeError(ValueError):
    """The bytes are not one bencoded value."""


cdef struct Buffer:
    char *data
    Py_ssize_t size
    Py_ssize_t room


def encode(value):
    """The bencoded form; keys are sorted as BEP 3 asks, text is UTF-8.

    Raises TypeError for anything that bencode has no form for (a bool is no integer here).
    """
    cdef Buffer out
    out.size = 0
    out.room = FIRST_ROOM
    out.data = <char *>malloc(FIRST_ROOM)
    if out.data == NULL:
        raise MemoryError
    try:
        _encode(&out, value, 0)
        return PyBytes_FromStringAndSize(out.data, out.size)
    finally:
        free(out.data)


cdef int _put(Buffer *out, const char *data, Py_ssize_t size) except -1:
    cdef char *larger
    if out.size + size > out.room:
        larger = <char *>realloc(out.data, 2 * (out.size + size))
        if larger == NULL:
            raise MemoryError
        out.data = larger
        out.room = 2 * (out.size + size)
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


cdef int _put_string(Buffer *out, const char *data, Py_ssize_t size) except -1:
    cdef char length[DIGITS]
    _put(out, length, snprintf(length, DIGITS, "%zd:", size))
    return _put(out, data, size)


cdef int _put_text(Buffer *out, str text) except -1:
    cdef Py_ssize_t size
    cdef const char *data = PyUnicode_AsUTF8AndSize(text, &size)
    return _put_string(out, data, size)


cdef int _encode(Buffer *out, value, int depth) except -1:
    if depth > DEPTH:
        raise TypeError("nested too deep for bencode")
    if isinstance(value, str):
        return _put_text(out, value)
    if isinstance(value, bytes):
        return _put_string(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    if isinstance(value, (tuple, list)):
        return _encode_all(out, value, depth)
    if isinstance(value, dict) or isinstance(value, Mapping):
        _put(out, b"d", 1)
        for key in sorted(value):
            _put_text(out, key)
            _encode(out, value[key], depth + 1)
        return _put(out, b"e", 1)
    if isinstance(value, int) and not isinstance(value, bool):
        digits = b"i%de" % value
        return _put(out, PyBytes_AS_STRING(digits), PyBytes_GET_SIZE(digits))
    if isinstance(value, Sequence):
        return _encode_all(out, value, depth)
    raise TypeError(f"bencode has no form for {type(value).__name__}")


cdef int _encode_all(Buffer *out, values, int depth) except -1:
    _put(out, b"l", 1)
    for item in values:
        _encode(out, item, depth + 1)
    return _put(out, b"e", 1)


cdef struct Cursor:
    const char *at
    const char *end


def decode(bytes data not None):
    """The one value that ``data`` holds; BencodeError when it is cut short or something follows."""
    cdef Cursor here
    here.at = PyBytes_AS_STRING(data)
    here.end = here.at + PyBytes_GET_SIZE(data)
    value = _decode(&here, 0)
    if here.at != here.end:
        raise BencodeError(f"{here.end - here.at} bytes after the value")
    return value


cdef object _decode(Cursor *here, int depth):
    if depth > DEPTH:
        raise BencodeError("nested too deep")
    if here.at >= here.end:
        raise BencodeError("cut short")
    cdef char kind = here.at[0]
    cdef const char *data
    cdef Py_ssize_t size = 0
    if kind == c'd':
        return _dictionary(here, depth)
    if kind == c'l':
        return _list(here, depth)
    if kind == c'i':
        return _integer(here)
    data = _string(here, &size)
    return PyBytes_FromStringAndSize(data, size)


cdef const char *_until(Cursor *here, char mark, Py_ssize_t most) except NULL:
    """Where ``mark`` stands, at most so many bytes ahead."""
    cdef Py_ssize_t size = here.end - here.at
    cdef const char *found = <const char *>memchr(here.at, mark, min(size, most))
    if found == NULL:
        raise BencodeError("cut short, or no number")
    return found


cdef bint _are_digits(const char *at, const char *end):
    if at >= end:
        return False
    while at < end:
        if not c'0' <= at[0] <= c'9':
            return False
        at += 1
    return True


cdef object _integer(Cursor *here):
    here.at += 1
    cdef const char *stop = _until(here, c'e', DIGITS)
    if not _are_digits(here.at + (here.at[0] == c'-'), stop):
        raise BencodeError("expected a number")
    value = int(PyBytes_FromStringAndSize(here.at, stop - here.at))
    here.at = stop + 1
    return value


cdef const char *_string(Cursor *here, Py_ssize_t *size) except NULL:
    """Where the bytes of a string begin; the cursor goes behind them."""
    cdef const char *colon = _until(here, c':', LENGTH_DIGITS + 1)
    cdef const char *digit = here.at
    if not _are_digits(digit, colon):
        raise BencodeError("expected a length")
    cdef Py_ssize_t length = 0
    while digit < colon:
        length = 10 * length + (digit[0] - c'0')
        digit += 1
    if length > here.end - colon - 1:
        raise BencodeError("a string is cut short")
    size[0] = length
    here.at = colon + 1 + length
    return colon + 1


cdef list _list(Cursor *here, int depth):
    cdef list items = []
    here.at += 1
    while _goes_on(here):
        items.append(_decode(here, depth + 1))
    return items


cdef dict _dictionary(Cursor *here, int depth):
    cdef dict items = {}
    cdef const char *key
    cdef Py_ssize_t size = 0
    here.at += 1
    while _goes_on(here):
        key = _string(here, &size)
        name = PyUnicode_DecodeUTF8(<char *>key, size, b"replace")
        items[name] = _decode(here, depth + 1)
    return items


cdef bint _goes_on(Cursor *here) except -1:
    """Whether another item follows; passes over the end if none does."""
    if here.at >= here.end:
        raise BencodeError("cut short")
    if here.at[0] == c'e':
        here.at += 1
        return False
    return True
