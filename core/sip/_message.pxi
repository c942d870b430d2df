# Messages: values made of offsets when they are asked for.

cdef class Via:
    """One Via value: ``transport`` in upper case, ``port`` 0 without one; ``rport`` is ``None``
    without the parameter, 0 when it asks to be filled in (RFC 3581)."""

    def __repr__(self):
        return f"<Via {self.transport} {self.host}:{self.port} {self.branch}>"


cdef class Message:
    """A parsed message, immutable. Made by ``parse`` only."""

    def __cinit__(self):
        self.lines = self.inline_lines
        self.number = -2

    def __init__(self):
        raise TypeError("messages are made by parse()")

    def __dealloc__(self):
        if self.lines != self.inline_lines:
            free(self.lines)

    cdef Line* line(self, int id) noexcept:
        """The first line with this id, or NULL."""
        cdef unsigned int i
        for i in range(self.count):
            if self.lines[i].id == id:
                return &self.lines[i]
        return NULL

    cdef ViaSpans* top_via(self) noexcept:
        cdef Line* line
        cdef Cursor start
        if not self.via_seen:
            self.via_seen = True
            line = self.line(VIA)  # parse() made sure that there is one
            start = self.data + line.start
            read_via(
                self.data, start, find_outside(start, self.data + line.end, c','), &self.top
            )
        return &self.top

    cdef str tag(self, int id):
        cdef Line* line = self.line(id)
        cdef Param param
        cdef Cursor end
        if line == NULL:
            return ""
        end = self.data + line.end
        if not find_param(skip_address(self.data + line.start, end), end, "tag", 3, &param):
            return ""
        return text(param.start, param.end)

    cdef void read_cseq(self):
        """CSeq is a number below 2**31 and a method (RFC 3261 §8.1.1.5, §20.16)."""
        cdef Line* line = self.line(CSEQ)
        cdef Cursor start, end, p
        self.number = -1
        if not self.is_request:
            self._method = ""
        if line == NULL:
            return
        start = self.data + line.start
        end = self.data + line.end
        p = skip_token(start, end)
        self.number = decimal(start, p, 0x7FFFFFFF)
        start = skip_space(p, end)
        if start == p or skip_token(start, end) != end or start == end:
            self.number = -1
        elif not self.is_request:
            self._method = text(start, end)

    @property
    def method(self):
        """Method of a request; of a response, the method in its CSeq."""
        if self._method is None:
            if self.is_request:
                self._method = text(self.data + self.first.start, self.data + self.first.end)
            else:
                self.read_cseq()
        return self._method

    @property
    def uri(self):
        """Request-URI as it stands; empty for a response."""
        if self._uri is None:
            self._uri = text(self.data + self.target.start, self.data + self.target.end)
        return self._uri

    @property
    def reason(self):
        """Reason phrase; empty for a request."""
        return "" if self.is_request else text(self.data + self.first.start, self.data + self.first.end)

    @property
    def call_id(self):
        """Call-ID, empty if there is none."""
        cdef Line* line
        if self._call_id is None:
            line = self.line(CALL_ID)
            self._call_id = "" if line == NULL else text(self.data + line.start, self.data + line.end)
        return self._call_id

    @property
    def from_tag(self):
        """Tag of From, empty without one."""
        if self._from_tag is None:
            self._from_tag = self.tag(FROM)
        return self._from_tag

    @property
    def to_tag(self):
        """Tag of To, empty without one."""
        if self._to_tag is None:
            self._to_tag = self.tag(TO)
        return self._to_tag

    @property
    def cseq(self):
        """Number of CSeq; -1 if it is missing or wrong."""
        if self.number == -2:
            self.read_cseq()
        return self.number

    @property
    def branch(self):
        """Branch of the topmost Via, empty without one."""
        cdef ViaSpans* via
        if self._branch is None:
            via = self.top_via()
            self._branch = text(self.data + via.branch.start, self.data + via.branch.end)
        return self._branch

    @property
    def via(self):
        """The topmost Via; its texts are empty where it cannot be understood."""
        cdef ViaSpans* spans = self.top_via()
        cdef Via via = Via.__new__(Via)
        via.transport = text(self.data + spans.transport.start, self.data + spans.transport.end).upper()
        via.host = text(self.data + spans.host.start, self.data + spans.host.end)
        via.port = spans.port
        via.branch = self.branch
        via.received = text(self.data + spans.received.start, self.data + spans.received.end)
        via.rport = None if spans.rport < 0 else spans.rport
        return via

    @property
    def body(self):
        """What follows the headers, cut to Content-Length."""
        if self._body is None:
            self._body = self.raw[self.body_start : self.body_end]
        return self._body

    def header(self, str name not None):
        """First value of a header, ``None`` without one. Case is ignored, compact forms are known.

        Of a header whose values are separated by commas it is the first of them.
        """
        cdef list values = []
        if not self.collect(name, values, True):
            return None
        return values[0] if values else ""

    def headers(self, str name not None):
        """All values of a header, those of list headers split at the commas between them."""
        cdef list values = []
        self.collect(name, values, False)
        return values

    def names(self):
        """Names of all headers as they were written, in order."""
        return [
            text(self.data + self.lines[i].name, self.data + self.lines[i].name + self.lines[i].name_size)
            for i in range(self.count)
        ]

    cdef bint collect(self, str name, list values, bint only_first):
        """Append the values of a header; whether there is such a header at all."""
        cdef Py_ssize_t size = 0
        cdef Cursor key = <Cursor>PyUnicode_AsUTF8AndSize(name, &size)
        cdef int id = identify(key, size)
        cdef bint found = False
        cdef Line* line
        cdef unsigned int i
        for i in range(self.count):
            line = &self.lines[i]
            if line.id != id:
                continue
            if id == 0 and (line.name_size != size or not same(self.data + line.name, key, size)):
                continue
            found = True
            self.split(line, id != 0 and known[id - 1].is_list, values, only_first)
            if only_first and values:
                break
        return found

    cdef void split(self, Line* line, bint is_list, list values, bint only_first):
        cdef Cursor p = self.data + line.start
        cdef Cursor end = self.data + line.end
        cdef Cursor comma, start, stop
        if not is_list:
            values.append(text(p, end))
            return
        while p < end:
            comma = find_outside(p, end, c',')
            start = skip_space(p, comma)
            stop = trim(start, comma)
            if start < stop:
                values.append(text(start, stop))
                if only_first:
                    return
            p = comma + 1

    def __repr__(self):
        if self.is_request:
            return f"<{self.method} {self.uri} {self.call_id}>"
        return f"<{self.status} {self.method} {self.call_id}>"
