"""The switchboard: what is let in, who is busy, what is counted, and how it all stops."""

import asyncio
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import replace

from core.contracts import (
    Addressee,
    AddresseeKind,
    Dial,
    Direction,
    Outcome,
    PluginStep,
    StepCode,
)
from core.contributions import DialOptions, Next, Refusal, StepType
from core.sip.session import Ended
from tests.unit.call.office import ANNA, BORIS, LOGIN, NUMBER, TENANT, TRUNK, Office, play, plugin
from tests.unit.call.world import answers, hangs_up, refuses, rings


def test_who_waited_for_a_telephone_is_forgotten_with_the_ringing():
    both = tuple(Addressee(AddresseeKind.EMPLOYEE, str(each)) for each in (ANNA, BORIS))
    office = Office(steps=(Dial(both),))
    office.phone(ANNA, rings(), answers(5), hangs_up(10))
    arrivals, seen = office.switchboard.moment.arrivals, []

    async def scene():
        office.from_carrier()
        await asyncio.sleep(1)
        seen.append(len(arrivals))
        await asyncio.sleep(6)
        seen.append(len(arrivals))

    play(office, scene)
    assert seen == [1, 0], "Boris has no telephone while Anna rings; then nobody wants to know"


def test_a_carriers_call_is_routed_recorded_and_told():
    office = Office()
    office.phone(ANNA, answers(1), hangs_up(5))

    async def scene():
        office.from_carrier(name='"Bobby \\"x\\" Tables"')

    (cdr,) = play(office, scene)
    assert (cdr.direction, cdr.outcome) == (Direction.INCOMING, Outcome.ANSWERED)
    assert (cdr.caller, cdr.called, cdr.trunk_id) == ("+79161112233", NUMBER, TRUNK)
    assert cdr.answered_employee_id == ANNA
    assert [type(event).__name__ for event in office.events] == [
        "CallStarted",
        "CallAnswered",
        "CallEnded",
    ]
    assert office.board.calls == {}
    ((target, said),) = office.endpoint.invited
    assert target.uri == f"sip:{LOGIN[ANNA]}@phone"
    assert said["max_forwards"] == 19
    assert office.switchboard.finished == {"answered": 1}


def test_an_unknown_number_is_refused_without_a_record():
    office = Office()
    seen = []

    async def scene():
        seen.append(office.from_carrier("+74990000000"))

    assert play(office, scene) == []
    assert seen[0].did == [("reject", 404)]
    assert office.switchboard.rejected == {"unknown_number": 1}


def test_an_anonymous_caller_has_no_number():
    office = Office()
    office.phone(ANNA, refuses(486))

    async def scene():
        office.from_carrier(caller="anonymous")

    (cdr,) = play(office, scene)
    assert cdr.caller is None


def test_the_carriers_asserted_identity_counts_more_than_from():
    office = Office()
    asserted = ("P-Asserted-Identity", "<sip:+79990001122@carrier.test>")

    async def scene():
        office.from_carrier(extra=(asserted,))

    (cdr,) = play(office, scene)
    assert cdr.caller == "+79990001122"


@pytest.mark.parametrize("header", ["<<>", "<sip:@h>", "nonsense", "<sip:+79990001122@carrier.test"])
def test_an_unreadable_assertion_does_not_lose_the_call(header):
    office = Office()

    async def scene():
        office.from_carrier(extra=(("P-Asserted-Identity", header),))

    (cdr,) = play(office, scene)
    assert cdr.caller in (None, "+79161112233")


def test_a_request_uri_without_a_user_is_nobodys_number():
    office = Office()
    seen = []

    async def scene():
        seen.append(office.from_carrier(to=""))

    play(office, scene)
    assert seen[0].did == [("reject", 404)]


def test_a_line_dials_outside_with_the_companys_number():
    office = Office()
    office.phone("+79161112233", answers(1), hangs_up(3))

    async def scene():
        office.from_line(ANNA, "89161112233")

    (cdr,) = play(office, scene)
    assert (cdr.direction, cdr.caller, cdr.called) == (Direction.OUTGOING, NUMBER, "+79161112233")
    ((target, said),) = office.endpoint.invited
    assert (target.uri, target.host) == ("sip:+79161112233@192.0.2.1", "192.0.2.1")
    assert said["from_"].startswith(f"<sip:{NUMBER}@")


