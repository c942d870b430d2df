"""The codecs of connections: whatever the pieces that bytes come in, the same messages go up."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from core.sip._wire import MAX_MESSAGE, WireError, build_request
from core.sip.certificate import self_signed
from core.sip.stream import SipStream
from core.sip.tls import Certificate, Tls, client_context, server_context
from core.sip.websocket import WebSocket

ONE = build_request("MESSAGE", "sip:h", [("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")], b"hello")
TWO = build_request("OPTIONS", "sip:h", [("Via", "SIP/2.0/TCP h;branch=z9hG4bK2")])


# --- SIP as it stands -----------------------------------------------------------------------------


@given(st.lists(st.integers(1, 400), max_size=12))
def test_however_a_stream_is_cut_the_messages_are_the_same(sizes):
    data = ONE + b"\r\n\r\n" + TWO + b"\r\n" + ONE
    codec, got = SipStream(), []
    for size in [*sizes, len(data)]:
        piece, data = data[:size], data[size:]
        got += codec.receive(piece)
    assert got == [ONE, TWO, ONE]
    assert codec.take() in (b"\r\n", b"\r\n\r\n")  # of the ping; in pieces one more may look like it
    assert not codec.pending


def test_a_thousand_messages_in_one_packet():
    assert SipStream().receive(TWO * 1000) == [TWO] * 1000


def test_a_ping_is_answered_and_an_answer_is_not():
    codec = SipStream()
    assert codec.receive(b"\r\n\r\n") == [] and codec.take() == b"\r\n"
    assert codec.take() == b""
    assert codec.receive(b"\r\n") == [] and codec.take() == b""
    assert not codec.pending
    assert codec.receive(ONE) == [ONE] and codec.take() == b""
    codec.ping()
    assert codec.take() == b"\r\n\r\n"


def test_half_a_message_is_owed():
    codec = SipStream()
    for piece in (ONE[:9], ONE[9:-2]):
        assert codec.receive(piece) == [] and codec.pending
    assert codec.receive(ONE[-2:]) == [ONE] and not codec.pending


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"x" * (MAX_MESSAGE + 1)])
def test_what_is_no_sip_ends_the_stream(data):
    with pytest.raises(WireError):
        SipStream().receive(data)


# --- WebSocket ------------------------------------------------------------------------------------


class Browser:
    """The client's end, by the same well-known library."""

    def __init__(self, subprotocols=("sip",)):
        self.socket = WSConnection(ConnectionType.CLIENT)
        self.server = WebSocket()
        self.events = []
        self.say(Request(host="h", target="/ws", subprotocols=list(subprotocols)))

    def say(self, event):
        return self.bytes(self.socket.send(event))

    def bytes(self, data):
        messages = self.server.receive(data)
        self.hear()
        return messages

    def hear(self):
        self.socket.receive_data(self.server.take())
        self.events += self.socket.events()


def test_a_browser_that_offers_sip_is_taken():
    browser = Browser(["xmpp", "sip"])
    (accepted,) = browser.events
    assert isinstance(accepted, AcceptConnection) and accepted.subprotocol == "sip"
    assert not browser.server.pending and not browser.server.stream


def test_one_that_does_not_is_refused():
    browser = Browser(["xmpp"])
    assert isinstance(browser.events[0], RejectConnection)
    assert browser.server.closed


@pytest.mark.parametrize("data", [b"OPTIONS sip:h SIP/2.0\r\n\r\n", b"\x16\x03\x01" + b"\0" * 99])
def test_what_is_no_websocket_is_refused(data):
    with pytest.raises(WireError):
        WebSocket().receive(data + b"\r\n\r\n")


def test_messages_come_whole_as_text_and_as_bytes():
    browser = Browser()
    assert browser.say(TextMessage(data=ONE.decode())) == [ONE]
    assert browser.say(BytesMessage(data=TWO[:7], message_finished=False)) == []
    assert browser.server.pending
    assert browser.say(BytesMessage(data=TWO[7:])) == [TWO]
    assert not browser.server.pending
    browser.server.send(ONE)
    browser.server.send(b"\xff")
    browser.hear()
    text, data = browser.events[-2:]
    assert (text.data, bytes(data.data)) == (ONE.decode(), b"\xff")


