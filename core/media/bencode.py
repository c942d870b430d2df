"""Bencode (BEP 3), the encoding of rtpengine's ng protocol.

Byte strings stay ``bytes`` because an SDP is no text to us; keys of dictionaries become ``str``. A call
has eight commands and as many answers, hence it is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.media._bencode import BencodeError, decode, encode

__all__ = ["BencodeError", "Value", "decode", "encode"]

Value = int | bytes | str | Sequence["Value"] | Mapping[str, "Value"]
