"""What the builder makes, and that it and the parser agree."""

from core.sip._wire import build_request, build_response, parse

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
