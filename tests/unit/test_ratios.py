"""Speed as ratios: a part that becomes twice as slow as it was, beside something that stays as it is,
fails here. Nothing is said of seconds, which are the machine's.

Both sides of a ratio run in turns in one process, and the quickest round of each counts, so that what
else the machine does falls on both or on neither. Each limit is about half of what was measured.
"""

import pytest

from benchmarks import routing as decisions
from benchmarks.companies import INSTANT, typical
from benchmarks.parse import CANDIDATES, measure, quickest
from core import routing
from core.routing.tables import SLOW, Core, the_core
from tests.support.sip_world import ANSWER, HERE, Peer, World

ATTEMPTS = 20


def ratio(slow, quick, rounds=10):
    found = quickest({"slow": slow, "quick": quick}, rounds)
    return found["slow"] / found["quick"]


def reaches(wanted, look):
    """Whether a look finds the ratio; a machine that is very busy gets further looks."""
    return any(look() >= wanted for _ in range(ATTEMPTS))


@pytest.mark.parametrize(("reference", "wanted"), [("reference_email", 6.5), ("reference_split", 1.6)])
def test_reading_an_invite(reference, wanted):
    """13 times as quick as the standard library's parser of headers, 3 times as splitting lines."""
    assert reaches(wanted, lambda: ratio(CANDIDATES[reference], CANDIDATES["parse_and_read"], 40))


def test_answering_an_invite():
    """14 times as quick as reading one with the standard library."""
    assert reaches(7, lambda: ratio(CANDIDATES["reference_email"], CANDIDATES["build_response"], 40))


def decision(core: Core):
    """Who rings in a company of ten, from facts to plan."""
    company, _ = typical(core)
    compiled, facts, live = company.compile(), company.facts(), company.live()

    def decide():
        decided = routing.route(compiled, facts, INSTANT)
        return routing.plan(compiled, decided.chain.steps[0], facts, live, INSTANT, 7)

    return decide


def routed(core: Core):
    """Which branch of a scenario takes a call, in the core alone."""
    company, _ = typical(core)
    table = company.compile().table
    return lambda: table.route(74951234567, b"", b"", INSTANT)


def planned(core: Core):
    """Who rings, in the core alone."""
    company, step = typical(core)
    compiled = company.compile()
    packed, phones = compiled.packed(step), len(compiled.layout.terminals)
    people = len(compiled.layout.employees)
    state = (b"\1" * phones, bytes(phones), b"\1" * people, bytes(4 * people))
    return lambda: compiled.table.plan(packed, *state, -1, INSTANT, 7)


@pytest.mark.parametrize(("work", "wanted"), [(decision, 4.5), (planned, 80), (routed, 13)])
def test_the_compiled_core_beside_its_oracle(work, wanted):
    """160 times as quick to say who rings, 26 times which branch it is; 9 times with the objects that
    are made of the answers, which both make alike."""
    assert reaches(wanted, lambda: ratio(work(SLOW), work(the_core), 5))


def test_the_benchmark_of_decisions_judges_every_goal():
    result = decisions.measure(1, numbering=None, companies=2, many_decisions=10_000)
    assert result["time"].keys() == decisions.CASES.keys()
    every = [
        figure for part in ("time", "size", "tenants", "growth") for figure in result[part].values()
    ]
    assert all({"value", "goal", "unit", "reached"} <= figure.keys() for figure in every)
    # What no busy machine changes.
    assert result["size"]["table_of_450000_ranges"]["reached"]
    assert result["tenants"]["compiled_by_a_change"]["value"] == 1


def test_a_call_through_the_stack():
    """INVITE to BYE of one side, with everything but the socket: as long as 16 times reading one INVITE
    with the standard library."""
    world = World()
    here = f"sip:{HERE[0]}"

    def call():
        peer = Peer()
        world.receive(peer.invite())
        session = world.session
        session.progress(180)
        session.answer(ANSWER)
        world.receive(peer.request("ACK", here, to_tag=session.tag))
        world.receive(peer.request("BYE", here, to_tag=session.tag, cseq=2))
        world.take(), world.invites.clear(), world.events.clear()

    def look():
        found = ratio(CANDIDATES["reference_email"], call, 5)
        world.advance(40)
        return found

    assert reaches(1 / 35, look)
    assert not world.agent.sessions


def test_the_benchmark_says_what_it_measured():
    result = measure(2)
    assert result["bytes"] == 842
    assert result["nanoseconds"].keys() == CANDIDATES.keys()
    assert result["times_quicker_than_email"] > 1
