"""Settings from the environment: what fits is taken, what does not is named."""

import pytest

from core.errors import SettingError
from core.settings import Address, load


def test_names_follow_the_concerns():
    settings = load({"SUNSIM_SIP_LISTEN": ":5070", "SUNSIM_MEDIA_PORT_MIN": "20000", "HOME": "/"})
    assert settings.sip.listen == Address("127.0.0.1", 5070)
    assert settings.media.port_min == 20000


def test_options_win_and_those_not_given_do_not():
    settings = load({"SUNSIM_SIP_DOMAIN": "a.example"}, sip={"domain": None, "max_calls": 5})
    assert (settings.sip.domain, settings.sip.max_calls) == ("a.example", 5)


@pytest.mark.parametrize("name", ["DATA_DSN", "HTTP_BRAND", "SIP_LISTEN", "LOG_LEVEL", "SIP_DIGEST"])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_value_is_none(name, empty):
    assert load({f"SUNSIM_{name}": empty}) == load({})


def test_lists_are_separated_by_commas():
    settings = load({"SUNSIM_MEDIA_RTPENGINE": "192.0.2.1:22222, [::1]:22223"})
    assert settings.media.rtpengine == (Address("192.0.2.1", 22222), Address("::1", 22223))


@pytest.mark.parametrize(
    "value",
    [
        "192.0.2.1",
        "192.0.2.1:5070",
        "pbx.example",
        "pbx.example:5070",
        "[::1]",
        "[::1]:5060",
        "2001:db8::5",
    ],
)
def test_an_external_address_has_a_port_or_not(value):
    assert load({"SUNSIM_SIP_EXTERNAL_ADDRESS": value}).sip.external_address == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUNSIM_COLOUR", "red"),
        ("SUNSIM_LOG_LEVEL", "loud"),
        ("SUNSIM_LOG_JSON", "perhaps"),
        ("SUNSIM_SIP_LISTEN", "5060"),
        ("SUNSIM_SIP_LISTEN", "127.0.0.1:66000"),
        ("SUNSIM_SIP_DIGEST", "SHA1"),
        ("SUNSIM_SIP_MAX_CALLS", "0"),
        ("SUNSIM_SIP_EXTERNAL_ADDRESS", "host:abc"),
        ("SUNSIM_SIP_EXTERNAL_ADDRESS", "two words"),
        ("SUNSIM_MEDIA_PORT_MIN", "70000"),
        ("SUNSIM_MEDIA_RTPENGINE", "192.0.2.1:22222,nowhere"),
        ("SUNSIM_MEDIA_PORT_MAX", "2000"),
    ],
)
def test_what_does_not_fit_is_named(name, value):
    with pytest.raises(SettingError, match=name):
        load({name: value})


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("LOG_LEVEL", "loud", "expected debug or info or warning or error"),
        ("SIP_DIGEST", "SHA1", "expected MD5 or SHA-256"),
        ("SIP_EXTERNAL_ADDRESS", "two words", "expected a host or an address"),
        ("HTTP_PUBLIC_URL", "pbx.example", "expected an http or https URL"),
        ("DATA_DSN", "secret", "expected a URL such as postgresql://user@host/name"),
        ("DATA_DSN_APP", "secret", "expected a URL such as postgresql://user@host/name"),
        (
            "MEDIA_INTERFACE",
            "1.2.3",
            "'1.2.3' does not appear to be an IPv4 or IPv6 address",
        ),
        (
            "HTTP_TRUSTED_PROXIES",
            "127.0.0.1,foo",
            "'foo' does not appear to be an IPv4 or IPv6 network",
        ),
        (
            "HTTP_METRICS_FROM",
            "everywhere",
            "'everywhere' does not appear to be an IPv4 or IPv6 network",
        ),
        ("MEDIA_PORT_MIN", "many", "Expected int, got str"),
    ],
)
def test_what_is_wrong_is_said_in_words(name, value, problem):
    with pytest.raises(SettingError) as raised:
        load({f"SUNSIM_{name}": value})
    assert raised.value.message == f"A setting is wrong: SUNSIM_{name}: {problem}"


def test_addresses_that_fit_are_taken():
    settings = load(
        {
            "SUNSIM_MEDIA_INTERFACE": "192.0.2.1!198.51.100.1",
            "SUNSIM_HTTP_TRUSTED_PROXIES": "192.0.2.7,2001:db8::/32",
        }
    )
    assert settings.media.interface == ("192.0.2.1!198.51.100.1",)
    assert settings.http.trusted_proxies == ("192.0.2.7", "2001:db8::/32")
