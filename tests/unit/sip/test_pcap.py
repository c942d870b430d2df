"""Captures: byte for byte, and as a reader sees them."""

import shutil
import struct
import subprocess
from ipaddress import ip_address

import pytest

from core.sip.pcap import GLOBAL_HEADER, Capture
from core.sip.tap import Traced


def traced(data, sent=False, transport="UDP", local="192.0.2.9", remote="192.0.2.1", at=1.5):
    return Traced(at, sent, transport, (local, 5060), (remote, 40000), data)


def read(file):
    """(seconds, source, target, protocol, payload, TCP sequence) of each packet, checksums checked."""
    assert struct.unpack_from("<IHH", file) == (0xA1B2C3D4, 2, 4)
    assert struct.unpack_from("<I", file, 20) == (101,)
    at, found = 24, []
    while at < len(file):
        seconds, micros, size, whole = struct.unpack_from("<IIII", file, at)
        assert size == whole
        packet = file[at + 16 : at + 16 + size]
        at += 16 + size
        found.append((seconds + micros / 1e6, *unpack(packet)))
    return found


def unpack(packet):
    six = packet[0] >> 4 == 6
    if six:
        assert len(packet) == 40 + struct.unpack_from("!H", packet, 4)[0]
        protocol, ends, body = packet[6], (packet[8:24], packet[24:40]), packet[40:]
        pseudo = b"".join(ends) + struct.pack("!II", len(body), protocol)
    else:
        assert len(packet) == struct.unpack_from("!H", packet, 2)[0]
        assert ones(packet[:20]) == 0xFFFF
        protocol, ends, body = packet[9], (packet[12:16], packet[16:20]), packet[20:]
        pseudo = b"".join(ends) + struct.pack("!HH", protocol, len(body))
    assert ones(pseudo + body) == 0xFFFF
    source, target = (str(ip_address(end)) for end in ends)
    ports = struct.unpack_from("!HH", body)
    sequence = struct.unpack_from("!I", body, 4)[0] if protocol == 6 else None
    payload = body[20:] if protocol == 6 else body[8:]
    return f"{source}:{ports[0]}", f"{target}:{ports[1]}", protocol, payload, sequence


def ones(data):
    """The one's complement sum, 0xFFFF where a checksum is right."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_a_datagram_byte_for_byte():
    record = Capture().packets(traced(b"OPTIONS!"))
    assert record.hex() == (
        "0100000020a107002400000024000000"  # 1.5 s, 36 bytes
        "450000240000400040 11b6bec0000201c0000209".replace(" ", "")
        + "9c4013c4001085b5"
        + b"OPTIONS!".hex()
    )


@pytest.mark.parametrize(
    ("local", "remote"), [("192.0.2.9", "192.0.2.1"), ("2001:db8::9", "2001:db8::1")]
)
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("data", [b"x", b"even", b"\xff" * 1301])
def test_what_is_written_can_be_read(transport, local, remote, data):
    capture, more = Capture(), {"transport": transport, "local": local, "remote": remote}
    file = GLOBAL_HEADER
    file += capture.packets(traced(data, **more))
    file += capture.packets(traced(b"answer", sent=True, at=2.25, **more))
    there, back = read(file)
    protocol = 17 if transport == "UDP" else 6
    assert there[:5] == (1.5, f"{remote}:40000", f"{local}:5060", protocol, data)
    assert back[:5] == (2.25, f"{local}:5060", f"{remote}:40000", protocol, b"answer")


def test_the_bytes_of_a_connection_are_in_sequence():
    capture = Capture()
    file = GLOBAL_HEADER
    for data, sent in ((b"a" * 40_000, False), (b"b" * 10, True), (b"c", False)):
        file += capture.packets(traced(data, sent, "TLS"))
    packets = read(file)
    theirs = [(packet[5], len(packet[4])) for packet in packets if packet[1].startswith("192.0.2.1:")]
    assert theirs == [(1, 16384), (16385, 16384), (32769, 7232), (40001, 1)]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="there is no tcpdump")
def test_tcpdump_reads_it(tmp_path):
    capture, path = Capture(), tmp_path / "calls.pcap"
    data = b"OPTIONS sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n"
    path.write_bytes(
        GLOBAL_HEADER + capture.packets(traced(data)) + capture.packets(traced(data, transport="TCP"))
    )
    done = subprocess.run(
        ["tcpdump", "-n", "-v", "-r", path], capture_output=True, text=True, timeout=30, check=True
    )
    assert "192.0.2.1.40000 > 192.0.2.9.5060" in done.stdout
    assert "OPTIONS sip:pbx SIP/2.0" in done.stdout
    assert "incorrect" not in done.stdout
