# The numbering plan, compiled. ``_slownumbering`` says what it does. Included by _fastroute.pyx.

cdef enum Numbering:
    RUSSIA = 7
    AREAS = 100_000  # the first five digits of a national number: few edges in each of these areas
    AREA = 100_000  # numbers in an area
    SECOND = 256

cdef uint64_t NATIONAL = 10_000_000_000


@cython.final
cdef class NumberingPlan:
    """From which federal subjects a Russian number is. Immutable: a changed plan is a new one."""

    def __cinit__(self, bytes edges not None, bytes subjects not None):
        cdef Py_ssize_t at, area = 0
        cdef const uint64_t *given = <const uint64_t *>PyBytes_AS_STRING(edges)
        self.count = PyBytes_GET_SIZE(edges) // 8
        if PyBytes_GET_SIZE(edges) % 8 or PyBytes_GET_SIZE(subjects) != 2 * self.count:
            raise ValueError("every edge has its subjects")
        self.edges = <uint32_t *>_memory(self.count * sizeof(uint32_t))
        self.both = <uint16_t *>_memory(self.count * sizeof(uint16_t))
        self.areas = <int32_t *>_memory((AREAS + 1) * sizeof(int32_t))
        self.size = self.count * 6 + (AREAS + 1) * 4
        memcpy(self.both, PyBytes_AS_STRING(subjects), 2 * self.count)
        for at in range(self.count):
            if at and given[at] <= given[at - 1]:
                raise ValueError("edges rise")
            if given[at] >= NATIONAL:
                raise ValueError("edges have ten digits")
            while area <= <Py_ssize_t>(given[at] // AREA):
                self.areas[area] = <int32_t>at
                area += 1
            self.edges[at] = <uint32_t>(given[at] % AREA)
        while area <= AREAS:
            self.areas[area] = <int32_t>self.count
            area += 1

    def __dealloc__(self):
        PyMem_Free(self.edges)
        PyMem_Free(self.both)
        PyMem_Free(self.areas)

    def __len__(self):
        return self.count

    def subjects(self, uint64_t digits):
        """Codes of the subjects of a number, ``digits`` of its E.164 form; empty if unknown."""
        cdef uint16_t both
        if digits // NATIONAL != RUSSIA:
            return ()
        both = self.find(digits % NATIONAL)
        if both >= SECOND and both % SECOND:
            return both % SECOND, both // SECOND
        if both:
            return (both if both < SECOND else both // SECOND,)
        return ()

    cdef uint16_t find(self, uint64_t national) noexcept:
        cdef uint32_t rest = <uint32_t>(national % AREA)
        cdef int32_t low = self.areas[national // AREA], high = self.areas[national // AREA + 1], middle
        while low < high:
            middle = (low + high) // 2
            if self.edges[middle] <= rest:
                low = middle + 1
            else:
                high = middle
        # What holds at the end of one area goes on in the next one.
        return self.both[low - 1] if low else 0
