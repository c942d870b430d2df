"""URIs and addresses, the traps seen in the field among them."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.sip.uri import NameAddr, SipUri, UriError


def test_all_parts_of_a_uri():
    uri = SipUri.parse("SIPS:anna:s%20t@Example.ORG:5061;transport=TLS;lr?Subject=a%26b&to=x")
    assert uri == SipUri(
        scheme="sips",
        user="anna",
        password="s t",
        host="example.org",
        port=5061,
        params={"transport": "TLS", "lr": ""},
        headers={"subject": "a&b", "to": "x"},
    )


def test_a_number_with_a_phone_context_is_the_number():
    uri = SipUri.parse("sip:+74951234567;phone-context=example.org@gw.example.net;user=phone")
    assert (uri.user, uri.host) == ("+74951234567", "gw.example.net")
    assert uri.user_params == {"phone-context": "example.org"}
    assert uri.params == {"user": "phone"}
    assert str(uri) == "sip:+74951234567;phone-context=example.org@gw.example.net;user=phone"


def test_a_semicolon_in_any_other_user_is_part_of_it():
    assert SipUri.parse("sip:user;par=u%40example.net@example.com").user == "user;par=u@example.net"


def test_tel_uris():
    uri = SipUri.parse("tel:+7-495-123-45-67;ext=21")
    assert (uri.scheme, uri.user, uri.host, uri.params) == (
        "tel",
        "+7-495-123-45-67",
        "",
        {"ext": "21"},
    )
    assert str(uri) == "tel:+7-495-123-45-67;ext=21"
    assert SipUri.parse("tel:112;phone-context=+7").user == "112"


def test_transport_in_upper_case():
    assert SipUri.parse("sip:1@h;TRANSPORT=UDP").transport == "udp"


def test_ipv6_hosts_have_brackets_outside_only():
    uri = SipUri.parse("sip:1@[2001:DB8::1]:5070")
    assert (uri.host, uri.port, uri.is_ipv6) == ("2001:db8::1", 5070, True)
    assert str(uri) == "sip:1@[2001:db8::1]:5070"


def test_escapes_are_undone_once_and_controls_never_come_through():
    assert SipUri.parse("sip:%75se%72@h").user == "user"
    assert SipUri.parse("sip:h;n%61me=v%61lue%25%34%31").params == {"name": "value%41"}
    assert SipUri.parse("sip:null-%00-null@h").user == "null-\ufffd-null"
    assert SipUri.parse("sip:%FF@h").user == "\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "anna",
        "http://example.org",
        "sip:@host",
        "sip:a@b@c",
        "sip:a@",
        "sip:a b@c",
        "sip:a@b:70000",
        "sip:a@b:" + "9" * 5000,
        "sip:a@b:x",
        "sip:a@[::1",
        "sip:a@[:::]",
        "sip:a@-",
        "tel:",
        "tel:anna",
    ],
)
def test_what_is_no_uri(text):
    with pytest.raises(UriError):
        SipUri.parse(text)


@given(
    user=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
    params=st.dictionaries(
        st.sampled_from(["lr", "ob", "transport", "x-y"]), st.text("aB1 %;=?@", max_size=9)
    ),
    port=st.none() | st.integers(0, 65535),
)
@settings(deadline=None)
def test_written_and_read_again(user, params, port):
    uri = SipUri(user=user, host="example.org", port=port, params=params)
    assert SipUri.parse(str(uri)) == uri


@given(st.text())
@settings(deadline=None)
def test_no_text_raises_anything_else(text):
    for read in (SipUri.parse, NameAddr.parse, lambda t: SipUri.parse("sip:" + t)):
        with contextlib.suppress(UriError):
            str(read(text))


@pytest.mark.parametrize(
    ("text", "name", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", {"tag": "1"}),
        ('"A \\"B\\" <c>; d, e" <sip:a@b>;tag=1', 'A "B" <c>; d, e', "sip:a@b", {"tag": "1"}),
        ("caller<sip:a@b>;tag=1", "caller", "sip:a@b", {"tag": "1"}),
        ("Анна Иванова <sip:a@b>", "Анна Иванова", "sip:a@b", {}),
        ('<sip:a@b>;info="x;y=z";q=0.5', "", "sip:a@b", {"info": "x;y=z", "q": "0.5"}),
        ('sip:a@b;info="<x>"', "", "sip:a@b", {"info": "<x>"}),
        ('"Joe" <sip:joe@example.org>;;;;', "Joe", "sip:joe@example.org", {}),
        ("sip:a@b ;   tag    = 19n", "", "sip:a@b", {"tag": "19n"}),
        ("*", "", "*", {}),
        ('"BEL:\\\x07" <sip:a@b>', "BEL:\ufffd", "sip:a@b", {}),
    ],
)
def test_addresses(text, name, uri, params):
    address = NameAddr.parse(text)
    assert (address.display_name, address.uri, address.params) == (name, uri, params)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", '"Anna <sip:a@b>', "<sip:a@b", '"Anna" x <sip:a@b>', "<>", ";tag=1"]
)
def test_what_is_no_address(text):
    with pytest.raises(UriError):
        NameAddr.parse(text)