@pytest.mark.parametrize(
    ("dialled", "status"), [("81012125550100", 403), ("garbage", 484), ("999", 404)]
)
def test_what_a_line_may_not_dial(dialled, status):
    office = Office()
    seen = []

    async def scene():
        seen.append(office.from_line(ANNA, dialled))

    play(office, scene)
    assert seen[0].did == [("reject", status)]


def test_a_colleague_is_called_by_extension_and_sees_who_calls():
    office = Office()
    office.phone(BORIS, answers(1), hangs_up(3))

    async def scene():
        office.from_line(ANNA, "102")

    (cdr,) = play(office, scene)
    assert (cdr.direction, cdr.caller, cdr.called) == (Direction.INTERNAL, "101", "102")
    ((_, said),) = office.endpoint.invited
    assert said["from_"].startswith('"Анна" <sip:101@')


def test_who_talks_is_busy_for_the_next_call():
    office = Office()
    office.phone(ANNA, answers(1), hangs_up(30))
    second = []

    async def scene():
        office.from_carrier()
        await asyncio.sleep(5)
        second.append(office.from_carrier())
        await asyncio.sleep(60)
        office.phone(ANNA, answers(1), hangs_up(3))
        office.from_carrier()

    records = play(office, scene)
    assert [cdr.outcome for cdr in records] == [
        Outcome.BUSY,
        Outcome.ANSWERED,
        Outcome.ANSWERED,
    ]
    assert second[0].did == [("reject", 486)]
    reasons = [step.data.get("reason") for step in records[0].steps if step.code is StepCode.NOT_RUNG]
    assert reasons == ["busy"]


def test_outgoing_calls_at_once_are_limited():
    office = Office(outgoing_calls=1)
    office.phone("+79161112233", answers(1), hangs_up(9))
    seen = []

    async def scene():
        seen.append(office.from_line(ANNA, "+79161112233"))
        seen.append(office.from_line(BORIS, "+79161112233"))

    play(office, scene)
    assert seen[1].did == [("reject", 403)]
    assert ("answer", b"answer leg1") in seen[0].did


def limited(**limits):
    office = Office()
    office.snapshot = replace(office.snapshot, **limits)
    office.directory.put(office.snapshot)
    office.phone(ANNA, answers(1), hangs_up(9))
    office.phone(BORIS, answers(1), hangs_up(9))
    for number in ("+79161112233", "112"):
        office.phone(number, answers(1), hangs_up(9))
    return office


def test_a_contract_has_so_many_channels_for_calls_with_the_outside():
    office, seen = limited(channels=1), []

    async def scene():
        seen.append(office.from_carrier())
        seen.append(office.from_carrier())
        seen.append(office.from_line(BORIS, "+79161112233"))
        seen.append(office.from_line(BORIS, "112"))  # help is for everybody
        await asyncio.sleep(20)
        seen.append(office.from_carrier())

    records = play(office, scene)
    assert [session.did[0] for session in seen[1:3]] == [("reject", 486), ("reject", 503)]
    assert ("answer", b"answer leg1") in seen[0].did and ("answer", b"answer leg1") in seen[4].did
    refused = [cdr for cdr in records if cdr.steps[0].code is StepCode.ADMISSION_REFUSED]
    assert [(cdr.outcome, cdr.steps[0].data["reason"]) for cdr in refused] == [
        (Outcome.BUSY, "channels"),
        (Outcome.FAILED, "channels"),
    ]


def test_calls_within_the_company_take_no_channel():
    office, seen = limited(channels=0), []

    async def scene():
        seen.append(office.from_line(ANNA, "102"))

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.ANSWERED


def test_a_contract_may_have_a_limit_of_outgoing_calls_of_its_own():
    office = limited(outgoing_calls=0)

    async def scene():
        office.from_line(ANNA, "+79161112233")

    (cdr,) = play(office, scene)
    assert (cdr.outcome, cdr.sip_status) == (Outcome.REFUSED, 403)


def test_more_calls_than_allowed_are_told_to_try_later():
    office = Office(max_calls=1)
    office.phone(ANNA, answers(1), hangs_up(9))
    seen = []

    async def scene():
        office.from_carrier()
        seen.append(office.from_carrier())

    assert len(play(office, scene)) == 1
    assert seen[0].did == [("reject", 503)]


def test_the_limit_of_outgoing_calls_is_of_those_that_go_on():
    office = Office(outgoing_calls=1)
    office.phone("+79161112233", answers(1), hangs_up(9))
    seen = []

    async def scene():
        for _ in range(2):
            seen.append(office.from_line(ANNA, "+79161112233"))
            await asyncio.sleep(20)

    play(office, scene)
    assert [("answer", b"answer leg1") in session.did for session in seen] == [True, True]


