"""The order of queues by itself: first come, first served; nobody twice, nobody lost."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.contracts import Par, Ring, Seq
from plugins.queue.logic import Hall, first_of, offers, priority_of, rings_of

PEOPLE = "abcdef"
LINES = ("sales", "support")
PAUSE = 15.0


def ring(who):
    return Ring(who, 25)


def of(*who, kind=Par):
    return kind(tuple(map(ring, who))) if len(who) > 1 else ring(*who) if who else None


def shared(hall, root):
    """Who rings for whom, if everybody asks for these."""
    return list(offers(hall.lines.values(), lambda _: root, 0.0))


class Queues(RuleBasedStateMachine):
    """Callers come and go, people become free and busy; who is offered is checked at every step."""

    def __init__(self):
        super().__init__()
        self.hall, self.now = Hall(), 0.0
        self.free = set()
        self.at = {}  # each caller's line
        self.served = []
        self.kind = {"sales": Par, "support": Seq}

    def plan(self, plans, waiter):
        key = self.at[waiter]
        if key not in plans:
            plans[key] = of(*sorted(self.free), kind=self.kind[key])
        return plans[key]

    def share_out(self):
        plans, before = {}, {w: w.rings for w in self.at}
        found = list(offers(self.hall.lines.values(), lambda w: self.plan(plans, w), self.now))
        for waiter, who in found:
            assert who <= self.free, "only who is free rings"
            assert not who & before[waiter], "nobody rings twice for the same caller"
            assert all(waiter.asks(each, self.now) for each in who), "who declined is left in peace"
        for line in self.hall.lines.values():  # nobody is passed over for one who came later
            idle = [w for w in line.waiters if not w.rings]
            later = [w for w, _ in found if w in line.waiters and not before[w]]
            for waiter in idle:
                for other in later:
                    if other.order > waiter.order:
                        assert not any(waiter.asks(each, self.now) for each in other.rings)
        taken = set().union(*(w.rings for w in self.at), set())
        for waiter in self.at:  # nobody idles while somebody may ring for him
            if not waiter.rings:
                assert not any(waiter.asks(each, self.now) for each in self.free - taken)

    @rule(line=st.sampled_from(LINES), priority=st.integers(0, 2))
    def comes(self, line, priority):
        self.at[self.hall.join(line, priority)] = line
        self.share_out()

    @rule(who=st.sampled_from(PEOPLE))
    def becomes_free(self, who):
        self.free.add(who)
        self.share_out()

    @rule(who=st.sampled_from(PEOPLE))
    def goes_away(self, who):
        self.free.discard(who)
        for waiter in self.at:
            waiter.rings -= {who}
        self.share_out()

    @rule(pick=st.integers(0, 99))
    def declines(self, pick):
        ringing = [w for w in self.at if w.rings]
        if ringing:
            ringing[pick % len(ringing)].declined(self.now + PAUSE)
            self.share_out()

    @rule(pick=st.integers(0, 99))
    def answers(self, pick):
        ringing = [w for w in self.at if w.rings]
        if ringing:
            waiter = ringing[pick % len(ringing)]
            self.free.discard(min(waiter.rings))
            self.gone(waiter)

    @rule(pick=st.integers(0, 99))
    def gives_up(self, pick):
        if self.at:
            self.gone(list(self.at)[pick % len(self.at)])

    @rule(seconds=st.floats(0, 20))
    def passes(self, seconds):
        self.now += seconds
        self.share_out()

    def gone(self, waiter):
        self.hall.leave(self.at.pop(waiter), waiter)
        self.share_out()

    @invariant()
    def nobody_rings_for_two(self):
        taken = [who for waiter in self.at for who in waiter.rings]
        assert len(taken) == len(set(taken))

    @invariant()
    def nobody_is_lost(self):
        standing = {w for line in self.hall.lines.values() for w in line.waiters}
        assert standing == set(self.at)
        assert all(line.waiters for line in self.hall.lines.values()), "an empty line is none"

    @invariant()
    def lines_are_in_order(self):
        for line in self.hall.lines.values():
            assert line.waiters == sorted(line.waiters, key=lambda each: (each.priority, each.arrival))
            assert [line.place(w) for w in line.waiters] == list(range(1, len(line.waiters) + 1))


TestQueues = Queues.TestCase
TestQueues.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=40))
def test_equals_are_served_in_the_order_in_which_they_came(priorities):
    """One person, who takes one call after another: nobody is overtaken by an equal."""
    hall, served = Hall(), []
    for number, priority in enumerate(priorities):
        waiter = hall.join("line", priority)
        assert waiter.arrival == number + 1
    while hall.lines:
        ((waiter, who),) = shared(hall, of("a"))
        assert who == {"a"}
        served.append(waiter.order)
        hall.leave("line", waiter)
    assert served == sorted(served)
    assert len(served) == len(priorities)


def test_in_turn_two_callers_ring_two_people():
    hall = Hall()
    first, second, third = (hall.join("line") for _ in range(3))
    root = of("a", "b", kind=Seq)
    found = dict(shared(hall, root))
    assert found == {first: {"a"}, second: {"b"}}
    assert third.rings == frozenset()


def test_at_once_the_first_gets_everybody_and_who_comes_later_goes_to_the_next():
    hall = Hall()
    first, second = hall.join("line"), hall.join("line")
    assert dict(shared(hall, of("a", "b"))) == {first: {"a", "b"}}
    later = dict(shared(hall, of("a", "b", "c")))
    assert later == {second: {"c"}}


def test_who_becomes_free_while_others_ring_rings_as_well_if_nobody_else_waits():
    hall = Hall()
    only = hall.join("line")
    shared(hall, of("a", "b"))
    assert shared(hall, of("a", "b", "c")) == [(only, frozenset("c"))]
    assert only.rings == frozenset("abc")


def test_in_turn_nobody_rings_as_well():
    hall = Hall()
    hall.join("line")
    root = of("a", "b", kind=Seq)
    assert len(shared(hall, root)) == 1
    assert shared(hall, root) == []


def test_of_two_lines_who_came_first_is_served_first():
    hall = Hall()
    later = [hall.join("b", 9), hall.join("a")]
    found = shared(hall, of("x"))
    assert found == [(later[0], frozenset("x"))]


def test_a_group_in_turn_within_a_list_at_once_rings_its_first():
    tree = Par((of("a", "b", kind=Seq), ring("c")))
    assert first_of(tree, "abc") == {"a", "c"}
    assert first_of(tree, "bc") == {"b", "c"}
    assert [each.who for each in rings_of(tree)] == ["a", "b", "c"]


def test_the_earliest_tag_counts():
    vip, partner, other = (UUID(int=number) for number in range(3))
    assert priority_of((vip, partner), {partner, vip}) == 0
    assert priority_of((vip, partner), {partner}) == 1
    assert priority_of((vip, partner), {other}) == 2
    assert priority_of((), {other}) == 0
