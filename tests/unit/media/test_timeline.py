"""Where packets belong, whatever the network did to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.timeline import RATE, placed, samples_of
from tests.support.pcaps import speech
from tests.support.voices import G722, PCMU, Opus

CODECS = {8: ("PCMA", 8000), 0: ("PCMU", 8000), 9: ("G722", 8000), 111: ("OPUS", 48000)}
START = 5000.0


def sounds(found):
    """Begin and end of what is heard without a break."""
    spans = []
    for each in found:
        if spans and spans[-1][1] == each.at:
            spans[-1][1] = each.at + each.samples
        else:
            spans.append([each.at, each.at + each.samples])
    return [tuple(span) for span in spans]


@pytest.mark.parametrize("voice", [PCMU, G722("G722", 9), Opus(111)], ids=lambda each: each.name)
def test_a_stream_is_one_sound_in_any_codec(voice):
    found = placed(speech(1, 440, 2.0, at=START + 1, voice=voice), CODECS, START)
    assert sounds(found) == [(RATE, 3 * RATE)]


@given(st.data())
def test_order_doubles_and_delays_change_nothing(data):
    said = speech(1, 440, 1.0, at=START + 1)
    late = data.draw(st.lists(st.floats(0, 0.15), min_size=len(said), max_size=len(said)))
    came = [said[0], *(p._replace(at=p.at + d) for p, d in zip(said[1:], late[1:], strict=True))]
    doubled = data.draw(st.lists(st.sampled_from(came), max_size=10))
    arrived = sorted([*came, *doubled], key=lambda each: each.at)
    found = placed(arrived, CODECS, START)
    assert sounds(found) == [(RATE, 2 * RATE)]
    assert [each.payload for each in found] == [each.payload for each in said]


@given(st.sets(st.integers(1, 49), max_size=30))
def test_what_was_lost_is_silence_of_its_length(lost):
    said = speech(1, 440, 1.0, at=START)
    found = placed([p for n, p in enumerate(said) if n not in lost], CODECS, START)
    assert [each.at for each in found] == [n * 320 for n in range(50) if n not in lost]


def test_a_new_source_a_new_beginning_and_a_jump_go_by_the_clock():
    first = speech(1, 440, 1.0, at=START)
    other = speech(1, 440, 1.0, at=START + 2, ssrc=8, sequence=5, stamp=77)
    anew = speech(1, 440, 1.0, at=START + 4, ssrc=8, sequence=40_000, stamp=5)
    jumped = speech(1, 440, 1.0, at=START + 6, ssrc=8, sequence=40_050, stamp=5_000_000)
    again = speech(1, 440, 1.0, at=START + 8, ssrc=8, sequence=40_000, stamp=9)
    found = placed([*first, *other, *anew, *jumped, *again], CODECS, START)
    assert sounds(found) == [(n * RATE, (n + 1) * RATE) for n in (0, 2, 4, 6, 8)]


def test_keys_and_what_nobody_knows_are_not_heard():
    said = speech(1, 440, 0.2, at=START)
    keys = [p._replace(kind=101, sequence=(p.sequence + 10) % 65536) for p in said]
    assert len(placed([*said, *keys], CODECS, START)) == 10


def test_lengths_of_payloads():
    assert samples_of("OPUS", b"\x78") == 320  # one frame of 20 ms (RFC 6716 §3.1)
    assert samples_of("OPUS", b"\x79") == 640
    assert samples_of("OPUS", b"\x7b\x03") == 960
    assert samples_of("OPUS", b"\x7b\x3f") == 0  # longer than the 120 ms of the standard
    assert samples_of("OPUS", b"\x1b") == 0
    assert samples_of("GSM", bytes(66)) == 640
    assert samples_of("GSM", bytes(65)) == 0
    assert samples_of("G729", bytes(20)) == 0
