"""Keys and signatures: bundle.trust.signing. Vectors prove the signature block; here are the keys, and thresholds."""

import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.errors import InputError, Malformed, Untrusted
from bundle.trust.signing import VerifyingKey, load_private_key, sign, verifying_key, write_key_pair
from bundle.trust.trust import Trust, load_trust

ROOT = b"whatever is signed"
FIELD = 2**255 - 19
SMALL_ORDER = (
    0,
    1,
    FIELD - 1,
    int("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16),
    int("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16),
)


@pytest.mark.parametrize("y", SMALL_ORDER)
@pytest.mark.parametrize("sign_bit", [0, 1])
def test_a_key_of_small_order_is_refused(y: int, sign_bit: int) -> None:
    """[F-29]: a signature under such a key proves nothing."""
    with pytest.raises(Malformed, match="public key"):
        VerifyingKey((y | sign_bit << 255).to_bytes(32, "little"))


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), (FIELD + 3).to_bytes(32, "little"), b"\xff" * 32])
def test_a_key_that_is_not_canonical_is_refused(raw: bytes) -> None:
    """[F-29]"""
    with pytest.raises(Malformed, match="public key"):
        VerifyingKey(raw)


def test_a_threshold_counts_distinct_trusted_keys() -> None:
    """[F-28]"""
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(3)]
    trusted = tuple(verifying_key(key) for key in keys)
    Trust(trusted, threshold=2).verify(ROOT, sign(ROOT, keys[:2]))
    Trust(trusted, threshold=2).verify(ROOT, sign(ROOT, keys))
    with pytest.raises(Untrusted, match="1 of them trusted and valid, 2 needed"):
        Trust(trusted, threshold=2).verify(ROOT, sign(ROOT, keys[:1]))
    with pytest.raises(Untrusted):
        Trust((trusted[0], trusted[0]), threshold=2).verify(ROOT, sign(ROOT, keys))
    with pytest.raises(Untrusted):
        Trust(trusted).verify(ROOT + b".", sign(ROOT, keys))


def test_a_key_pair_is_written_once_and_read_again(tmp_path: Path) -> None:
    public = write_key_pair(tmp_path / "shore")
    key = load_private_key(tmp_path / "shore.key")
    assert verifying_key(key) == public
    load_trust(tmp_path / "shore.pub").verify(ROOT, sign(ROOT, [key]))
    if os.name == "posix":
        assert (tmp_path / "shore.key").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "shore.key").read_bytes()
    with pytest.raises(InputError, match=r"shore\.key: exists already"):
        write_key_pair(tmp_path / "shore")
    assert (tmp_path / "shore.key").read_bytes() == before


def test_files_that_are_no_keys_are_named(tmp_path: Path) -> None:
    write_key_pair(tmp_path / "k")
    other = tmp_path / "other.key"
    other.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (tmp_path / "text").write_text("not a key\n", encoding="utf-8")
    for load, names in (
        (load_private_key, ("missing", "text", "k.pub", "other.key")),
        (load_trust, ("missing", "text", "k.key", "other.key")),
    ):
        for name in names:
            with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
                load(tmp_path / name)
