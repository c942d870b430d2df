"""Secrets: sealed values, password hashes and tokens.

* *Sealed* values (SIP passwords, HA1) can be read again by whoever has the master key: AES-256-GCM
  (NIST SP 800-38D) under a key named by its id, bound to a *context* so that a value copied to
  another row does not open. Text form: ``1.<key id>.<base64url of nonce and ciphertext>``.
* *Passwords* of people are hashed with argon2id (RFC 9106), never stored.
* *Tokens* (sessions, API) have 256 random bits, so a plain SHA-256 is what is stored.

The master key is a line of ``master.key`` in the data folder, made on the first run, or the setting
``SUNSIM_DATA_MASTER_KEY``. Either may hold several keys: the first seals, all of them open, which
is how keys are rotated: put a new one in front, reseal, remove the old one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import string
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import SettingError, SunSimError
from core.settings import DataSettings

__all__ = [
    "KEY_FILE",
    "SealBroken",
    "Vault",
    "hash_password",
    "hash_token",
    "needs_rehash",
    "new_password",
    "new_token",
    "open_ha1",
    "open_trunk_password",
    "seal_ha1",
    "seal_trunk_password",
    "verify_password",
]

_FORMAT = "1"
_NONCE = 12
KEY_FILE = "master.key"
"""Its name in the data folder."""
_SETTING = "SUNSIM_DATA_MASTER_KEY"

# Letters and digits that cannot be taken for one another when a password is read from a screen.
_ALPHABET = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1lI")


class SealBroken(SunSimError):
    """A stored secret cannot be opened: the master key is another one or the value was changed."""

    code = "seal_broken"


class Vault:
    """Seals and opens small texts under the master key."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """``keys`` maps key ids to 32 bytes each; the first one seals."""
        self._keys = dict(keys)
        self._current = next(iter(self._keys))

    @classmethod
    def open(cls, settings: DataSettings) -> Vault:
        """The vault of this installation; makes the key file if there is neither file nor setting.

        Raises SettingError if what is given is not base64 of 32 bytes.
        """
        if settings.master_key is not None:
            return cls(_parse_keys(settings.master_key, _SETTING))
        path = settings.dir / KEY_FILE
        with contextlib.suppress(FileExistsError):
            if not path.exists():
                _create_key_file(path)
        return cls(_parse_keys(path.read_text("ascii", "replace"), str(path)))

    @property
    def key_id(self) -> str:
        """The id of the key that seals now."""
        return self._current

    def seal(self, text: str, context: str) -> str:
        """``text`` sealed for ``context`` (what it is and whose, e.g. ``line.password:0051234567``)."""
        nonce = secrets.token_bytes(_NONCE)
        cipher = AESGCM(self._keys[self._current])
        body = nonce + cipher.encrypt(nonce, text.encode(), context.encode())
        return f"{_FORMAT}.{self._current}.{base64.urlsafe_b64encode(body).decode()}"

    def unseal(self, sealed: str, context: str) -> str:
        """The text that was sealed for this context. Raises SealBroken."""
        form, _, rest = sealed.partition(".")
        key_id, _, encoded = rest.partition(".")
        key = self._keys.get(key_id)
        if form != _FORMAT or key is None:
            raise SealBroken
        try:
            body = base64.urlsafe_b64decode(encoded)
            return AESGCM(key).decrypt(body[:_NONCE], body[_NONCE:], context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error

    def is_stale(self, sealed: str) -> bool:
        """Whether the value was sealed with an older key and should be resealed."""
        return sealed.split(".")[1:2] != [self._current]

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """A key for one purpose (nonces, CSRF), the same in every process and after a restart."""
        kdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode())
        return kdf.derive(self._keys[self._current])


def seal_ha1(vault: Vault, login: str, ha1: Mapping[str, str]) -> dict[str, str]:
    """The digest secrets of a line (algorithm → HA1 in hex), each sealed for login and algorithm."""
    return {name: vault.seal(value, f"line.ha1:{login}:{name}") for name, value in ha1.items()}


def open_ha1(vault: Vault, login: str, sealed: Mapping[str, str]) -> dict[str, str]:
    """The digest secrets of a line, as ``contracts.Line.ha1`` wants them. Raises SealBroken."""
    return {name: vault.unseal(value, f"line.ha1:{login}:{name}") for name, value in sealed.items()}


def seal_trunk_password(vault: Vault, trunk_id: UUID, password: str) -> str:
    """The password of our account at a carrier, sealed for this trunk."""
    return vault.seal(password, f"trunk.password:{trunk_id}")


def open_trunk_password(vault: Vault, trunk_id: UUID, sealed: str) -> str:
    """The password of our account at a carrier. Raises SealBroken."""
    return vault.unseal(sealed, f"trunk.password:{trunk_id}")


# --- passwords and tokens ---------------------------------------------------------------------

_hasher = PasswordHasher()


def _of_nothing(hasher: PasswordHasher) -> str:
    """A hash with its parameters that no password was made into: it costs no time to make."""
    kind = f"$argon2id$v={ARGON2_VERSION}"
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    random = (secrets.token_bytes(size) for size in (hasher.salt_len, hasher.hash_len))
    return "$".join((kind, cost, *(base64.b64encode(part).decode().rstrip("=") for part in random)))


# What is verified when there is no such user, so that both cases cost the same time.
_NOBODY = _of_nothing(_hasher)
# A flood of logins must not take all memory: argon2id needs 64 MiB a time.
_HASHES_AT_ONCE = 2


async def hash_password(password: str) -> str:
    """The argon2id hash of a person's password; computed in a thread."""
    async with _turn():
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(hashed: str | None, password: str) -> bool:
    """Whether the password fits; takes equally long for ``None``, the hash of nobody."""
    async with _turn():
        fits = await asyncio.to_thread(_verify, hashed or _NOBODY, password)
    return fits and hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


def new_password(length: int = 24) -> str:
    """A password for a machine (a SIP line) or for a first login."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_token(prefix: str = "") -> str:
    """A bearer token; the prefix says what it is for, should it be found somewhere."""
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is stored of a token, and what it is looked up by: SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def _turn() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    for other in [known for known in _turns if known.is_closed()]:
        del _turns[other]
    return _turns.setdefault(loop, asyncio.Semaphore(_HASHES_AT_ONCE))


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


# --- the key file -----------------------------------------------------------------------------


def _parse_keys(text: str, name: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for word in text.replace(",", " ").split():
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise SettingError(name=name, problem="expected base64 of 32 bytes")
        keys[hashlib.sha256(key).hexdigest()[:8]] = key
    if not keys:
        raise SettingError(name=name, problem="holds no key")
    return keys


def _create_key_file(path: Path) -> None:
    """Write a fresh key; of several processes that start together one wins, the others read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".master-")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)  # unlike a rename, fails if somebody was faster
    finally:
        temporary.unlink(missing_ok=True)
