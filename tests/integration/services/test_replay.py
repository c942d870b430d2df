"""Past calls decided again, bit for bit, after their configuration has changed many times."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from core import routing
from core.call.record import CallRecord, seed_of
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Branch,
    CallFacts,
    Cdr,
    Chain,
    Dial,
    DialMode,
    Direction,
    Employee,
    Group,
    HangUp,
    Live,
    Number,
    Outcome,
    RegionFilter,
    Scenario,
    Snapshot,
    TagFilter,
    Terminal,
    TerminalKind,
)
from core.hours import ExtraPeriod, Interval, PeriodKind, Schedule
from core.ids import new_id
from core.routing import Path, Stage
from core.testing import FakeClock
from tenants import snapshot as snapshots
from tenants.callstore import DatabaseCallStore
from tenants.services import decisions
from tests.support.database import add_tenant

VERSIONS, CALLS = 50, 20
NUMBERS = ("+74951110001", "+74951110002")
TAGS = [UUID(int=7 << 64 | at) for at in range(3)]
DAY = datetime.fromisoformat("2026-11-23T00:00")


class Town:
    """A company that changes without end, and the calls it gets meanwhile, by one seed."""

    def __init__(self, tenant_id: UUID, seed: int) -> None:
        self.dice = random.Random(seed)
        self.tenant_id = tenant_id
        people, phones = [], []
        for at in range(8):
            person = UUID(int=1 << 64 | at)
            own = [UUID(int=2 << 64 | at << 8 | each) for each in range(2)]
            people.append(Employee(person, f"Сотрудник {at}", f"10{at}", terminals=tuple(own)))
            phones += [Terminal(key, person, TerminalKind.SIP, f"005{key.int % 10**7}") for key in own]
        teams = tuple(
            Group(UUID(int=3 << 64 | at), f"Группа {at}", f"20{at}", self.mode(), 30, self.some(people))
            for at in range(2)
        )
        plans = tuple(Schedule(UUID(int=4 << 64 | at), "График", self.week()) for at in range(3))
        self.snapshot = Snapshot(
            tenant_id=tenant_id,
            version=1,
            hash="",
            name="Ромашка",
            employees=tuple(people),
            terminals=tuple(phones),
            groups=teams,
            numbers=tuple(
                Number(UUID(int=5 << 64 | at), number, scenario_id=UUID(int=6 << 64))
                for at, number in enumerate(NUMBERS)
            ),
            scenarios=(self.scenario(),),
            schedules=plans,
        )

    def mode(self) -> DialMode:
        return self.dice.choice(list(DialMode))

    def some(self, people: list[Employee]) -> tuple[UUID, ...]:
        return tuple(person.id for person in self.dice.sample(people, 3))

    def week(self) -> tuple[tuple[Interval, ...], ...]:
        starts = [60 * self.dice.randrange(24) for _ in range(7)]
        return tuple((Interval(start, start + 540),) for start in starts)

    def addressee(self) -> Addressee:
        kind = self.dice.choice(list(AddresseeKind))
        known = {
            AddresseeKind.EMPLOYEE: str(UUID(int=1 << 64 | self.dice.randrange(9))),
            AddresseeKind.GROUP: str(UUID(int=3 << 64 | self.dice.randrange(2))),
            AddresseeKind.EXTENSION: f"{self.dice.choice('12')}0{self.dice.randrange(9)}",
            AddresseeKind.EXTERNAL: "+79031112233",
        }
        return Addressee(kind, known[kind])

    def chain(self) -> Chain:
        dials = [
            Dial(tuple(self.addressee() for _ in range(self.dice.randrange(1, 4))), self.mode())
            for _ in range(2)
        ]
        return Chain((dials[0],), net=(dials[1], HangUp(486)))

    def branch(self, at: int, looks_at: TagFilter | RegionFilter | None) -> Branch:
        return Branch(
            UUID(int=8 << 64 | at),
            f"Фильтр {at}",
            self.chain(),
            looks_at,
            schedule_id=self.dice.choice([None, UUID(int=4 << 64 | self.dice.randrange(4))]),
            off_hours=self.dice.choice([None, self.chain()]),
        )

    def scenario(self, version: int = 1) -> Scenario:
        filters = [TagFilter((self.dice.choice(TAGS),)), RegionFilter((77,)), None]
        *filtered, default = (self.branch(at, each) for at, each in enumerate(filters))
        return Scenario(UUID(int=6 << 64), "По умолчанию", version, default, tuple(filtered))

    def changed(self) -> Snapshot:
        """The next version: somebody's hours and vacation, and sometimes the scenario."""
        before = self.snapshot
        people = list(before.employees)
        at = self.dice.randrange(len(people))
        begins = DAY + timedelta(hours=self.dice.randrange(200))
        away = ExtraPeriod(self.dice.choice(list(PeriodKind)), begins, begins + timedelta(hours=20))
        people[at] = replace(
            people[at],
            schedule_id=self.dice.choice([None, before.schedules[0].id]),
            extra=(away,),
        )
        version = before.version + 1
        scenarios = before.scenarios
        if self.dice.random() < 0.3:
            scenarios = (replace(self.scenario(version), enabled=self.dice.random() < 0.9),)
        self.snapshot = snapshots.sealed(
            replace(before, version=version, employees=tuple(people), scenarios=scenarios)
        )
        return self.snapshot

    def live(self) -> Live:
        ids = [terminal.id for terminal in self.snapshot.terminals]
        return Live(
            frozenset(key for key in ids if self.dice.random() < 0.7),
            {key: 1 for key in ids if self.dice.random() < 0.2},
            {employee.id: self.dice.randrange(3) for employee in self.snapshot.employees},
            {
                employee.id: self.dice.choice(list(AvailabilityMode))
                for employee in self.snapshot.employees
                if self.dice.random() < 0.6
            },
        )

    def call(self, compiled: routing.Compiled) -> tuple[Cdr, Path]:
        """A call as the switchboard records it, and what was decided for it on the way."""
        facts = CallFacts(
            new_id(),
            self.tenant_id,
            Direction.INCOMING,
            "+79161112233",
            self.dice.choice(NUMBERS),
            tags=frozenset(self.dice.sample(TAGS, self.dice.randrange(3))),
            regions=self.dice.choice([(), (77,), (50,)]),
        )
        clock = FakeClock(DAY.timestamp() + self.dice.random() * 864_000)
        record = CallRecord(facts, clock, compiled.snapshot.hash)
        decision = routing.route(compiled, facts, record.started_at)
        record.decision = decision
        stages = []
        for step in decision.chain.all_steps if decision else ():
            if isinstance(step, Dial):
                live = self.live()
                at = record.attempt(step, live)
                found = routing.plan(compiled, step, facts, live, at, seed_of(facts.call_id))
                net = step in decision.chain.net and step not in decision.chain.steps
                stages.append(Stage(at, step, found, net))
                clock.advance(self.dice.random() * 60)
            if self.dice.random() < 0.3:
                break  # somebody answered
        unrouted = None if decision else routing.unrouted(compiled, facts)
        return record.finish(Outcome.NO_ANSWER, 480, "system"), Path(decision, tuple(stages), unrouted)


