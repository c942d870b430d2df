"""The routing core, compiled. ``_slowroute`` says what it does; both have the same answers.

Indices that come from outside are checked where they enter, in the constructor and in ``plan``;
behind that everything is plain C arrays. Rows refer to each other by index, as the oracle's do.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from libc.math cimport floor
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

__all__ = ["ALL_CODES", "Hours", "NumberingPlan", "Table", "Zone", "digits"]

include "_hours.pxi"
include "_numbering.pxi"
include "_tree.pxi"

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

cdef enum PeriodKind:
    EXTRA_UNAVAILABILITY = 0
    EXTRA_AVAILABILITY = 1

cdef enum Filter:
    NO_FILTER = 0
    BY_TAGS = 1
    BY_REGIONS = 2

cdef enum WhyNot:
    IS_CLOSED = 2  # the first two are those of Filter, less one

cdef enum Flag:
    ACTIVE = 1
    MAIN = 2
    REGISTERS = 4
    IS_OWN = 8
    COSTS_EXTRA = 16

cdef enum Addressee:
    EMPLOYEE = 0
    GROUP = 1
    OUTSIDE = 2
    UNKNOWN = 3
    OWN_NUMBER = 4
    NOT_ALLOWED = 5

cdef enum Reason:
    IS_UNAVAILABLE = 0
    IS_INACTIVE = 1
    IS_NOT_MAIN = 2
    IS_NOT_REGISTERED = 3
    IS_BUSY = 4
    IS_CALLER = 5
    HAS_NO_TERMINALS = 6
    IS_UNKNOWN = 7
    IS_EXTRA_UNAVAILABLE = 8
    IS_OFF_HOURS = 9
    IS_TERMINAL_OFF_HOURS = 10
    IS_OWN_NUMBER = 11
    IS_NOT_ALLOWED = 12

cdef enum RouteResult:
    NO_NUMBER = -1
    NO_SCENARIO = -2
    DISABLED = -3
    CLOSED = -4

cdef enum Asked:
    """What ``availability`` says when it does not say why not."""
    BY_SCHEDULE = -1
    ALWAYS = -2

cdef enum Talk:
    NOBODYS = 0x7FFFFFFF

ALL_CODES = {
    "Mode.SEQUENTIAL": SEQUENTIAL,
    "Mode.PARALLEL": PARALLEL,
    "Mode.LEAST_BUSY": LEAST_BUSY,
    "Availability.UNAVAILABLE": UNAVAILABLE,
    "Availability.SCHEDULE": SCHEDULE,
    "Availability.AVAILABLE": AVAILABLE,
    "PeriodKind.UNAVAILABLE": EXTRA_UNAVAILABILITY,
    "PeriodKind.AVAILABLE": EXTRA_AVAILABILITY,
    "Filter.NONE": NO_FILTER,
    "Filter.TAGS": BY_TAGS,
    "Filter.REGIONS": BY_REGIONS,
    "WhyNot.TAGS": BY_TAGS - 1,
    "WhyNot.REGIONS": BY_REGIONS - 1,
    "WhyNot.CLOSED": IS_CLOSED,
    "Flag.ACTIVE": ACTIVE,
    "Flag.MAIN": MAIN,
    "Flag.REGISTERS": REGISTERS,
    "Flag.OWN_NUMBER": IS_OWN,
    "Flag.NOT_ALLOWED": COSTS_EXTRA,
    "Addressee.EMPLOYEE": EMPLOYEE,
    "Addressee.GROUP": GROUP,
    "Addressee.OUTSIDE": OUTSIDE,
    "Addressee.UNKNOWN": UNKNOWN,
    "Addressee.OWN_NUMBER": OWN_NUMBER,
    "Addressee.NOT_ALLOWED": NOT_ALLOWED,
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
    "Reason.EXTRA_UNAVAILABLE": IS_EXTRA_UNAVAILABLE,
    "Reason.OFF_HOURS": IS_OFF_HOURS,
    "Reason.TERMINAL_OFF_HOURS": IS_TERMINAL_OFF_HOURS,
    "Reason.OWN_NUMBER": IS_OWN_NUMBER,
    "Reason.NOT_ALLOWED": IS_NOT_ALLOWED,
    "RouteResult.NO_NUMBER": NO_NUMBER,
    "RouteResult.NO_SCENARIO": NO_SCENARIO,
    "RouteResult.DISABLED": DISABLED,
    "RouteResult.CLOSED": CLOSED,
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

    def __cinit__(
        self,
        zones,
        Hours hours not None,
        numbers,
        scenarios,
        branches,
        values,
        employees,
        terminals,
        periods,
        groups,
        members,
    ):
        owned = sorted(dict(numbers).items())
        self.zones = [<Zone?>zone for zone in zones]
        self.hours = hours
        _within(0, len(self.zones), 0)
        self.n_numbers, self.n_scenarios = len(owned), len(scenarios)
        self.n_branches, self.n_values = len(branches), len(values)
        self.n_employees, self.n_terminals = len(employees), len(terminals)
        self.n_periods, self.n_groups, self.n_members = len(periods), len(groups), len(members)
        self.numbers = <Number *>self._room(self.n_numbers * sizeof(Number))
        self.scenarios = <Scenario *>self._room(self.n_scenarios * sizeof(Scenario))
        self.branches = <Branch *>self._room(self.n_branches * sizeof(Branch))
        self.values = <int32_t *>self._room(self.n_values * sizeof(int32_t))
        self.employees = <Employee *>self._room(self.n_employees * sizeof(Employee))
        self.terminals = <Terminal *>self._room(self.n_terminals * sizeof(Terminal))
        self.periods = <Period *>self._room(self.n_periods * sizeof(Period))
        self.groups = <Group *>self._room(self.n_groups * sizeof(Group))
        self.members = <int32_t *>self._room(self.n_members * sizeof(int32_t))
        self.size += hours.size
        self._fill_routes(owned, scenarios, branches, values)
        self._fill_people(employees, terminals, periods, groups, members)

    def __dealloc__(self):
        PyMem_Free(self.numbers)
        PyMem_Free(self.scenarios)
        PyMem_Free(self.branches)
        PyMem_Free(self.values)
        PyMem_Free(self.employees)
        PyMem_Free(self.terminals)
        PyMem_Free(self.periods)
        PyMem_Free(self.groups)
        PyMem_Free(self.members)

    def route(self, uint64_t called, bytes tags not None, bytes regions not None, double instant):
        """Who takes a call to the number ``called``, and why the branches before did not."""
        cdef Numbers passed
        cdef int64_t scenario = self.find(called)
        if scenario == -2:
            return <int>NO_NUMBER, b""
        if scenario < 0:
            return <int>NO_SCENARIO, b""
        if not self.scenarios[scenario].enabled:
            return <int>DISABLED, b""
        if PyBytes_GET_SIZE(tags) % 4 or PyBytes_GET_SIZE(regions) % 4:
            raise ValueError("tags and regions are 32-bit integers")
        passed.data = NULL
        passed.count = passed.room = 0
        try:
            taken = self.choose(
                &self.scenarios[scenario], tags, regions, (<Zone>self.zones[0]).at(instant), &passed
            )
            return taken, _bytes(&passed)
        finally:
            PyMem_Free(passed.data)

    def plan(
        self,
        bytes step not None,
        bytes registered not None,
        bytes calls not None,
        bytes modes not None,
        bytes talked not None,
        int32_t caller,
        double instant,
        uint64_t seed,
    ):
        """Who rings and who does not; ValueError for live state of another configuration."""
        cdef Plan plan
        cdef Py_ssize_t length = PyBytes_GET_SIZE(step), at, n_zones = len(self.zones)
        cdef const int32_t *given = <const int32_t *>PyBytes_AS_STRING(step)
        if length % 4 or length < 12 or (length // 4) % 2 == 0:
            raise ValueError("a step is mode, time, each and pairs of kind and index")
        if (
            PyBytes_GET_SIZE(registered) != self.n_terminals
            or PyBytes_GET_SIZE(calls) != self.n_terminals
            or PyBytes_GET_SIZE(modes) != self.n_employees
            or PyBytes_GET_SIZE(talked) != 4 * self.n_employees
        ):
            raise ValueError("the live state is of another configuration")
        plan.mode, plan.seconds, plan.each = given[0], given[1], given[2]
        plan.caller = caller
        plan.registered = <const uint8_t *>PyBytes_AS_STRING(registered)
        plan.calls = <const uint8_t *>PyBytes_AS_STRING(calls)
        plan.modes = <const uint8_t *>PyBytes_AS_STRING(modes)
        plan.talked = <const int32_t *>PyBytes_AS_STRING(talked)
        plan.nodes.data = plan.skipped.data = NULL
        plan.nodes.count = plan.skipped.count = plan.nodes.room = plan.skipped.room = 0
        plan.reached = plan.order = plan.keys = NULL
        plan.entries = (length // 4 - 3) // 2
        plan.minutes = <int64_t *>_memory(n_zones * sizeof(int64_t))
        try:
            for at in range(n_zones):
                plan.minutes[at] = (<Zone>self.zones[at]).at(instant)
            plan.reached = <int32_t *>_memory(self.n_employees * sizeof(int32_t))
            plan.order = <int32_t *>_memory((plan.entries + self.n_members) * sizeof(int32_t))
            plan.keys = <int32_t *>_memory((plan.entries + self.n_members) * sizeof(int32_t))
            self.expand(&plan, given + 3)
            return _bytes(&plan.nodes), _bytes(&plan.skipped)
        finally:
            PyMem_Free(plan.minutes)
            PyMem_Free(plan.reached)
            PyMem_Free(plan.order)
            PyMem_Free(plan.keys)
            PyMem_Free(plan.nodes.data)
            PyMem_Free(plan.skipped.data)

    # --- filling ----------------------------------------------------------------------------

    cdef void *_room(self, Py_ssize_t length) except NULL:
        self.size += length
        return _memory(length)

    cdef int _fill_routes(self, list owned, scenarios, branches, values) except -1:
        cdef Py_ssize_t at
        for at, (number, scenario) in enumerate(owned):
            _within(scenario, self.n_scenarios, -1)
            self.numbers[at] = Number(number, scenario)
        for at, (enabled, first, count) in enumerate(scenarios):
            _slice(first, count, self.n_branches)
            self.scenarios[at] = Scenario(enabled, first, count)
        for at, (looks_at, first, count, schedule, calendar, off_hours) in enumerate(branches):
            _slice(first, count, self.n_values)
            _within(schedule, self.hours.schedules, -1)
            _within(calendar, self.hours.calendars, -1)
            self.branches[at] = Branch(looks_at, first, count, schedule, calendar, off_hours)
        for at, value in enumerate(values):
            self.values[at] = value
        return 0

    cdef int _fill_people(self, employees, terminals, periods, groups, members) except -1:
        cdef Py_ssize_t at
        for at, row in enumerate(employees):
            mode, first, count, zone, schedule, calendar, period, extra = row
            _slice(first, count, self.n_terminals)
            _slice(period, extra, self.n_periods)
            _within(zone, len(self.zones), 0)
            _within(schedule, self.hours.schedules, -1)
            _within(calendar, self.hours.calendars, -1)
            self.employees[at] = Employee(mode, first, count, zone, schedule, calendar, period, extra)
        for at, (flags, seconds, channels, schedule) in enumerate(terminals):
            _within(schedule, self.hours.schedules, -1)
            self.terminals[at] = Terminal(flags, seconds, channels, schedule)
        for at, (kind, start, end) in enumerate(periods):
            self.periods[at] = Period(kind, start, end)
        for at, (mode, seconds, first, count) in enumerate(groups):
            _slice(first, count, self.n_members)
            self.groups[at] = Group(mode, seconds, first, count)
        for at, member in enumerate(members):
            _within(member, self.n_employees, 0)
            self.members[at] = member
        return 0

    # --- who takes the call -----------------------------------------------------------------

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

    cdef int64_t choose(
        self, Scenario *scenario, bytes tags, bytes regions, int64_t minute, Numbers *passed
    ) except -100:
        cdef Branch *branch
        cdef int32_t at, why
        cdef int32_t *row
        cdef bytes of_caller
        for at in range(scenario.first, scenario.first + scenario.count):
            branch = &self.branches[at]
            of_caller = tags if branch.looks_at == BY_TAGS else regions
            if branch.looks_at and not self.fits(
                branch, <const int32_t *>PyBytes_AS_STRING(of_caller), PyBytes_GET_SIZE(of_caller) // 4
            ):
                why = branch.looks_at - 1
            elif self.hours.is_open(branch.schedule, branch.calendar, minute):
                return 2 * <int64_t>at
            elif branch.off_hours:
                return 2 * <int64_t>at + 1
            else:
                why = IS_CLOSED
            row = _more(passed, 2)
            row[0], row[1] = at, why
        return CLOSED

    cdef bint fits(self, Branch *branch, const int32_t *given, Py_ssize_t count) noexcept:
        cdef Py_ssize_t at, wanted
        for at in range(count):
            for wanted in range(branch.first, branch.first + branch.count):
                if self.values[wanted] == given[at]:
                    return True
        return False

    # --- who rings --------------------------------------------------------------------------

    cdef int expand(self, Plan *plan, const int32_t *entries) except -1:
        cdef Py_ssize_t entry, count = plan.entries
        cdef int32_t kind = PAR if plan.mode == PARALLEL else SEQ
        cdef int32_t items = 0, which
        for entry in range(count):
            if entries[2 * entry] == EMPLOYEE:
                _within(entries[2 * entry + 1], self.n_employees, 0)
            elif entries[2 * entry] == GROUP:
                _within(entries[2 * entry + 1], self.n_groups, 0)
            plan.order[entry] = <int32_t>entry
        if plan.mode == LEAST_BUSY:
            for entry in range(count):
                plan.keys[entry] = self.busyness(plan, entries[2 * entry], entries[2 * entry + 1])
            _sort(plan.order, plan.keys, count)
        _open(plan, kind)
        for entry in range(count):
            # In turn somebody may be tried a second time; at once everybody rings once.
            plan.round = 1 if plan.mode == PARALLEL else <int32_t>entry + 1
            which = plan.order[entry]
            items += self.addressee(plan, kind, which, entries[2 * which], entries[2 * which + 1])
        _close(&plan.nodes, 0, kind, items, -1)
        return 0

    cdef int32_t busyness(self, Plan *plan, int32_t kind, int32_t which) noexcept:
        """Seconds of talk today; nobody's time is more than anybody's."""
        cdef int32_t least = NOBODYS, at
        cdef Group *group
        if kind == EMPLOYEE:
            return plan.talked[which]
        if kind == GROUP:
            group = &self.groups[which]
            for at in range(group.first, group.first + group.count):
                least = min(least, plan.talked[self.members[at]])
        return least

    cdef int32_t addressee(
        self, Plan *plan, int32_t parent, int32_t entry, int32_t kind, int32_t which
    ) except -1:
        cdef int32_t alone = plan.seconds
        if plan.mode != PARALLEL:
            alone = min(plan.each, plan.seconds)
        if kind == EMPLOYEE:
            return self.employee(plan, parent, entry, which, plan.mode, alone)
        if kind == GROUP:
            return self.group(plan, parent, entry, which)
        if kind == OUTSIDE:
            _ring(plan, RING_OUTSIDE, entry, alone)
            return 1
        if kind == OWN_NUMBER:
            _skip(plan, -1, -1, entry, IS_OWN_NUMBER)
        elif kind == NOT_ALLOWED:
            _skip(plan, -1, -1, entry, IS_NOT_ALLOWED)
        else:
            _skip(plan, -1, -1, entry, IS_UNKNOWN)
        return 0

    cdef int32_t group(self, Plan *plan, int32_t parent, int32_t entry, int32_t which) except -1:
        cdef Group *group = &self.groups[which]
        cdef int32_t kind = PAR if group.mode == PARALLEL else SEQ
        cdef int32_t limit = min(group.seconds, plan.seconds)
        cdef int32_t items = 0, at
        cdef int32_t *order = plan.order + plan.entries
        cdef Py_ssize_t start = plan.nodes.count
        if not group.count:
            _skip(plan, -1, -1, entry, HAS_NO_TERMINALS)
        for at in range(group.count):
            order[at] = self.members[group.first + at]
        if group.mode == LEAST_BUSY:
            for at in range(group.count):
                plan.keys[plan.entries + at] = plan.talked[order[at]]
            _sort(order, plan.keys + plan.entries, group.count)
        _open(plan, kind)
        for at in range(group.count):
            items += self.employee(plan, kind, entry, order[at], group.mode, limit)
        return _close(&plan.nodes, start, kind, items, parent)

    cdef int32_t employee(
        self, Plan *plan, int32_t parent, int32_t entry, int32_t which, int32_t mode, int32_t limit
    ) except -1:
        cdef Employee *employee = &self.employees[which]
        cdef int32_t kind = PAR if employee.mode == PARALLEL else SEQ
        cdef int32_t items = 0, terminal, reason, seconds, asked
        cdef int64_t minute = plan.minutes[employee.zone]
        cdef Py_ssize_t start = plan.nodes.count
        if plan.reached[which] == plan.round:
            return 0
        plan.reached[which] = plan.round
        asked = self.availability(plan, which)
        if asked >= 0:
            _skip(plan, -1, which, entry, asked)
            return 0
        if not employee.count:
            _skip(plan, -1, which, entry, HAS_NO_TERMINALS)
        _open(plan, kind)
        for terminal in range(employee.first, employee.first + employee.count):
            reason = self.why_not(plan, terminal, minute, mode, asked == ALWAYS)
            if reason >= 0:
                _skip(plan, terminal, which, entry, reason)
                continue
            seconds = limit
            if employee.mode != PARALLEL:
                seconds = min(self.terminals[terminal].seconds, limit)
            _ring(plan, RING, terminal, seconds)
            items += 1
        return _close(&plan.nodes, start, kind, items, parent)

    cdef int32_t availability(self, Plan *plan, int32_t which) noexcept:
        """Why none of his terminals rings, or what they are asked (``Asked``)."""
        cdef Employee *employee = &self.employees[which]
        cdef int64_t minute = plan.minutes[employee.zone]
        cdef int32_t at
        cdef bint extra = False
        if plan.modes[which] == UNAVAILABLE:
            return IS_UNAVAILABLE
        if plan.modes[which] == AVAILABLE:
            return ALWAYS
        for at in range(employee.period, employee.period + employee.periods):
            if self.periods[at].start <= minute < self.periods[at].end:
                if self.periods[at].kind == EXTRA_UNAVAILABILITY:
                    return IS_EXTRA_UNAVAILABLE
                extra = True
        if extra:
            return ALWAYS
        if not self.hours.is_open(employee.schedule, employee.calendar, minute):
            return IS_OFF_HOURS
        return BY_SCHEDULE

    cdef int32_t why_not(
        self, Plan *plan, int32_t terminal, int64_t minute, int32_t mode, bint ignores_hours
    ) noexcept:
        """The reason why a terminal does not ring, or -1."""
        cdef int32_t flags = self.terminals[terminal].flags
        if not flags & ACTIVE:
            if flags & IS_OWN:
                return IS_OWN_NUMBER
            return IS_NOT_ALLOWED if flags & COSTS_EXTRA else IS_INACTIVE
        if mode == PARALLEL and not flags & MAIN:
            return IS_NOT_MAIN
        if not ignores_hours and not self.hours.is_open(self.terminals[terminal].schedule, -1, minute):
            return IS_TERMINAL_OFF_HOURS
        if terminal == plan.caller:
            return IS_CALLER
        if flags & REGISTERS and not plan.registered[terminal]:
            return IS_NOT_REGISTERED
        if plan.calls[terminal] >= self.terminals[terminal].channels:
            return IS_BUSY
        return -1
