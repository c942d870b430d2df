# The tree of a plan in the making, and the rows it is written to. Included by _fastroute.pyx.

cdef int _open(Plan *plan, int32_t kind) except -1:
    """Begin a node with items; ``_close`` writes how many they were."""
    cdef int32_t *at = _more(&plan.nodes, 2)
    at[0], at[1] = kind, 0
    return 0


cdef int32_t _close(Numbers *nodes, Py_ssize_t start, int32_t kind, int32_t items, int32_t parent) noexcept:
    """End it, as simple as can be; returns how many items it adds to its parent.

    A node without items or with one vanishes; one of its parent's kind is merged into it.
    """
    cdef int32_t inner
    if items == 0:
        nodes.count = start
        return 0
    if items == 1:
        _cut(nodes, start)
        inner = nodes.data[start]
        if inner != parent:
            return 1
        items = nodes.data[start + 1]
        _cut(nodes, start)
        return items
    if kind == parent:
        _cut(nodes, start)
        return items
    nodes.data[start + 1] = items
    return 1


cdef void _cut(Numbers *nodes, Py_ssize_t start) noexcept:
    nodes.count -= 2
    memmove(nodes.data + start, nodes.data + start + 2, (nodes.count - start) * sizeof(int32_t))


cdef void _sort(int32_t *items, int32_t *keys, Py_ssize_t count) noexcept:
    """By insertion: equals keep their order, and the lists are short."""
    cdef Py_ssize_t at, to
    cdef int32_t item, key
    for at in range(1, count):
        item, key, to = items[at], keys[at], at
        while to > 0 and keys[to - 1] > key:
            items[to], keys[to] = items[to - 1], keys[to - 1]
            to -= 1
        items[to], keys[to] = item, key


cdef int _ring(Plan *plan, int32_t kind, int32_t which, int32_t seconds) except -1:
    cdef int32_t *at = _more(&plan.nodes, 3)
    at[0], at[1], at[2] = kind, which, seconds
    return 0


cdef int _skip(Plan *plan, int32_t terminal, int32_t employee, int32_t entry, int32_t reason) except -1:
    cdef int32_t *at = _more(&plan.skipped, 4)
    at[0], at[1], at[2], at[3] = terminal, employee, entry, reason
    return 0


cdef int32_t *_more(Numbers *numbers, Py_ssize_t count) except NULL:
    """Room for ``count`` further integers."""
    cdef int32_t *data
    if numbers.count + count > numbers.room:
        numbers.room = 2 * numbers.room + 64
        data = <int32_t *>PyMem_Realloc(numbers.data, numbers.room * sizeof(int32_t))
        if not data:
            raise MemoryError
        numbers.data = data
    numbers.count += count
    return numbers.data + numbers.count - count


cdef bytes _bytes(Numbers *numbers):
    return PyBytes_FromStringAndSize(<char *>numbers.data, numbers.count * sizeof(int32_t))


cdef int _slice(Py_ssize_t first, Py_ssize_t count, Py_ssize_t length) except -1:
    if count < 0:
        raise IndexError(f"{count} is no length")
    _within(first, length + 1, 0)
    _within(first + count, length + 1, 0)
    return 0


cdef int _within(Py_ssize_t index, Py_ssize_t count, Py_ssize_t lowest) except -1:
    if not lowest <= index < count:
        raise IndexError(f"{index} is not between {lowest} and {count}")
    return 0