def test_a_broken_board_bus_or_store_breaks_no_call():
    office = Office()
    office.phone(ANNA, answers(1), hangs_up(9))
    seen = []

    def fail(*args):
        raise ZeroDivisionError

    async def fail_later(*args):
        raise ZeroDivisionError

    for verb in ("call_started", "call_ringing", "call_answered", "call_ended"):
        setattr(office.board, verb, fail)
    office.switchboard._publish = fail
    office.store.save = fail_later

    async def scene():
        seen.append(office.from_carrier())

    play(office, scene)
    assert [verb for verb, *_ in seen[0].did] == ["answer", "bye"]
    assert office.switchboard.finished == {"answered": 1}


def test_only_the_terminals_of_those_who_are_called_are_looked_at():
    office = Office()
    office.phone(ANNA, refuses(486))
    office.phone(BORIS, refuses(486))

    async def scene():
        office.from_carrier()

    (cdr,) = play(office, scene)
    (attempt,) = cdr.attempts
    assert attempt.live.registered == {UUID(int=ANNA.int + 100)}


def test_a_suspended_company_gets_no_calls():
    office = Office()
    office.directory.put(replace(office.snapshot, suspended=True))
    seen = []

    async def scene():
        seen.append(office.from_carrier())

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.REFUSED
    assert seen[0].did == [("reject", 403)]


def test_a_running_call_keeps_its_configuration():
    office = Office()
    office.phone(ANNA, answers(5), hangs_up(9))

    async def scene():
        office.from_carrier()
        await asyncio.sleep(1)
        office.directory.put(replace(office.snapshot, scenarios=(), version=2, hash="h2"))

    (cdr,) = play(office, scene)
    assert (cdr.outcome, cdr.snapshot_hash) == (Outcome.ANSWERED, "h")


def test_shutdown_ends_calls_and_keeps_their_records():
    office = Office()
    office.phone(ANNA, answers(1))
    seen = []

    async def scene():
        seen.append(office.from_carrier())
        await asyncio.sleep(9)
        await office.switchboard.stop()
        seen.append(office.from_carrier())

    (cdr,) = play(office, scene)
    assert cdr.ended_by == "system"
    assert seen[0].did[-1][0] == "bye"
    assert seen[1].did == [("reject", 503)]


def test_calls_that_lost_their_media_move_one_after_another():
    office = Office()
    office.phone(ANNA, answers(1), hangs_up(30))
    times = []

    async def scene():
        for _ in range(200):
            office.from_carrier()
        await asyncio.sleep(9)
        loop = asyncio.get_running_loop()
        for session in office.media.sessions.values():
            original = session.renew

            async def renew(answered, original=original):
                times.append(loop.time())
                return await original(answered=answered)

            session.renew = renew
        office.switchboard.media_lost([*office.media.sessions, UUID(int=99)])
        await asyncio.sleep(5)

    cdrs = play(office, scene)
    assert len(times) == len(cdrs) == 200
    assert all(StepCode.MEDIA_MOVED in [step.code for step in cdr.steps] for cdr in cdrs)
    assert 0.5 < times[-1] - times[0] <= 1.5
    assert office.switchboard.lost_media == office.switchboard.moment.moved_media == 200


def test_plugins_may_refuse_a_call():
    def admit_call(facts):
        return Refusal("blocked", 603) if facts.caller == "+79161112233" else None

    office = Office(plugin(admit_call=admit_call))
    seen = []

    async def scene():
        seen.append(office.from_carrier())

    (cdr,) = play(office, scene)
    assert seen[0].did == [("reject", 603)]
    refused = next(step for step in cdr.steps if step.code is StepCode.ADMISSION_REFUSED)
    assert refused.data == {"plugin": "tester", "reason": "blocked"}


def test_plugins_may_tell_phones_more():
    office = Office(
        plugin(dial_options=lambda call: DialOptions("VIP", (("Alert-Info", "<urn:alert:x>"),)))
    )
    office.phone(ANNA, answers(1), hangs_up(2))

    async def scene():
        office.from_carrier()

    play(office, scene)
    ((_, said),) = office.endpoint.invited
    assert said["from_"].startswith('"VIP" <')
    assert said["headers"] == (("Alert-Info", "<urn:alert:x>"),)


class Settings(Struct, frozen=True):
    seconds: int = 0