def bits(path: Path) -> bytes:
    return msgspec.json.encode(path, order="deterministic")


@pytest.fixture
async def tenant_id(database) -> UUID:
    return await add_tenant(database, "Ромашка")


@pytest.fixture
async def store(database, tmp_path):
    opened = DatabaseCallStore(database, tmp_path)
    opened.start()
    yield opened
    await opened.close()


def years(town: Town) -> Iterator[tuple[Snapshot, list[tuple[Cdr, Path]]]]:
    for _ in range(VERSIONS):
        compiled = routing.compile(town.changed())
        yield compiled.snapshot, [town.call(compiled) for _ in range(CALLS)]


async def test_a_thousand_calls_are_decided_again_after_fifty_changes(database, store, tenant_id):
    told, ended = {}, []
    for snapshot, calls in years(Town(tenant_id, 20261123)):
        await snapshots.store(database, snapshot)
        ended += [store.save(cdr) for cdr, _ in calls]
        told |= {cdr.call_id: bits(path) for cdr, path in calls}
    await asyncio.gather(*ended)
    compiled: dict[str, routing.Compiled] = {}
    async with database.tenant(tenant_id) as session:
        rows = await session.fetch(f"SELECT c.id, {decisions.EVIDENCE} FROM calls AS c")
        for digest in {row["snapshot_hash"] for row in rows}:
            compiled[digest] = routing.compile(await snapshots.find(session, digest))
    again = {
        row["id"]: bits(routing.replay(compiled[row["snapshot_hash"]], decisions.evidence_of(row, {})))
        for row in rows
    }
    assert len(told) == VERSIONS * CALLS
    assert again == told
    assert len(compiled) > VERSIONS / 2
    rung = [path for path in told.values() if b'"ring"' in path]
    assert len(rung) > 500  # it is not that nobody ever rings
