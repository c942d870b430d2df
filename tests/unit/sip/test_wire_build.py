"""What the builder makes, and that it and the parser agree."""

import pytest

from core.sip._wire import WireError, build_request, build_response, parse

HEADERS = [
    ("Via", "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK776;rport"),
    ("From", '"Анна" <sip:0051234567@sip.example.org>;tag=a1'),
    ("To", "<sip:+74951234567@sip.example.org>"),
    ("Call-ID", "c1@192.0.2.7"),
    ("CSeq", "1 INVITE"),
]


def test_a_built_request_is_parsed_back():
    message = parse(build_request("INVITE", "sip:+74951234567@sip.example.org", HEADERS, b"v=0\r\n"))
    assert (message.method, message.uri) == ("INVITE", "sip:+74951234567@sip.example.org")
    assert (message.call_id, message.cseq, message.from_tag, message.to_tag) == (
        "c1@192.0.2.7",
        1,
        "a1",
        "",
    )
    assert (message.via.host, message.via.port, message.branch) == ("192.0.2.7", 5062, "z9hG4bK776")
    assert message.header("from") == HEADERS[1][1]
    assert message.body == b"v=0\r\n"


def test_a_response_says_where_the_request_came_from():
    request = parse(build_request("INVITE", "sip:1@example.org", HEADERS))
    response = parse(build_response(request, 180, "Ringing", to_tag="b2", source=("203.0.113.9", 1024)))
    assert (response.status, response.reason, response.method) == (180, "Ringing", "INVITE")
    assert response.to_tag == "b2"
    assert response.headers("via") == [
        "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK776;received=203.0.113.9;rport=1024"
    ]


def test_what_would_break_a_message_is_refused():
    for bad in ("a\r\nX: y", "a\nb", "a\rb", "a\x00b", "a\x7fb"):
        with pytest.raises(WireError, match="control character"):
            build_request("INVITE", "sip:h", [("Subject", bad)])
        with pytest.raises(WireError, match="control character"):
            build_request("INVITE", f"sip:{bad}", [])
        with pytest.raises(WireError, match="control character"):
            build_response(parse(build_request("INVITE", "sip:h", HEADERS)), 200, bad)
    for bad in ("", "a b", "a:", "a\r\n", "é"):
        with pytest.raises(WireError, match="not a token"):
            build_request("INVITE", "sip:h", [(bad, "x")])
        with pytest.raises(WireError, match="not a token"):
            build_request(bad, "sip:h", [])
    for bad in ("", "sip:a b", "sip:a\tb"):
        with pytest.raises(WireError):
            build_request("INVITE", bad, [])
    with pytest.raises(WireError, match="over 64 KB"):
        build_request("INVITE", "sip:h", HEADERS, b"x" * 65536)


def test_a_response_refuses_what_it_cannot_say():
    request = parse(build_request("INVITE", "sip:h", HEADERS))
    for status in (99, 700, 0, -1):
        with pytest.raises(WireError, match="status"):
            build_response(request, status, "x")
    with pytest.raises(WireError, match="tag"):
        build_response(request, 200, "OK", to_tag="a;b")


def test_content_length_is_computed_whatever_the_caller_says():
    built = build_request("INFO", "sip:h", [*HEADERS, ("content-length", "99"), ("l", "98")], b"ab")
    assert built.lower().count(b"content-length") == 1
    assert parse(built).header("Content-Length") == "2"


def test_text_that_utf8_cannot_hold_is_replaced():
    assert b"\r\nSubject: ?\r\n" in build_request("INVITE", "sip:h", [("Subject", "\ud800")])


def answer(via, source):
    headers = [("Via", via), *HEADERS[1:]]
    request = parse(build_request("INVITE", "sip:h", headers))
    return parse(build_response(request, 200, "OK", source=source)).headers("via")


@pytest.mark.parametrize(
    ("via", "source", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.7;branch=b", ("192.0.2.7", 9), ["SIP/2.0/UDP 192.0.2.7;branch=b"]),
        ("SIP/2.0/UDP h;branch=b", ("192.0.2.7", 9), ["SIP/2.0/UDP h;branch=b;received=192.0.2.7"]),
        (
            "SIP/2.0/UDP 192.0.2.7;RPORT ;branch=b",
            ("192.0.2.7", 9),
            ["SIP/2.0/UDP 192.0.2.7;branch=b;received=192.0.2.7;rport=9"],
        ),
        (
            "SIP/2.0/UDP h;received=198.51.100.1;rport=1;branch=b, SIP/2.0/UDP g;received=x;rport",
            ("192.0.2.7", 9),
            ["SIP/2.0/UDP h;branch=b;received=192.0.2.7;rport=9", "SIP/2.0/UDP g;received=x;rport"],
        ),
        (
            "SIP/2.0/UDP [2001:DB8::1];branch=b",
            ("2001:db8::1", 9),
            ["SIP/2.0/UDP [2001:DB8::1];branch=b"],
        ),
        ("SIP/2.0/UDP h;received=198.51.100.1", None, ["SIP/2.0/UDP h;received=198.51.100.1"]),
        ('SIP/2.0/UDP h;x=";rport";rport', ("h", 9), ['SIP/2.0/UDP h;x=";rport";received=h;rport=9']),
    ],
)
def test_the_topmost_via_says_where_a_request_came_from_and_a_claim_is_not_believed(
    via, source, expected
):
    assert answer(via, source) == expected


def test_record_route_goes_into_what_makes_a_dialog_only():
    request = parse(build_request("INVITE", "sip:h", [*HEADERS, ("Record-Route", "<sip:p;lr>")]))
    for status, copied in [(100, False), (180, True), (200, True), (302, False), (486, False)]:
        response = parse(build_response(request, status, "x"))
        assert bool(response.headers("Record-Route")) is copied


def test_a_to_that_has_a_tag_keeps_it():
    headers = [("To", "<sip:h>;tag=old") if name == "To" else (name, value) for name, value in HEADERS]
    request = parse(build_request("BYE", "sip:h", headers))
    assert parse(build_response(request, 200, "OK", to_tag="new")).to_tag == "old"


def test_a_request_that_lacks_everything_is_answered_with_what_there_is():
    request = parse(b"INVITE sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n")
    assert build_response(request, 400, "Bad Request", to_tag="t") == (
        b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h\r\nContent-Length: 0\r\n\r\n"
    )
