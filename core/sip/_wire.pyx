"""Bytes to SIP messages and back (RFC 3261 §7, §25), compiled.

Theory of operation: ``parse`` walks the header block once, refuses what is not SIP or over the
limits, and keeps offsets only. Text is made when it is asked for, so that a message costs what is
read of it. After ``parse`` succeeded no accessor raises: what cannot be understood is empty, and
``problem`` says which 4xx it deserves. All reads are bounds-checked against the end of the data.

The parts are included below into one translation unit, so that the compiler can inline across them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

import re

cdef extern from "string.h":
    void* memmem(const void* hay, size_t size, const void* needle, size_t needle_size) nogil

__all__ = [
    "MAX_HEADER",
    "MAX_HEADERS",
    "MAX_MESSAGE",
    "Message",
    "Via",
    "WireError",
    "auth_params",
    "build_request",
    "build_response",
    "frame",
    "parse",
    "problem",
]

MAX_MESSAGE = 65536  # bytes of a whole message
MAX_HEADER = 8192  # bytes of one header with its folded lines; also of the start line
MAX_HEADERS = 256


class WireError(ValueError):
    """Not SIP, or over the limits: drop it without an answer."""


include "_names.pxi"
include "_scan.pxi"
include "_message.pxi"
include "_parse.pxi"
include "_build.pxi"
include "_verdict.pxi"
include "_auth.pxi"
