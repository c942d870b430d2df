# The C face of the wire layer. Offsets count from the first byte of the message.

cdef struct Span:
    unsigned int start
    unsigned int end

cdef struct Line:
    unsigned int name           # where the header's name begins
    unsigned short name_size
    unsigned char id            # 1 + index into the table of known names; 0 for any other
    unsigned char folded        # the value goes over several lines
    unsigned int start          # the value, without white space around it
    unsigned int end

cdef struct ViaSpans:
    Span transport
    Span host
    Span branch
    Span received
    int port                    # 0: none was given
    int rport                   # -1: no such parameter, 0: without a value
    bint valid


cdef class Via:
    cdef readonly str transport
    cdef readonly str host
    cdef readonly int port
    cdef readonly str branch
    cdef readonly str received
    cdef readonly object rport


cdef class Message:
    cdef readonly bytes raw
    cdef readonly bint is_request
    cdef readonly int status
    cdef const unsigned char* data
    cdef Py_ssize_t size
    cdef Span first             # method, or the reason phrase
    cdef Span target            # Request-URI
    cdef unsigned int body_start
    cdef unsigned int body_end
    cdef unsigned int flags
    cdef unsigned int count     # of lines
    cdef Line* lines            # `inline_lines`, or a heap block for long messages
    cdef Line[24] inline_lines
    cdef long long number       # CSeq; -2 until it was looked at
    cdef bint via_seen
    cdef ViaSpans top
    cdef str _method
    cdef str _uri
    cdef str _call_id
    cdef str _from_tag
    cdef str _to_tag
    cdef str _branch
    cdef bytes _body

    cdef Line* line(self, int id) noexcept
    cdef ViaSpans* top_via(self) noexcept
    cdef str tag(self, int id)
    cdef void read_cseq(self)
    cdef bint collect(self, str name, list values, bint only_first)
    cdef void split(self, Line* line, bint is_list, list values, bint only_first)


cpdef Message parse(bytes data, bint stream=*)
