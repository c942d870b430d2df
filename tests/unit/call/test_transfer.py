"""Hold, and transfers by telephones, in virtual time."""

import asyncio

import pytest

from core.call.consultation import Consultation
from core.call.leg import Leg, OfferRefused
from core.contracts import Direction, Outcome, StepCode
from core.sip.replaces import Replaces
from core.sip.session import Ended, Referred, Reoffer
from core.sip.uri import SipUri
from tests.support.virtual_time import run
from tests.unit.call.test_races import after as passing
from tests.unit.call.world import FakeSession, World, answers, hangs_up, refuses, ring, rings

HOLD, RESUME = (
    b"v=0\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=" + direction
    for direction in (b"sendonly\r\n", b"sendrecv\r\n")
)
BYE = Ended(True)


class FakeReferral:
    """What a telephone hears of its REFER."""

    def __init__(self, to, replaces=None):
        self.target = SipUri.parse(f"sip:{to}@pbx")
        self.replaces = replaces
        self.said = []
        self.over = False

    def accept(self):
        self.said.append("accepted")

    def decline(self, status=603):
        self.said.append(status)

    def report(self, status, reason=""):
        if not self.over:
            self.said.append(status)
        self.over = status >= 200


def world(*callee, direction=Direction.INCOMING):
    """A conversation with ``a`` that begins after two seconds."""
    made = World(direction)
    made.phone("a", rings(), answers(2, b"a"), *callee)
    made.dial(ring("a"))
    return made


def codes(cdr):
    return [step.code for step in cdr.steps]


def verbs(media, *wanted):
    return [did for did in media.did if did[0] in wanted]


def test_who_is_held_hears_music_until_he_is_taken_back():
    made = world((10, Reoffer(HOLD)), (20, Reoffer(RESUME)), hangs_up(30))
    cdr = run(made.run())
    assert verbs(made.media, "play", "hush") == [("play", "music.wav", "again"), ("hush",)]
    assert codes(cdr)[-4:] == [StepCode.ANSWERED, StepCode.HELD, StepCode.RESUMED, StepCode.ENDED]


def test_the_caller_of_an_outgoing_call_holds_too():
    made = world(hangs_up(30), direction=Direction.OUTGOING)
    run(made.run((10, Reoffer(HOLD)), (20, Reoffer(RESUME))))
    played = [("play", "music.wav", "again", "leg1"), ("hush", "leg1")]
    assert verbs(made.media, "play", "hush") == played


def test_a_private_exchange_outside_plays_its_own_music():
    made = world(hangs_up(30))
    made.trunk_id = ring("x").terminal_id
    run(made.run((10, Reoffer(HOLD)), (20, Reoffer(RESUME))))
    assert verbs(made.media, "play", "hush") == []


@pytest.mark.parametrize("stays", [False, True], ids=["hangs up at once", "waits for the end"])
def test_the_callee_passes_the_caller_on(stays):
    referral = FakeReferral("b")
    script = [(10, Reoffer(HOLD)), (11, Referred(referral))] + ([] if stays else [(11.5, BYE)])
    made = world(*script)
    target = made.phone("b", rings(), answers(3, b"b"), hangs_up(30))
    cdr = run(made.run())
    assert referral.said == ["accepted", 180, 200]
    assert verbs(made.media, "park", "promote", "connect", "drop") == [
        ("connect", "leg1"),
        ("park",),
        ("connect", "leg2"),
        ("drop", "leg1"),
    ]
    assert verbs(made.media, "play", "hush") == [
        ("play", "music.wav", "again"),
        ("hush",),
        ("play", "ringback.wav", "again"),
        ("hush",),
    ]
    assert made.talks == [["+79160000000", "b"]]
    assert cdr.outcome is Outcome.ANSWERED
    assert cdr.ended_by == "callee"
    assert codes(cdr)[-5:] == [
        StepCode.HELD,
        StepCode.TRANSFER,
        StepCode.RINGING,
        StepCode.JOINED,
        StepCode.ENDED,
    ]
    assert made.caller.did[-1] == ("bye", ())
    assert [did for did in made.phones["a"].session.did if did[0] == "bye"] == (
        [("bye", ())] if stays else []
    )
    assert target.session.did == []


def test_the_caller_of_an_outgoing_call_passes_the_client_on():
    referral = FakeReferral("b")
    made = world(hangs_up(40), direction=Direction.OUTGOING)
    made.employee = True
    made.phone("b", rings(), answers(3, b"b"))
    cdr = run(made.run((10, Referred(referral)), (10.5, BYE)))
    assert referral.said == ["accepted", 180, 200]
    assert verbs(made.media, "park", "promote", "connect", "drop") == [
        ("connect", "leg1"),
        ("promote", "leg1"),
        ("connect", "leg2"),
        ("drop", "caller"),
    ]
    assert made.talks == [["a", "b"]]
    assert cdr.ended_by == "callee"
    assert made.phones["b"].session.did == [("bye", ())]


