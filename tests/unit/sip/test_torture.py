"""RFC 4475: every torture message, byte-exact, with its verdict.

``ok`` is parsed and has no problem; ``dropped`` raises WireError; a number is the status that
``problem`` gives (for a response: it is discarded). Where the RFC leaves a choice, the comment says
which one this is.
"""

import pytest

from core.sip._wire import WireError, build_response, parse, problem
from core.sip.digest import parse_credentials
from core.sip.uri import NameAddr, SipUri, UriError
from tests.support.torture import ABSENT, MESSAGES, paths

pytestmark = pytest.mark.skipif(MESSAGES is None, reason=ABSENT)

VERDICTS = {
    "valid/dblreq": "ok",  # §3.1.1.8: what follows the first message is ignored
    "valid/esc01": "ok",
    "valid/esc02": "ok",
    "valid/escnull": "ok",
    "valid/intmeth": "ok",
    "valid/longreq": "ok",
    "valid/lwsdisp": "ok",
    "valid/mpart01": "ok",
    "valid/noreason": "ok",
    "valid/semiuri": "ok",
    "valid/transports": "ok",
    "valid/unreason": "ok",
    "valid/wsinv": "ok",
    "invalid/badinv01": 400,
    "invalid/clerr": 400,
    "invalid/ncl": 400,
    "invalid/scalar02": 400,
    "invalid/scalarlg": 400,  # a response: discarded
    "invalid/quotbal": 400,
    "invalid/ltgtruri": 400,
    "invalid/lwsruri": 400,
    "invalid/lwsstart": 400,
    "invalid/trws": 400,
    "invalid/escruri": 400,
    "invalid/baddate": "ok",  # §3.1.2.12: a Date that is not used may be ignored
    "invalid/regbadct": 400,
    "invalid/badaspec": 400,
    "invalid/baddn": "dropped",  # this file ends within its headers; see below for the RFC's text
    "invalid/badvers": 505,
    "invalid/mismatch01": 400,
    "invalid/mismatch02": 400,
    "invalid/bigcode": "dropped",
    "invalid/badbranch": 400,  # §3.2.1: or taken as of RFC 2543
    "invalid/insuf": 400,
    "invalid/unkscm": 416,
    "invalid/novelsc": 416,
    "invalid/unksm2": 400,
    "invalid/bext01": 420,
    "invalid/invut": 415,
    "invalid/regaut01": "ok",  # challenged as without credentials
    "invalid/multi01": 400,
    "invalid/mcl01": "dropped",  # see test_mcl01_is_answered
    "invalid/bcast": 400,  # a response with a Via that is not ours: discarded
    "invalid/zeromf": "ok",  # §3.3.11: OPTIONS that ends here is answered
    "invalid/cparam01": "ok",
    "invalid/cparam02": "ok",
    "invalid/regescrt": "ok",
    "invalid/sdp01": 406,
    "invalid/inv2543": "ok",
    "invalid/test": "dropped",  # no version, no Via
}


def read(name):
    return (MESSAGES / f"{name}.dat").read_bytes()


def test_no_message_is_forgotten():
    there = {f"{path.parent.name}/{path.stem}" for path in paths()}
    assert there == set(VERDICTS)


@pytest.mark.parametrize(("name", "verdict"), VERDICTS.items())
def test_verdict(name, verdict):
    if verdict == "dropped":
        with pytest.raises(WireError):
            parse(read(name))
        return
    message = parse(read(name))
    found = problem(message)
    assert (found[0] if found else "ok") == verdict
    if found and message.is_request:
        answer = parse(build_response(message, *found, to_tag="t", source=("192.0.2.1", 5060)))
        assert (answer.status, answer.branch, answer.call_id) == (
            verdict,
            message.branch,
            message.call_id,
        )


@pytest.mark.xfail(strict=True, reason="two lengths leave open what was said; dropped as an attack")
def test_mcl01_is_answered():
    """§3.3.9 would answer 400 to a message with two different lengths."""
    assert problem(parse(read("invalid/mcl01"))) == (400, "Bad Content-Length")


def test_baddn_with_the_line_that_its_file_lacks():
    message = parse(read("invalid/baddn") + b"\r\n")
    assert problem(message) is None, "§3.1.2.15 allows to guess the missing quotes"
    assert NameAddr.parse(message.header("from")).display_name == "Bell, Alexander"


