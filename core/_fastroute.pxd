# The tables of one company as C arrays. Everything is written once, in the constructor.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


# How a plan is written down; routing._translator reads it.
cdef enum Node:
    RING = 0
    RING_OUTSIDE = 1
    SEQ = 2
    PAR = 3


cdef struct Span:
    int32_t start
    int32_t end


cdef struct Day:
    int32_t day
    int32_t code


cdef struct Number:
    uint64_t digits
    int32_t scenario


cdef struct Scenario:
    int32_t enabled
    int32_t first
    int32_t count


cdef struct Branch:
    int32_t looks_at
    int32_t first
    int32_t count
    int32_t schedule
    int32_t calendar
    int32_t off_hours


cdef struct Employee:
    int32_t mode
    int32_t first
    int32_t count
    int32_t zone
    int32_t schedule
    int32_t calendar
    int32_t period
    int32_t periods


cdef struct Terminal:
    int32_t flags
    int32_t seconds
    int32_t channels
    int32_t schedule


cdef struct Period:
    int32_t kind
    int64_t start
    int64_t end


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
    const uint8_t *modes
    const int32_t *talked
    int64_t *minutes  # per zone: the wall clock now
    int32_t *reached  # per employee: the round in which he was reached
    Py_ssize_t entries
    int32_t *order  # of the entries and, behind them, of one group's members
    int32_t *keys  # what they are sorted by
    int32_t round
    Numbers nodes
    Numbers skipped


cdef class Zone:
    cdef int64_t *instants
    cdef int32_t *offsets
    cdef Py_ssize_t count

    cdef int64_t at(self, double instant) noexcept


cdef class Hours:
    cdef int32_t *days  # eight for each schedule: where a day's spans begin, and where the last ends
    cdef Span *spans
    cdef int32_t *firsts  # one for each calendar and one more: where its dates begin
    cdef Day *dates
    cdef readonly Py_ssize_t schedules, calendars, size

    cdef bint is_open(self, int32_t schedule, int32_t calendar, int64_t minute) noexcept
    cdef bint begun(self, int32_t schedule, int32_t calendar, int64_t day, int32_t minute) noexcept


cdef class NumberingPlan:
    cdef uint32_t *edges  # within their area, which is known by ``areas``
    cdef uint16_t *both
    cdef int32_t *areas  # where the edges of an area begin
    cdef Py_ssize_t count
    cdef readonly Py_ssize_t size

    cdef uint16_t find(self, uint64_t national) noexcept


cdef class Table:
    cdef list zones
    cdef Hours hours
    cdef Number *numbers
    cdef Scenario *scenarios
    cdef Branch *branches
    cdef int32_t *values
    cdef Employee *employees
    cdef Terminal *terminals
    cdef Period *periods
    cdef Group *groups
    cdef int32_t *members
    cdef Py_ssize_t n_numbers, n_scenarios, n_branches, n_values
    cdef Py_ssize_t n_employees, n_terminals, n_periods, n_groups, n_members
    cdef readonly Py_ssize_t size

    cdef void *_room(self, Py_ssize_t length) except NULL
    cdef int _fill_routes(self, list owned, scenarios, branches, values) except -1
    cdef int _fill_people(self, employees, terminals, periods, groups, members) except -1
    cdef int64_t find(self, uint64_t digits) noexcept
    cdef bint fits(self, Branch *branch, const int32_t *given, Py_ssize_t count) noexcept
    cdef int64_t choose(self, Scenario *scenario, bytes tags, bytes regions, int64_t minute, Numbers *passed) except -100
    cdef int expand(self, Plan *plan, const int32_t *entries) except -1
    cdef int32_t busyness(self, Plan *plan, int32_t kind, int32_t which) noexcept
    cdef int32_t addressee(self, Plan *plan, int32_t parent, int32_t entry, int32_t kind, int32_t which) except -1
    cdef int32_t group(self, Plan *plan, int32_t parent, int32_t entry, int32_t which) except -1
    cdef int32_t employee(self, Plan *plan, int32_t parent, int32_t entry, int32_t which, int32_t mode, int32_t limit) except -1
    cdef int32_t availability(self, Plan *plan, int32_t which) noexcept
    cdef int32_t why_not(self, Plan *plan, int32_t terminal, int64_t minute, int32_t mode, bint ignores_hours) noexcept
