# Bytes to messages: the start line, the header block, where the body ends.

cpdef Message parse(bytes data, bint stream=False):
    """One message from the bytes of a datagram, or, with ``stream``, from exactly one frame.

    A datagram's body is cut to its Content-Length; without one it is all the rest. In a stream
    Content-Length must be there and fit. Raises WireError for what is not SIP or over the limits.
    """
    cdef Message message
    cdef Cursor p, end
    if data is None:
        raise TypeError("data must be bytes")
    message = Message.__new__(Message)
    message.raw = data
    message.data = p = <Cursor>PyBytes_AS_STRING(data)
    message.size = PyBytes_GET_SIZE(data)
    end = p + message.size
    if message.size > LIMIT_MESSAGE:
        raise WireError("message over 64 KB")
    while end - p >= 2 and p[0] == 13 and p[1] == 10:
        p += 2  # empty lines before the start line are ignored (RFC 3261 §7.5)
    p = read_start_line(message, p, end)
    p = read_headers(message, p, end)
    if message.line(VIA) == NULL:
        raise WireError("no Via")
    read_length(message, p - message.data, stream)
    return message


cdef Cursor line_end(Cursor p, Cursor end) except NULL:
    """The CR that ends the line at p; a CR or LF alone is refused, for others read it otherwise."""
    cdef Cursor feed = <Cursor>memchr(p, 10, end - p)
    if feed == NULL:
        raise WireError("a line without end")
    if feed == p or feed[-1] != 13:
        raise WireError("bare LF")
    if memchr(p, 13, feed - 1 - p) != NULL:
        raise WireError("bare CR")
    return feed - 1


cdef Cursor read_start_line(Message message, Cursor p, Cursor end) except NULL:
    cdef Cursor stop = line_end(p, end)
    if stop - p > LIMIT_HEADER:
        raise WireError("start line over 8 KB")
    if stop - p >= 4 and same(p, <Cursor>b"SIP/", 4):
        read_status_line(message, p, stop)
    else:
        read_request_line(message, p, stop)
    return stop + 2


cdef int read_status_line(Message message, Cursor p, Cursor end) except -1:
    """`SIP/2.0 200 OK`; the reason phrase may be missing, and its space with it."""
    if end - p < 11 or memcmp(p + 4, b"2.0 ", 4) != 0:
        raise WireError("not a status line of SIP/2.0")
    p += 8
    message.status = <int>decimal(p, p + 3, 699)
    if message.status < 100 or (end - p > 3 and p[3] != 32):
        raise WireError("no status code")
    p += 3
    message.is_request = False
    message.first.start = skip_space(p, end) - message.data
    message.first.end = trim(message.data + message.first.start, end) - message.data
    return 0


cdef int read_request_line(Message message, Cursor p, Cursor end) except -1:
    """`INVITE sip:bob@example.org SIP/2.0`. Surplus white space is noted for ``problem``."""
    cdef Cursor method = p
    cdef Cursor version
    message.is_request = True
    p = skip_token(p, end)
    if p == method or p >= end or p[0] != 32:
        raise WireError("no method")
    message.first.start = method - message.data
    message.first.end = p - message.data
    version = trim(p, end)
    if version != end:
        message.flags |= ODD_SPACES
        end = version
    while version > p and not is_space(version[-1]):
        version -= 1
    read_version(message, version, end)
    if version == p:
        raise WireError("no Request-URI")
    end = trim(p, version)
    p = skip_space(p, end)
    if p == end:
        raise WireError("no Request-URI")
    message.target.start = p - message.data
    message.target.end = end - message.data
    if p - message.data != message.first.end + 1 or version - end != 1:
        message.flags |= ODD_SPACES
    return 0


cdef int read_version(Message message, Cursor p, Cursor end) except -1:
    cdef Cursor dot
    if end - p < 7 or not same(p, <Cursor>b"SIP/", 4):
        raise WireError("no SIP version")
    p += 4
    dot = <Cursor>memchr(p, c'.', end - p)
    if dot == NULL or decimal(p, dot, 999) < 0 or decimal(dot + 1, end, 999) < 0:
        raise WireError("no SIP version")
    if end - p != 3 or memcmp(p, b"2.0", 3) != 0:
        message.flags |= OTHER_VERSION
    return 0


