# Cursors over bytes: every function takes the end and never reads at or behind it.

cdef inline bint is_space(unsigned char c) noexcept:
    """Linear white space; CR and LF occur inside a value only where a line is folded."""
    return c == 32 or c == 9 or c == 13 or c == 10


cdef inline Cursor skip_space(Cursor p, Cursor end) noexcept:
    while p < end and is_space(p[0]):
        p += 1
    return p


cdef inline Cursor trim(Cursor start, Cursor end) noexcept:
    """The end without the white space before it."""
    while end > start and is_space(end[-1]):
        end -= 1
    return end


cdef inline Cursor skip_token(Cursor p, Cursor end) noexcept:
    while p < end and token[p[0]]:
        p += 1
    return p


cdef Cursor skip_quoted(Cursor p, Cursor end) noexcept:
    """From an opening quote to behind the closing one, or to the end if there is none."""
    p += 1
    while p < end:
        if p[0] == c'\\':
            p += 2
        elif p[0] == c'"':
            return p + 1
        else:
            p += 1
    return end


cdef Cursor find_outside(Cursor p, Cursor end, unsigned char wanted) noexcept:
    """The first `wanted` outside quoted strings and angle brackets, or the end.

    `wanted` is one of the characters that `special` marks.
    """
    while p < end:
        if not special[p[0]]:
            p += 1
        elif p[0] == wanted:
            return p
        elif p[0] == c'"':
            p = skip_quoted(p, end)
        elif p[0] == c'<':
            p = <Cursor>memchr(p, c'>', end - p)
            if p == NULL:
                return end
            p += 1
        else:
            p += 1
    return end


cdef bint quotes_closed(Cursor p, Cursor end) noexcept:
    """Whether every quoted string has its end, so that something may be put behind the value."""
    while p < end:
        if p[0] == c'"':
            p += 1
            while p < end and p[0] != c'"':
                p += 2 if p[0] == c'\\' else 1
            if p >= end:
                return False
        p += 1
    return True


cdef Cursor skip_address(Cursor p, Cursor end) noexcept:
    """Behind a name-addr or addr-spec: at the first header parameter or the end.

    Without angle brackets every `;` belongs to the header, not to the URI (RFC 3261 §20).
    """
    cdef Cursor bracket = find_outside(p, end, c'<')
    if bracket < end:
        p = <Cursor>memchr(bracket, c'>', end - bracket)
        return end if p == NULL else p + 1
    return find_outside(p, end, c';')


cdef struct Param:
    Cursor name
    Py_ssize_t size
    Cursor start                # the value, without quotes; equal to `end` without one
    Cursor end


cdef Cursor next_param(Cursor p, Cursor end, Param* param) noexcept:
    """The parameter whose `;` is the first at or behind p; returns where to go on, NULL at the end."""
    cdef Cursor stop
    p = find_outside(p, end, c';')
    if p >= end:
        return NULL
    param.name = skip_space(p + 1, end)
    stop = skip_token(param.name, end)
    param.size = stop - param.name
    param.start = param.end = stop
    p = skip_space(stop, end)
    if p >= end or p[0] != c'=':
        return stop
    param.start = skip_space(p + 1, end)
    if param.start < end and param.start[0] == c'"':
        stop = skip_quoted(param.start, end)
        param.start += 1
        param.end = stop
        if stop > param.start and stop[-1] == c'"':
            param.end -= 1
        return stop
    stop = find_outside(param.start, end, c';')
    param.end = trim(param.start, stop)
    return stop


cdef inline bint called(Param* param, const char* name, Py_ssize_t size) noexcept:
    return param.size == size and same(param.name, <Cursor>name, size)


cdef bint find_param(Cursor p, Cursor end, const char* name, Py_ssize_t size, Param* param) noexcept:
    """Whether `;name[=value]` occurs between p and end; the first of that name counts."""
    while True:
        p = next_param(p, end, param)
        if p == NULL:
            return False
        if called(param, name, size):
            return True


cdef long long decimal(Cursor p, Cursor end, long long limit) noexcept:
    """The number that the digits between p and end make; -1 if it is none or above the limit."""
    cdef long long value = 0
    if p >= end:
        return -1
    while p < end:
        if p[0] < c'0' or p[0] > c'9':
            return -1
        value = value * 10 + (p[0] - c'0')
        if value > limit:
            return -1
        p += 1
    return value


cdef bint read_via(Cursor base, Cursor p, Cursor end, ViaSpans* via) noexcept:
    """One Via value (RFC 3261 §20.42); white space may stand around every separator."""
    cdef Cursor start, stop
    cdef int part
    via.valid = False
    via.port = 0
    via.rport = -1
    via.transport = via.host = via.branch = via.received = Span(0, 0)
    for part in range(3):  # SIP / 2.0 / transport
        start = skip_space(p, end)
        stop = skip_token(start, end)
        if stop == start:
            return False
        p = skip_space(stop, end)
        if part < 2:
            if p >= end or p[0] != c'/':
                return False
            p += 1
    via.transport = Span(start - base, stop - base)
    if p == stop:
        return False  # white space must follow
    stop = find_outside(p, end, c';')
    if not read_sent_by(base, p, stop, via):
        return False
    read_via_params(base, stop, end, via)
    via.valid = True
    return True


cdef void read_via_params(Cursor base, Cursor p, Cursor end, ViaSpans* via) noexcept:
    cdef Param param
    cdef Span value
    p = next_param(p, end, &param)
    while p != NULL:
        value = Span(param.start - base, param.end - base)
        if via.branch.end == 0 and called(&param, "branch", 6):
            via.branch = value
        elif via.received.end == 0 and called(&param, "received", 8):
            via.received = value
        elif via.rport < 0 and called(&param, "rport", 5):
            via.rport = 0 if param.start == param.end else <int>decimal(param.start, param.end, 65535)
        p = next_param(p, end, &param)


cdef bint read_sent_by(Cursor base, Cursor p, Cursor end, ViaSpans* via) noexcept:
    """`host[:port]`, the host perhaps an IPv6 address in brackets, which are not kept."""
    cdef Cursor start = p
    end = trim(p, end)
    if p < end and p[0] == c'[':
        start += 1
        p = <Cursor>memchr(p, c']', end - p)
        if p == NULL:
            return False
        via.host = Span(start - base, p - base)
        p += 1
    else:
        p = skip_token(p, end)
        via.host = Span(start - base, p - base)
    if via.host.start == via.host.end:
        return False
    p = skip_space(p, end)
    if p == end:
        return True
    if p[0] != c':':
        return False
    via.port = <int>decimal(skip_space(p + 1, end), end, 65535)
    if via.port <= 0:
        via.port = 0
        return False
    return True


_fold = re.compile(rb"[ \t]*\r\n[ \t]+").sub
_controls = {code: 0xFFFD for code in [*range(32), 127] if code != 9}


cdef str text(Cursor p, Cursor end):
    """Text of a value: unfolded, UTF-8. Bytes that are not, and control characters, become U+FFFD,
    so that nothing of a message can disturb a log, a page or the database."""
    cdef Cursor q = p
    while q < end and plain[q[0]]:
        q += 1
    if q >= end:
        return PyUnicode_DecodeASCII(<const char*>p, end - p, NULL)
    return _fold(b" ", p[: end - p]).decode("utf-8", "replace").translate(_controls)


cdef bytes octets(Message message, Line* line):
    """A value's own bytes, on one line."""
    cdef bytes value = message.data[line.start : line.end]
    return _fold(b" ", value) if line.folded else value
