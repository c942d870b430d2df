"""What a call says to rtpengine, command by command: the sequences that were found to work."""

from uuid import UUID

import pytest

from core import sdp
from core.errors import MediaRefused, MediaUnavailable
from core.media.session import RtpengineSession
from core.ports import MediaSession

CALL = UUID(int=7)


def body(port: int, formats: str) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {formats} 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    ).encode()


CALLER = body(4000, "0 8")
CALLEE = body(5000, "8")


class Client:
    """Answers like rtpengine: an offer with all it was offered, an answer with what was answered."""

    def __init__(self):
        self.asked = []
        self.fail = False

    async def request(self, command, arguments):
        if self.fail:
            raise MediaUnavailable()
        self.asked.append((command, arguments))
        return {"result": b"ok", "sdp": arguments.get("sdp", b"")}

    def leave(self):
        self.left = True

    def commands(self):
        """(command, from, to) since the last look."""
        asked, self.asked = self.asked, []
        return [(command, a.get("from-tag"), a.get("to-tag")) for command, a in asked]


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def session(client) -> MediaSession:
    return RtpengineSession(str(CALL), lambda: client)


TRANSCODE = {"transcode": ("PCMA", "PCMU", "opus", "G722")}
COMMON = {"call-id": str(CALL), "ICE": "remove", "replace": ("origin", "zero-address")}


async def test_a_caller_who_hears_nothing_costs_nothing(session, client):
    await session.open(CALLER)
    assert client.asked == []
    await session.ring("b1")
    assert client.commands() == [("offer", "ring-b1", "b1")]


async def test_a_caller_who_is_to_hear_us_is_joined_to_a_stub_once(session, client):
    await session.open(CALLER)
    answer = await session.alone()
    assert answer == session.sent(None)
    tags = {"from-tag": "A", "to-tag": "ivr", "via-branch": "br-A-ivr", **COMMON}
    stub = sdp.hold(body(1, "8"))
    latch = ("port-latching", "strict-source")
    keep = (*latch, "original-sendrecv")
    assert client.asked == [
        ("offer", {**tags, "sdp": CALLER, "flags": latch, "transport-protocol": "RTP/AVP"}),
        ("answer", {**tags, "sdp": stub, "flags": keep}),
    ]
    client.commands()
    assert await session.alone() == answer
    assert client.commands() == []


async def test_a_ring_comes_from_a_stub_of_its_own(session, client):
    await session.open(CALLER)
    client.commands()
    await session.ring("b1")
    (command, arguments), *_ = client.asked
    assert command == "offer"
    assert arguments == {
        **COMMON,
        "from-tag": "ring-b1",
        "to-tag": "b1",
        "via-branch": "br-ring-b1-b1",
        "sdp": sdp.hold(CALLER),
        "flags": ("port-latching", "strict-source", "original-sendrecv"),
        "codec": TRANSCODE,
        "transport-protocol": "RTP/AVP",
    }


async def test_an_answer_joins_the_callee_with_the_caller(session, client):
    await session.open(CALLER)
    await session.ring("b1")
    await session.ring("b2")
    client.commands()
    told = await session.connect("b1", CALLEE)
    bodies = [arguments.get("sdp") for _, arguments in client.asked]
    assert bodies == [CALLER, CALLEE, None]
    assert client.asked[0][1]["codec"] == TRANSCODE
    assert client.asked[2][1] == {"call-id": str(CALL), "from-tag": "ring-b1", "delete-delay": 0}
    assert told == CALLEE
    assert client.commands() == [
        ("offer", "A", "b1"),
        ("answer", "A", "b1"),
        ("delete", "ring-b1", None),
    ]
    await session.drop("b2")
    assert client.commands() == [("delete", "ring-b2", "b2")]


async def test_an_answer_like_the_early_media_before_it_costs_nothing(session, client):
    await session.open(CALLER)
    await session.ring("b1")
    early = await session.connect("b1", CALLEE)
    client.commands()
    assert await session.connect("b1", CALLEE) == early
    assert client.commands() == []
    await session.connect("b1", body(5002, "8"))  # another fork answers
    assert client.commands() == [("offer", "A", "b1"), ("answer", "A", "b1")]


async def test_nobody_is_joined_with_a_caller_who_owes_an_answer(session, client):
    offer = await session.offer()
    await session.ring("b1")
    with pytest.raises(MediaRefused):
        await session.connect("b1", CALLEE)
    client.commands()
    await session.answered(None, body(4000, "0 8"))
    assert await session.connect("b1", CALLEE) == offer
    assert client.asked[1][1]["to-tag"] == "b1"
    assert b"RTP/AVP 0 101" in client.asked[1][1]["sdp"]


async def test_a_caller_that_was_told_a_codec_keeps_it(session, client):
    await session.open(CALLER)
    await session.alone()
    session.told()
    client.commands()
    await session.ring("b1")
    await session.connect("b1", CALLEE)
    offers = [a["sdp"] for command, a in client.asked if command == "offer"]
    assert [sdp.codecs(offer) for offer in offers] == [["PCMA"], ["PCMA"]]


