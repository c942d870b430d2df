"""Valid syntax, wrong content: which 4xx; and what must not be taken for wrong."""

import pytest

from core.sip._wire import parse, problem

GOOD = {
    "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
    "From": "<sip:a@h>;tag=1",
    "To": "<sip:b@h>",
    "Call-ID": "c1",
    "CSeq": "1 INVITE",
    "Max-Forwards": "70",
}


def verdict(
    method="INVITE", uri="sip:b@h", body=b"", version="SIP/2.0", supported=(), drop="", **changed
):
    headers = {**GOOD, "CSeq": f"1 {method}", **{k.replace("_", "-"): v for k, v in changed.items()}}
    lines = [f"{method} {uri} {version}"]
    for name, value in headers.items():
        if name != drop:
            lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value)]
    found = problem(parse("\r\n".join(lines).encode() + b"\r\n\r\n" + body), frozenset(supported))
    return found and found[0]


def test_nothing_is_wrong():
    for method in ("INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "NEWMETHOD"):
        assert verdict(method) is None
    assert verdict(drop="Max-Forwards") is None
    assert verdict(Via="SIP/2.0/UDP h") is None, "RFC 2543 had no branch"
    assert verdict(From="<sip:a@h>") is None, "nor a tag"


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_what_must_be_there_once(name):
    assert verdict(drop=name) == 400
    assert verdict(**{name: [GOOD[name], GOOD[name]]}) == 400


@pytest.mark.parametrize("name", ["Max-Forwards", "Content-Length", "Content-Type"])
def test_what_may_be_there_once(name):
    assert verdict(**{name: ["0", "0"]}) == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "SIP/3.0"},
        {"version": "SIP/2.1"},
    ],
)
def test_other_versions(changed):
    assert verdict(**changed) == 505


@pytest.mark.parametrize(
    "changed",
    [
        {"uri": "sip:b@h "},
        {"uri": "<sip:b@h>"},
        {"uri": "sip:b@h; lr"},
        {"uri": 'sip:"b"@h'},
        {"uri": "sip:b@h?Route=x"},
        {"uri": "b"},
        {"uri": ":b"},
        {"CSeq": "1 BYE"},
        {"CSeq": "1 XINVITE"},
        {"CSeq": "1 invite"},
        {"CSeq": "1INVITE"},
        {"CSeq": "INVITE"},
        {"CSeq": "2147483648 INVITE"},
        {"Call-ID": ""},
        {"Call-ID": "a b"},
        {"Call-ID": "c\u0430"},
        {"From": "sip"},
        {"From": ""},
        {"From": '"A <sip:a@h>;tag=1'},
        {"To": "<sip:b@h"},
        {"To": "< sip:b@h >"},
        {"To": '"B"'},
        {"To": "<sip:b@h>;tag="},
        {"To": '<sip:b@h>;x="'},
        {"To": "<sip:b@h>;x=<"},
        {"Via": "SIP/2.0/UDP h;x=<;branch=z9hG4bK1"},
        {"Via": 'SIP/2.0/UDP h;branch="z9hG4bK1'},
        {"Via": 'SIP/2.0/UDP h;x="\\"'},
        {"From": "<sip:a@h>;tag"},
        {"Via": "SIP/2.0/UDP h;branch=z9hG4bK"},
        {"Via": "SIP/2.0/UDP"},
        {"Via": ["SIP/2.0/UDP h;branch=z9hG4bK1", "nonsense"]},
        {"Via": "SIP/2.0/UDP h;branch=z9hG4bK1, "},
        {"Max-Forwards": "x"},
        {"Max-Forwards": "256"},
        {"Content-Length": "x"},
        {"Content-Length": "5"},
    ],
)
def test_bad_requests(changed):
    assert verdict(**changed) == 400


def test_unknown_schemes():
    assert verdict(uri="http://h") == 416
    assert verdict(uri="mailto:a@h") == 416
    for uri in ("sips:b@h", "SIP:b@h", "tel:+74951234567", "sip:a?b@h"):
        assert verdict(uri=uri) is None


def test_hops_run_out_only_for_what_would_be_forwarded():
    assert verdict(Max_Forwards="0") == 483
    assert verdict(Max_Forwards="0", To="<sip:b@h>;tag=2") is None
    assert verdict("OPTIONS", Max_Forwards="0") is None
    assert verdict("BYE", Max_Forwards="0") is None


def test_required_extensions():
    assert verdict(Require="100rel") == 420
    assert verdict(Require="100Rel, timer", supported=["100rel"]) == 420
    assert verdict(Require="100Rel, timer", supported=["100rel", "timer"]) is None
    assert verdict("ACK", Require="100rel") is None
    assert verdict("CANCEL", Require="100rel") is None


def test_what_an_invite_offers_and_accepts():
    assert verdict(body=b"x", Content_Type="application/sdp") is None
    assert verdict(body=b"x", Content_Type="Application/SDP ; a=b") is None
    assert verdict(body=b"x", Content_Type="text/plain") == 415
    assert verdict(body=b"x") == 415
    assert verdict(Content_Type="text/plain") is None, "there is no body"
    assert verdict("MESSAGE", body=b"x", Content_Type="text/plain") is None
    assert verdict(Accept="text/plain") == 406
    for accept in ("text/plain, application/sdp;level=1", "application/*", "*/*"):
        assert verdict(Accept=accept) is None


def test_a_registration_is_of_a_sip_address():
    assert verdict("REGISTER", uri="sip:h", To="<tel:+7495>") == 400
    assert verdict("REGISTER", uri="sip:h", Contact="sip:b@h?Route=x") == 400
    assert verdict("REGISTER", uri="sip:h", Contact="<sip:b@h?Route=x>") is None
    assert verdict("REGISTER", uri="sip:h", Contact="*") is None


def response(*lines):
    head = "SIP/2.0 200 OK\r\n" + "".join(f"{line}\r\n" for line in lines)
    return problem(parse(head.encode() + b"\r\n"))


def test_responses_to_discard():
    good = [f"{name}: {value}" for name, value in GOOD.items()]
    assert response(*good) is None
    assert response(*good, good[0])[0] == 400, "a Via that is not ours"
    assert response(*good[:3], *good[4:])[0] == 400
    assert response(*good[:4], "CSeq: 9999999999 INVITE")[0] == 400
    assert response(*good, "Require: unknown") is None
