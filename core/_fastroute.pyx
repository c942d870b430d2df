"""The routing core, compiled. ``_slowroute`` says what it does; both have the same answers.

Indices that come from outside are checked where they enter, in the constructor and in ``plan``;
behind that everything is plain C arrays. Rows refer to each other by index, as the oracle's do.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memmove

__all__ = ["ALL_CODES", "Table", "digits"]

cdef enum Character:
    PLUS = 0x2B
    ZERO = 0x30
    NINE = 0x39

# The codes of _slowroute; a test compares them by ALL_CODES.
cdef enum Mode:
    SEQUENTIAL = 0
    PARALLEL = 1
    LEAST_BUSY = 2

cdef enum Availability:
    UNAVAILABLE = 0
    SCHEDULE = 1
    AVAILABLE = 2

cdef enum Flag:
    ACTIVE = 1
    MAIN = 2
    REGISTERS = 4

cdef enum Addressee:
    EMPLOYEE = 0
    GROUP = 1
    OUTSIDE = 2
    UNKNOWN = 3

cdef enum Node:
    RING = 0
    RING_OUTSIDE = 1
    SEQ = 2
    PAR = 3

cdef enum Reason:
    IS_UNAVAILABLE = 0
    IS_INACTIVE = 1
    IS_NOT_MAIN = 2
    IS_NOT_REGISTERED = 3
    IS_BUSY = 4
    IS_CALLER = 5
    HAS_NO_TERMINALS = 6
    IS_UNKNOWN = 7

cdef enum RouteResult:
    NO_NUMBER = -1
    NO_SCENARIO = -2
    DISABLED = -3

ALL_CODES = {
    "Mode.SEQUENTIAL": SEQUENTIAL,
    "Mode.PARALLEL": PARALLEL,
    "Mode.LEAST_BUSY": LEAST_BUSY,
    "Availability.UNAVAILABLE": UNAVAILABLE,
    "Availability.SCHEDULE": SCHEDULE,
    "Availability.AVAILABLE": AVAILABLE,
    "Flag.ACTIVE": ACTIVE,
    "Flag.MAIN": MAIN,
    "Flag.REGISTERS": REGISTERS,
    "Addressee.EMPLOYEE": EMPLOYEE,
    "Addressee.GROUP": GROUP,
    "Addressee.OUTSIDE": OUTSIDE,
    "Addressee.UNKNOWN": UNKNOWN,
    "Node.RING": RING,
    "Node.OUTSIDE": RING_OUTSIDE,
    "Node.SEQ": SEQ,
    "Node.PAR": PAR,
    "Reason.UNAVAILABLE": IS_UNAVAILABLE,
    "Reason.INACTIVE": IS_INACTIVE,
    "Reason.NOT_MAIN": IS_NOT_MAIN,
    "Reason.NOT_REGISTERED": IS_NOT_REGISTERED,
    "Reason.BUSY": IS_BUSY,
    "Reason.CALLER": IS_CALLER,
    "Reason.NO_TERMINALS": HAS_NO_TERMINALS,
    "Reason.UNKNOWN": IS_UNKNOWN,
    "RouteResult.NO_NUMBER": NO_NUMBER,
    "RouteResult.NO_SCENARIO": NO_SCENARIO,
    "RouteResult.DISABLED": DISABLED,
}


def digits(str e164):
    """The digits of ``+E.164`` text as a number; 0 if it is none (an anonymous caller)."""
    cdef uint64_t number = 0
    cdef Py_ssize_t at, length
    cdef Py_UCS4 character
    if e164 is None:
        return 0
    length = len(e164)
    if not 2 <= length <= 16 or e164[0] != PLUS:
        return 0
    for at in range(1, length):
        character = e164[at]
        if not ZERO <= character <= NINE:
            return 0
        number = number * 10 + <uint64_t><uint32_t>character - ZERO
    return number


@cython.final
cdef class Table:
    """One company. Immutable: a changed configuration is a new table."""

    def __cinit__(self, numbers, scenarios, employees, terminals, groups, members):
        owned = sorted(dict(numbers).items())
        self.n_numbers = len(owned)
        self.n_scenarios = len(scenarios)
        self.n_employees = len(employees)
        self.n_terminals = len(terminals)
        self.n_groups = len(groups)
        self.n_members = len(members)
        self.numbers = <Number *>self._room(self.n_numbers * sizeof(Number))
        self.scenarios = <Scenario *>self._room(self.n_scenarios * sizeof(Scenario))
        self.employees = <Employee *>self._room(self.n_employees * sizeof(Employee))
        self.terminals = <Terminal *>self._room(self.n_terminals * sizeof(Terminal))
        self.groups = <Group *>self._room(self.n_groups * sizeof(Group))
        self.members = <int32_t *>self._room(self.n_members * sizeof(int32_t))
        self._fill_routes(owned, scenarios)
        self._fill_people(employees, terminals, groups, members)

    def __dealloc__(self):
        PyMem_Free(self.numbers)
        PyMem_Free(self.scenarios)
        PyMem_Free(self.employees)
        PyMem_Free(self.terminals)
        PyMem_Free(self.groups)
        PyMem_Free(self.members)

    def route(self, uint64_t called, uint64_t caller, double instant):
        """The branch for a call to the number ``called``, or a ``RouteResult`` below zero."""
        cdef int64_t scenario = self.find(called)
        if scenario == -2:
            return <int>NO_NUMBER
        if scenario < 0:
            return <int>NO_SCENARIO
        if not self.scenarios[scenario].enabled:
            return <int>DISABLED
        return self.scenarios[scenario].branch

    def plan(
        self,
        bytes step not None,
        bytes registered not None,
        bytes calls not None,
        int32_t caller,
        uint64_t seed,
    ):
        """Who rings and who does not; ValueError for live state of another configuration."""
        cdef Plan plan
        cdef Py_ssize_t length = PyBytes_GET_SIZE(step)
        cdef const int32_t *given = <const int32_t *>PyBytes_AS_STRING(step)
        if length % 4 or length < 12 or (length // 4) % 2 == 0:
            raise ValueError("a step is mode, time, each and pairs of kind and index")
        if PyBytes_GET_SIZE(registered) != self.n_terminals or PyBytes_GET_SIZE(calls) != self.n_terminals:
            raise ValueError("the live state is of another configuration")
        plan.mode, plan.seconds, plan.each = given[0], given[1], given[2]
        plan.caller = caller
        plan.registered = <const uint8_t *>PyBytes_AS_STRING(registered)
        plan.calls = <const uint8_t *>PyBytes_AS_STRING(calls)
        plan.nodes.data = plan.skipped.data = NULL
        plan.nodes.count = plan.skipped.count = plan.nodes.room = plan.skipped.room = 0
        plan.reached = <int32_t *>PyMem_Calloc(self.n_employees + 1, sizeof(int32_t))
        if not plan.reached:
            raise MemoryError
        try:
            self.expand(&plan, given + 3, (length // 4 - 3) // 2)
            return _bytes(&plan.nodes), _bytes(&plan.skipped)
        finally:
            PyMem_Free(plan.reached)
            PyMem_Free(plan.nodes.data)
            PyMem_Free(plan.skipped.data)

    # --- filling ----------------------------------------------------------------------------

    cdef void *_room(self, Py_ssize_t length) except NULL:
        cdef void *room = PyMem_Malloc(length or 1)
        if not room:
            raise MemoryError
        self.size += length
        return room

    cdef int _fill_routes(self, list owned, scenarios) except -1:
        cdef Py_ssize_t at
        for at, (number, scenario) in enumerate(owned):
            _within(scenario, self.n_scenarios, -1)
            self.numbers[at] = Number(number, scenario)
        for at, (enabled, branch) in enumerate(scenarios):
            self.scenarios[at] = Scenario(enabled, branch)
        return 0

    cdef int _fill_people(self, employees, terminals, groups, members) except -1:
        cdef Py_ssize_t at
        for at, (availability, mode, first, count) in enumerate(employees):
            _within(first, self.n_terminals + 1, 0)
            _within(first + count, self.n_terminals + 1, 0)
            self.employees[at] = Employee(availability, mode, first, count)
        for at, (flags, seconds, channels) in enumerate(terminals):
            self.terminals[at] = Terminal(flags, seconds, channels)
        for at, (mode, seconds, first, count) in enumerate(groups):
            _within(first, self.n_members + 1, 0)
            _within(first + count, self.n_members + 1, 0)
            self.groups[at] = Group(mode, seconds, first, count)
        for at, member in enumerate(members):
            _within(member, self.n_employees, 0)
            self.members[at] = member
        return 0

    # --- reading ----------------------------------------------------------------------------

    cdef int64_t find(self, uint64_t digits) noexcept:
        """The scenario of a number, -1 if it has none, -2 if the number is nobody's."""
        cdef Py_ssize_t low = 0, high = self.n_numbers, middle
        while low < high:
            middle = (low + high) // 2
            if self.numbers[middle].digits < digits:
                low = middle + 1
            else:
                high = middle
        if low == self.n_numbers or self.numbers[low].digits != digits:
            return -2
        return self.numbers[low].scenario

    cdef int expand(self, Plan *plan, const int32_t *entries, Py_ssize_t count) except -1:
        cdef Py_ssize_t entry
        cdef int32_t kind = PAR if plan.mode == PARALLEL else SEQ
        cdef int32_t items = 0
        _open(plan, kind)
        for entry in range(count):
            # In turn somebody may be tried a second time; at once everybody rings once.
            plan.round = 1 if plan.mode == PARALLEL else <int32_t>entry + 1
            items += self.addressee(plan, kind, <int32_t>entry, entries[2 * entry], entries[2 * entry + 1])
        _close(&plan.nodes, 0, kind, items, -1)
        return 0

    cdef int32_t addressee(
        self, Plan *plan, int32_t parent, int32_t entry, int32_t kind, int32_t which
    ) except -1:
        cdef int32_t alone = plan.seconds
        if plan.mode != PARALLEL:
            alone = min(plan.each, plan.seconds)
        if kind == EMPLOYEE:
            _within(which, self.n_employees, 0)
            return self.employee(plan, parent, entry, which, plan.mode, alone)
        if kind == GROUP:
            _within(which, self.n_groups, 0)
            return self.group(plan, parent, entry, which)
        if kind == OUTSIDE:
            _ring(plan, RING_OUTSIDE, entry, alone)
            return 1
        _skip(plan, -1, -1, entry, IS_UNKNOWN)
        return 0

    cdef int32_t group(self, Plan *plan, int32_t parent, int32_t entry, int32_t which) except -1:
        cdef Group *group = &self.groups[which]
        cdef int32_t kind = PAR if group.mode == PARALLEL else SEQ
        cdef int32_t limit = min(group.seconds, plan.seconds)
        cdef int32_t items = 0, at
        cdef Py_ssize_t start = plan.nodes.count
        if not group.count:
            _skip(plan, -1, -1, entry, HAS_NO_TERMINALS)
        _open(plan, kind)
        for at in range(group.first, group.first + group.count):
            items += self.employee(plan, kind, entry, self.members[at], group.mode, limit)
        return _close(&plan.nodes, start, kind, items, parent)

    cdef int32_t employee(
        self, Plan *plan, int32_t parent, int32_t entry, int32_t which, int32_t mode, int32_t limit
    ) except -1:
        cdef Employee *employee = &self.employees[which]
        cdef int32_t kind = PAR if employee.mode == PARALLEL else SEQ
        cdef int32_t items = 0, terminal, reason, seconds
        cdef Py_ssize_t start = plan.nodes.count
        if plan.reached[which] == plan.round:
            return 0
        plan.reached[which] = plan.round
        if employee.availability == UNAVAILABLE:
            _skip(plan, -1, which, entry, IS_UNAVAILABLE)
            return 0
        if not employee.count:
            _skip(plan, -1, which, entry, HAS_NO_TERMINALS)
        _open(plan, kind)
        for terminal in range(employee.first, employee.first + employee.count):
            reason = self.why_not(plan, terminal, mode)
            if reason >= 0:
                _skip(plan, terminal, which, entry, reason)
                continue
            seconds = limit
            if employee.mode != PARALLEL:
                seconds = min(self.terminals[terminal].seconds, limit)
            _ring(plan, RING, terminal, seconds)
            items += 1
        return _close(&plan.nodes, start, kind, items, parent)

    cdef int32_t why_not(self, Plan *plan, int32_t terminal, int32_t mode) noexcept:
        """The reason why a terminal does not ring, or -1."""
        cdef int32_t flags = self.terminals[terminal].flags
        if not flags & ACTIVE:
            return IS_INACTIVE
        if mode == PARALLEL and not flags & MAIN:
            return IS_NOT_MAIN
        if terminal == plan.caller:
            return IS_CALLER
        if flags & REGISTERS and not plan.registered[terminal]:
            return IS_NOT_REGISTERED
        if plan.calls[terminal] >= self.terminals[terminal].channels:
            return IS_BUSY
        return -1


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


cdef int _within(Py_ssize_t index, Py_ssize_t count, Py_ssize_t lowest) except -1:
    if not lowest <= index < count:
        raise IndexError(f"{index} is not between {lowest} and {count}")
    return 0