cdef Cursor read_headers(Message message, Cursor p, Cursor end) except NULL:
    """Note where each header is; returns the start of the body."""
    cdef Cursor name, value, stop
    cdef Line* line
    while True:
        if p + 1 < end and p[0] == 13 and p[1] == 10:
            return p + 2
        name = p
        p = skip_token(p, end)
        if p == name or p - name > LIMIT_HEADER:
            raise WireError("no header name")
        line = next_line(message)
        line.name = name - message.data
        line.name_size = p - name
        line.id = identify(name, p - name)
        while p < end and (p[0] == 32 or p[0] == 9):
            p += 1
        if p >= end or p[0] != c':':
            raise WireError("no colon behind a header name")
        value = p + 1
        stop = line_end(value, end)
        line.folded = False
        while stop + 2 < end and (stop[2] == 32 or stop[2] == 9):
            line.folded = True
            stop = line_end(stop + 2, end)
        if stop - name > LIMIT_HEADER:
            raise WireError("header over 8 KB")
        value = skip_space(value, stop)
        line.start = value - message.data
        line.end = trim(value, stop) - message.data
        p = stop + 2


cdef Line* next_line(Message message) except NULL:
    cdef Line* grown
    if message.count == LIMIT_HEADERS:
        raise WireError("over 256 headers")
    if message.count == INLINE_LINES:
        grown = <Line*>malloc(LIMIT_HEADERS * sizeof(Line))
        if grown == NULL:
            raise MemoryError
        memcpy(grown, message.inline_lines, sizeof(message.inline_lines))
        message.lines = grown
    message.count += 1
    return &message.lines[message.count - 1]


cdef long long given_length(Message message) except? -3:
    """Content-Length; -1 if it is no number, -2 without one. Two that differ are a way to smuggle
    a message past somebody who reads the other: refused."""
    cdef long long length = -2
    cdef long long other
    cdef Line* line
    cdef unsigned int i
    for i in range(message.count):
        line = &message.lines[i]
        if line.id == CONTENT_LENGTH:
            other = decimal(message.data + line.start, message.data + line.end, 0x7FFFFFFF)
            if length != -2 and other != length:
                raise WireError("conflicting Content-Length")
            length = other
    return length


cdef int read_length(Message message, Py_ssize_t start, bint stream) except -1:
    """Find the body."""
    cdef long long length = given_length(message)
    message.body_start = start
    message.body_end = message.size
    if length == -1:
        message.flags |= BAD_LENGTH
    elif length > message.size - start:
        message.flags |= TRUNCATED
    elif length >= 0:
        message.body_end = start + length
    if length < 0 and stream:
        raise WireError("no Content-Length in a stream")
    if message.flags & (TRUNCATED | BAD_LENGTH) and (stream or not message.is_request):
        raise WireError("a body that is not whole")  # RFC 3261 §18.3: such a response is discarded
    return 0


def frame(bytes buffer not None):
    """Length of the first whole message in a stream's buffer, 0 if more must come.

    Counts the empty lines before it. Raises WireError when the stream cannot be followed further:
    close the connection.
    """
    cdef Cursor data = <Cursor>PyBytes_AS_STRING(buffer)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(buffer)
    cdef Cursor p = data
    cdef Cursor stop
    cdef long long length
    while size - (p - data) >= 2 and p[0] == 13 and p[1] == 10:
        p += 2
    stop = <Cursor>memmem(p, size - (p - data), b"\r\n\r\n", 4)
    if stop == NULL:
        if size - (p - data) > LIMIT_MESSAGE:
            raise WireError("message over 64 KB")
        return 0
    stop += 4
    length = announced(p, stop)
    if stop - p + length > LIMIT_MESSAGE:
        raise WireError("message over 64 KB")
    return 0 if stop - data + length > size else stop - data + length


cdef long long announced(Cursor p, Cursor end) except -1:
    """Content-Length of a header block."""
    cdef Message head = Message.__new__(Message)
    cdef long long length
    head.data = p
    p = read_start_line(head, p, end)
    read_headers(head, p, end)
    length = given_length(head)
    if length < 0:
        raise WireError("no Content-Length in a stream")
    return length
