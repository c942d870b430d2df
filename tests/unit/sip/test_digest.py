"""Digest, both sides: published vectors, nonces without a store, counts used once."""

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.sip import digest
from core.sip._wire import auth_params
from core.sip.digest import NonceState, ReplayWindow

SECRET = b"s" * 32
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm, response):
    challenge = digest.Challenge(
        realm="http-auth@example.org",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm=algorithm,
        qop=("auth",),
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    )
    answer = digest.authorize(
        challenge,
        "GET",
        "/dir/index.html",
        "Mufasa",
        "Circle of Life",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    credentials = digest.parse_credentials(answer)
    assert credentials.response == response
    assert credentials.opaque == challenge.opaque
    key = digest.ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
    assert digest.verify(credentials, "GET", key)
    assert not digest.verify(credentials, "POST", key)
    assert not digest.verify(credentials, "GET", digest.ha1("Mufasa", "x", "y", algorithm))


def test_a_challenge_without_qop_is_answered_in_the_old_form_and_never_accepted_by_us():
    challenge = digest.parse_challenge('Digest realm="r", nonce="n"')
    credentials = digest.parse_credentials(digest.authorize(challenge, "REGISTER", "sip:h", "u", "p"))
    key, request = hashlib.md5(b"u:r:p").hexdigest(), hashlib.md5(b"REGISTER:sip:h").hexdigest()
    assert credentials.response == hashlib.md5(f"{key}:n:{request}".encode()).hexdigest()
    assert not digest.verify(credentials, "REGISTER", key)


def test_what_we_challenge_with_is_golden():
    assert digest.challenges("sip.example.org", "n1") == [
        'Digest realm="sip.example.org", nonce="n1", algorithm=SHA-256, qop="auth"',
        'Digest realm="sip.example.org", nonce="n1", algorithm=MD5, qop="auth"',
    ]
    stale = digest.challenge("sip.example.org", "n1", stale=True)
    assert stale.endswith(', qop="auth", stale=true')
    assert digest.parse_challenge(stale).stale


def test_a_client_takes_the_strongest_challenge_that_it_knows():
    offered = [
        'Digest realm="r", nonce="1", algorithm=MD5, qop="auth"',
        'Digest realm="r", nonce="2", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="r", nonce="3", algorithm=sha-256, qop="auth,auth-int"',
        'Digest realm="r", nonce="4", algorithm=SHA-256, qop="auth-int"',
        "NoOneKnowsThisScheme opaque-data=here",
    ]
    assert digest.strongest(offered).nonce == "3"
    assert digest.strongest(offered[3:]) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic dTpw",
        "NoOneKnowsThisScheme opaque-data=here",
        "Digest",
        'Digest username="u", realm="r", nonce="n", uri="sip:h"',
        'Digest username="u", username="v", realm="r", nonce="n", uri="sip:h", response="x"',
        'Digest username="u", realm="r", nonce="n", uri="sip:h", response="x", nc=1z',
        'Digest username="u", realm="r", nonce="n", uri="sip:h", response="x", nc=0000000A',
        'Digest username="u, realm="r", nonce="n", uri="sip:h", response="x"',
    ],
)
def test_what_are_no_credentials(value):
    assert digest.parse_credentials(value) is None


@pytest.mark.parametrize(
    "field", ["qop=auth-int", "algorithm=MD5-sess", "algorithm=SHA-512-256", "nc=00000000"]
)
def test_what_we_did_not_offer_is_refused(field):
    key = digest.ha1("u", "r", "p")
    good = digest.authorize(digest.Challenge("r", "n", qop=("auth",)), "INVITE", "sip:h", "u", "p")
    assert digest.verify(digest.parse_credentials(good), "INVITE", key)
    name = field.partition("=")[0]
    bad = ", ".join(field if part.startswith(name + "=") else part for part in good.split(", "))
    assert bad != good
    assert not digest.verify(digest.parse_credentials(bad), "INVITE", key)


def test_a_count_of_zero_is_refused_even_when_the_response_is_right():
    challenge = digest.Challenge("r", "n", qop=("auth",))
    for count, accepted in [(1, True), (0, False)]:
        answer = digest.authorize(challenge, "INVITE", "sip:h", "u", "p", nc=count)
        credentials = digest.parse_credentials(answer)
        assert digest.verify(credentials, "INVITE", digest.ha1("u", "r", "p")) is accepted


def test_quotes_and_commas_in_values():
    challenge = digest.parse_challenge('Digest realm="a \\"b\\", c" , nonce="n",qop="auth"')
    assert challenge.realm == 'a "b", c'
    answer = digest.authorize(challenge, "INVITE", "sip:h", 'u"1', "p")
    credentials = digest.parse_credentials(answer)
    assert (credentials.username, credentials.realm) == ('u"1', challenge.realm)
    assert digest.verify(credentials, "INVITE", digest.ha1('u"1', challenge.realm, "p"))


@given(st.text())
@settings(deadline=None)
def test_no_text_breaks_the_parsers(text):
    for value in (text, "Digest " + text):
        digest.parse_credentials(value)
        digest.parse_challenge(value)


