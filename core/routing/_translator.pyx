"""``translator.Translator``, compiled: the same answers, without a Python frame for each object."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int32_t
from libc.string cimport memset

from core._fastroute cimport PAR, RING, RING_OUTSIDE

from core._slowcodes import Availability
from core.contracts import AvailabilityMode, Par, Ring, Seq, Skipped, SkipReason

__all__ = ["Translator"]

cdef enum Most:
    CALLS = 255
    SECONDS = 604800

cdef tuple REASONS = tuple(SkipReason)
cdef dict AVAILABILITIES = {mode: int(Availability[mode.name]) for mode in AvailabilityMode}
cdef unsigned char SCHEDULE = Availability.SCHEDULE

# What is left to be read of a row of integers.
cdef struct Cursor:
    const int32_t *at
    const int32_t *end


@cython.final
cdef class Translator:
    """Knows the terminals and employees of one company by their place in the tables."""

    cdef tuple terminals, employees
    cdef dict terminal_at, employee_at  # the place of an id
    cdef list rings  # per terminal: how it rang last, to be used again
    cdef int32_t *seconds  # per terminal: for how long that was

    def __cinit__(self, tuple terminals, tuple employees, dict terminal_at, dict employee_at):
        self.terminals, self.employees = terminals, employees
        self.terminal_at, self.employee_at = terminal_at, employee_at
        self.rings = [None] * len(self.terminals)
        self.seconds = <int32_t *>PyMem_Calloc(len(self.terminals) or 1, sizeof(int32_t))
        if not self.seconds:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.seconds)

    def state(self, live):
        """Registrations, calls, modes and seconds of talk, each by index."""
        cdef bytes registered = _filled(len(self.terminals), 0)
        cdef bytes calls = _filled(len(self.terminals), 0)
        cdef bytes modes = _filled(len(self.employees), SCHEDULE)
        cdef bytes talked = _filled(len(self.employees) * sizeof(int32_t), 0)
        cdef object at
        cdef unsigned char *bytes_of = <unsigned char *>PyBytes_AS_STRING(registered)
        cdef int32_t *of_employee = <int32_t *>PyBytes_AS_STRING(talked)
        cdef dict by_terminal = live.calls, by_employee = live.talked, mode_of = live.modes
        for terminal in live.registered:
            at = self.terminal_at.get(terminal)
            if at is not None:
                bytes_of[<Py_ssize_t>at] = 1
        bytes_of = <unsigned char *>PyBytes_AS_STRING(calls)
        for terminal, number in by_terminal.items():
            at = self.terminal_at.get(terminal)
            if at is not None:
                bytes_of[<Py_ssize_t>at] = min(number, CALLS)
        for employee, seconds in by_employee.items():
            at = self.employee_at.get(employee)
            if at is not None:
                of_employee[<Py_ssize_t>at] = min(seconds, SECONDS)
        bytes_of = <unsigned char *>PyBytes_AS_STRING(modes)
        for employee, mode in mode_of.items():
            at = self.employee_at.get(employee)
            if at is not None:
                bytes_of[<Py_ssize_t>at] = AVAILABILITIES[mode]
        return registered, calls, modes, talked

    def tree(self, bytes nodes not None, tuple addressees not None):
        """Who rings."""
        cdef Cursor cursor = _cursor(nodes)
        return self.node(&cursor, addressees) if cursor.at < cursor.end else None

    def skipped(self, bytes rows not None, tuple addressees not None):
        """Who does not ring and why."""
        cdef Cursor cursor = _cursor(rows)
        cdef int32_t terminal, employee, entry, reason
        found = []
        while cursor.at < cursor.end:
            terminal, employee = _next(&cursor), _next(&cursor)
            entry, reason = _next(&cursor), _next(&cursor)
            found.append(
                Skipped(
                    self.terminals[terminal].id if terminal >= 0 else None,
                    self.employees[employee] if employee >= 0 else None,
                    REASONS[reason],
                    addressees[entry],
                )
            )
        return tuple(found)

    cdef object node(self, Cursor *cursor, tuple addressees):
        cdef int32_t kind = _next(cursor), value = _next(cursor)
        if value < 0:  # to Python that would be a place counted from the end
            raise IndexError(f"{value} is no place")
        if kind == RING:
            return self.ring(value, _next(cursor))
        if kind == RING_OUTSIDE:
            return Ring(addressees[value].ref, _next(cursor))
        items = tuple([self.node(cursor, addressees) for _ in range(value)])
        return Par(items) if kind == PAR else Seq(items)

    cdef object ring(self, int32_t which, int32_t seconds):
        ring = self.rings[which]
        if ring is None or self.seconds[which] != seconds:
            terminal = self.terminals[which]
            ring = Ring(terminal.address, seconds, terminal.id, terminal.employee_id)
            self.rings[which] = ring
            self.seconds[which] = seconds
        return ring


cdef Cursor _cursor(bytes numbers) noexcept:
    cdef const int32_t *first = <const int32_t *>PyBytes_AS_STRING(numbers)
    return Cursor(first, first + PyBytes_GET_SIZE(numbers) // <Py_ssize_t>sizeof(int32_t))


cdef int32_t _next(Cursor *cursor) except? -1:
    if cursor.at >= cursor.end:
        raise IndexError("a row ends too early")
    cursor.at += 1
    return cursor.at[-1]


cdef bytes _filled(Py_ssize_t length, unsigned char value):
    cdef bytes made = PyBytes_FromStringAndSize(NULL, length)
    memset(PyBytes_AS_STRING(made), value, length)
    return made
