"""Recordings as sound: who is heard where and when, and what bounds the making."""

import os
import subprocess

import msgspec
import pytest

from core.media import mixdown
from core.media.mixdown import POINTS, PREVENTED, SOUND, Job, main, mix
from core.media.render import RenderingPrevented, TooSlow, render
from core.media.tones import heard_seconds
from core.recordings import Channel, Part, Track
from tests.support.pcaps import decoded, speech, write_pcap
from tests.support.voices import G722, PCMA, PCMU, Opus

T = 1_000_000.0
CODECS = {8: "PCMA/8000", 0: "PCMU/8000", 9: "G722/8000", 111: "OPUS/48000"}
CODECS[101] = "TELEPHONE-EVENT/8000"
CLIENT, EMPLOYEE = Track(Channel.CLIENT, 4000, CODECS), Track(Channel.EMPLOYEE, 4002, CODECS)


def span(samples, start, end):
    return samples[int(start * 8000) : int(end * 8000)]


@pytest.mark.parametrize("form", ["mp3", "opus"])
async def test_each_party_has_a_side_and_is_heard_in_time(tmp_path, form):
    client = speech(4000, 440, 2, at=T, voice=Opus(111))
    employee = speech(4002, 700, 2, at=T + 1, voice=PCMU)
    stranger = speech(4004, 1000, 3, at=T)
    file = write_pcap(tmp_path / "a.pcap", [*client, *employee, *stranger])
    job = Job((Part(T, T + 3, (EMPLOYEE, CLIENT)),), (str(file),), form)
    made = await render(job, tmp_path)
    left, right = decoded(tmp_path / SOUND, 2)
    assert heard_seconds(span(left, 0, 2.2), 440) >= 1.6
    assert heard_seconds(span(right, 0.9, 3.2), 700) >= 1.6
    for samples, others in ((left, (700, 1000)), (right, (440, 1000))):
        assert not any(heard_seconds(samples, pitch) for pitch in others)
    assert made.milliseconds == 3000
    assert made.packets == 200
    assert [len(each) for each in made.peaks] == [POINTS, POINTS]
    assert all(made.peaks[0][10:250])
    assert not any(made.peaks[0][280:])
    assert not any(made.peaks[1][:120])


def test_pauses_are_left_out_and_parts_joined(tmp_path):
    """Said: 1 s, paused for 10 s, 1 s with another server at another port, in another codec."""
    before = speech(4000, 440, 3, at=T)
    after = speech(4010, 700, 3, at=T + 10, voice=G722("G722", 9))
    files = (
        str(write_pcap(tmp_path / "b.pcap", after)),
        str(write_pcap(tmp_path / "a.pcap", before)),
    )
    moved = Track(Channel.CLIENT, 4010, CODECS)
    parts = (Part(T, T + 1, (CLIENT,)), Part(T + 11, T + 12, (moved,)))
    made = mix(Job(parts, files), tmp_path)
    (heard,) = decoded(tmp_path / SOUND, 1)
    assert made.milliseconds == 2000
    assert heard_seconds(span(heard, 0, 1.1), 440) >= 0.7
    assert heard_seconds(span(heard, 1, 2.2), 700) >= 0.7
    assert len(made.peaks) == 1
    assert 1.8 < made.sounding <= 2.0


def test_a_codec_may_change_within_a_stream(tmp_path):
    first = speech(4000, 440, 1, at=T, sequence=100)
    then = speech(4000, 700, 1, at=T + 1, voice=PCMU, sequence=150, stamp=0xFFFFF000 + 8000)
    file = write_pcap(tmp_path / "a.pcap", [*first, *then])
    mix(Job((Part(T, T + 2, (CLIENT,)),), (str(file),)), tmp_path)
    (heard,) = decoded(tmp_path / SOUND, 1)
    assert heard_seconds(span(heard, 0, 1.1), 440) >= 0.7
    assert heard_seconds(span(heard, 1, 2.2), 700) >= 0.7


def test_what_nobody_can_decode_is_silence_and_said(tmp_path):
    codecs = {**CODECS, 18: "G729/8000"}
    said = [packet._replace(kind=18) for packet in speech(4000, 440, 1, at=T)]
    file = write_pcap(tmp_path / "a.pcap", said)
    track = Track(Channel.CLIENT, 4000, codecs)
    made = mix(Job((Part(T, T + 1, (track,)),), (str(file),)), tmp_path)
    assert (made.packets, made.unknown, made.sounding, made.milliseconds) == (0, 50, 0.0, 1000)


