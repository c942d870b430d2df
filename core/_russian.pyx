"""Russian telephone numbers in one pass over the text; ``numbers`` has the same in plain Python."""

from cpython.unicode cimport PyUnicode_DATA, PyUnicode_KIND, PyUnicode_READ
from cpython.unicode cimport PyUnicode_GET_LENGTH

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t length, Py_UCS4 largest)
    void *PyUnicode_1BYTE_DATA(object text)

__all__ = ["russian"]

cdef enum Length:
    SUBSCRIBER = 10
    WITH_PREFIX = 11


def russian(str text not None):
    """``+7`` and ten digits of a Russian number as people and carriers write it, or ``None``."""
    cdef Py_ssize_t at, count = 0, length = PyUnicode_GET_LENGTH(text)
    cdef int kind = PyUnicode_KIND(text)
    cdef void *data = PyUnicode_DATA(text)
    cdef bint plus = False
    cdef unsigned char digits[WITH_PREFIX]
    cdef Py_UCS4 character
    for at in range(length):
        character = PyUnicode_READ(kind, data, at)
        if c'0' <= character <= c'9':
            if count == WITH_PREFIX:
                return None
            digits[count] = <unsigned char>character
            count += 1
        elif character == c'+' and not count and not plus:
            plus = True
        elif not _separates(character):
            return None
    if count == WITH_PREFIX and (digits[0] == c'7' or (digits[0] == c'8' and not plus)):
        return _e164(digits + 1)
    if count == SUBSCRIBER and not plus and digits[0] in (c'3', c'4', c'8', c'9'):
        return _e164(digits)
    return None


cdef bint _separates(Py_UCS4 character) noexcept:
    return character in (c' ', c'\t', c'-', c'.', c'(', c')', 0xA0, 0x2011, 0x2013)


cdef str _e164(const unsigned char *subscriber):
    cdef str made = PyUnicode_New(SUBSCRIBER + 2, 127)
    cdef unsigned char *to = <unsigned char *>PyUnicode_1BYTE_DATA(made)
    cdef Py_ssize_t at
    to[0], to[1] = c'+', c'7'
    for at in range(SUBSCRIBER):
        to[2 + at] = subscriber[at]
    return made
