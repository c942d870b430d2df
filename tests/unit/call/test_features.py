"""Feature codes: pressed in a conversation, dialled to pick a call up; INVITE with Replaces."""

import asyncio

import pytest
from msgspec.structs import replace

from core.call.takeover import TakeOver
from core.contracts import Direction, Encryption, Group, Line, Outcome, StepCode
from core.sip.identity import FromLine, FromTrunk
from core.sip.session import Answered, Confirmed, Ended, Referred, Reoffer, SessionState
from tests.support.virtual_time import run
from tests.unit.call.office import ANNA, BORIS, CARRIER, LOGIN, TENANT, Caller, Office, invite, play
from tests.unit.call.test_races import after
from tests.unit.call.test_transfer import HOLD, RESUME, FakeReferral, codes, verbs, world
from tests.unit.call.world import CANCELS, FakeSession, answers, hangs_up, refuses, ring, rings, said

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
    assert codes(cdr)[-4:] == [
        *(StepCode.RINGING, StepCode.CONSULTED, StepCode.JOINED, StepCode.ENDED),
    ]
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
    asked = [StepCode.CONSULTED, StepCode.RESUMED, StepCode.ENDED]
    assert (codes(cdr)[-3:] == asked) is (how != "not reached")
    assert made.caller.did[-1] == ("bye", ())


def test_the_recording_can_be_paused_while_one_asks():
    made = consulting(answers(3, b"b"), hangs_up(60))
    ends = [(40, lambda: made.phones["a"].session.say(BYE))]
    run(made.run(*presses(made, "leg1", "*2123", 10), *presses(made, None, "*3", 25), *ends))
    assert made.phones["123"].session.did == [], "he is not sent away by it"


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


HOLDS = [(20, Reoffer(HOLD)), (25, Reoffer(RESUME))]


@pytest.mark.parametrize("who", ["a", "123", "client"])
def test_hold_while_the_client_waits_is_between_those_who_talk(who):
    made = consulting(answers(3, b"b"), hangs_up(30))

    def says(event):
        session = made.caller if who == "client" else made.phones[who].session
        session.say(event)

    script = [(at, lambda event=event: says(event)) for at, event in HOLDS]
    script += [(60, lambda: made.phones["a"].session.say(BYE))]
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), *script))
    between = {
        "a": [("play", "music.wav", "again", "leg2"), ("hush", "leg2")],
        "123": [("play", "music.wav", "again"), ("hush",)],
        "client": [],
    }[who]
    since = made.media.did.index(("connect", "leg2"))
    played = [did for did in made.media.did[since:] if did[0] in ("play", "hush")]
    assert played == [*between, ("hush", "caller")], "his own music is over when he is back"
    steps = [code for code in codes(cdr) if code in (StepCode.HELD, StepCode.RESUMED)]
    assert steps == [StepCode.RESUMED], "of the consultation, which says until when he was asked"


def test_who_holds_still_when_the_client_is_back_has_him_hear_music():
    made = consulting(answers(3, b"b"), hangs_up(30))
    script = [
        (20, lambda: made.phones["a"].session.say(Reoffer(HOLD))),
        (60, lambda: made.phones["a"].session.say(BYE)),
    ]
    run(made.run(*presses(made, "leg1", "*2123", 10), *script))
    assert made.media.did[-2:] == [("play", "music.wav", "again", "caller"), ("close",)]


def test_the_audio_moves_before_somebody_answers_who_takes_no_new_offer():
    made = consulting(answers(8, b"b"))
    asked = made.phones["123"]

    def moves():
        asked.session.takes = [488]
        made.call.media_lost()

    script = [(16, moves), (60, lambda: made.phones["a"].session.say(BYE))]
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), *script))
    assert asked.session.did[-1] == ("bye", ())
    assert made.talks[-1] == ["a", "+79160000000"]
    assert (cdr.ended_by, StepCode.TRANSFER_FAILED in codes(cdr)) == ("callee", True)


def takes_over(made, newcomer):
    """A wish of another telephone of the employee, for the place of his first one."""

    def want():
        state = made.call._state
        state.talk.want(TakeOver(state.legs.named["leg1"], ring("a2"), newcomer))

    return want


def newcomer():
    session = FakeSession(sdp=b"offer")
    session.state = SessionState.EARLY
    return session


def test_a_newcomer_who_gives_up_while_the_employee_asks_takes_nobodys_place():
    made, other = consulting(answers(3, b"b"), hangs_up(30)), newcomer()
    leaves = [
        (20, takes_over(made, other)),
        (25, lambda: other.say(CANCELS)),
        (60, lambda: made.phones["a"].session.say(BYE)),
    ]
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), *leaves))
    assert verbs(made.media, "admit") == []
    assert made.talks[-1] == ["a", "+79160000000"]
    assert (cdr.ended_by, codes(cdr).count(StepCode.JOINED)) == ("callee", 0)


@pytest.mark.parametrize("verb", ["park", "admit"])
def test_a_newcomer_who_gives_up_while_he_is_let_in_leaves_the_place_to_who_had_it(verb):
    made, other = world(hangs_up(30)), newcomer()
    made.media.slow.add(verb)
    leaves = [(10, takes_over(made, other)), (10.5, lambda: other.say(CANCELS))]
    cdr = run(made.run(*leaves))
    assert made.talks[-1] == ["+79160000000", "a"]
    assert verbs(made.media, "drop", "connect")[1:] == [("drop", "leg2"), ("connect", "leg1")]
    assert (cdr.ended_by, codes(cdr).count(StepCode.JOINED)) == ("callee", 0)
    assert cdr.ended_at - cdr.started_at == pytest.approx(30, abs=1)


