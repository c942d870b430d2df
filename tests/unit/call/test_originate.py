"""Click-to-call: the employee's telephones ring first, then the client's."""

import asyncio

import pytest
from msgspec.structs import replace

from core.contracts import Direction, Group, Outcome, StepCode
from core.ids import new_id
from core.sip.session import Ended
from tests.unit.call.office import ANNA, BORIS, NUMBER, TENANT, Office, play
from tests.unit.call.world import answers, hangs_up, refuses, rings

BYE = Ended(True)
CLIENT = "+79161112233"


def office(*script, client=(), **settings):
    made = Office(**settings)
    made.anna = made.phone(ANNA, *script)
    made.client = made.phone(CLIENT, *client)
    return made


def asks(made, number=CLIENT, who=ANNA):
    made.asked = new_id()
    return made.switchboard.call_for(TENANT, made.asked, who, number)


def verbs(made):
    return made.media.sessions[made.asked].verbs


def codes(cdr):
    return [step.code for step in cdr.steps]


def test_the_employee_and_then_the_client():
    made = office(rings(), answers(3, b"anna"), client=(rings(), answers(5, b"client"), hangs_up(30)))

    async def scene():
        assert asks(made)
        await asyncio.sleep(2)
        assert made.client.session is None
        await asyncio.sleep(20)
        assert dict(made.switchboard.moment._talking) == {made.snapshot.terminals[0].id: 1}

    (cdr,) = play(made, scene)
    assert (cdr.call_id, cdr.direction, cdr.outcome) == (
        *(made.asked, Direction.OUTGOING),
        Outcome.ANSWERED,
    )
    assert (cdr.caller_employee_id, cdr.called, cdr.caller) == (ANNA, CLIENT, NUMBER)
    assert cdr.ended_by == "callee"
    assert codes(cdr) == [
        StepCode.DIALLED,
        StepCode.RINGING,
        StepCode.TAKEN_UP,
        StepCode.RINGING,
        StepCode.ANSWERED,
        StepCode.ENDED,
    ]
    assert verbs(made) == [
        *("begin", "ring leg1", "found leg1", "ring leg2", "connect leg2", "close"),
    ]
    assert made.anna.session.did == [("bye", ())]
    (_, first), (_, second) = made.endpoint.invited
    assert CLIENT in first["from_"], "who is to be called is shown"
    assert NUMBER in second["from_"]


@pytest.mark.parametrize(
    ("script", "outcome"),
    [((refuses(486),), Outcome.BUSY), ((rings(),), Outcome.NO_ANSWER), ((), Outcome.NO_ANSWER)],
)
def test_an_employee_who_does_not_come_is_not_connected(script, outcome):
    made = office(*script)

    async def scene():
        assert asks(made)

    (cdr,) = play(made, scene)
    assert (cdr.outcome, cdr.answered_at) == (outcome, None)
    assert made.client.session is None


def test_an_employee_may_hang_up_while_it_rings():
    made = office(answers(3, b"anna"), hangs_up(10), client=(rings(),))

    async def scene():
        asks(made)

    (cdr,) = play(made, scene)
    assert (cdr.outcome, cdr.ended_by) == (Outcome.CANCELLED, "caller")
    assert made.client.session.did == [("bye", ())]


def test_the_client_is_busy():
    made = office(answers(3, b"anna"), client=(refuses(486),))

    async def scene():
        asks(made)

    (cdr,) = play(made, scene)
    assert cdr.outcome is Outcome.BUSY
    assert made.anna.session.did == [("bye", ())]


def test_a_colleague_is_called_by_extension():
    made = office(answers(3, b"anna"))
    made.phone(BORIS, answers(2, b"boris"), hangs_up(20))

    async def scene():
        assert asks(made, "102")

    (cdr,) = play(made, scene)
    assert (cdr.direction, cdr.outcome) == (Direction.INTERNAL, Outcome.ANSWERED)


def test_the_limits_are_those_of_the_employees_own_calls():
    made = office(answers(3, b"anna"), outgoing_calls=0)

    async def scene():
        assert asks(made)

    (cdr,) = play(made, scene)
    assert (cdr.outcome, made.anna.session) == (Outcome.REFUSED, None)


def test_nobody_is_called_where_calls_are_not_taken():
    made = office(answers(3, b"anna"))

    async def scene():
        assert not asks(made, "no number")
        made.switchboard.drain()
        assert not asks(made)

    assert play(made, scene) == []


def test_who_has_yet_to_take_up_what_he_asked_for_is_not_picked_up():
    made = office(rings(), answers(10, b"anna"), client=(rings(), answers(3, b"client"), hangs_up(20)))
    everybody = Group(ANNA, "Группа", "55", members=(ANNA, BORIS))
    made.snapshot = replace(made.snapshot, groups=(everybody,))
    made.directory.put(made.snapshot)

    async def scene():
        asks(made)
        await asyncio.sleep(3)
        colleague = made.from_line(BORIS, "*8")
        await asyncio.sleep(2)
        assert colleague.did[-1][:2] == ("reject", 404)
        assert made.anna.session.did == []

    (cdr,) = play(made, scene)
    assert cdr.outcome is Outcome.ANSWERED


def test_keys_of_who_took_it_up_are_said_by_info_if_he_knows_nothing_else():
    made = office(rings(), answers(3, b"anna"), client=(rings(), answers(5, b"client"), hangs_up(30)))

    async def scene():
        asks(made)
        await asyncio.sleep(1)
        made.anna.session.by_info = True
        await asyncio.sleep(20)

    play(made, scene)
    assert "by info leg1" in verbs(made)