def steps_of(run_step):
    kind = StepType("tester.step", "Step", Settings, run_step)
    dial = Dial((Addressee(AddresseeKind.EMPLOYEE, str(ANNA)),))
    steps = (PluginStep("tester.step", {"seconds": 3}), dial)
    return Office(plugin(register_step_types=lambda: [kind]), steps=steps)


def test_a_plugins_step_runs_before_the_next_one():
    seen = []

    async def step(call, config):
        seen.append((call.facts.called, call.tenant.id, config.seconds))
        await asyncio.sleep(config.seconds)
        return Next.CONTINUE

    office = steps_of(step)
    office.phone(ANNA, answers(1), hangs_up(2))

    async def scene():
        office.from_carrier()

    (cdr,) = play(office, scene)
    assert seen == [(NUMBER, TENANT, 3)]
    assert cdr.outcome is Outcome.ANSWERED
    assert cdr.answered_at - cdr.started_at == 4


def test_a_plugins_step_may_end_the_call():
    async def step(call, config):
        call.hang_up(486)
        return Next.END

    office = steps_of(step)
    seen = []

    async def scene():
        seen.append(office.from_carrier())

    (cdr,) = play(office, scene)
    assert seen[0].did == [("reject", 486)]
    assert cdr.outcome is Outcome.BUSY


def test_a_plugins_step_may_end_the_chain():
    async def step(call, config):
        return Next.END

    office = steps_of(step)
    office.phone(ANNA, answers(1))
    seen = []

    async def scene():
        seen.append(office.from_carrier())

    play(office, scene)
    assert seen[0].did == [("reject", 480)]
    assert office.endpoint.invited == []


@pytest.mark.parametrize("status", [0, 200, 302, 700])
def test_a_plugin_cannot_make_up_a_status(status):
    async def step(call, config):
        call.hang_up(status)
        return Next.END

    office = steps_of(step)
    seen = []

    async def scene():
        seen.append(office.from_carrier())

    (cdr,) = play(office, scene)
    assert seen[0].did == [("reject", 500)]
    assert cdr.sip_status == 500


def test_a_plugins_step_that_raises_is_passed_over():
    async def step(call, config):
        raise ZeroDivisionError

    office = steps_of(step)
    office.phone(ANNA, answers(1), hangs_up(2))

    async def scene():
        office.from_carrier()

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.ANSWERED


def test_the_caller_may_leave_during_a_step():
    ended = []

    async def step(call, config):
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(True)
        return Next.CONTINUE

    office = steps_of(step)

    async def scene():
        session = office.from_carrier()
        await asyncio.sleep(1)
        session.say(Ended(True))

    (cdr,) = play(office, scene)
    assert ended == [True]
    assert cdr.outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("after", "outcome", "heard"),
    [
        (5, Outcome.ANSWERED, ("bye", (("Reason", 'SIP;cause=603;text="Hung up from outside"'),))),
        (0.5, Outcome.REFUSED, ("reject", 603)),
    ],
)
def test_a_call_is_hung_up_from_outside(after, outcome, heard):
    office = Office()
    phone = office.phone(ANNA, answers(1))
    seen = []

    async def scene():
        seen.append(office.from_carrier())
        await asyncio.sleep(after)
        (call_id,) = office.switchboard._calls
        assert not office.switchboard.hang_up(UUID(int=99), call_id, "Чужой")
        assert not office.switchboard.hang_up(TENANT, UUID(int=99), "Анна")
        assert office.switchboard.hang_up(TENANT, call_id, "Анна")

    (cdr,) = play(office, scene)
    assert (cdr.outcome, cdr.ended_by) == (outcome, "system")
    assert cdr.steps[-1].data["cause"] == "hung_up"
    assert cdr.steps[-1].data["who"] == "Анна"
    assert heard in seen[0].did
    assert phone.session.did[-1][0] == "bye"


def test_a_switchboard_that_is_drained_takes_no_further_calls_and_keeps_those_it_has():
    office = Office()
    office.phone(ANNA, answers(1), hangs_up(30))
    seen = []

    async def scene():
        seen.append(office.from_carrier())
        await asyncio.sleep(5)
        assert await office.switchboard.accepting()
        office.switchboard.drain()
        assert not await office.switchboard.accepting()
        seen.append(office.from_carrier())

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.ANSWERED
    assert cdr.ended_at - cdr.answered_at > 20
    assert seen[1].did == [("reject", 503)]
    assert office.switchboard.rejected == {"draining": 1}