def test_what_is_still_wanted_when_the_client_hangs_up_is_refused():
    made, other = consulting(answers(3, b"b")), newcomer()
    referral = FakeReferral("123")
    wants = [
        (20, takes_over(made, other)),
        (21, lambda: made.phones["a"].session.say(Referred(referral))),
    ]
    cdr = run(made.run(*presses(made, "leg1", "*2123", 10), *wants, (30, BYE)))
    assert other.did == [("reject", 481)]
    assert referral.said == ["accepted", 487]
    assert cdr.ended_by == "caller"


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


def replacing(office, origin, replaced, *, offers=True):
    session = Caller(invite("anybody"))
    session.remote_sdp = session.remote_sdp if offers else b""
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


ANSWERED = Confirmed(said(b"boris"))


def without_an_offer(office, *later, who=BORIS):
    """Somebody wants to take the place of Anna's telephone at five seconds and offers nothing."""
    phone = office.phone(ANNA, rings(), *([answers(2)] if who is ANNA else []))
    seen = []

    async def scene():
        client = office.from_carrier()
        await asyncio.sleep(5)
        if who is not ANNA:
            phone.session.state = SessionState.EARLY
        taking = replacing(office, FromLine(line(who)), phone.session, offers=False)
        for event in later:
            await asyncio.sleep(2)
            seen.extend(phone.session.did)
            taking.say(event)
        await asyncio.sleep(2)
        seen.append(office.switchboard.calls)
        client.say(BYE)
        return taking

    taken = []

    async def whole():
        taken.append(await scene())

    (cdr,) = play(office, whole)
    return cdr, taken[0], phone, next(iter(office.media.sessions.values())).verbs, seen


def test_who_offers_nothing_is_offered_something():
    cdr, taking, _, did, _ = without_an_offer(Office(), Reoffer(b"too early"), ANSWERED)
    assert taking.did[:2] == [("answer", b"offer leg2"), ("refuse", 500)]
    assert [verb for verb in did if "leg2" in verb] == ["ring leg2", "connect leg2"]
    assert (cdr.outcome, cdr.answered_employee_id) == (Outcome.ANSWERED, BORIS)


@pytest.mark.parametrize("event", [BYE, Confirmed(b"")])
def test_who_does_not_say_what_he_speaks_has_taken_nothing_but_the_ringing(event):
    cdr, taking, phone, did, _ = without_an_offer(Office(), event)
    assert "drop leg2" in did
    assert (cdr.answered_at, phone.session.did[0][0]) == (None, "bye")
    assert [each[0] for each in taking.did] == ["answer"] + ["bye"] * (event is not BYE)


def test_an_employee_goes_on_at_a_telephone_that_offers_nothing():
    cdr, _, phone, did, before = without_an_offer(Office(), ANSWERED, who=ANNA)
    assert before == [1], "the two went on talking until he had answered"
    assert phone.session.did == [("bye", ())]
    assert did.index("park") > did.index("ring leg2")
    assert codes(cdr)[-2:] == [StepCode.JOINED, StepCode.ENDED]


def test_they_go_on_if_the_other_telephone_leaves():
    cdr, _, _, did, before = without_an_offer(Office(), BYE, who=ANNA)
    assert (before, cdr.ended_by) == ([1], "caller")
    assert "park" not in did and "drop leg2" in did
    assert StepCode.JOINED not in codes(cdr)


def test_who_must_encrypt_is_offered_keys_and_must_take_them():
    boris = replace(line(BORIS), encryption=Encryption.REQUIRED)
    seen = []

    async def scene(office, secret):
        phone = office.phone(ANNA, rings())
        client = office.from_carrier()
        await asyncio.sleep(5)
        phone.session.state = SessionState.EARLY
        Caller.secret = secret
        taking = replacing(office, FromLine(boris), phone.session, offers=False)
        await asyncio.sleep(2)
        taking.say(ANSWERED)  # without keys
        await asyncio.sleep(2)
        seen.append([each[0] for each in taking.did])
        client.say(BYE)

    try:
        for secret in (False, True):
            office = Office()
            play(office, lambda office=office, secret=secret: scene(office, secret))
    finally:
        del Caller.secret
    assert seen == [["reject"], ["answer", "bye"]]


@pytest.mark.parametrize("turns", range(6))
def test_the_employee_hangs_up_in_the_moment_in_which_whom_he_asks_answers(turns):
    made = consulting()
    asked, invite = [], made.phones["123"].ring

    def ringing(sdp, listener):
        asked.append(invite(sdp, listener))
        return asked[-1]

    def answer(session):
        session.say(Answered(said(b"b")))

    def at_once():
        answer(asked[0])
        after(turns, lambda: made.phones["a"].session.say(BYE))()

    def again():
        if len(asked) > 1:
            answer(asked[1])

    made.phones["123"].ring = ringing
    left = (40, lambda: asked[-1].say(BYE))
    run(made.run(*presses(made, "leg1", "*2123", 10), (20, at_once), (25, again), left))
    assert len(asked) == 1 or asked[0].did == [("bye", ())]
    assert made.caller.did[-1] == ("bye", ())
