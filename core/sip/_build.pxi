# Messages to bytes. Nothing with a line break or another control character gets into a header.

cdef bytes clean(str value):
    """UTF-8 of a value; WireError if it would break the message."""
    cdef bytes out = value.encode("utf-8", "replace")
    cdef Cursor p = <Cursor>PyBytes_AS_STRING(out)
    cdef Py_ssize_t i
    for i in range(PyBytes_GET_SIZE(out)):
        if (p[i] < 32 and p[i] != 9) or p[i] == 127:
            raise WireError("control character in a header")
    return out


cdef bytes clean_token(str value, str what):
    cdef bytes out = value.encode("ascii", "replace")
    cdef Cursor p = <Cursor>PyBytes_AS_STRING(out)
    if not out or skip_token(p, p + len(out)) != p + len(out):
        raise WireError(f"{what} is not a token")
    return out


cdef void add(list parts, bytes name, bytes value):
    parts.append(name)
    parts.append(b": ")
    parts.append(value)
    parts.append(b"\r\n")


cdef void add_given(list parts, object headers):
    """The caller's headers; Content-Length is ours to compute."""
    cdef bytes name
    for key, value in headers:
        name = clean_token(key, "header name")
        if identify(<Cursor>PyBytes_AS_STRING(name), len(name)) != CONTENT_LENGTH:
            add(parts, name, clean(value))


cdef bytes finish(list parts, bytes body):
    cdef bytes message
    parts.append(b"Content-Length: %d\r\n\r\n" % len(body))
    parts.append(body)
    message = b"".join(parts)
    if len(message) > LIMIT_MESSAGE:
        raise WireError("message over 64 KB")
    return message


def build_request(str method not None, str uri not None, headers, bytes body not None=b""):
    """A request with these headers in this order, and its Content-Length.

    Raises WireError when a name, a value or the URI would break the message.
    """
    cdef bytes target = clean(uri)
    if not target or b" " in target or b"\t" in target:
        raise WireError("white space in a Request-URI")
    cdef list parts = [clean_token(method, "method"), b" ", target, b" SIP/2.0\r\n"]
    add_given(parts, headers)
    return finish(parts, body)


def build_response(
    Message request not None,
    int status,
    str reason not None,
    headers=(),
    bytes body not None=b"",
    str to_tag not None="",
    source=None,
):
    """The response to a request (RFC 3261 §8.2.6).

    Copies Via, From, To, Call-ID and CSeq; Record-Route into what makes a dialog (101–299);
    Timestamp into 100. ``to_tag`` is added to a To that has none. ``source``, the address that
    the request came from, becomes ``received`` and ``rport`` of the topmost Via (RFC 3581 §4).
    """
    if not 100 <= status <= 699:
        raise WireError("no status code")
    cdef list parts = [b"SIP/2.0 %d " % status, clean(reason), b"\r\n"]
    cdef bint first = True
    cdef Line* line
    cdef unsigned int i
    cdef bytes value
    for i in range(request.count):
        line = &request.lines[i]
        if line.id == VIA:
            value = octets(request, line)
            if first and source is not None:
                value = stamped(request, line, source)
            first = False
            add(parts, b"Via", value)
    if 100 < status < 300:
        copy_lines(parts, request, RECORD_ROUTE, b"Record-Route")
    copy_lines(parts, request, FROM, b"From")
    line = request.line(TO)
    if line != NULL:
        value = octets(request, line)
        if to_tag and status > 100 and not request.to_tag:
            value += b";tag=" + clean_token(to_tag, "tag")
        add(parts, b"To", value)
    copy_lines(parts, request, CALL_ID, b"Call-ID")
    copy_lines(parts, request, CSEQ, b"CSeq")
    if status == 100:
        copy_lines(parts, request, TIMESTAMP, b"Timestamp")
    add_given(parts, headers)
    return finish(parts, body)


cdef void copy_lines(list parts, Message request, int id, bytes name):
    cdef unsigned int i
    for i in range(request.count):
        if request.lines[i].id == id:
            add(parts, name, octets(request, &request.lines[i]))


cdef bytes stamped(Message request, Line* line, object source):
    """A Via line whose first value says where the request really came from.

    A ``received`` of the sender's own is not believed and goes away.
    """
    cdef ViaSpans* via = request.top_via()
    cdef Cursor start = request.data + line.start
    cdef Cursor end = request.data + line.end
    cdef Cursor stop = find_outside(start, end, c',')
    cdef Cursor p, name
    cdef bytes host = clean(source[0])
    cdef list kept = []
    cdef Cursor at = find_outside(start, stop, c';')
    kept.append(start[: trim(start, at) - start])
    while at < stop:
        p = find_outside(at + 1, stop, c';')
        name = skip_space(at + 1, stop)
        if not is_name(name, p, "received", 8) and not is_name(name, p, "rport", 5):
            kept.append(at[: trim(at, p) - at])
        at = p
    if via.rport >= 0:
        kept.append(b";received=%b;rport=%d" % (host, source[1]))
    elif host.lower() != request.data[via.host.start : via.host.end].lower():
        kept.append(b";received=" + host)
    kept.append(stop[: end - stop])
    return _fold(b" ", b"".join(kept)) if line.folded else b"".join(kept)


cdef bint is_name(Cursor p, Cursor end, const char* name, int size) noexcept:
    cdef Cursor stop = skip_token(p, end)
    return stop - p == size and same(p, <Cursor>name, size)
