"""The public fakes: they are what the core needs, and they behave."""

from __future__ import annotations

import inspect
from uuid import UUID

import pytest

from core import office, ports, testing
from core.contracts import Line, Outcome, Snapshot, Tenant, Trunk
from core.errors import MediaUnavailable
from core.ids import new_id
from tests.unit.routing.company import NUMBER, Company

PAIRS = [
    (ports.Clock, testing.FakeClock),
    (ports.TenantDirectory, testing.MemoryDirectory),
    (ports.CallStore, testing.MemoryCallStore),
    (ports.LineBoard, testing.MemoryBoard),
    (ports.LiveBoard, testing.MemoryBoard),
    (ports.MediaSession, testing.MemoryMediaSession),
    (ports.MovableMediaSession, testing.MemoryMediaSession),
    (ports.MediaServer, testing.MemoryMedia),
    (ports.Sounds, testing.MemorySounds),
    (ports.RecordingRoom, testing.MemoryRoom),
    (office.Office, testing.MemoryOffice),
]


@pytest.mark.parametrize(("port", "fake"), PAIRS, ids=lambda kind: kind.__name__)
def test_each_fake_has_the_methods_of_its_port(port, fake):
    wanted = {name: method for name, method in vars(port).items() if inspect.isfunction(method)}
    for name, method in wanted.items():
        if name.startswith("_"):
            continue
        mine = getattr(fake, name)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(method).parameters)
        assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(method)


def test_every_port_has_a_fake():
    protocols = {port for port in vars(ports).values() if getattr(port, "_is_protocol", False)}
    assert protocols - {ports.Protocol} == {port for port, _ in PAIRS} - {office.Office}


def test_time_passes_when_told(sunsim_clock):
    before = sunsim_clock.now(), sunsim_clock.monotonic()
    sunsim_clock.advance(2.5)
    assert (sunsim_clock.now() - before[0], sunsim_clock.monotonic() - before[1]) == (2.5, 2.5)


@pytest.fixture
def company() -> Company:
    company = Company()
    company.number(NUMBER, company.scenario())
    return company


def test_directory_finds_numbers_lines_and_trunks(sunsim_directory, company):
    snapshot = company.snapshot
    line = Line("0051234567", snapshot.tenant_id, new_id(), new_id(), {})
    trunks = [
        Trunk(new_id(), "one", "198.51.100.1", networks=("198.51.100.0/24",)),
        Trunk(new_id(), "two", "203.0.113.1", networks=("203.0.113.1/32", "2001:db8::/32")),
    ]
    sunsim_directory.put(snapshot)
    sunsim_directory.add_line(line)
    for trunk in trunks:
        sunsim_directory.add_trunk(trunk)
    assert sunsim_directory.number(NUMBER) == (snapshot, snapshot.numbers[0])
    assert sunsim_directory.number("+70000000000") is None
    assert sunsim_directory.line("0051234567") is line
    assert sunsim_directory.line("0050000000") is None
    found = [
        sunsim_directory.trunk_from(host) for host in ("198.51.100.77", "2001:db8::1", "192.0.2.1")
    ]
    assert found == [trunks[0], trunks[1], None]
    assert [sunsim_directory.trunk(key) for key in (None, trunks[1].id, new_id())] == [*trunks, None]


def test_lines_of_a_suspended_company_are_gone(sunsim_directory, company):
    company.suspended = True
    snapshot: Snapshot = company.snapshot
    sunsim_directory.put(snapshot)
    sunsim_directory.add_line(Line("0051234567", snapshot.tenant_id, new_id(), new_id(), {}))
    assert sunsim_directory.line("0051234567") is None


async def test_a_call_is_kept_once():
    store, facts = testing.MemoryCallStore(), testing.make_facts(Tenant(new_id(), ""))
    first = testing.make_cdr(facts)
    await store.save(first)
    await store.save(testing.make_cdr(facts, outcome=Outcome.BUSY))
    assert list(store.cdrs.values()) == [first]


def test_board_shows_the_moment():
    board, facts, who = testing.MemoryBoard(), testing.make_facts(Tenant(new_id(), "")), new_id()
    states = []
    for change in (
        lambda: board.call_started(facts, 0),
        lambda: board.call_ringing(facts, 1, [who]),
        lambda: board.call_answered(facts, 2, who, None),
        lambda: board.call_ended(facts),
    ):
        change()
        states.append(board.calls.get(facts.call_id))
    assert states == ["started", "ringing", "answered", None]
    line = Line("0051234567", UUID(int=1), who, who, {})
    board.line_registered(line, 0, 60, "phone", "udp")
    assert board.lines == {"0051234567": "phone"}
    board.line_unregistered(line, 1)
    assert board.lines == {}


async def test_media_notes_its_verbs_and_can_be_away():
    media = testing.MemoryMedia()
    session = media.session(new_id())
    await session.open(b"sdp")
    assert await session.alone() == b"stub"
    assert await session.ring("leg1") == b"offer leg1"
    assert await session.connect("leg1", b"sdp") == b"answer leg1"
    media.up = False
    assert not await media.healthy()
    with pytest.raises(MediaUnavailable):
        await session.ring("leg2")
    await session.close()
    assert session.verbs == ["open", "alone", "ring leg1", "connect leg1", "close"]


async def test_a_plugin_that_uses_the_office_needs_no_database(sunsim_office, sunsim_clock):
    async with sunsim_office.transaction():
        client = await sunsim_office.client("+79031112233", make=True)
        await sunsim_office.note("visit.create", client.id)
    assert [entry.action for entry in sunsim_office.journal] == ["visit.create"]
    start, end = sunsim_office.today()
    assert start.timestamp() <= sunsim_clock.now() < end.timestamp()
