"""RFC 5118: the messages that trouble whoever is new to IPv6, made from what each of them is about."""

import pytest

from core import sdp
from core.sip._wire import build_response, parse, problem
from core.sip.uri import NameAddr, SipUri, UriError


def request(method="REGISTER", uri="sip:[2001:db8::10]", body="", **headers):
    """A request of a host without a name; ``headers`` replace or add."""
    written = {
        "Via": "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
        "To": "<sip:user@example.com>",
        "From": "<sip:user@example.com>;tag=81x2",
        "Call-ID": "SSG9559905523997077@hlau_4100",
        "CSeq": f"98176 {method}",
        "Max-Forwards": "70",
        "Contact": "<sip:caller@[2001:db8::1]>",
    } | headers
    lines = [f"{name}: {value}" for name, value in written.items()]
    if body:
        lines.append("Content-Type: application/sdp")
    head = "\r\n".join([f"{method} {uri} SIP/2.0", *lines, f"Content-Length: {len(body)}"])
    return parse(f"{head}\r\n\r\n{body}".encode())


def test_a_reference_is_valid():
    """§4.1"""
    message = request()
    assert problem(message) is None
    assert SipUri.parse(message.uri).host == "2001:db8::10"
    assert SipUri.parse(NameAddr.parse(message.header("Contact")).uri).host == "2001:db8::1"
    assert (message.via.host, message.via.port) == ("2001:db8::9:1", 0)


def test_an_address_without_brackets_is_400():
    """§4.2: nobody can tell its last group from a port."""
    message = request(uri="sip:2001:db8::10")
    assert problem(message)[0] == 400
    with pytest.raises(UriError):
        SipUri.parse(message.uri)


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),  # §4.3: a group, though it looks else
        ("sip:[2001:db8::10]:5070", "2001:db8::10", 5070),  # §4.4
    ],
)
def test_a_port_is_what_follows_the_bracket(uri, host, port):
    message = request(uri=uri)
    assert problem(message) is None
    read = SipUri.parse(message.uri)
    assert (read.host, read.port) == (host, port)
    assert SipUri.parse(str(read)) == read


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_received_comes_with_and_without_brackets(received):
    """§4.5"""
    via = f"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111"
    message = request("BYE", Via=via)
    assert problem(message) is None
    assert message.via.received.strip("[]") == "2001:db8::9:255"
    assert message.branch == "z9hG4bKas3-111"
    answer = parse(build_response(message, 200, "OK", to_tag="t"))
    assert answer.via.received.strip("[]") == "2001:db8::9:255"


def test_what_we_write_of_a_source_is_read_by_ourselves():
    message = request("BYE", Via="SIP/2.0/UDP [2001:db8::9:1];rport;branch=z9hG4bK1")
    answer = parse(build_response(message, 200, "OK", source=("2001:db8::9:255", 1234)))
    assert (answer.via.received.strip("[]"), answer.via.rport) == ("2001:db8::9:255", 1234)


BODY = (
    "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video\r\n"
    "c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\n"
    "m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


def test_a_body_with_addresses():
    """§4.6"""
    message = request("INVITE", "sip:user@[2001:db8::10]", BODY)
    assert problem(message) is None
    assert sdp.connection(message.body) == ("2001:db8::20", 6000)
    assert sdp.codecs(message.body) == ["PCMU"]


def test_both_families_in_the_headers():
    """§4.7"""
    via = (
        "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111, "
        "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144, "
        "SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200"
    )
    message = request("BYE", "sip:user@host.example.net", Via=via)
    assert problem(message) is None
    assert (message.via.host, message.via.port) == ("2001:db8::9:1", 6050)
    third = message.headers("Via")[2]
    alone = request("BYE", Via=third)
    assert (alone.via.transport, alone.via.received) == ("TCP", "192.0.2.200")


def test_both_families_in_a_body():
    """§4.8: a stream's own address counts."""
    body = BODY.replace("m=audio", "m=audio 6000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=audio", 1)
    message = request("INVITE", "sip:user@[2001:db8::10]", body)
    assert problem(message) is None
    assert sdp.connection(message.body) == ("192.0.2.1", 6000)


def test_mapped_addresses():
    """§4.9"""
    message = request(
        "INVITE",
        "sip:user@example.com",
        BODY.replace("2001:db8::20", "::ffff:192.0.2.10"),
        Via="SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
        Contact='"T. Watson" <sip:watson@[::ffff:192.0.2.10]>',
    )
    assert problem(message) is None
    assert message.via.host == "::ffff:192.0.2.10"
    assert sdp.connection(message.body) == ("::ffff:192.0.2.10", 6000)
    contact = SipUri.parse(NameAddr.parse(message.header("Contact")).uri)
    assert SipUri.parse(str(contact)) == contact


def test_an_address_that_ends_as_one_of_ipv4():
    """§4.10, as it should be written."""
    message = request("OPTIONS", "sip:user@[2001:db8::192.0.2.1]")
    assert problem(message) is None
    assert SipUri.parse(message.uri).host == "2001:db8::c000:201"


@pytest.mark.xfail(strict=True, reason="the three colons of RFC 3261's old grammar are no address")
def test_the_colon_too_many_of_the_old_grammar():
    """§4.10, as a generator that follows the erroneous grammar would write it."""
    message = request("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]")
    assert problem(message) is None
    assert SipUri.parse(message.uri).host == "2001:db8::c000:201"
