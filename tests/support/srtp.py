"""A phone with SRTP (RFC 3711) and keys in its bodies (RFC 4568), for tests: it does not decrypt what
is not under the key that it takes for ours."""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.support.voices import VoicePeer

SUITE = "AES_CM_128_HMAC_SHA1_80"
_TAG = 10


class Half:
    """One direction under a master key and salt of 30 bytes (§4.3)."""

    def __init__(self, secret):
        self.master, salt = secret[:16], int.from_bytes(secret[16:], "big")
        self.key = self._derived(0, salt, 16)
        self.auth = self._derived(1, salt, 20)
        self.salt = int.from_bytes(self._derived(2, salt, 14), "big")
        self._rolled = {}  # SSRC → how often the sequence number began anew, the last one

    def _derived(self, label, salt, size):
        return _keystream(self.master, (salt ^ label << 48) << 16, bytes(size))

    def _crypt(self, packet, rolled):
        """The payload the other way round; our packets have neither CSRC nor extension."""
        ssrc, sequence = packet[8:12], packet[2:4]
        index = rolled << 16 | int.from_bytes(sequence, "big")
        start = self.salt << 16 ^ int.from_bytes(ssrc, "big") << 64 ^ index << 16
        return packet[:12] + _keystream(self.key, start, packet[12:])

    def _rolls(self, packet):
        sequence = int.from_bytes(packet[2:4], "big")
        rolled, last = self._rolled.get(packet[8:12], (0, sequence))
        rolled += sequence < last - 0x8000
        self._rolled[packet[8:12]] = rolled, sequence
        return rolled

    def _tag(self, packet, rolled):
        text = packet + rolled.to_bytes(4, "big")
        return hmac.digest(self.auth, text, hashlib.sha1)[:_TAG]

    def protect(self, packet):
        rolled = self._rolls(packet)
        encrypted = self._crypt(packet, rolled)
        return encrypted + self._tag(encrypted, rolled)

    def unprotect(self, packet):
        """The packet in clear; None if it is under another key."""
        packet, tag = packet[:-_TAG], packet[-_TAG:]
        if len(packet) < 12:
            return None
        rolled = self._rolls(packet)
        return self._crypt(packet, rolled) if self._tag(packet, rolled) == tag else None


def _keystream(key, start, data):
    cipher = Cipher(algorithms.AES(key), modes.CTR(start.to_bytes(16, "big"))).encryptor()
    return cipher.update(data) + cipher.finalize()


class SecretPeer(VoicePeer):
    """``number`` is what it calls its key. Of ours it keeps the first that it is told, as some do."""

    number = 1

    def __init__(self, *voice):
        super().__init__(*voice)
        self.hears = None
        self.rekey(1)

    def rekey(self, number, fresh=True):
        """Call its key so from now on, which is another one if it is ``fresh``."""
        self.number = number
        if fresh:
            self.secret = secrets.token_bytes(30)
            self.says = Half(self.secret)

    @property
    def keyed(self):
        """Its body, with its key."""
        key = base64.b64encode(self.secret).decode()
        line = f"a=crypto:{self.number} {SUITE} inline:{key}\r\n"
        return self.sdp.replace(b"RTP/AVP", b"RTP/SAVP") + line.encode()

    def learn(self, body):
        """Our key of this body."""
        told = re.search(rf"a=crypto:\d+ {SUITE} inline:([^|\s]+)", body.decode())[1]
        self.hears = self.hears or Half(base64.b64decode(told))

    def connection_made(self, transport):
        super().connection_made(_Protecting(transport, self))

    def datagram_received(self, data, addr):
        if self.hears is None or 72 <= data[1] & 0x7F <= 76:
            return
        clear = self.hears.unprotect(data)
        if clear is not None:
            super().datagram_received(clear, addr)


class _Protecting:
    def __init__(self, transport, peer):
        self._transport, self._peer = transport, peer

    def sendto(self, data, addr):
        self._transport.sendto(self._peer.says.protect(data), addr)

    def __getattr__(self, name):
        return getattr(self._transport, name)


@asynccontextmanager
async def secret_voice(*voices):
    """A peer with its socket."""
    loop = asyncio.get_running_loop()
    make = lambda: SecretPeer(voices, (8000,), 20)  # noqa: E731
    _, peer = await loop.create_datagram_endpoint(make, local_addr=("127.0.0.1", 0))
    try:
        yield peer
    finally:
        peer.close()
