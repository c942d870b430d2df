# Well-formed messages with wrong content (RFC 4475 §3.1.2, §3.3): which 4xx they deserve.

cdef struct Counts:
    int call_id
    int content_length
    int content_type
    int cseq
    int from_
    int max_forwards
    int to


def problem(Message message not None, supported=frozenset()):
    """What is wrong with a message that ``parse`` accepted, as status and reason, or ``None``.

    For a request it is the answer to give (never to an ACK); for a response, whatever it is, the
    response is to be discarded. ``supported`` are the option tags that Require may name; with
    420 the answer needs Unsupported, with 415 and 406 Accept.
    """
    cdef Counts counts = count_lines(message)
    if message.flags & OTHER_VERSION:
        return 505, "Version Not Supported"
    fault = structural(message, &counts)
    if fault is not None:
        return 400, fault
    if not message.is_request:
        return (400, "More Than One Via") if len(message.headers("via")) > 1 else None
    return refused_target(message) or refused_content(message, supported)


cdef Counts count_lines(Message message) noexcept:
    cdef Counts counts
    cdef unsigned int i
    cdef int id
    counts.call_id = counts.content_length = counts.content_type = counts.cseq = 0
    counts.from_ = counts.max_forwards = counts.to = 0
    for i in range(message.count):
        id = message.lines[i].id
        counts.call_id += id == CALL_ID
        counts.content_length += id == CONTENT_LENGTH
        counts.content_type += id == CONTENT_TYPE
        counts.cseq += id == CSEQ
        counts.from_ += id == FROM
        counts.max_forwards += id == MAX_FORWARDS
        counts.to += id == TO
    return counts


cdef str structural(Message message, Counts* counts):
    """What any message must have right, as a reason phrase."""
    if counts.from_ != 1 or counts.to != 1 or counts.call_id != 1 or counts.cseq != 1:
        return "From, To, Call-ID and CSeq Must Occur Once"
    if counts.content_length > 1 or counts.content_type > 1 or counts.max_forwards > 1:
        return "Header Occurs Twice"
    if message.flags & ODD_SPACES:
        return "White Space in Request Line"
    if message.flags & (BAD_LENGTH | TRUNCATED):
        return "Bad Content-Length"
    if message.cseq < 0:
        return "Bad CSeq"
    if not graphic(message, CALL_ID):
        return "Bad Call-ID"
    if not all_vias(message):
        return "Bad Via"
    if message.branch.lower() == "z9hg4bk":
        return "Bad Via Branch"
    if not address(message, FROM) or not address(message, TO):
        return "Bad From or To"
    return None


cdef bint graphic(Message message, int id) noexcept:
    """Whether a value is there and made of visible ASCII without spaces."""
    cdef Line* line = message.line(id)
    cdef unsigned int i
    for i in range(line.start, line.end):
        if message.data[i] <= 32 or message.data[i] >= 127:
            return False
    return line.end > line.start


cdef bint all_vias(Message message) noexcept:
    cdef Cursor p, end, comma
    cdef ViaSpans spans
    cdef unsigned int i
    for i in range(message.count):
        if message.lines[i].id != VIA:
            continue
        p = message.data + message.lines[i].start
        end = message.data + message.lines[i].end
        if not quotes_closed(p, end) or find_outside(p, end, c'<') < end:
            return False
        while True:
            comma = find_outside(p, end, c',')
            if not read_via(message.data, p, comma, &spans):
                return False
            if comma >= end:
                break
            p = comma + 1
    return True


cdef bint address(Message message, int id) noexcept:
    """Whether a From or To holds one URI with a scheme, its quotes and brackets balanced, and a
    tag that is not empty, if any."""
    cdef Line* line = message.line(id)
    cdef Cursor start = message.data + line.start
    cdef Cursor end = message.data + line.end
    cdef Cursor bracket = find_outside(start, end, c'<')
    cdef Cursor stop, p
    cdef Cursor params = skip_address(start, end)
    cdef Param tag
    if not quotes_closed(start, end) or find_outside(params, end, c'<') < end:
        return False
    if find_param(params, end, "tag", 3, &tag) and tag.start == tag.end:
        return False
    if bracket < end:
        stop = <Cursor>memchr(bracket, c'>', end - bracket)
        if stop == NULL:
            return False
        start = bracket + 1
    else:
        stop = trim(start, find_outside(start, end, c';'))
        if start < end and start[0] == c'"':
            return False  # a quoted name needs brackets
    p = skip_token(start, stop)
    if p == start or p >= stop or p[0] != c':':
        return False
    while p < stop:
        if is_space(p[0]):
            return False
        p += 1
    return True