def test_wsinv():
    message = parse(read("valid/wsinv"))
    assert (message.method, message.uri) == (
        "INVITE",
        "sip:vivekg@chair-dnrc.example.com;unknownparam",
    )
    assert (message.from_tag, message.to_tag) == ("98asjd8", "1918181833n")
    assert (message.cseq, message.call_id) == (9, "wsinv.ndaksdj@192.0.2.1")
    assert (message.via.host, message.branch) == ("192.0.2.2", "390skdjuw")
    branches = [value.rpartition("=")[2].strip() for value in message.headers("via")]
    assert branches == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert NameAddr.parse(message.header("from")).display_name == 'J Rosenberg \\"'
    contact = NameAddr.parse(message.header("contact"))
    assert contact.display_name == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": "", "q": "0.33"}
    assert message.header("subject") == ""
    assert message.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert len(message.body) == 150


def test_intmeth():
    message = parse(read("valid/intmeth"))
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = SipUri.parse(message.uri)
    assert (uri.user, uri.host) == ("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "example.com")
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert NameAddr.parse(message.header("to")).display_name == "BEL:\ufffd NUL:\ufffd DEL:\ufffd"
    sender = NameAddr.parse(message.header("from"))
    assert sender.display_name == "token1~` token2'+_ token3*%!.-"
    assert sender.params["fromparam''~+*_!.-%"] == "работающий"
    assert message.from_tag == sender.tag == "_token~1'+`*%!-."


def test_escapes_are_undone_in_values_and_never_in_names():
    message = parse(read("valid/esc01"))
    assert SipUri.parse(message.uri).user == "sips:user@example.com"
    contact = SipUri.parse(NameAddr.parse(message.header("contact")).uri)
    assert contact.user == "caller" and contact.params == {"lr": "", "name": "value%41"}
    assert SipUri.parse(NameAddr.parse(message.header("from")).uri).user == "I have spaces"
    message = parse(read("valid/esc02"))
    assert message.method == "RE%47IST%45R" and len(message.headers("contact")) == 2
    nulls = [
        SipUri.parse(NameAddr.parse(c).uri).user for c in parse(read("valid/escnull")).headers("m")
    ]
    assert nulls == ["\ufffd", "\ufffd\ufffd"]


def test_longreq_and_transports():
    message = parse(read("valid/longreq"))
    assert len(message.headers("via")) == 34
    assert len(message.call_id) > 100 and message.to_tag == ""
    transports = parse(read("valid/transports")).headers("via")
    assert [via.split()[0].rpartition("/")[2] for via in transports] == [
        "UDP",
        "SCTP",
        "TLS",
        "UNKNOWN",
        "TCP",
    ]


def test_dblreq_and_mpart01_bodies():
    assert parse(read("valid/dblreq")).body == b""
    body = parse(read("valid/mpart01")).body
    assert len(body) == 553 and body.endswith(b"--7a9cbec02ceef655--\r\n")


def test_reasons():
    assert parse(read("valid/noreason")).reason == ""
    assert parse(read("valid/unreason")).reason.startswith("= 2**3 * 5**2 но сто девяносто девять")


def test_semiuri_and_parameters_of_a_contact():
    assert SipUri.parse(parse(read("valid/semiuri")).uri).user == "user;par=u@example.net"
    outside = NameAddr.parse(parse(read("invalid/cparam01")).header("contact"))
    inside = NameAddr.parse(parse(read("invalid/cparam02")).header("contact"))
    assert outside.params == {"unknownparam": ""} and outside.uri == "sip:+19725552222@gw1.example.net"
    assert inside.params == {} and SipUri.parse(inside.uri).params == {"unknownparam": ""}
    route = NameAddr.parse(parse(read("invalid/regescrt")).header("contact"))
    assert SipUri.parse(route.uri).headers == {"route": "<sip:sip.example.com>"}


def test_an_unknown_scheme_of_authentication_is_no_credentials():
    assert parse_credentials(parse(read("invalid/regaut01")).header("authorization")) is None


def test_foreign_schemes_are_no_sip_uris():
    for name in ("unkscm", "novelsc"):
        with pytest.raises(UriError):
            SipUri.parse(parse(read(f"invalid/{name}")).uri)
