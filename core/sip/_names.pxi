# Character classes and the names of headers that have a meaning here.

cdef enum:
    LIMIT_MESSAGE = 65536
    LIMIT_HEADER = 8192
    LIMIT_HEADERS = 256
    LONGEST_NAME = 20           # of the known names
    INLINE_LINES = 24

cdef enum Flag:
    ODD_SPACES = 1              # white space in the start line where none may be
    OTHER_VERSION = 2           # a request of another SIP version
    BAD_LENGTH = 4              # Content-Length is no number
    TRUNCATED = 8               # the datagram ends before its Content-Length

ctypedef const unsigned char* Cursor

# Name in lower case, compact form (RFC 3261 §7.3.3 and the IANA registry), whether commas separate
# its values. Headers that are not here have no compact form and are never split.
_NAMES = sorted(
    [
        (b"accept", b"", True),
        (b"accept-contact", b"a", True),
        (b"accept-encoding", b"", True),
        (b"accept-language", b"", True),
        (b"alert-info", b"", True),
        (b"allow", b"", True),
        (b"allow-events", b"u", True),
        (b"call-id", b"i", False),
        (b"call-info", b"", True),
        (b"contact", b"m", True),
        (b"content-encoding", b"e", True),
        (b"content-length", b"l", False),
        (b"content-type", b"c", False),
        (b"cseq", b"", False),
        (b"diversion", b"", True),
        (b"error-info", b"", True),
        (b"event", b"o", False),
        (b"from", b"f", False),
        (b"history-info", b"", True),
        (b"identity", b"y", False),
        (b"identity-info", b"n", False),
        (b"in-reply-to", b"", True),
        (b"max-forwards", b"", False),
        (b"p-asserted-identity", b"", True),
        (b"p-preferred-identity", b"", True),
        (b"path", b"", True),
        (b"proxy-require", b"", True),
        (b"reason", b"", True),
        (b"record-route", b"", True),
        (b"refer-to", b"r", False),
        (b"referred-by", b"b", False),
        (b"reject-contact", b"j", True),
        (b"request-disposition", b"d", True),
        (b"require", b"", True),
        (b"route", b"", True),
        (b"service-route", b"", True),
        (b"session-expires", b"x", False),
        (b"subject", b"s", False),
        (b"supported", b"k", True),
        (b"timestamp", b"", False),
        (b"to", b"t", False),
        (b"unsupported", b"", True),
        (b"via", b"v", True),
        (b"warning", b"", True),
    ],
    key=lambda entry: (len(entry[0]), entry[0]),
)

cdef struct Known:
    const char* name
    bint is_list

cdef Known[64] known
cdef unsigned char[LONGEST_NAME + 2] by_size    # index of the first known name of each length
cdef unsigned char[256] by_letter               # compact form, either case → id
cdef unsigned char[256] token                   # 1 for the characters of `token`, RFC 3261 §25.1
cdef unsigned char[256] plain                   # 1 for what text can hold as it is
cdef unsigned char[256] lower
cdef unsigned char[256] special                 # 1 for what values are taken apart at


cdef void fill_tables():
    cdef int index
    for index in range(256):
        lower[index] = index + 32 if 65 <= index <= 90 else index
        special[index] = chr(index) in '"<;,'
        plain[index] = 32 <= index < 127 or index == 9
        token[index] = chr(index) in (
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.!%*_+`'~"
        )
    for index in range(LONGEST_NAME + 2):
        by_size[index] = sum(len(name) < index for name, _, _ in _NAMES)
    for index, (name, compact, is_list) in enumerate(_NAMES):
        known[index].name = <const char*>PyBytes_AS_STRING(name)
        known[index].is_list = is_list
        if compact:
            by_letter[compact[0]] = index + 1
            by_letter[compact.upper()[0]] = index + 1


cdef inline bint same(Cursor one, Cursor other, Py_ssize_t size) noexcept:
    """Whether two names are equal, ASCII case ignored."""
    cdef Py_ssize_t i
    for i in range(size):
        if lower[one[i]] != lower[other[i]]:
            return False
    return True


cdef inline int identify(Cursor name, Py_ssize_t size) noexcept:
    """The id of a known name in its long or compact form, else 0."""
    cdef int index
    if size == 1:
        return by_letter[name[0]]
    if size == 0 or size > LONGEST_NAME:
        return 0
    for index in range(by_size[size], by_size[size + 1]):
        if lower[name[0]] == <unsigned char>known[index].name[0] and same(
            name, <Cursor>known[index].name, size
        ):
            return index + 1
    return 0


fill_tables()

cdef int id_of(bytes name):
    return identify(<Cursor>PyBytes_AS_STRING(name), len(name))

cdef int CALL_ID = id_of(b"call-id")
cdef int CONTACT = id_of(b"contact")
cdef int CONTENT_LENGTH = id_of(b"content-length")
cdef int CONTENT_TYPE = id_of(b"content-type")
cdef int CSEQ = id_of(b"cseq")
cdef int FROM = id_of(b"from")
cdef int MAX_FORWARDS = id_of(b"max-forwards")
cdef int RECORD_ROUTE = id_of(b"record-route")
cdef int TIMESTAMP = id_of(b"timestamp")
cdef int TO = id_of(b"to")
cdef int VIA = id_of(b"via")