def test_a_login_that_nobody_has_gets_a_steady_hash_that_looks_like_any_other():
    for algorithm in digest.ALGORITHMS:
        decoy = digest.decoy_ha1(SECRET, "0051234567", algorithm)
        assert decoy == digest.decoy_ha1(SECRET, "0051234567", algorithm)
        assert decoy != digest.decoy_ha1(SECRET, "0051234568", algorithm)
        assert len(decoy) == len(digest.ha1("a", "b", "c", algorithm))


# --- nonces -----------------------------------------------------------------------------------


def test_a_nonce_is_good_for_its_address_and_its_time():
    nonce = digest.make_nonce(SECRET, NOW, "203.0.113.9")
    assert digest.check_nonce(SECRET, nonce, NOW, "203.0.113.9") is NonceState.OK
    assert digest.check_nonce(SECRET, nonce, NOW + 300, "203.0.113.9") is NonceState.OK
    assert digest.check_nonce(SECRET, nonce, NOW + 301, "203.0.113.9") is NonceState.STALE
    assert digest.check_nonce(SECRET, nonce, NOW - 60, "203.0.113.9") is NonceState.STALE
    assert digest.check_nonce(SECRET, nonce, NOW, "203.0.113.8") is NonceState.FORGED
    assert digest.check_nonce(b"x" * 32, nonce, NOW, "203.0.113.9") is NonceState.FORGED


def test_two_phones_behind_one_address_get_different_nonces():
    assert digest.make_nonce(SECRET, NOW, "h") != digest.make_nonce(SECRET, NOW, "h")


@given(st.text(), st.integers(0, 60), st.characters())
@settings(deadline=None)
def test_a_nonce_that_is_not_ours_is_forged(text, at, character):
    nonce = digest.make_nonce(SECRET, NOW, "h", salt=b"123456")
    changed = nonce[:at] + character + nonce[at + 1 :]
    for other in (text, changed):
        if other != nonce:
            assert digest.check_nonce(SECRET, other, NOW, "h") is NonceState.FORGED


# --- counts -----------------------------------------------------------------------------------


def nonce_at(seconds):
    return digest.make_nonce(SECRET, seconds, "h")


def test_a_count_is_good_once_even_out_of_order():
    window, nonce = ReplayWindow(), nonce_at(NOW)
    assert window.accept(nonce, 1, NOW)
    assert not window.accept(nonce, 1, NOW)
    assert window.accept(nonce, 5, NOW)
    assert window.accept(nonce, 3, NOW)
    assert not window.accept(nonce, 3, NOW)
    assert not window.accept(nonce, 5, NOW)
    assert window.accept(nonce, 200, NOW)
    assert not window.accept(nonce, 100, NOW), "too far behind to tell"
    assert not window.accept(nonce, 0, NOW)
    assert window.accept(nonce_at(NOW), 1, NOW), "each nonce counts for itself"


@given(st.lists(st.integers(1, 200)))
@settings(deadline=None)
def test_no_count_is_ever_accepted_twice(counts):
    window, nonce = ReplayWindow(), nonce_at(NOW)
    accepted = [count for count in counts if window.accept(nonce, count, NOW)]
    assert len(accepted) == len(set(accepted))
    newest = 0
    for count in counts:
        if count > newest:
            assert count in accepted
            newest = count


def test_memory_is_bounded_and_forgetting_never_allows_a_replay():
    window = ReplayWindow(capacity=10)
    nonces = [nonce_at(NOW + i) for i in range(40)]
    for i, nonce in enumerate(nonces):
        assert window.accept(nonce, 1, NOW + i)
        assert len(window) <= 10
    assert not any(window.accept(nonce, 1, NOW + 40) for nonce in nonces)


def test_nonces_past_their_time_are_forgotten_first():
    window = ReplayWindow(capacity=4)
    for i in range(4):
        window.accept(nonce_at(NOW + i), 1, NOW + i)
    assert window.accept(nonce_at(NOW + 1000), 1, NOW + 1000)
    assert len(window) == 1


# --- parameters -----------------------------------------------------------------------------------

_PARAM = re.compile(
    r"""\s*([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(,|\Z)""", re.DOTALL | re.ASCII
)


def by_grammar(text):
    """The same as ``auth_params``, by regular expression."""
    params, at = {}, 0
    while at < len(text):
        match = _PARAM.match(text, at)
        if match is None or match[1].lower() in params:
            return None
        value = match[3] if match[2] is None else re.sub(r"(?s)\\(.)", r"\1", match[2])
        params[match[1].lower()] = value
        at = match.end()
    return params


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a=b",
        "a=b,",
        "a=b, ",
        'A="b", c = d ,e="f\\"g\\\\"',
        'a="b',
        'a="b\\',
        'a="b\\"',
        "a=",
        "a",
        "1=2",
        "-a=b",
        "a=b c=d",
        "a=b,,c=d",
        "a=b,A=c",
        'a=b"c"',
        'a="b"c',
        "a=é, b='x'",
        "é=a",
        "a\t=\nb",
    ],
)
def test_parameters_as_the_grammar_has_them(text):
    assert auth_params(text) == by_grammar(text)


@given(st.text(alphabet='aZ9-_= ,"\\\t\né', max_size=40))
def test_any_text_is_read_as_the_grammar_has_it(text):
    assert auth_params(text) == by_grammar(text)
