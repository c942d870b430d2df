"""The RTP peer puts what it hears where the timestamps say, and sends what it is told."""

import struct
from array import array

import pytest

from core.media.g711 import PCMA, PCMU
from core.media.rtp import RtpPeer
from core.media.tones import hears, read_wav, tone

FROM = ("127.0.0.1", 4000)


def packet(stamp, value, ssrc=1, kind=8, first=0x80, more=b""):
    header = struct.pack("!BBHII", first, kind, 0, stamp % (1 << 32), ssrc)
    return header + more + PCMA.encode([value] * 160)


def heard(*packets):
    peer = RtpPeer(PCMA)
    for each in packets:
        peer.datagram_received(each, FROM)
    samples = peer.heard
    return [round(samples[at] / 1000) for at in range(0, len(samples), 160)]


def test_order_gaps_and_doubles():
    assert heard(packet(0, 1000), packet(480, 4000), packet(160, 2000)) == [1, 2, 0, 4]
    assert heard(packet(0, 1000), packet(160, 2000), packet(160, 2000)) == [1, 2]


def test_timestamps_wrap():
    assert heard(packet(-160, 1000), packet(0, 2000), packet(160, 4000)) == [1, 2, 4]


def test_a_new_source_or_a_jump_follows_what_was_there():
    assert heard(packet(0, 1000), packet(900000, 2000, ssrc=2)) == [1, 2]
    assert heard(packet(0, 1000), packet(900000, 2000), packet(900160, 4000)) == [1, 2, 4]


def test_extensions_and_contributors_are_skipped():
    contributor = packet(160, 2000, first=0x81, more=b"CSRC")
    extension = packet(320, 4000, first=0x90, more=b"\xbe\xde\x00\x01abcd")
    assert heard(packet(0, 1000), contributor, extension) == [1, 2, 4]


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x08" * 5, packet(0, 1, kind=0), packet(0, 1, kind=101), packet(0, 1, first=0)]
)
def test_other_datagrams_are_no_audio(data):
    peer = RtpPeer(PCMA)
    peer.datagram_received(data, FROM)
    assert (peer.packets, peer.heard) == (0, array("h"))


async def test_two_peers_talk_by_their_bodies_alone(tmp_path):
    one, two = await RtpPeer.open(codec=PCMU), await RtpPeer.open(codec=PCMU)
    assert one.connect(two.sdp) == two.address
    one.play(tone(440))
    assert hears(await two.listen(0.4), 440, 0.3)
    two.save(tmp_path / "heard.wav")
    assert hears(read_wav(tmp_path / "heard.wav"), 440, 0.3)
    one.play([0] * 200, repeat=False)
    await one._sender  # it ends by itself
    one.close()
    two.close()


async def test_a_body_without_an_address_is_refused():
    peer = RtpPeer(PCMA)
    with pytest.raises(ValueError, match="address"):
        peer.connect(b"v=0\r\n")
