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
    """The first `wanted` outside quoted strings and angle brackets, or the end."""
    while p < end:
        if p[0] == wanted:
            return p
        if p[0] == c'"':
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


cdef bint find_param(Cursor p, Cursor end, const char* name, int size, Cursor base, Span* value) noexcept:
    """Whether `;name[=value]` occurs between p and end; sets the value's span, without quotes."""
    cdef Cursor start, stop
    while True:
        p = find_outside(p, end, c';')
        if p >= end:
            return False
        start = skip_space(p + 1, end)
        p = skip_token(start, end)
        if p - start != size or not same(start, <Cursor>name, size):
            continue
        stop = skip_space(p, end)
        if stop >= end or stop[0] != c'=':
            value.start = value.end = p - base
            return True
        start = skip_space(stop + 1, end)
        if start < end and start[0] == c'"':
            stop = skip_quoted(start, end)
            start += 1
            if stop > start and stop[-1] == c'"':
                stop -= 1
        else:
            stop = trim(start, find_outside(start, end, c';'))
        value.start = start - base
        value.end = stop - base
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
    cdef Span span
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
    if find_param(stop, end, "branch", 6, base, &via.branch):
        pass
    if find_param(stop, end, "received", 8, base, &via.received):
        pass
    if find_param(stop, end, "rport", 5, base, &span):
        via.rport = 0 if span.start == span.end else <int>decimal(base + span.start, base + span.end, 65535)
    via.valid = True
    return True


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