def test_who_waits_for_a_transfer_that_fails_has_the_other_back():
    referral = FakeReferral("b")
    made = world((10, Reoffer(HOLD)), (11, Referred(referral)), (30, Reoffer(RESUME)), hangs_up(40))
    made.phone("b", rings(), refuses(486))
    cdr = run(made.run())
    assert referral.said == ["accepted", 180, 486]
    assert verbs(made.media, "park", "connect") == [("connect", "leg1"), ("park",), ("connect", "leg1")]
    assert verbs(made.media, "play", "hush")[4:] == [("play", "music.wav", "again"), ("hush",)]
    assert StepCode.TRANSFER_FAILED in codes(cdr)
    assert (cdr.outcome, cdr.ended_by, cdr.steps[-1].data) == (
        Outcome.ANSWERED,
        "callee",
        {"by": "callee", "sip_status": 200},
    )


def test_who_hung_up_is_called_back_when_his_transfer_fails():
    referral = FakeReferral("b")
    made = world((10, Referred(referral)), (10.5, BYE))
    made.phone("b", rings(), refuses(486, 3))
    again = made.phones["a"]

    def call_back():
        again.script = [rings(), answers(2, b"a"), hangs_up(20)]

    cdr = run(made.run((11, call_back)))
    assert made.talks == [["+79160000000", "a"]]
    assert codes(cdr)[-4:] == [
        StepCode.TRANSFER_FAILED,
        StepCode.RINGING,
        StepCode.JOINED,
        StepCode.ENDED,
    ]
    assert cdr.ended_by == "callee"


def test_the_call_ends_if_nobody_is_left_to_talk_with():
    made = world((10, Referred(FakeReferral("b"))), (10.5, BYE))
    made.phone("b", rings(), refuses(486, 3))
    again = made.phones["a"]
    cdr = run(made.run((11, lambda: setattr(again, "script", [rings(), refuses(480, 5)]))))
    assert (cdr.ended_by, cdr.steps[-1].data["cause"]) == ("system", "transfer_failed")
    assert made.caller.did[-1] == ("bye", ())


def test_who_is_passed_on_may_hang_up_meanwhile():
    referral = FakeReferral("b")
    made = world((10, Referred(referral)))
    target = made.phone("b", rings())
    cdr = run(made.run((20, BYE)))
    assert referral.said == ["accepted", 180, 487]
    assert cdr.ended_by == "caller"
    assert target.session.did == [("bye", ())]
    assert made.phones["a"].session.did == [("bye", ())]


@pytest.mark.parametrize("referral", [FakeReferral("nobody"), FakeReferral("b", "no such dialog")])
def test_a_transfer_that_is_not_allowed_changes_nothing(referral):
    made = world((10, Referred(referral)), hangs_up(20))
    cdr = run(made.run())
    assert referral.said in ([403], [481])
    assert verbs(made.media, "park") == []
    assert cdr.ended_by == "callee"


def test_a_client_passes_nobody_on():
    referral = FakeReferral("a")
    made = world(hangs_up(20))
    made.trunk_id = ring("x").terminal_id
    run(made.run((10, Referred(referral))))
    assert referral.said == [603]


DIALOG = Replaces("second", "ours", "theirs")


def two_conversations(*, takes=(200,)):
    """The client with ``a``, and five seconds later the same employee with the colleague ``b``."""
    first, second = world(), World(Direction.INTERNAL)
    second.employee = True
    second.phone("b", answers(1, b"b"))
    second.dial(ring("b"))

    def found():
        first.calls[DIALOG] = (second.call._state.talk, second.call._state.caller)
        second.phones["b"].session.takes = list(takes)

    async def whole(*script):
        loop = asyncio.get_running_loop()
        loop.call_later(9, found)
        for after, act in script:
            loop.call_later(after, act)

        async def later():
            await asyncio.sleep(5)
            return await second.run()

        return await asyncio.gather(first.run(), later())

    return first, second, whole


