"""Feature codes: pressed in a conversation, dialled to pick a call up; INVITE with Replaces."""

import asyncio

import pytest
from msgspec.structs import replace

from core.contracts import Direction, Group, Line, Outcome, StepCode
from core.sip.identity import FromLine, FromTrunk
from core.sip.session import Ended, SessionState
from tests.support.virtual_time import run
from tests.unit.call.office import ANNA, BORIS, CARRIER, LOGIN, TENANT, Caller, Office, invite, play
from tests.unit.call.test_transfer import codes, verbs, world
from tests.unit.call.world import answers, hangs_up, refuses, rings

BYE = Ended(True)


def presses(made, leg, keys, at, every=0.5):
    """The key presses of a party, as a caller's script."""
    return [
        (at + every * number, lambda key=key: made.media.on_key(leg, key, 100))
        for number, key in enumerate(keys)
    ]


def test_an_employee_passes_the_client_on_by_his_keys():
    made = world()
    made.phone("123", rings(), answers(3, b"b"), hangs_up(20))
    cdr = run(made.run(*presses(made, "leg1", "*1123", 10)))
    assert made.phones["a"].session.did == [("bye", ())], "he leaves at once"
    assert made.talks == [["+79160000000", "123"]]
    assert codes(cdr)[-4:] == [
        StepCode.TRANSFER,
        StepCode.RINGING,
        StepCode.JOINED,
        StepCode.ENDED,
    ]


@pytest.mark.parametrize(("keys", "every"), [("*112#", 0.5), ("*112", 0.5), ("5*112", 0.1)])
def test_a_number_that_another_one_begins_with_ends_with_a_hash_or_a_pause(keys, every):
    made = world()
    made.phone("12", rings(), answers(3, b"b"), hangs_up(20))
    run(made.run(*presses(made, "leg1", keys, 10, every)))
    assert made.talks == [["+79160000000", "12"]]


@pytest.mark.parametrize("keys", ["*1999#", "*1*5", "*9123"])
def test_keys_that_mean_nothing_change_nothing(keys):
    made = world(hangs_up(40))
    cdr = run(made.run(*presses(made, "leg1", keys, 10)))
    assert verbs(made.media, "park") == []
    assert cdr.ended_by == "callee"


def test_slow_keys_are_no_code():
    made = world(hangs_up(60))
    made.phone("123", answers(3, b"b"))
    run(made.run(*presses(made, "leg1", "*1123", 10, 5)))
    assert verbs(made.media, "park") == []


def test_a_clients_keys_are_no_codes():
    made = world(hangs_up(40))
    made.phone("123", answers(3, b"b"))
    run(made.run(*presses(made, None, "*1123", 10)))
    assert verbs(made.media, "park", "promote") == []


def test_an_employee_who_called_passes_on_too():
    made = world(direction=Direction.OUTGOING)
    made.employee = True
    made.phone("123", rings(), answers(3, b"b"), hangs_up(20))
    run(made.run(*presses(made, None, "*1123", 10)))
    assert made.talks == [["a", "123"]]


def consulting(*script):
    made = world()
    made.phone("123", rings(), *script)
    return made


MUSIC_FOR_THE_CLIENT = ("play", "music.wav", "again", "caller")


@pytest.mark.parametrize("how", ["hangs up", "presses the code"])
def test_the_employee_asks_and_then_passes_the_client_on(how):
    made = consulting(answers(3, b"b"), hangs_up(60))
    leaves = (
        [(25, lambda: made.phones["a"].session.say(BYE))]
        if how == "hangs up"
        else presses(made, None, "*1", 25)
    )
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), *leaves))
    assert MUSIC_FOR_THE_CLIENT in made.media.did
    moves = verbs(made.media, "park", "promote", "connect", "drop")
    assert moves == [
        ("connect", "leg1"),
        ("promote", "leg1"),
        ("connect", "leg2"),
        ("promote", "caller"),
        ("connect", "leg2"),
        ("drop", "leg1"),
    ]
    assert made.talks == [["+79160000000", "a", "123"], ["+79160000000", "123"]]
    assert cdr.ended_by == "callee"
    assert (StepCode.TRANSFER, {"to": "123", "attended": True}) in [(s.code, s.data) for s in cdr.steps]


@pytest.mark.parametrize("how", ["the other hangs up", "presses the code", "not reached"])
def test_the_employee_asks_and_has_the_client_back(how):
    made = consulting(refuses(486) if how == "not reached" else answers(3, b"b"))
    back = {
        "the other hangs up": [(25, lambda: made.phones["123"].session.say(BYE))],
        "presses the code": presses(made, None, "*2", 25),
        "not reached": [],
    }[how]
    ends = [(40, lambda: made.phones["a"].session.say(BYE))]
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), *back, *ends))
    assert made.talks[-1] == ["a", "+79160000000"]
    assert verbs(made.media, "connect")[-1] == ("connect", "caller")
    assert (cdr.ended_by, codes(cdr).count(StepCode.JOINED)) == ("callee", 0)
    assert made.caller.did[-1] == ("bye", ())