async def test_when_the_callee_goes_the_caller_returns_to_the_stub(session, client):
    await session.open(CALLER)
    await session.ring("b1")
    await session.connect("b1", CALLEE)
    client.commands()
    await session.drop("b1")
    assert client.commands() == [("offer", "A", "ivr"), ("answer", "A", "ivr"), ("delete", "A", "b1")]
    await session.drop("b1")
    assert client.commands() == [("delete", "ring-b1", "b1")]


async def talking(session):
    await session.open(CALLER)
    await session.ring("b1")
    await session.connect("b1", CALLEE)
    session.told()


async def test_a_call_begins_anew_as_often_as_its_server_forgets_it(session, client):
    await talking(session)
    first = await session.renew(answered=True)
    second = await session.renew(answered=True)  # before the caller answered the first
    assert sdp.codecs(second) == sdp.codecs(first) == ["PCMA"]
    client.commands()
    await session.answered(None, body(4000, "8"))
    await session.ring_again("b1")
    told = await session.connect("b1", CALLEE)
    assert told == second
    assert client.commands() == [
        ("answer", "ivr", "A"),
        ("offer", "ring-b1", "b1"),
        ("offer", "A", "b1"),
        ("answer", "A", "b1"),
        ("delete", "ring-b1", None),
    ]


async def test_a_caller_who_never_said_what_it_speaks_cannot_be_moved(session, client):
    await session.offer()
    client.commands()
    with pytest.raises(MediaUnavailable):
        await session.renew(answered=True)
    assert client.commands() == []


async def test_a_key_that_could_not_be_put_into_the_audio_does_not_spoil_the_next_one(session, client):
    await talking(session)
    client.fail = True
    with pytest.raises(MediaUnavailable):
        await session.press(None, "5", 100)
    client.fail = False
    client.commands()
    await session.press(None, "6", 100)
    await session.press(None, "7", 100)
    assert client.commands() == [
        ("offer", "A", "b1"),
        ("answer", "A", "b1"),
        ("play DTMF", "A", None),
        ("play DTMF", "A", None),
    ]


async def test_a_key_for_who_put_the_other_on_hold_does_not_end_the_hold(session, client):
    await talking(session)
    await session.reoffer(None, CALLER.replace(b"sendrecv", b"sendonly"))
    client.asked.clear()
    await session.press("b1", "5", 100)
    _, (_, answer), (command, blocked), _ = client.asked
    assert b"a=recvonly" in answer["sdp"]
    assert (command, blocked["from-tag"]) == ("block media", "b1")


async def test_closing_once_is_enough_and_nothing_comes_after(session, client):
    await session.open(CALLER)
    client.asked.clear()
    await session.close()
    await session.close()
    await session.drop("b1")
    assert client.asked == [("delete", {"call-id": str(CALL), "delete-delay": 0})]
    for verb in (session.ring("b1"), session.connect("b1", CALLEE)):
        with pytest.raises(MediaUnavailable):
            await verb
    assert len(client.asked) == 1


async def test_closing_never_raises(session, client):
    await session.close()
    assert client.asked == []
    other = RtpengineSession(str(CALL), lambda: client)
    await other.open(CALLER)
    client.fail = True
    await other.close()


async def test_nothing_is_asked_for_a_body_without_audio(session, client):
    with pytest.raises(MediaRefused):
        await session.open(b"v=0\r\nm=image 4000 udptl t38\r\n")
    assert client.asked == []
    with pytest.raises(MediaUnavailable):
        await session.ring("b1")


async def test_a_reply_without_sdp_is_a_refusal(session, client):
    async def mute(command, arguments):
        return {"result": b"ok"}

    client.request = mute
    await session.open(CALLER)
    with pytest.raises(MediaRefused):
        await session.alone()


async def test_keys_are_looked_for_in_the_voice_of_who_knows_no_events(session, client):
    tonal = sdp.without_events(CALLER)
    for offer, wanted in ((CALLER, []), (tonal, [("unblock DTMF", "A", None)])):
        heard, joined = (RtpengineSession(name, lambda: client) for name in ("heard", "joined"))
        await heard.open(offer)
        await heard.alone()
        await joined.open(offer)
        await joined.ring("b1")
        alone = client.commands()
        await joined.connect("b1", CALLEE)
        for commands in (alone, client.commands()):
            assert [each for each in commands if each[0] == "unblock DTMF"] == wanted


async def test_who_knows_no_events_may_be_named_before_he_is_admitted(session, client):
    await session.open(CALLER)
    session.by_info("boris")
    without = CALLEE.replace(b" 101\r\n", b"\r\n").replace(
        b"a=rtpmap:101 telephone-event/8000\r\n", b""
    )
    await session.admit("boris", without)
    told = [a["sdp"] for command, a in client.asked if a.get("from-tag") == "boris" and "sdp" in a]
    assert b"telephone-event" in told[-1]


async def test_a_phone_that_rang_in_vain_is_forgotten(session):
    await session.open(CALLER)
    before = set(session._parties)
    await session.ring("a")
    await session.drop("a")
    assert set(session._parties) == before