def test_keep_alives_of_both_kinds():
    browser = Browser()
    browser.say(Ping(payload=b"p"))
    assert browser.events[-1] == Pong(payload=b"p")
    assert browser.say(TextMessage(data="\r\n\r\n")) == []
    assert browser.events[-1].data == "\r\n"
    browser.server.ping()
    browser.hear()
    assert isinstance(browser.events[-1], Ping)


def test_goodbye_from_either_side():
    browser = Browser()
    browser.say(CloseConnection(code=1000))
    assert isinstance(browser.events[-1], CloseConnection) and browser.server.closed
    browser = Browser()
    browser.server.close()
    browser.hear()
    assert browser.events[-1].code == 1001
    browser.server.send(ONE)  # too late, and harmless
    assert browser.server.take() == b""


def test_64_kb_is_the_most_in_however_many_fragments():
    browser = Browser()
    for _ in range(4):
        browser.say(BytesMessage(data=b"x" * 16384, message_finished=False))
    browser.say(BytesMessage(data=b"", message_finished=False))
    with pytest.raises(WireError, match="64 KB"):
        browser.say(BytesMessage(data=b"x" * 16384))


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(*self_signed(tmp_path_factory.mktemp("tls"), ["sip.example.com", "192.0.2.1"]))


def trusting(certificate):
    context = client_context()
    context.load_verify_locations(certificate._paths[0])
    return context


def shake(client, server):
    """Carry bytes to and fro until both are silent; what each side got."""
    got = [], []
    while True:
        out, back = client.take(), server.take()
        if not out and not back:
            return got
        got[1].extend(server.receive(out))
        got[0].extend(client.receive(back))


@pytest.mark.parametrize("name", ["sip.example.com", "192.0.2.1"])
def test_messages_cross_tls_and_wait_for_the_handshake(certificate, name):
    client = Tls(trusting(certificate), SipStream(), name)
    server = Tls(certificate.context(), SipStream())
    assert client.pending and server.pending
    client.send(ONE)
    assert shake(client, server) == ([], [ONE])
    server.send(TWO)
    assert shake(client, server) == ([TWO], [])
    assert not client.pending and not server.pending
    assert client._tls.version() == "TLSv1.3"
    client.receive(b"")
    server.close()
    shake(client, server)
    assert client.closed


@pytest.mark.parametrize("name", ["other.example.com", "192.0.2.2"])
def test_a_certificate_for_somebody_else_is_not_taken(certificate, name):
    client = Tls(trusting(certificate), SipStream(), name)
    with pytest.raises(WireError, match="TLS"):
        shake(client, Tls(certificate.context(), SipStream()))
    assert client.take()  # the alert


def test_a_stranger_to_the_authorities_is_not_taken(certificate):
    with pytest.raises(WireError):
        shake(
            Tls(client_context(), SipStream(), "sip.example.com"),
            Tls(certificate.context(), SipStream()),
        )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_below_tls_1_2(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(WireError):
        shake(Tls(context, SipStream(), "sip.example.com"), Tls(certificate.context(), SipStream()))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = Tls(context, SipStream(), "sip.example.com")
    shake(client, Tls(certificate.context(), SipStream()))
    assert client._tls.version() == "TLSv1.2"


def test_what_is_no_tls_is_refused(certificate):
    with pytest.raises(WireError):
        Tls(certificate.context(), SipStream()).receive(ONE)


def test_the_certificate_is_made_once_and_again_for_other_names(tmp_path):
    paths = self_signed(tmp_path, ["a.example"])
    first = paths[0].read_bytes()
    assert paths[1].stat().st_mode & 0o777 == 0o600
    assert self_signed(tmp_path, ["a.example"])[0].read_bytes() == first
    assert self_signed(tmp_path, ["b.example"])[0].read_bytes() != first


def test_a_renewed_certificate_serves_the_next_connection(tmp_path):
    certificate = Certificate(*self_signed(tmp_path, ["a.example"]))
    before = certificate.context()
    assert certificate.context() is before
    self_signed(tmp_path, ["b.example"])
    assert certificate.context() is not before
    after = certificate.context()
    (tmp_path / "sip-tls.key").write_text("broken")
    assert certificate.context() is after


def test_a_key_that_does_not_fit_is_an_error(tmp_path):
    mine, _ = self_signed(tmp_path / "a", ["a.example"])
    _, other = self_signed(tmp_path / "b", ["a.example"])
    with pytest.raises(OSError):
        server_context(mine, other)