cdef object refused_target(Message message):
    """What is wrong with the Request-URI and CSeq's method."""
    cdef Cursor start = message.data + message.target.start
    cdef Cursor end = message.data + message.target.end
    cdef Cursor p = start
    cdef Cursor at
    cdef Line* line = message.line(CSEQ)
    cdef Py_ssize_t size = message.first.end - message.first.start
    if (
        line.end - line.start <= size
        or memcmp(message.data + line.end - size, message.data + message.first.start, size) != 0
        or not is_space(message.data[line.end - size - 1])
    ):
        return 400, "CSeq Does Not Match the Method"
    while p < end:
        if is_space(p[0]) or p[0] == c'<' or p[0] == c'>' or p[0] == c'"':
            return 400, "Bad Request-URI"
        p += 1
    p = skip_token(start, end)
    if p == start or p >= end or p[0] != c':':
        return 400, "Bad Request-URI"
    if (p - start == 3 and same(start, <Cursor>b"tel", 3)):
        return None
    if not (p - start == 3 and same(start, <Cursor>b"sip", 3)) and not (
        p - start == 4 and same(start, <Cursor>b"sips", 4)
    ):
        return 416, "Unsupported URI Scheme"
    at = <Cursor>memchr(start, c'@', end - start)
    p = p if at == NULL else at
    if memchr(p, c'?', end - p) != NULL:
        return 400, "Headers in Request-URI"  # RFC 3261 §19.1.1, table 1
    if ambiguous(p + 1, end):
        return 400, "Bad Request-URI"  # RFC 5118 §4.2
    return None


cdef bint ambiguous(Cursor host, Cursor end) noexcept:
    """Whether a host has so many colons that it is an IPv6 address, and no brackets."""
    cdef int colons = 0
    if host < end and host[0] == c'[':
        return False
    while host < end and host[0] != c';':
        colons += host[0] == c':'
        host += 1
    return colons > 1


cdef object refused_content(Message message, object supported):
    """What is wrong with the other headers of a request."""
    cdef Line* line = message.line(MAX_FORWARDS)
    cdef long long hops = 70
    cdef str method = message.method
    if line != NULL:
        hops = decimal(message.data + line.start, message.data + line.end, 255)
    if hops < 0:
        return 400, "Bad Max-Forwards"
    if hops == 0 and method == "INVITE" and not message.to_tag:
        return 483, "Too Many Hops"  # a back-to-back agent is on the way of a loop too: RFC 7332
    if method == "REGISTER" and not sip_address(message, TO):
        return 400, "To Must Be a SIP URI"
    if method != "ACK" and method != "CANCEL":
        for option in message.headers("require"):
            if option.lower() not in supported:
                return 420, "Bad Extension"
    if method == "REGISTER" and bare_headers(message):
        return 400, "Bad Contact"
    return refused_media(message) if method == "INVITE" else None


cdef bint sip_address(Message message, int id) noexcept:
    """Whether a From or To, balanced already, holds a SIP or SIPS URI."""
    cdef Line* line = message.line(id)
    cdef Cursor start = message.data + line.start
    cdef Cursor end = message.data + line.end
    cdef Cursor bracket = find_outside(start, end, c'<')
    if bracket < end:
        start = bracket + 1
    return end - start > 4 and (
        same(start, <Cursor>b"sip:", 4) or same(start, <Cursor>b"sips:", 5)
    )


cdef bint bare_headers(Message message):
    """Whether a Contact has a `?` in a URI that is not in brackets (RFC 3261 §20)."""
    for contact in message.headers("contact"):
        if "<" not in contact and "?" in contact:
            return True
    return False


cdef object refused_media(Message message):
    """An INVITE offers SDP or nothing, and must be content with SDP in the answer."""
    cdef str kind = (message.header("content-type") or "").split(";")[0].strip().lower()
    if message.body_end > message.body_start and kind != "application/sdp":
        return 415, "Unsupported Media Type"
    if message.header("accept") is None:
        return None
    for accepted in message.headers("accept"):
        if accepted.split(";")[0].strip().lower() in ("application/sdp", "application/*", "*/*"):
            return None
    return 406, "Not Acceptable"
