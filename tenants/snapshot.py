"""Snapshots by content: the hash, the stored form and the store they are replayed from.

The hash is the SHA-256 of the canonical JSON (msgspec, keys and sets sorted) of everything in a
snapshot except its version and the hash itself, so that a configuration which comes back is stored
once, and a call's record needs only the hash to find what it was routed by.
"""

from __future__ import annotations

import hashlib

import msgspec

from core.contracts import Snapshot

__all__ = ["content", "from_content", "sealed"]


def content(snapshot: Snapshot) -> bytes:
    """The canonical JSON that is hashed and stored."""
    bare = msgspec.structs.replace(snapshot, version=0, hash="")
    return msgspec.json.encode(bare, order="deterministic")


def sealed(snapshot: Snapshot) -> Snapshot:
    """The same snapshot with the hash of its content."""
    return msgspec.structs.replace(snapshot, hash=hashlib.sha256(content(snapshot)).hexdigest())


def from_content(body: bytes | str, version: int, digest: str) -> Snapshot:
    """A snapshot as it was stored."""
    stored = msgspec.json.decode(body, type=Snapshot)
    return msgspec.structs.replace(stored, version=version, hash=digest)
