"""A phone with SDES holds, counts its keys for itself and changes its own: it goes on hearing, and is
heard, though it keeps the first key that it was told (RFC 4568 §7.1.4 would let us change ours)."""

import re

import pytest

from core import sdp
from core.ids import new_id
from core.sdp import SDES
from tests.integration.media.test_reoffer import directed
from tests.support.srtp import SUITE, secret_voice
from tests.support.voices import PCMA, converse, voice


def key_of(body):
    """Number and text of the only key in a body."""
    (found,) = re.findall(rb"a=crypto:(\d+) (\S+ \S+)\r\n", body)
    return int(found[0]), found[1]


@pytest.mark.parametrize("side", ["caller", "callee"])
async def test_whoever_renumbers_or_changes_his_key_hears_and_is_heard(media, side):
    session = media.session(new_id())
    async with secret_voice(PCMA) as phone, voice(PCMA) as other:
        if side == "caller":
            leg = None
            await session.open(phone.keyed)
            other.connect(await session.ring("b"))
            told = await session.connect("b", other.sdp)
            session.told()
            ours = key_of(told)[1]
        else:
            leg = "b"
            await session.open(other.sdp)
            told = await session.ring("b", SDES)
            number = int(re.search(rf"a=crypto:(\d+) {SUITE} ".encode(), told)[1])
            ours = re.search(rf"a=crypto:\d+ ({SUITE} \S+)".encode(), told)[1]
            phone.rekey(number)
            other.connect(await session.connect("b", phone.keyed))
            session.told()
        phone.connect(told)
        phone.learn(told)
        await converse(other, phone, 0.5)

        phone.rekey(7, fresh=False)
        held = await session.reoffer(leg, directed(phone.keyed, "sendonly"))
        assert key_of(held) == (7, ours)
        phone.rekey(9)
        resumed = await session.reoffer(leg, phone.keyed)
        assert key_of(resumed) == (9, ours)
        assert sdp.direction(resumed) == "sendrecv"
        await converse(other, phone, 0.5)
    await session.close()
