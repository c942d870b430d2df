"""Recorded files as a media server leaves them, whole or not."""

import io

from hypothesis import given
from hypothesis import strategies as st

from core.media.capture import packets
from tests.support.pcaps import speech, write_pcap


def recorded(tmp_path, found):
    return write_pcap(tmp_path / "file.pcap", found).read_bytes()


def test_packets_come_as_they_were_written(tmp_path):
    said = speech(4000, 440, 0.2, at=1000.5)
    found = list(packets(io.BytesIO(recorded(tmp_path, said))))
    assert [each._replace(at=0) for each in found] == [each._replace(at=0) for each in said]
    assert [round(each.at, 4) for each in found] == [round(each.at, 4) for each in said]


def test_a_file_that_was_cut_off_gives_what_was_whole(tmp_path):
    content = recorded(tmp_path, speech(4000, 440, 0.2, at=1000.5))
    for end in range(len(content) - 400, len(content)):
        found = list(packets(io.BytesIO(content[:end])))
        assert len(found) in (7, 8, 9)


@given(st.binary(max_size=300), st.integers(0, 200), st.binary(max_size=8))
def test_nothing_that_is_received_ends_the_reading_badly(rubbish, at, change):
    head = b"\xd4\xc3\xb2\xa1" + bytes(16) + b"\x65\0\0\0"
    list(packets(io.BytesIO(rubbish)))
    list(packets(io.BytesIO(head + rubbish)))
    record = b"\0" * 8 + len(rubbish).to_bytes(4, "little") * 2
    broken = bytearray(record + b"\x45" + rubbish[1:] if rubbish else record)
    broken[16 + at : 16 + at + len(change)] = change
    list(packets(io.BytesIO(head + bytes(broken))))


def test_rtcp_padding_and_extensions_are_no_voice(tmp_path):
    (said,) = speech(4000, 440, 0.02, at=1.0)
    plain = recorded(tmp_path, [said])
    start = plain.index(b"\x80\x08")

    def changed(first, payload):
        body = plain[start + 2 : start + 12] + payload
        rtp = bytes(first) + body
        extra = len(rtp) - (len(plain) - start)
        data = bytearray(plain[:start] + rtp)
        for field in (24 + 8, 24 + 12):  # lengths of the record
            data[field : field + 4] = (172 + 28 + extra).to_bytes(4, "little")
        data[24 + 16 + 24 : 24 + 16 + 26] = (180 + extra).to_bytes(2, "big")
        return [each.payload for each in packets(io.BytesIO(bytes(data)))]

    assert changed(b"\x80\x08", said.payload) == [said.payload]
    assert changed(b"\x80\xc8", said.payload) == []  # a sender report
    assert changed(b"\xa0\x08", said.payload[:158] + b"\0\2") == [said.payload[:158]]
    extension = b"\xbe\xde\0\1" + bytes(4)
    assert changed(b"\x90\x08", extension + said.payload) == [said.payload]
    assert changed(b"\x80\x08", b"") == []
