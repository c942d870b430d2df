"""When a call is recorded and what becomes of it, in virtual time."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from core.call.recording import Captured, RoomWatch
from core.contracts import Direction, Options, Outcome, StepCode
from core.recordings import Channel, RecordingKind
from core.sip.session import Referred
from tests.support.virtual_time import run
from tests.unit.call.test_transfer import FakeReferral
from tests.unit.call.world import World, answers, hangs_up, ring, rings

WARNING = UUID(int=31)


def body(port):
    return (
        f"v=0\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
    ).encode()


def world(direction=Direction.INCOMING, **options):
    found = World(direction)
    found.options = Options(**{"records": True, **options})
    found.phone("a", rings(), answers(2), hangs_up(32))
    found.dial(ring("a"))
    found.media.sent = lambda leg: body(4000 if leg in (None, "caller") else 4002)
    return found


def asked(world):
    return [did[0] for did in world.media.did if "record" in did[0]]


def noted(cdr):
    codes = (StepCode.RECORDING, StepCode.NOT_RECORDING)
    return [(step.code, *step.data.values()) for step in cdr.steps if step.code in codes]


STARTED = (StepCode.RECORDING, "conversation")


@pytest.mark.parametrize("direction", Direction)
def test_a_conversation_is_recorded_from_the_answer_to_the_end(direction):
    here = world(direction)
    cdr = run(here.run())
    (made,) = cdr.recordings
    assert (made.kind, made.source) == (RecordingKind.CONVERSATION, "call-1")
    (part,) = made.parts
    assert part.started_at == pytest.approx(cdr.answered_at, abs=0.1)
    assert part.ended_at == pytest.approx(cdr.ended_at)
    outgoing = direction is Direction.OUTGOING
    assert {track.port: track.channel for track in part.tracks} == {
        4000: Channel.EMPLOYEE if outgoing and cdr.caller_employee_id else Channel.CLIENT,
        4002: Channel.EMPLOYEE,
    }
    assert part.tracks[0].codecs == {8: "PCMA/8000", 101: "TELEPHONE-EVENT/8000"}
    assert asked(here) == ["record"], "the end of the call ends it"
    assert noted(cdr) == [STARTED]
    assert here.recorded_parts == ["started"]


def test_nothing_is_recorded_that_is_not_wanted():
    here = world(records=False)
    cdr = run(here.run())
    assert (cdr.recordings, asked(here), noted(cdr)) == ((), [], [])


@pytest.mark.parametrize("trouble", ["broken", "slow", "no room"])
def test_a_recording_that_fails_neither_delays_nor_ends_the_call(trouble):
    here = world()
    if trouble == "no room":
        here.no_room = "disk_full"
    else:
        getattr(here.media, trouble).add("record")
    cdr = run(here.run())
    assert (cdr.outcome, cdr.answered_at - cdr.started_at) == (Outcome.ANSWERED, pytest.approx(2))
    assert cdr.ended_at - cdr.started_at == pytest.approx(32)
    if trouble == "slow":
        assert cdr.recordings[0].parts[0].started_at == pytest.approx(cdr.answered_at + 1)
    else:
        reason = "disk_full" if trouble == "no room" else "not_recorded"
        assert cdr.recordings == ()
        assert noted(cdr) == [(StepCode.NOT_RECORDING, reason)]
        assert here.recorded_parts == [reason]


def test_a_pause_is_left_out():
    here = world()
    said = []
    script = [
        (10, lambda: said.append(here.call.pause_recording("Анна"))),
        (12, lambda: said.append(here.call.pause_recording())),
        (15, lambda: said.append(here.call.resume_recording())),
        (16, lambda: said.append(here.call.resume_recording())),
    ]
    cdr = run(here.run(*script))
    assert said == [True, False, True, False]
    first, second = cdr.recordings[0].parts
    spans = [
        round(each - cdr.started_at) for p in (first, second) for each in (p.started_at, p.ended_at)
    ]
    assert spans == [2, 10, 15, 32]
    assert asked(here) == ["record", "unrecord", "record"]
    assert noted(cdr) == [STARTED, (StepCode.NOT_RECORDING, "paused", "Анна"), STARTED]


def test_who_pauses_and_resumes_at_once_loses_nothing():
    here = world()

    def both():
        here.call.pause_recording()
        here.call.resume_recording()

    cdr = run(here.run((10, both)))
    parts = cdr.recordings[0].parts
    assert sum(part.ended_at - part.started_at for part in parts) == pytest.approx(30, abs=0.1)


def test_what_is_not_recorded_cannot_be_paused():
    here = world(records=False)
    said = []
    run(here.run((10, lambda: said.append(here.call.pause_recording()))))
    assert said == [False]


def test_another_media_server_records_a_part_of_its_own():
    here = world()
    cdr = run(here.run((12, lambda: here.call.media_lost())))  # noqa: PLW0108 - made later
    first, second = cdr.recordings[0].parts
    assert first.ended_at <= second.started_at
    assert second.started_at == pytest.approx(cdr.started_at + 12, abs=1)
    assert asked(here) == ["record", "record"]


def test_recordings_stop_where_there_is_no_room_any_more_and_calls_go_on():
    class Room:
        is_full = False

        def full(self):
            return self.is_full

        async def look(self, sources):
            return {}

    here, room = world(), Room()
    watch = RoomWatch(room, lambda: [here.call])

    async def calls():
        watch.start()
        asyncio.get_running_loop().call_later(10, setattr, room, "is_full", True)
        cdr = await here.run()
        await watch.stop()
        return cdr

    cdr = run(calls())
    (part,) = cdr.recordings[0].parts
    assert part.ended_at - cdr.started_at == pytest.approx(10, abs=5.1)
    assert cdr.ended_at - cdr.started_at == pytest.approx(32)
    assert noted(cdr) == [STARTED, (StepCode.NOT_RECORDING, "disk_full")]
    assert asked(here) == ["record", "unrecord"]


class Floods:
    """A call of which ``rate`` bytes a second are written."""

    def __init__(self, source, rate):
        self.rate, self.stopped = rate, ""
        self.known = Captured(source, 100.0)

    @property
    def captured(self):
        return None if self.stopped else self.known

    def stop_recording(self, reason):
        self.stopped = self.stopped or reason


@pytest.mark.parametrize("is_full", [False, True])
def test_who_floods_is_stopped_before_all_others(is_full):
    calls = [Floods("usual", 22_000), Floods("much", 90_000), Floods("flood", 900_000)]

    class Room:
        def full(self):
            return is_full

        async def look(self, sources):
            return {each.known.source: each.rate * 100 for each in calls}

    watch = RoomWatch(Room(), lambda: calls)
    run(watch.look())
    assert [each.stopped for each in calls] == ["", "flooded" if is_full else "", "flooded"]
    run(watch.look())
    assert calls[0].stopped == ("disk_full" if is_full else "")


def test_a_call_says_for_how_long_it_is_written_down():
    here, said = world(), []

    def ask():
        said.append(here.call.captured)

    cdr = run(
        here.run(
            (1, ask),
            (12, ask),
            (13, lambda: here.call.pause_recording()),  # noqa: PLW0108 - made later
            (20, ask),
            (21, lambda: here.call.resume_recording()),  # noqa: PLW0108
            (31, ask),
        )
    )
    assert len(cdr.recordings) == 1
    assert (said[0], said[2]) == (None, None)
    assert [each.source for each in said[1::2]] == ["call-1", "call-1"]
    assert [each.seconds for each in said[1::2]] == pytest.approx([10, 21], abs=0.5)


@pytest.mark.parametrize(("employee", "parts"), [(UUID(int=7), 1), (UUID(int=8), 2)])
def test_a_pause_ends_when_somebody_else_talks(employee, parts):
    here = world()

    def passed_on():
        recorder = here.call._state.recorder
        recorder.parted()
        recorder.joined(here.options, {"caller": None, "another": employee})

    cdr = run(here.run((6, lambda: here.call.pause_recording()), (10, passed_on)))  # noqa: PLW0108
    made = cdr.recordings[0].parts
    assert len(made) == parts
    assert made[0].ended_at == pytest.approx(cdr.started_at + 6)
    if parts == 2:
        assert made[1].started_at == pytest.approx(cdr.started_at + 10, abs=0.5)


@pytest.mark.spec("OPT-04", at="rule")
def test_the_warning_is_heard_before_anybody_rings():
    here = world(warning=WARNING)
    here.clips = {WARNING: Path("warning.wav")}
    cdr = run(here.run())
    codes = [step.code for step in cdr.steps]
    assert codes.index(StepCode.PLAYED) < codes.index(StepCode.RINGING)
    assert ("play", "warning.wav") in here.media.did
    assert len(cdr.recordings) == 1


def test_a_warning_that_is_gone_is_the_librarys():
    here = world(warning=WARNING)
    cdr = run(here.run())
    played = [did for did in here.media.did if did[0] == "play"]
    assert played[0] == ("play", "recording.announcement.wav")
    assert len(cdr.recordings) == 1


def test_who_cannot_be_warned_is_not_recorded():
    here = world(warning=WARNING)

    async def nothing(media):
        return None

    here.clip = nothing
    cdr = run(here.run())
    assert (cdr.outcome, cdr.recordings) == (Outcome.ANSWERED, ())
    assert noted(cdr) == [(StepCode.NOT_RECORDING, "not_announced")]


def test_who_is_passed_on_is_recorded_with_whom_he_talks():
    here = world()
    here.phones.clear()
    here.phone("a", rings(), answers(2), (10, Referred(FakeReferral("b"))), hangs_up(12))
    here.phone("b", rings(), answers(3), hangs_up(20))
    cdr = run(here.run())
    (made,) = cdr.recordings
    assert len(made.parts) == 2
    assert made.parts[1].started_at == pytest.approx(cdr.started_at + 13, abs=0.5)
    assert made.parts[1].ended_at == pytest.approx(cdr.ended_at)
    for part in made.parts:
        assert [track.channel for track in part.tracks] == [Channel.CLIENT, Channel.EMPLOYEE]
    assert asked(here)[-1] == "record"