def test_the_client_and_the_colleague_are_brought_together():
    first, second, whole = two_conversations()
    referral = FakeReferral("b", DIALOG)
    colleague = second.phones["b"]
    cdr, other = run(
        whole(
            (20, lambda: first.phones["a"].session.say(Referred(referral))),
            (40, lambda: colleague.session.say(BYE)),
        )
    )
    assert referral.said == ["accepted", 200]
    assert ("adopt", "leg2", b"sent before") in first.media.did
    assert ("reoffer", b"new offer leg2") in colleague.session.did
    assert first.talks == [["+79160000000", "b"]]
    assert (cdr.ended_by, codes(cdr)[-3:]) == (
        "callee",
        [StepCode.TRANSFER, StepCode.JOINED, StepCode.ENDED],
    )
    assert (other.outcome, other.steps[-1].data["cause"]) == (Outcome.ANSWERED, "transferred")
    assert other.ended_at < cdr.ended_at
    assert second.caller.did[-1] == ("bye", ()), "his leg there"
    assert first.phones["a"].session.did[-1] == ("bye", ()), "and here"
    assert ("bye", ()) not in colleague.session.did


def test_a_colleague_whose_telephone_takes_no_new_offer_stays_where_he_is():
    first, second, whole = two_conversations(takes=[488])
    referral = FakeReferral("b", DIALOG)
    colleague = second.phones["b"]
    cdr, other = run(
        whole(
            (20, lambda: first.phones["a"].session.say(Referred(referral))),
            (40, lambda: colleague.session.say(BYE)),
            (50, lambda: first.phones["a"].session.say(BYE)),
        )
    )
    assert referral.said == ["accepted", 480]
    assert first.talks == []
    assert other.ended_by == "callee"
    assert "cause" not in other.steps[-1].data
    assert cdr.ended_by == "callee"
    assert cdr.ended_at > other.ended_at


@pytest.mark.parametrize("who", ["colleague", "transferor", "transferor there"])
def test_somebody_leaves_while_the_colleague_is_asked(who):
    first, second, whole = two_conversations(takes=[0 if who == "colleague" else 200])
    referral = FakeReferral("b", DIALOG)
    colleague = second.phones["b"]
    leaves = {
        "colleague": lambda: colleague.session.say(BYE),
        "transferor": lambda: first.phones["a"].session.say(BYE),
        "transferor there": lambda: second.caller.say(BYE),
    }
    cdr, other = run(
        whole(
            (20, lambda: first.phones["a"].session.say(Referred(referral))),
            (20.05, leaves[who]),
            (40, lambda: colleague.session.say(BYE)),
            (50, lambda: first.phones["a"].session.say(BYE)),
        )
    )
    passed_on = who != "colleague"
    assert referral.said == ["accepted", 200 if passed_on else 481]
    assert first.talks == ([["+79160000000", "b"]] if passed_on else [])
    assert (other.steps[-1].data.get("cause"), cdr.ended_by) == (
        *("transferred" if passed_on else None, "callee"),
    )
    assert cdr.ended_at - cdr.started_at == pytest.approx(40 if passed_on else 50, abs=1)


@pytest.mark.parametrize("turns", range(8))
def test_the_colleague_hangs_up_as_he_agrees(turns):
    first, second, whole = two_conversations()
    referral = FakeReferral("b", DIALOG)
    colleague = second.phones["b"]

    def hangs_up_then():
        agrees = colleague.session.reoffer

        def reoffer(sdp):
            agreed = agrees(sdp)  # in a tenth of a second
            asyncio.get_running_loop().call_later(
                0.1, passing(turns, lambda: colleague.session.say(BYE))
            )
            return agreed

        colleague.session.reoffer = reoffer

    cdr, other = run(
        whole(
            (19, hangs_up_then),
            (20, lambda: first.phones["a"].session.say(Referred(referral))),
            (50, lambda: first.phones["a"].session.say(BYE)),
        )
    )
    passed_on = referral.said[-1] == 200
    assert referral.said == ["accepted", 200 if passed_on else 481]
    assert cdr.ended_by == "callee"
    assert cdr.ended_at - cdr.started_at == pytest.approx(20 if passed_on else 50, abs=1)
    assert other.steps[-1].data.get("cause") == ("transferred" if passed_on else None)


async def asked(leg, then):
    """What becomes of a re-INVITE that the phone never answers."""
    asking = asyncio.create_task(leg.reoffer(b"offer"))
    await asyncio.sleep(1)
    then()
    with pytest.raises(OfferRefused) as refused:
        async with asyncio.timeout(1):
            await asking
    assert refused.value.fields == {"status": 481}


@pytest.mark.parametrize("status", [0, 491], ids=["asked", "another offer is under way"])
@pytest.mark.parametrize("how", ["it leaves", "we leave it"])
def test_who_leaves_while_he_is_asked_has_refused(how, status):
    leg = Leg("a", ring("a"))
    leg.session = FakeSession(leg.hear)
    leg.session.takes = [status]
    run(asked(leg, leg.end if how == "we leave it" else lambda: leg.session.say(BYE)))


def test_who_has_left_is_not_asked():
    leg = Leg("a", ring("a"))
    leg.session = FakeSession(leg.hear)
    leg.session.say(BYE)
    run(asked(leg, lambda: None))


