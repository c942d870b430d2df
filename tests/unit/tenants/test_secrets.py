"""Sealing, password hashes, tokens and the master key file."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import SettingError
from core.settings import DataSettings
from tenants import secrets
from tenants.secrets import SealBroken, Vault

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()


def vault(*keys: str) -> Vault:
    return Vault.open(DataSettings(master_key=",".join(keys)))


def test_a_sealed_value_opens_in_its_own_context_only():
    box = vault(NEW)
    sealed = box.seal("s3cret", "line.password:0050000001")
    assert "s3cret" not in sealed
    assert box.unseal(sealed, "line.password:0050000001") == "s3cret"
    with pytest.raises(SealBroken):
        box.unseal(sealed, "line.password:0050000002")


def test_the_same_text_never_seals_the_same():
    box = vault(NEW)
    assert box.seal("x", "c") != box.seal("x", "c")


@pytest.mark.parametrize("spoilt", ["", "1", "1.x.y", "2.a.b", "1..", "1.é.ü"])
def test_rubbish_is_a_typed_error(spoilt):
    with pytest.raises(SealBroken):
        vault(NEW).unseal(spoilt, "c")


def test_a_flipped_bit_is_noticed():
    box = vault(NEW)
    form, key_id, body = box.seal("abc", "c").split(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[-1] ^= 1
    with pytest.raises(SealBroken):
        box.unseal(f"{form}.{key_id}.{base64.urlsafe_b64encode(raw).decode()}", "c")


def test_rotation_a_new_key_seals_and_the_old_one_still_opens():
    before = vault(OLD).seal("x", "c")
    both = vault(NEW, OLD)
    assert both.unseal(before, "c") == "x"
    assert both.is_stale(before)
    after = both.seal("x", "c")
    assert not both.is_stale(after)
    assert vault(NEW).unseal(after, "c") == "x"
    with pytest.raises(SealBroken):
        vault(NEW).unseal(before, "c")


def test_the_key_file_is_made_once_by_many_starting_processes(tmp_path):
    settings = DataSettings(dir=tmp_path / "new")
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda _: Vault.open(settings).key_id, range(32)))
    assert len(ids) == 1
    files = list((tmp_path / "new").iterdir())
    assert [f.name for f in files] == ["master.key"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


@pytest.mark.parametrize("wrong", ["", "abc", base64.b64encode(b"short").decode(), "!!!"])
def test_a_wrong_key_stops_the_start_with_the_name_of_the_setting(wrong):
    with pytest.raises(SettingError, match="SUNSIM_DATA_MASTER_KEY"):
        vault(wrong)


def test_derived_keys_differ_by_purpose_and_stay_the_same():
    box = vault(NEW)
    assert box.derive("sip.nonce") == vault(NEW).derive("sip.nonce")
    assert box.derive("sip.nonce") != box.derive("csrf")


def test_ha1_round_trip_is_bound_to_the_login():
    box = vault(NEW)
    sealed = secrets.seal_ha1(box, "0051234567", {"MD5": "aa", "SHA-256": "bb"})
    assert secrets.open_ha1(box, "0051234567", sealed) == {"MD5": "aa", "SHA-256": "bb"}
    assert "aa" not in sealed.values()
    with pytest.raises(SealBroken):
        secrets.open_ha1(box, "0051234568", sealed)
    with pytest.raises(SealBroken):
        secrets.open_ha1(box, "0051234567", {"MD5": sealed["SHA-256"]})


async def test_passwords_are_argon2id_and_nobody_has_none():
    hashed = await secrets.hash_password("correct horse")
    assert hashed.startswith("$argon2id$")
    assert not secrets.needs_rehash(hashed)
    assert await secrets.verify_password(hashed, "correct horse")
    assert not await secrets.verify_password(hashed, "wrong")
    assert not await secrets.verify_password(None, "anything")
    assert not await secrets.verify_password("not a hash", "anything")


def test_generated_passwords_and_tokens():
    passwords = {secrets.new_password() for _ in range(200)}
    assert len(passwords) == 200
    assert all(len(p) >= 20 and p.isalnum() for p in passwords)
    token = secrets.new_token("sst_")
    assert token.startswith("sst_")
    assert len(token) > 40
    assert secrets.hash_token(token) != token
    assert len(secrets.hash_token(token)) == 64
