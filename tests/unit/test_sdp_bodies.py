"""The SDP that we make ourselves: the stub's body, restricted codecs, rejected streams."""

import pytest

from core import sdp, sdp_body
from core.errors import MediaRefused, MediaUnavailable


def body(*lines: str) -> bytes:
    head = ("v=0", "o=- 7 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0")
    return "".join(f"{line}\r\n" for line in (*head, *lines)).encode()


PHONE = body(
    "m=audio 4000 RTP/AVP 0 8 18 101",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
    "a=sendrecv",
)
BROWSER = body(
    "a=group:BUNDLE 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
    "a=mid:0",
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2",
    "a=fmtp:63 111/111",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:13 CN/8000",
    "a=rtpmap:110 telephone-event/48000",
    "a=rtpmap:126 telephone-event/8000",
)


def lines(data: bytes) -> list[str]:
    assert data.endswith(b"\r\n")
    return data.decode().split("\r\n")[:-1]


def stub(offer: bytes) -> list[str]:
    return lines(sdp.hold(sdp.restrict_codecs(offer, {sdp.preferred(offer)})))


def test_the_stub_speaks_one_codec_of_the_offer_and_its_events():
    assert stub(PHONE) == [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "m=audio 9 RTP/AVP 8 101",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]


def test_events_keep_the_number_that_the_offer_gave_to_this_clock_rate():
    made = stub(BROWSER)
    assert "m=audio 9 RTP/AVP 8 126" in made
    assert "a=rtpmap:126 telephone-event/8000" in made
    assert not [line for line in made if "110" in line]


def test_without_g711_the_first_codec_is_taken():
    offer = body(
        "m=audio 4000 RTP/AVP 96 97 98",
        "a=rtpmap:97 telephone-event/8000",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:98 telephone-event/48000",
    )
    assert stub(offer)[5:-1] == [
        "m=audio 9 RTP/AVP 96 98",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:98 telephone-event/48000",
    ]


def test_a_stub_that_rings_speaks_everything_the_caller_speaks():
    assert lines(sdp.hold(PHONE))[5] == "m=audio 9 RTP/AVP 0 8 18 101"


def test_codecs_are_named_with_and_without_rtpmap():
    assert sdp.codecs(PHONE) == ["PCMU", "PCMA", "G729"]
    assert sdp.codecs(BROWSER) == ["OPUS", "RED", "G722", "PCMU", "PCMA", "CN"]


def test_restriction_leaves_everything_else_alone():
    restricted = lines(sdp.restrict_codecs(PHONE, {"pcma"}))
    assert "m=audio 4000 RTP/AVP 8 101" in restricted
    assert {"c=IN IP4 192.0.2.7", "a=ptime:20", "a=sendrecv", "a=fmtp:101 0-16"} <= set(restricted)
    assert sdp.restrict_codecs(PHONE, sdp.codecs(PHONE)).count(b"\n") == PHONE.count(b"\n")


def test_other_streams_are_taken_away_and_come_back_rejected():
    offer = body(
        "m=video 4002 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        "m=audio 4000 RTP/AVP 8",
        "a=sendrecv",
        "m=application 4004 UDP/BFCP *",
    )
    alone = lines(sdp.audio_only(offer))
    assert [line for line in alone if line.startswith("m=")] == ["m=audio 4000 RTP/AVP 8"]
    answer = body("m=audio 30000 RTP/AVP 8", "a=sendrecv")
    whole = lines(sdp.with_rejected(answer, offer))
    assert whole[5:] == [
        "m=video 0 RTP/AVP 96",
        "m=audio 30000 RTP/AVP 8",
        "a=sendrecv",
        "m=application 0 UDP/BFCP *",
    ]


def test_bare_line_feeds_and_two_ports_are_understood():
    offer = body("m=audio 4000/2 RTP/AVP 8").replace(b"\r\n", b"\n")
    assert lines(sdp.hold(offer))[5] == "m=audio 9 RTP/AVP 8"


@pytest.mark.parametrize(
    "offer",
    [
        b"",
        b"nonsense",
        body(),
        body("m=audio 0 RTP/AVP 8"),
        body("m=image 4000 udptl t38"),
        body("m=audio 4000 RTP/AVP"),
    ],
)
def test_a_body_without_audio_is_refused(offer):
    with pytest.raises(MediaRefused) as refusal:
        sdp.audio_only(offer)
    assert refusal.value.sip_status == 488
    assert isinstance(refusal.value, MediaUnavailable)


def test_events_alone_are_no_audio():
    offer = body("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000")
    with pytest.raises(MediaRefused):
        sdp.preferred(offer)
    with pytest.raises(MediaRefused):
        sdp.restrict_codecs(PHONE, {"opus"})


@pytest.mark.parametrize("sent", [PHONE, BROWSER])
def test_what_is_made_of_a_body_changes_nothing_of_what_was_read(sent):
    """Bodies are read once and remembered, for all calls."""
    sdp.without_events(sent), sdp.with_events(sdp.without_events(sent), 99), sdp.without_keys(sent)
    sdp.directed(sent, "inactive"), sdp.same_stream(sent, BROWSER), sdp.restrict_codecs(sent, ["PCMU"])
    sdp.cheapest_first(sent), sdp.hold(sent), sdp.with_rejected(sent, sent), sdp.audio_only(sent)
    assert sdp_body.read(sent) is sdp_body.read(sent)
    assert sdp_body.read(sent) == sdp_body.read.__wrapped__(sent)
