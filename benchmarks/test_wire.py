"""What it costs to read and to answer an INVITE of the size that carriers send (842 bytes)."""

from core.sip._wire import build_response, parse, problem

OFFER = (
    b"v=0\r\no=- 3747 3747 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    b"INVITE sip:+74951234567@sip.example.org:5060;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---8a2f1c9e;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"Contact: <sip:+79161234567@192.0.2.10:5060;transport=udp>\r\n"
    b"To: <sip:+74951234567@sip.example.org>\r\n"
    b'From: "Ivan Petrov" <sip:+79161234567@carrier.example.net>;tag=9fxced76sl\r\n'
    b"Call-ID: 3848276298220188511@gw1.carrier.example.net\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Supported: replaces, timer\r\n"
    b"User-Agent: Example gateway 5.1 (build 20231104, release) linux-64\r\n"
    b"Content-Length: %d\r\n\r\n" % len(OFFER)
) + OFFER


def everything(data):
    message = parse(data)
    return (
        message.branch,
        message.from_tag,
        message.to_tag,
        message.call_id,
        message.cseq,
        message.header("Contact"),
    )


def test_parse(benchmark):
    assert len(INVITE) == 842
    assert benchmark(parse, INVITE).is_request


def test_parse_and_read_what_a_transaction_reads(benchmark):
    branch, *_, contact = benchmark(everything, INVITE)
    assert branch == "z9hG4bK-524287-1---8a2f1c9e"
    assert contact == "<sip:+79161234567@192.0.2.10:5060;transport=udp>"


def test_problem(benchmark):
    assert benchmark(problem, parse(INVITE)) is None


def test_build_response(benchmark):
    request = parse(INVITE)
    headers = [("Contact", "<sip:192.0.2.1:5060>")]
    built = benchmark(
        build_response, request, 180, "Ringing", headers, to_tag="b2", source=("192.0.2.10", 5060)
    )
    assert parse(built).to_tag == "b2"
