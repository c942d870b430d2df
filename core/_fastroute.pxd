# The tables of one company as C arrays. Everything is written once, in the constructor.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t


cdef struct Number:
    uint64_t digits
    int32_t scenario


cdef struct Scenario:
    int32_t enabled
    int32_t branch


cdef struct Employee:
    int32_t availability
    int32_t mode
    int32_t first
    int32_t count


cdef struct Terminal:
    int32_t flags
    int32_t seconds
    int32_t channels


cdef struct Group:
    int32_t mode
    int32_t seconds
    int32_t first
    int32_t count


# A growing row of integers.
cdef struct Numbers:
    int32_t *data
    Py_ssize_t count
    Py_ssize_t room


# One plan in the making.
cdef struct Plan:
    int32_t mode
    int32_t seconds
    int32_t each
    int32_t caller
    const uint8_t *registered
    const uint8_t *calls
    int32_t *reached  # per employee: the round in which he was reached
    int32_t round
    Numbers nodes
    Numbers skipped


cdef class Table:
    cdef Number *numbers
    cdef Scenario *scenarios
    cdef Employee *employees
    cdef Terminal *terminals
    cdef Group *groups
    cdef int32_t *members
    cdef Py_ssize_t n_numbers, n_scenarios, n_employees, n_terminals, n_groups, n_members
    cdef readonly Py_ssize_t size

    cdef void *_room(self, Py_ssize_t length) except NULL
    cdef int _fill_routes(self, list owned, scenarios) except -1
    cdef int _fill_people(self, employees, terminals, groups, members) except -1
    cdef int64_t find(self, uint64_t digits) noexcept
    cdef int expand(self, Plan *plan, const int32_t *entries, Py_ssize_t count) except -1
    cdef int32_t addressee(self, Plan *plan, int32_t parent, int32_t entry, int32_t kind, int32_t which) except -1
    cdef int32_t group(self, Plan *plan, int32_t parent, int32_t entry, int32_t which) except -1
    cdef int32_t employee(self, Plan *plan, int32_t parent, int32_t entry, int32_t which, int32_t mode, int32_t limit) except -1
    cdef int32_t why_not(self, Plan *plan, int32_t terminal, int32_t mode) noexcept