def test_a_client_who_leaves_while_the_colleague_is_asked_ends_the_transfer():
    first, _, whole = two_conversations(takes=[0])
    referral = FakeReferral("b", DIALOG)
    cdr, other = run(
        whole(
            (20, lambda: first.phones["a"].session.say(Referred(referral))),
            (20.05, lambda: first.caller.say(BYE)),
        )
    )
    assert referral.said == ["accepted", 487]
    assert (cdr.ended_by, other.ended_by) == ("caller", "system")


@pytest.mark.parametrize("by", ["the same", "the other one"])
def test_of_two_who_are_passed_on_at_once_the_second_stays(by):
    first, second = FakeReferral("b"), FakeReferral("c")
    made = world((10, Referred(first)), direction=Direction.INTERNAL)
    made.employee = True
    target = made.phone("b", rings(), answers(5, b"b"), hangs_up(40))
    made.phone("c", rings(), answers(5, b"c"), hangs_up(30))

    def refers():
        session = made.phones["a"].session if by == "the same" else made.caller
        session.say(Referred(second))

    cdr = run(made.run((11, refers)))
    assert (first.said, second.said) == (["accepted", 180, 200], ["accepted", 481])
    assert made.talks == [["+79160000000", "b"]]
    assert target.session.did == []
    assert cdr.ended_at - cdr.started_at == pytest.approx(50, abs=1)


def test_a_second_referral_counts_when_the_first_one_failed():
    first, second = FakeReferral("b"), FakeReferral("c")
    made = world((10, Referred(first)), (11, Referred(second)))
    made.phone("b", rings(), refuses(486, 5))
    made.phone("c", rings(), answers(5, b"c"), hangs_up(30))
    run(made.run())
    assert (first.said, second.said) == (["accepted", 180, 486], ["accepted", 180, 200])


def test_one_who_is_only_asked_brings_nobody_together_with_who_waits():
    """The colleague of the other call asks ``c`` before he passes ``b`` on; ``c`` refers his client."""
    first, second, whole = two_conversations()
    referral = FakeReferral("b", DIALOG)
    other = second.phone("c", rings(), answers(1, b"c"))

    def asks():
        state = second.call._state
        step = second.transfer(None, "c")
        state.talk.want(Consultation(state.caller, state.talk.other(state.caller), step))

    def refers():
        talk = second.call._state.talk
        asked = next(leg for leg in talk.state.legs.named.values() if leg.session is other.session)
        first.calls[DIALOG] = (talk, asked)
        first.phones["a"].session.say(Referred(referral))

    run(
        whole(
            (12, asks),
            (20, refers),
            (40, lambda: second.caller.say(BYE)),
            (50, lambda: second.phones["b"].session.say(BYE)),
            (50, lambda: first.phones["a"].session.say(BYE)),
        )
    )
    assert referral.said == ["accepted", 481]
    assert [did for did in second.caller.did if did[0] == "reoffer"] == []
    assert first.talks == []


def test_who_resumes_while_the_target_rings_stops_no_ringback_tone():
    made = world((10, Reoffer(HOLD)), (11, Referred(FakeReferral("b"))), (13, Reoffer(RESUME)))
    made.phone("b", rings(), answers(20, b"b"), hangs_up(30))
    hushed = []
    hush = made.media.hush

    async def noted(of=None):
        hushed.append(asyncio.get_running_loop().time())
        await hush(of)

    made.media.hush = noted
    run(made.run())
    assert [round(at) for at in hushed] == [11, 31], "as he is passed on, and when the target answers"


def test_a_media_server_that_does_not_drop_the_transferor_costs_the_others_nothing():
    referral = FakeReferral("b")
    made = world((10, Referred(referral)))
    made.phone("b", rings(), answers(3, b"b"), hangs_up(30))
    made.media.broken.add("drop")
    cdr = run(made.run())
    assert referral.said == ["accepted", 180, 200]
    assert (cdr.ended_by, "cause" in cdr.steps[-1].data) == ("callee", False)


def test_the_audio_moves_while_the_target_rings_and_he_takes_no_new_offer():
    referral = FakeReferral("b")
    made = world((10, Referred(referral)), hangs_up(40))
    target = made.phone("b", rings(), answers(8, b"b"))

    def moves():
        target.session.takes = [488]
        made.call.media_lost()

    cdr = run(made.run((14, moves)))
    assert referral.said == ["accepted", 180, 488]
    assert target.session.did[-1] == ("bye", ())
    assert made.talks == [["+79160000000", "a"]]
    assert (cdr.ended_by, "cause" in cdr.steps[-1].data) == ("callee", False)
