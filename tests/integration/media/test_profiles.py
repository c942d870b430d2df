"""What parties of different kinds are told of each other by a real rtpengine; no audio here."""

import pytest
from msgspec.structs import replace

from core import sdp
from core.errors import MediaRefused
from core.ids import new_id
from core.media.server import RtpengineServer
from core.sdp import BEST_EFFORT, PLAIN, SDES, WEBRTC, Keys, Profile
from tests.integration.media.test_reoffer import directed
from tests.support.media import alone, media_settings
from tests.support.voices import PCMA, PCMU, converse, voice

KEY = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"
BROWSER = (
    b"v=0\r\no=- 20560985232150 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    b"a=extmap-allow-mixed\r\na=msid-semantic: WMS x\r\n"
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n"
    b"a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:tWqD\r\na=ice-pwd:/z7J09YWovwUkSfY1Ww327uU\r\n"
    b"a=ice-options:trickle\r\na=fingerprint:sha-256 " + b":".join([b"81"] * 32) + b"\r\n"
    b"a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    b"a=sendrecv\r\na=msid:x y\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\n"
    b"a=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
    b"a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
    b"a=rtpmap:126 telephone-event/8000\r\na=ssrc:1 cname:z\r\n"
)
ANSWERING = BROWSER.replace(b"actpass", b"active").replace(b"111 63 0 8 13 110 126", b"8 126")
BROWSERS_OWN = (b"a=mid", b"msid", b"ssrc", b"extmap", b"rtcp-fb", b"candidate", b"group", b"ice-")


def keyed(body: bytes, protocol: bytes = b"RTP/SAVP") -> bytes:
    return body.replace(b"RTP/AVP", protocol) + KEY


def told_once(*bodies: bytes) -> bool:
    """Whether address, ICE and keys are the same in all these bodies to one party."""
    lasting = (b"a=ice-ufrag", b"a=ice-pwd", b"a=fingerprint", b"a=crypto")
    said = [[line for line in b.split(b"\r\n") if line.startswith(lasting)] for b in bodies]
    ports = {sdp.connection(b) for b in bodies}
    return len(ports) == 1 and all(sorted(lines) == sorted(said[0]) for lines in said)


@pytest.mark.parametrize("offered", [PLAIN, BEST_EFFORT, SDES, WEBRTC])
async def test_a_callee_is_offered_what_it_speaks(media, offered):
    session = media.session(new_id())
    async with voice(PCMA) as caller:
        await session.open(caller.sdp)
        assert sdp.profile(await session.ring("b", offered)) == offered
    await session.close()


@pytest.mark.parametrize(
    ("offer", "spoken"),
    [
        (lambda body: body, PLAIN),
        (lambda body: keyed(body, b"RTP/AVP"), BEST_EFFORT),
        (keyed, SDES),
        (lambda body: keyed(body, b"RTP/SAVPF"), Profile("RTP/SAVPF", Keys.SDES)),
        (lambda body: body.replace(b"RTP/AVP", b"RTP/AVPF"), Profile("RTP/AVPF")),
        (lambda _: BROWSER, WEBRTC),
    ],
)
async def test_a_caller_is_answered_as_it_offers_whoever_answers(media, offer, spoken):
    session = media.session(new_id())
    async with voice(PCMA) as caller, voice(PCMA) as callee:
        early = await alone(session, offer(caller.sdp))
        assert sdp.profile(early) == spoken
        rings = await session.ring("b1", PLAIN)
        assert sdp.profile(rings) == PLAIN
        assert not [word for word in BROWSERS_OWN if word in rings]
        await session.ring("b2", SDES)
        told = await session.connect("b1", callee.sdp)
        await session.drop("b2")
        assert sdp.profile(told) == spoken
        assert told_once(early, told)
        if spoken is WEBRTC:
            assert b"a=setup:passive" in told and b"a=rtcp-mux" in told and b"a=mid:0" in told
    await session.close()


async def test_weak_suites_are_not_offered(media):
    session = media.session(new_id())
    async with voice(PCMA) as caller:
        await session.open(caller.sdp)
        offer = await session.ring("b", SDES)
    assert b"NULL" not in offer
    assert offer.count(b"a=crypto:") == 4
    await session.close()


async def test_the_caller_hears_nothing_of_a_browsers_ways(media):
    session = media.session(new_id())
    async with voice(PCMA) as caller:
        await session.open(caller.sdp)
        rung = await session.ring("b", WEBRTC)
        assert b"a=setup:actpass" in rung and b"a=rtcp-mux" in rung and b"a=mid:" in rung
        told = await session.connect("b", ANSWERING)
    assert sdp.profile(told) == PLAIN
    assert not [word for word in BROWSERS_OWN if word in told]
    assert b"a=sendrecv" in told, "its address 0.0.0.0 says that ICE decides, not that it holds"
    await session.close()