def test_who_hangs_up_while_it_rings_has_passed_the_client_on_unasked():
    made = consulting(answers(10, b"b"), hangs_up(40))
    leaves = (14, lambda: made.phones["a"].session.say(BYE))
    run(made.run(*presses(made, "leg1", "*2123", 10), leaves))
    assert made.talks == [["+79160000000", "123"]]


def test_a_client_who_waits_may_hang_up():
    made = consulting(answers(3, b"b"))
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), (25, BYE)))
    assert cdr.ended_by == "caller"
    assert made.phones["a"].session.did == [("bye", ())]
    assert made.phones["123"].session.did == [("bye", ())]


# --- picking up ------------------------------------------------------------------------------------


def line(who):
    return Line(LOGIN[who], TENANT, who, who, {})


def group(office, *members):
    made = Group(members[0], "Группа", "55", members=members)
    office.snapshot = replace(office.snapshot, groups=(made,))
    office.directory.put(office.snapshot)


@pytest.mark.parametrize("code", ["*8101", "*855", "*8"])
def test_a_colleagues_ringing_call_is_picked_up(code):
    office = Office()
    group(office, ANNA, BORIS)
    phone = office.phone(ANNA, rings())

    async def scene():
        client = office.from_carrier()
        await asyncio.sleep(5)
        boris = office.from_line(BORIS, code)
        await asyncio.sleep(5)
        assert boris.did == [("answer", b"answer for leg2")]
        assert client.did[-1] == ("answer", b"sent caller")
        (ended,) = phone.session.did
        assert 'cause=200;text="Call completed elsewhere"' in ended[1][0][1]
        await asyncio.sleep(5)
        client.say(BYE)
        await asyncio.sleep(1)
        assert boris.did[-1] == ("bye", ())

    (cdr,) = play(office, scene)
    assert (cdr.outcome, cdr.answered_employee_id) == (Outcome.ANSWERED, BORIS)
    assert StepCode.PICKED_UP in codes(cdr)
    assert any(step.data.get("reason") == "elsewhere" for step in cdr.steps)


@pytest.mark.parametrize("code", ["*8102", "*8999", "*8"])
def test_what_does_not_ring_there_cannot_be_picked_up(code):
    office = Office()
    office.phone(ANNA, rings())

    async def scene():
        client = office.from_carrier()
        await asyncio.sleep(5)
        boris = office.from_line(BORIS, code)
        assert boris.did == [("reject", 404)]
        client.say(BYE)

    play(office, scene)
    assert office.switchboard.rejected == {"pickup": 1}


def replacing(office, origin, replaced):
    session = Caller(invite("anybody"))
    type(session).replaced = property(lambda self: self.__dict__.get("wants"))
    session.__dict__["wants"] = replaced
    office.switchboard.on_invite(session, origin)
    return session


@pytest.fixture(autouse=True)
def restored():
    yield
    if "replaced" in Caller.__dict__:
        del Caller.replaced


def test_an_employee_goes_on_at_another_telephone():
    office = Office()
    phone = office.phone(ANNA, answers(2))

    async def scene():
        client = office.from_carrier()
        await asyncio.sleep(10)
        stranger = replace(line(ANNA), tenant_id=BORIS)
        assert replacing(office, FromLine(stranger), phone.session).did == [("reject", 603)]
        assert replacing(office, FromTrunk(CARRIER), phone.session).did == [("reject", 603)]
        assert replacing(office, FromLine(line(BORIS)), phone.session).did == [("reject", 603)]
        assert replacing(office, FromLine(line(ANNA)), client).did == [("reject", 603)]
        other = replacing(office, FromLine(line(ANNA)), phone.session)
        await asyncio.sleep(5)
        assert other.did == [("answer", b"answer for leg2")]
        assert phone.session.did == [("bye", ())]
        other.say(BYE)

    (cdr,) = play(office, scene)
    assert (cdr.ended_by, codes(cdr)[-2:]) == ("callee", [StepCode.JOINED, StepCode.ENDED])


def test_a_ringing_dialog_is_replaced_by_any_colleague():
    office = Office()
    phone = office.phone(ANNA, rings())

    async def scene():
        client = office.from_carrier()
        await asyncio.sleep(5)
        phone.session.state = SessionState.EARLY
        boris = replacing(office, FromLine(line(BORIS)), phone.session)
        await asyncio.sleep(5)
        assert boris.did == [("answer", b"answer for leg2")]
        client.say(BYE)

    (cdr,) = play(office, scene)
    assert cdr.answered_employee_id == BORIS
