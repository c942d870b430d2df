# The parameters of a digest challenge or its answer (RFC 3261 §25.1: auth-param; RFC 7616 §3.3, §3.4).

cdef inline bint blank(unsigned int c):
    return c == 32 or 9 <= c <= 13


cdef inline bint letter(unsigned int c):
    return 97 <= (c | 32) <= 122


cdef inline bint of_name(unsigned int c):
    return letter(c) or 48 <= c <= 57 or c == 45 or c == 95  # letter, digit, - or _


def auth_params(str text not None):
    """Values by name in lower case, quotes and escapes taken off; ``None`` if it is no list of
    parameters or a name comes twice."""
    cdef Py_ssize_t at = 0, size = len(text), start
    cdef bint escaped
    cdef dict params = {}
    cdef str name, value
    while at < size:
        while at < size and blank(text[at]):
            at += 1
        start = at
        while at < size and of_name(text[at]):
            at += 1
        if at == start or not letter(text[start]):
            return None
        name = text[start:at].lower()
        while at < size and blank(text[at]):
            at += 1
        if at == size or text[at] != 61:  # =
            return None
        at += 1
        while at < size and blank(text[at]):
            at += 1
        start = at
        if at < size and text[at] == 34:  # "
            escaped = False
            at += 1
            while at < size and text[at] != 34:
                if text[at] == 92:  # \ takes the next one as it is
                    escaped = True
                    at += 1
                at += 1
            if at >= size:
                return None
            value = text[start + 1 : at]
            if escaped:
                value = ESCAPED.sub(r"\1", value)
            at += 1
        else:
            while at < size and not blank(text[at]) and text[at] != 34 and text[at] != 44:
                at += 1
            if at == start:
                return None
            value = text[start:at]
        while at < size and blank(text[at]):
            at += 1
        if at < size:
            if text[at] != 44:  # ,
                return None
            at += 1
        if name in params:
            return None
        params[name] = value
    return params


ESCAPED = re.compile(r"\\(.)", re.DOTALL)