@pytest.mark.parametrize("holder", ["caller", "callee"])
async def test_a_browser_holds_and_keeps_its_ports_and_keys(media, holder):
    session = media.session(new_id())
    async with voice(PCMA) as phone:
        if holder == "caller":
            leg, hello = None, BROWSER
            await session.open(hello)
            await session.ring("b")
            before = await session.connect("b", phone.sdp)
            session.told()
        else:
            leg, hello = "b", ANSWERING.replace(b"active", b"actpass")
            await session.open(phone.sdp)
            before = await session.ring("b", WEBRTC)
            await session.connect("b", ANSWERING)
        held = await session.reoffer(leg, directed(hello, "sendonly"))
        resumed = await session.reoffer(leg, hello)
    assert [sdp.direction(body) for body in (held, resumed)] == ["recvonly", "sendrecv"]
    assert told_once(before, held, resumed)
    await session.close()


async def test_keys_stay_over_hold(media):
    session = media.session(new_id())
    async with voice(PCMA) as caller, voice(PCMA) as callee:
        await session.open(keyed(caller.sdp))
        await session.ring("b", SDES)
        before = await session.connect("b", keyed(callee.sdp))
        session.told()
        held = await session.reoffer(None, directed(keyed(caller.sdp), "sendonly"))
        resumed = await session.reoffer(None, keyed(caller.sdp))
    assert told_once(before, held, resumed)
    await session.close()


async def test_the_way_of_a_party_does_not_change_within_a_call(media):
    session = media.session(new_id())
    async with voice(PCMA) as caller, voice(PCMA) as callee:
        await session.open(caller.sdp)
        callee.connect(await session.ring("b"))
        caller.connect(await session.connect("b", callee.sdp))
        session.told()
        with pytest.raises(MediaRefused):
            await session.reoffer(None, keyed(caller.sdp))
        again = await session.reoffer(None, keyed(caller.sdp, b"RTP/AVP"))
        assert sdp.profile(again) == PLAIN
        await converse(caller, callee, 0.5)
    await session.close()


@pytest.mark.parametrize(
    "more",
    [b"m=image 4000 udptl t38\r\n", b"m=video 4000 RTP/AVP 96\r\n", b"m=text 4000 RTP/AVP 98\r\n"],
)
async def test_only_audio_is_taken(media, more):
    """A fax in place of audio is refused (488) and the call goes on; beside audio it gets port 0."""
    session = media.session(new_id())
    async with voice(PCMA) as caller, voice(PCMU) as callee:
        await session.open(caller.sdp)
        callee.connect(await session.ring("b"))
        caller.connect(await session.connect("b", callee.sdp))
        session.told()
        fax = caller.sdp.partition(b"m=audio")[0] + more
        with pytest.raises(MediaRefused) as refused:
            await session.reoffer(None, fax)
        assert refused.value.sip_status == 488
        beside = await session.reoffer(None, caller.sdp + more)
        assert more.replace(b" 4000 ", b" 0 ") in beside
        await converse(caller, callee, 0.5)
    await session.close()


@pytest.mark.parametrize("hosts", [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("::1", "::1")])
async def test_audio_over_ipv4_and_ipv6(tmp_path, hosts):
    """A server with both reaches each phone by its own, and a hold changes nothing."""
    server = RtpengineServer(replace(media_settings(), interface=("127.0.0.1", "::1")), tmp_path)
    await server.start()
    session = server.session(new_id())
    families = ["IP6" if ":" in host else "IP4" for host in hosts]
    async with voice(PCMA, host=hosts[0]) as caller, voice(PCMU, host=hosts[1]) as callee:
        await session.open(caller.sdp)
        offer = await session.ring("b", PLAIN._replace(family=families[1]))
        callee.connect(offer)
        told = await session.connect("b", callee.sdp)
        session.told()
        caller.connect(told)
        assert [sdp.profile(body).family for body in (told, offer)] == families
        await converse(caller, callee)
        held = await session.reoffer("b", directed(callee.sdp, "sendonly"))
        resumed = await session.reoffer("b", callee.sdp)
        assert told_once(offer, held, resumed)
        await converse(caller, callee, 0.5)
    await session.close()
    await server.stop()


async def test_a_server_without_ipv6_offers_what_it_has(media):
    session = media.session(new_id())
    async with voice(PCMA) as caller:
        await session.open(caller.sdp)
        assert sdp.profile(await session.ring("b", PLAIN._replace(family="IP6"))) == PLAIN
    await session.close()