def test_damaged_audio_costs_at_most_itself(tmp_path):
    said = speech(4000, 440, 1, at=T, voice=Opus(111))
    rubbish = [packet._replace(payload=packet.payload[::-1] * 3) for packet in said]
    fine = speech(4002, 700, 1, at=T, voice=PCMA)
    file = write_pcap(tmp_path / "a.pcap", [*rubbish, *fine])
    mix(Job((Part(T, T + 1, (CLIENT, EMPLOYEE)),), (str(file),)), tmp_path)
    assert heard_seconds(decoded(tmp_path / SOUND, 2)[1], 700) >= 0.7


async def test_who_takes_too_long_is_ended(tmp_path):
    file = write_pcap(tmp_path / "a.pcap", speech(4000, 440, 1, at=T))
    job = Job((Part(T, T + 1, (CLIENT,)),), (str(file),))
    with pytest.raises(TooSlow):
        await render(job, tmp_path, 0.0)
    with pytest.raises(RenderingPrevented, match="status"):
        await render(Job(job.parts, ("/nowhere",)), tmp_path)


@pytest.fixture
def decoders(monkeypatch):
    """The commands of the decoders that ran; ``fake`` stands for them."""
    ran, real = [], subprocess.run

    def run(command, **more):
        ran.append(command)
        return real(fakes.get("command", command), **more)

    fakes = {}
    monkeypatch.setattr(mixdown.subprocess, "run", run)
    return ran, fakes


def test_each_codec_of_a_track_is_decoded_in_one_go(tmp_path, decoders):
    """However often the sender changes it; everything is heard when it was said."""
    a_law, u_law = speech(4000, 440, 2, at=T), speech(4000, 440, 2, at=T, voice=PCMU)
    said = [(a_law, u_law)[number % 2][number] for number in range(100)]
    file = write_pcap(tmp_path / "a.pcap", said)
    made = mix(Job((Part(T, T + 2, (CLIENT,)),), (str(file),)), tmp_path)
    assert (len(decoders[0]), made.packets) == (2, 100)
    (heard,) = decoded(tmp_path / SOUND, 1)
    assert heard_seconds(heard, 440) >= 1.6


@pytest.mark.parametrize(
    ("script", "fails"),
    [("kill -9 $$", True), ("exit 1", True), ("head -c 100; exit 1", True), ("exit 0", False)],
)
def test_a_decoder_that_dies_makes_no_silence(tmp_path, decoders, script, fails):
    file = write_pcap(tmp_path / "a.pcap", speech(4000, 440, 1, at=T))
    job = Job((Part(T, T + 1, (CLIENT,)),), (str(file),))
    decoders[1]["command"] = ("sh", "-c", script)
    if fails:
        with pytest.raises(subprocess.CalledProcessError):
            mix(job, tmp_path)
    else:
        assert mix(job, tmp_path).sounding == 0


def test_rubbish_throughout_is_silence(tmp_path):
    said = [each._replace(payload=b"\xff") for each in speech(4000, 440, 1, at=T, voice=Opus(111))]
    huge = said[0]._replace(payload=bytes([4]) * 65_000, sequence=7)
    file = write_pcap(tmp_path / "a.pcap", [*said, huge])
    assert mix(Job((Part(T, T + 1, (CLIENT,)),), (str(file),)), tmp_path).sounding == 0


@pytest.mark.parametrize("trouble", ["no program", "no space"])
def test_the_machines_troubles_are_not_the_recordings(tmp_path, monkeypatch, decoders, trouble):
    file = write_pcap(tmp_path / "a.pcap", speech(4000, 440, 1, at=T))
    job = Job((Part(T, T + 1, (CLIENT,)),), (str(file),))
    (tmp_path / "job").write_bytes(msgspec.json.encode(job))
    if trouble == "no program":
        monkeypatch.setenv("PATH", os.fspath(tmp_path))
    else:
        decoders[1]["command"] = ("sh", "-c", "exit 1")
        usage = mixdown.shutil.disk_usage(tmp_path)._replace(free=0)
        monkeypatch.setattr(mixdown.shutil, "disk_usage", lambda folder: usage)
    assert main([os.fspath(tmp_path / "job"), os.fspath(tmp_path)]) == PREVENTED
