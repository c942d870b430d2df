# Working time, compiled. ``_slowhours`` says what it does. Included by _fastroute.pyx.

cdef enum Clock:
    DAY = 1440
    DAY_OFF = 0
    EPOCH_WEEKDAY = 3


@cython.final
cdef class Zone:
    """The offsets of a time zone. Immutable, shared by the tables of all companies that live in it."""

    def __cinit__(self, instants, offsets):
        cdef Py_ssize_t at
        if len(offsets) != len(instants) + 1 or sorted(set(instants)) != list(instants):
            raise ValueError("a zone has rising instants and one offset more")
        self.count = len(instants)
        self.instants = <int64_t *>_memory(self.count * sizeof(int64_t))
        self.offsets = <int32_t *>_memory((self.count + 1) * sizeof(int32_t))
        for at in range(self.count):
            self.instants[at] = instants[at]
        for at in range(self.count + 1):
            self.offsets[at] = offsets[at]

    def __dealloc__(self):
        PyMem_Free(self.instants)
        PyMem_Free(self.offsets)

    def minute(self, double instant):
        """The wall clock at an instant, in minutes since 1 January 1970, 00:00 of the same clock."""
        return self.at(instant)

    cdef int64_t at(self, double instant) noexcept:
        cdef int64_t seconds = <int64_t>floor(instant)
        cdef Py_ssize_t low = 0, high = self.count, middle
        while low < high:
            middle = (low + high) // 2
            if self.instants[middle] <= seconds:
                low = middle + 1
            else:
                high = middle
        return _floor(seconds + self.offsets[low], 60)


@cython.final
cdef class Hours:
    """All schedules and calendars of one company, known by index."""

    def __cinit__(self, schedules, calendars):
        cdef Py_ssize_t at = 0, which, day
        for schedule in schedules:
            if len(schedule) != 7 or any(len(spans) % 2 for spans in schedule):
                raise ValueError("a schedule has seven days of pairs")
        self.schedules, self.calendars = len(schedules), len(calendars)
        n_spans = sum(len(spans) // 2 for schedule in schedules for spans in schedule)
        n_dates = sum(len(dict(dates)) for dates in calendars)
        self.days = <int32_t *>_memory(8 * self.schedules * sizeof(int32_t))
        self.spans = <Span *>_memory(n_spans * sizeof(Span))
        self.firsts = <int32_t *>_memory((self.calendars + 1) * sizeof(int32_t))
        self.dates = <Day *>_memory(n_dates * sizeof(Day))
        self.size = (8 * self.schedules + self.calendars + 1) * sizeof(int32_t)
        self.size += n_spans * sizeof(Span) + n_dates * sizeof(Day)
        for which, schedule in enumerate(schedules):
            for day, spans in enumerate(schedule):
                self.days[8 * which + day] = at
                for start, end in zip(spans[::2], spans[1::2]):
                    self.spans[at] = Span(start, end)
                    at += 1
            self.days[8 * which + 7] = at
        at = 0
        for which, dates in enumerate(calendars):
            self.firsts[which] = at
            for date, code in sorted(dict(dates).items()):
                if not 0 <= code <= 7:
                    raise ValueError("a calendar's code is 0 to 7")
                self.dates[at] = Day(date, code)
                at += 1
        self.firsts[self.calendars] = at

    def __dealloc__(self):
        PyMem_Free(self.days)
        PyMem_Free(self.spans)
        PyMem_Free(self.firsts)
        PyMem_Free(self.dates)

    def open(self, int32_t schedule, int32_t calendar, int64_t minute):
        """Whether it is working time at a minute of the wall clock; -1 is no schedule or calendar."""
        _within(schedule, self.schedules, -1)
        _within(calendar, self.calendars, -1)
        return bool(self.is_open(schedule, calendar, minute))

    cdef bint is_open(self, int32_t schedule, int32_t calendar, int64_t minute) noexcept:
        cdef int64_t day
        cdef int32_t now
        if schedule < 0 and calendar < 0:
            return True
        day = _floor(minute, DAY)
        now = <int32_t>(minute - day * DAY)
        return self.begun(schedule, calendar, day, now) or self.begun(schedule, calendar, day - 1, now + DAY)

    cdef bint begun(self, int32_t schedule, int32_t calendar, int64_t day, int32_t minute) noexcept:
        """Whether an interval that begins on the day holds the minute, counted from its midnight."""
        cdef int32_t weekday = <int32_t>(day + EPOCH_WEEKDAY - 7 * _floor(day + EPOCH_WEEKDAY, 7))
        cdef int32_t low, high, middle, at
        if calendar >= 0:
            low, high = self.firsts[calendar], self.firsts[calendar + 1]
            while low < high:
                middle = (low + high) // 2
                if self.dates[middle].day < day:
                    low = middle + 1
                else:
                    high = middle
            if low < self.firsts[calendar + 1] and self.dates[low].day == day:
                if self.dates[low].code == DAY_OFF:
                    return False
                weekday = self.dates[low].code - 1
        if schedule < 0:
            return minute < DAY
        for at in range(self.days[8 * schedule + weekday], self.days[8 * schedule + weekday + 1]):
            if self.spans[at].start <= minute < self.spans[at].end:
                return True
        return False


cdef int64_t _floor(int64_t number, int64_t by) noexcept:
    """Division that rounds down, also below zero."""
    cdef int64_t quotient = number // by
    if quotient * by > number:
        quotient -= 1
    return quotient


cdef void *_memory(Py_ssize_t length) except NULL:
    cdef void *memory = PyMem_Calloc(length or 1, 1)
    if not memory:
        raise MemoryError
    return memory
