"""Session descriptions: the stream that counts, its codecs, where it goes, what hold looks like."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import sdp
from core.errors import MediaRefused
from core.sdp import Codec


def body(*stream: str, session: tuple[str, ...] = ("c=IN IP4 192.0.2.7",)) -> bytes:
    lines = ["v=0", "o=- 7 1 IN IP4 192.0.2.7", "s=-", *session, "t=0 0", *stream]
    return "".join(f"{line}\r\n" for line in lines).encode()


PHONE = body(
    "m=audio 4000 RTP/AVP 0 8 101",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
)
BROWSER = body(
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110 126",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 useinbandfec=1",
    "a=rtcp-fb:111 transport-cc",
    "a=rtcp-fb:* nack",
    "a=rtpmap:110 telephone-event/48000",
    "a=rtpmap:126 telephone-event/8000",
)


def test_formats_in_order_with_and_without_rtpmap():
    assert sdp.formats(
        body("m=audio 4000 RTP/AVP 8 18 97 101", "a=rtpmap:101 Telephone-Event/8000")
    ) == [
        Codec(8, "PCMA", 8000),
        Codec(18, "G729", 8000),
        Codec(97, "", 0),
        Codec(101, "TELEPHONE-EVENT", 8000),
    ]
    assert sdp.codecs(BROWSER) == ["OPUS", "PCMU"]
    assert (sdp.preferred(PHONE), sdp.preferred(BROWSER)) == ("PCMA", "PCMU")


def test_restriction_is_byte_exact():
    assert sdp.restrict_codecs(PHONE, ["pcma"]) == body(
        "m=audio 4000 RTP/AVP 8 101",
        "a=ptime:20",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
    )


def test_telephone_event_stays_at_the_clock_rate_of_the_codec():
    opus = sdp.restrict_codecs(BROWSER, {"OPUS"})
    assert b" 111 110\r\n" in opus
    assert b":126" not in opus
    assert b"a=rtcp-fb:* nack" in opus
    assert b" 0 126\r\n" in sdp.restrict_codecs(BROWSER, {"PCMU"})


def test_hold_names_the_codecs_and_events_of_the_offer_and_no_address():
    assert sdp.hold(sdp.restrict_codecs(BROWSER, {"OPUS"})) == (
        b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        b"m=audio 9 RTP/AVP 111 110\r\n"
        b"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
        b"a=rtpmap:110 telephone-event/48000\r\na=sendrecv\r\n"
    )


def test_where_a_stream_goes():
    assert sdp.connection(PHONE) == ("192.0.2.7", 4000)
    assert sdp.connection(body("m=audio 4000/2 RTP/AVP 8", "c=IN IP6 2001:db8::1")) == (
        "2001:db8::1",
        4000,
    )
    assert sdp.connection(body("m=audio 5 RTP/AVP 8", "c=IN IP4 224.2.1.1/127/3"))[0] == "224.2.1.1"
    with pytest.raises(MediaRefused):
        sdp.connection(body("m=audio 5 RTP/AVP 8", session=()))


@pytest.mark.parametrize(
    ("session", "stream", "expected"),
    [
        ((), (), "sendrecv"),
        (("a=sendonly",), (), "sendonly"),
        (("a=sendonly",), ("a=recvonly",), "recvonly"),
        ((), ("c=IN IP4 0.0.0.0", "a=sendrecv"), "inactive"),
    ],
)
def test_which_way_a_stream_flows(session, stream, expected):
    made = body("m=audio 5 RTP/AVP 8", *stream, session=("c=IN IP4 192.0.2.7", *session))
    assert sdp.direction(made) == expected


def test_other_streams_go_and_come_back_refused():
    offer = body(
        "m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 8", "a=sendrecv", "m=audio 6 RTP/AVP 0"
    )
    alone = sdp.audio_only(offer)
    assert alone == body("m=audio 4000 RTP/AVP 8", "a=sendrecv")
    answer = body("m=audio 30000 RTP/AVP 8")
    assert sdp.with_rejected(answer, offer) == body(
        "m=video 0 RTP/AVP 31", "m=audio 30000 RTP/AVP 8", "m=audio 0 RTP/AVP 0"
    )


def test_lines_may_end_in_a_bare_line_feed():
    assert sdp.restrict_codecs(PHONE.replace(b"\r\n", b"\n"), ["PCMA"]) == sdp.restrict_codecs(
        PHONE, ["PCMA"]
    )


@pytest.mark.parametrize(
    "offer",
    [
        b"",
        b"v=0\r\n",
        body("m=audio 0 RTP/AVP 8"),
        body("m=audio 70000 RTP/AVP 8"),
        body("m=audio x RTP/AVP 8"),
        body("m=audio 4000 RTP/AVP"),
        body("m=video 4000 RTP/AVP 31"),
        body("m=audio 4000 RTP/AVP 8", "m=video"),
    ],
)
def test_a_body_without_usable_audio_is_refused_with_488(offer):
    for read in (sdp.codecs, sdp.connection, sdp.hold, sdp.audio_only):
        with pytest.raises(MediaRefused) as refused:
            read(offer)
        assert refused.value.sip_status == 488


def test_a_codec_that_is_not_there_cannot_be_kept():
    for keep in (["G722"], ["telephone-event"], [""], []):
        with pytest.raises(MediaRefused):
            sdp.restrict_codecs(PHONE, keep)


_LINES = st.one_of(
    st.sampled_from(PHONE.splitlines() + BROWSER.splitlines()),
    st.sampled_from(
        [b"m=", b"m=audio", b"m=audio 1/2 X 0 0 x", b"a=rtpmap:", b"a=rtpmap:8", b"c=", b"a=fmtp: "]
    ),
    st.binary(max_size=20),
)


@given(st.lists(_LINES))
@settings(deadline=None)
def test_no_body_raises_anything_else(lines):
    data = b"\r\n".join(lines)
    for use in (
        sdp.preferred,
        sdp.connection,
        sdp.direction,
        sdp.hold,
        sdp.audio_only,
        sdp.cheapest_first,
        sdp.profile,
        sdp.without_keys,
        sdp.without_webrtc,
        lambda data: sdp.same_stream(data, PHONE),
        lambda data: sdp.restrict_codecs(data, ["PCMA"]),
        lambda data: sdp.with_rejected(PHONE, data),
    ):
        with contextlib.suppress(MediaRefused):
            use(data)


def test_g711_comes_first_and_redundant_audio_goes():
    offer = body(
        "m=audio 9 RTP/AVP 111 63 9 0 8 101",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
    )
    assert b"RTP/AVP 0 8 111 9 101\r\n" in sdp.cheapest_first(offer)
    assert b"63" not in sdp.cheapest_first(offer)
    assert sdp.cheapest_first(PHONE) is PHONE
    with pytest.raises(MediaRefused):
        sdp.cheapest_first(body("m=audio 9 RTP/AVP 63", "a=rtpmap:63 red/48000/2"))


def test_nobody_can_speak_with_comfort_noise_or_redundancy_alone():
    noise = body("m=audio 9 RTP/AVP 13 18")
    assert sdp.preferred(noise) == "G729"
    with pytest.raises(MediaRefused):
        sdp.preferred(body("m=audio 9 RTP/AVP 13"))


def test_events_of_another_rate_are_better_than_none():
    offer = body(
        "m=audio 9 RTP/AVP 111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/8000"
    )
    assert sdp.restrict_codecs(offer, {"opus"}).startswith(offer[:90])
    assert b" 111 101\r\n" in sdp.restrict_codecs(offer, {"opus"})


KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40


@pytest.mark.parametrize(
    ("protocol", "lines", "expected"),
    [
        ("RTP/AVP", (), sdp.PLAIN),
        ("rtp/avpf", (), sdp.Profile("RTP/AVPF")),
        ("RTP/AVP", (KEY,), sdp.BEST_EFFORT),
        ("RTP/SAVP", (KEY,), sdp.SDES),
        ("RTP/SAVPF", (KEY,), sdp.Profile("RTP/SAVPF", sdp.Keys.SDES)),
        ("UDP/TLS/RTP/SAVPF", ("a=fingerprint:sha-256 A", "a=ice-ufrag:x"), sdp.WEBRTC),
        (
            "UDP/TLS/RTP/SAVP",
            ("a=fingerprint:sha-256 A",),
            sdp.Profile("UDP/TLS/RTP/SAVP", sdp.Keys.DTLS),
        ),
    ],
)
def test_how_audio_travels(protocol, lines, expected):
    assert sdp.profile(body(f"m=audio 5 {protocol} 8", *lines)) == expected


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "UDP/TLS/RTP/SAVPF", "udptl", "TCP/RTP/AVP"])
def test_audio_without_keys_or_over_something_else_is_refused(protocol):
    with pytest.raises(MediaRefused):
        sdp.profile(body(f"m=audio 5 {protocol} 8"))


def test_keys_that_were_offered_in_the_open_are_not_used():
    offer = body("m=audio 5 RTP/AVP 8", KEY)
    assert sdp.profile(sdp.without_keys(offer)) == sdp.PLAIN


def test_what_a_browser_says_for_browsers_stays_there():
    told = body(
        "m=audio 5 RTP/AVP 8",
        "a=mid:0",
        "a=msid:x y",
        "a=ssrc:1 cname:x",
        "a=extmap:1 urn:x",
        "a=rtcp-fb:8 nack",
        "a=rtcp:6",
        session=("c=IN IP4 192.0.2.7", "a=group:BUNDLE 0", "a=msid-semantic: WMS"),
    )
    assert sdp.without_webrtc(told) == body("m=audio 5 RTP/AVP 8", "a=rtcp:6")


def test_a_browser_that_has_no_address_yet_holds_nobody():
    stream = ("m=audio 9 UDP/TLS/RTP/SAVPF 8", "c=IN IP4 0.0.0.0", "a=ice-ufrag:x", "a=sendonly")
    assert sdp.direction(body(*stream)) == "sendonly"
    assert sdp.direction(body(*stream[:-1])) == "sendrecv"
    assert sdp.direction(body(*stream[:2])) == "inactive"


def test_a_stream_keeps_the_name_that_a_browser_gave_it():
    bundle = ("c=IN IP4 192.0.2.7", "a=group:BUNDLE 0")
    before = body("m=audio 5 RTP/AVP 8", "a=mid:0", session=bundle)
    later = body("m=audio 7 RTP/AVP 8", "a=mid:1", "a=sendrecv")
    assert sdp.same_stream(later, before) == body(
        "m=audio 7 RTP/AVP 8", "a=sendrecv", "a=mid:0", session=bundle
    ).replace(b"a=group:BUNDLE 0\r\nt=0 0\r\n", b"t=0 0\r\na=group:BUNDLE 0\r\n")
    assert b"a=mid" not in sdp.same_stream(later, PHONE)


@pytest.mark.parametrize(
    "before, after",
    [
        (b"v=0\r\n", b""),
        (b"v=0", b"v=1"),
        (b"o=- 7 1 IN IP4", b"o=7 IN IP4"),
        (b"c=IN IP4 192.0.2.7", b"c=IN IP4 phone.example.com"),
        (b"c=IN IP4 192.0.2.7", b"c=IN IP4 999.1.1.1"),
        (b"c=IN IP4 192.0.2.7", b"c=IN IP4 ::1"),
        (b"c=IN IP4 192.0.2.7", b"c=IN IP5 192.0.2.7"),
    ],
)
def test_what_the_media_server_would_not_read_is_refused_before(before, after):
    good = body("m=audio 4000 RTP/AVP 8")
    sdp.check(good)
    sdp.check(good.replace(b"c=IN IP4 192.0.2.7", b"c=IN IP6 2001:db8::7"))
    assert before in good
    with pytest.raises(MediaRefused):
        sdp.check(good.replace(before, after))
