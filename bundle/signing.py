"""Who may issue a release: Ed25519 keys, the signature block, and the trust that a reader puts in keys.

spec/format.md, section 6. A signature covers the root's exact bytes under the DSSE pre-authentication encoding, so
nothing is parsed before it is known to be signed. Every function raises; none answers yes or no.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bundle import canonical
from bundle.errors import InputError, Malformed, Untrusted
from bundle.layout import PAYLOAD_TYPE, pre_authentication_encoding

KEY_ID_BYTES = 8
SIGNATURE_BYTES = 64
MAX_SIGNATURES = 64

_FIELD = 2**255 - 19
# y of the points whose order divides 8: a signature under such a key proves nothing (RFC 8032, section 5.1.7).
_SMALL_ORDER_Y = frozenset(
    int.from_bytes(bytes.fromhex(y), "little")
    for y in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
    )
)


class Signature(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One signature; the key id is a hint only, the trusted keys decide."""

    key_id: bytes
    value: bytes


class Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Bytes and the signatures over them."""

    payload: bytes
    signatures: list[Signature]


class SignatureBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands after the root."""

    signatures: list[Signature]


@dataclass(frozen=True)
class VerifyingKey:
    """A public key that was checked: canonical encoding, not of small order."""

    raw: bytes

    def __post_init__(self) -> None:
        y = int.from_bytes(self.raw, "little") & ((1 << 255) - 1)
        if len(self.raw) != 32 or y >= _FIELD or y in _SMALL_ORDER_Y:
            raise Malformed("public key: not a canonical Ed25519 point of large order")

    @property
    def key_id(self) -> bytes:
        """The first 8 bytes of the SHA-256 of the raw key."""
        return sha256(self.raw).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True)
class Trust:
    """The keys that may sign, and how many different ones must."""

    keys: tuple[VerifyingKey, ...]
    threshold: int = 1

    def verify(self, root: bytes, block: bytes) -> None:
        """Raises Untrusted unless `threshold` distinct trusted keys signed these bytes; Malformed for a bad block."""
        parsed = canonical.decode(block, SignatureBlock, "signature block")
        check_signatures(parsed.signatures, "signature block")
        self.signers(root, PAYLOAD_TYPE, parsed.signatures)

    def signers(self, payload: bytes, payload_type: bytes, signatures: list[Signature]) -> frozenset[VerifyingKey]:
        """The trusted keys that signed these bytes as that type. Raises Untrusted if they are too few."""
        message = pre_authentication_encoding(payload, payload_type)
        claimed = {s.key_id: s.value for s in signatures}
        good = frozenset(key for key in set(self.keys) if _signed_by(key, claimed.get(key.key_id), message))
        if len(good) >= self.threshold:
            return good
        ids = ", ".join(s.key_id.hex() for s in signatures)
        raise Untrusted(
            f"signed by key {ids}, {len(good)} of them trusted and valid, {self.threshold} needed: "
            "check that the bundle is from the right sender and that --trust names their public key"
        )


def check_signatures(signatures: list[Signature], where: str) -> None:
    """Raises Malformed unless there are 1 to 64 of the right shape, no two by one key."""
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise Malformed(f"{where}: {len(signatures)} signatures are not within 1 to {MAX_SIGNATURES}")
    if any(len(s.key_id) != KEY_ID_BYTES or len(s.value) != SIGNATURE_BYTES for s in signatures):
        raise Malformed(f"{where}: a key id or signature has the wrong length")
    if len({s.key_id for s in signatures}) != len(signatures):
        raise Malformed(f"{where}: two signatures by one key")


def sign(root: bytes, keys: Iterable[Ed25519PrivateKey]) -> bytes:
    """The signature block for a root, one signature a key, ordered by key id."""
    return canonical.encode(SignatureBlock(sign_payload(root, PAYLOAD_TYPE, keys)))


def sign_payload(payload: bytes, payload_type: bytes, keys: Iterable[Ed25519PrivateKey]) -> list[Signature]:
    """One signature a key over these bytes as that type, ordered by key id."""
    message = pre_authentication_encoding(payload, payload_type)
    signatures = [Signature(verifying_key(key).key_id, key.sign(message)) for key in keys]
    return sorted(signatures, key=lambda s: s.key_id)


def verifying_key(key: Ed25519PrivateKey) -> VerifyingKey:
    """The public half of a private key."""
    return VerifyingKey(key.public_key().public_bytes_raw())


def write_key_pair(name: Path) -> VerifyingKey:
    """Writes NAME.key (PKCS#8 PEM, mode 0600) and NAME.pub (SubjectPublicKeyInfo PEM).

    Raises InputError if either exists already or cannot be written: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    targets = [
        (name.with_name(name.name + ".key"), private, 0o600),
        (name.with_name(name.name + ".pub"), public, 0o644),
    ]
    for path, _, _ in targets:
        if os.path.lexists(path):
            raise InputError(f"{path}: exists already; choose another --out, a key is never overwritten")
    for path, content, mode in targets:
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return verifying_key(key)


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Raises InputError if the file is not an unencrypted Ed25519 private key in PEM."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: not an unencrypted private key in PEM; make one with 'unrep keygen'") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key; make one with 'unrep keygen'")
    return key


def load_trust(path: Path) -> Trust:
    """The trust of one public key file. Raises InputError if it is not an Ed25519 public key in PEM."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: not a public key in PEM; --trust takes the .pub file of 'unrep keygen'") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: not an Ed25519 public key; --trust takes the .pub file of 'unrep keygen'")
    try:
        return Trust((VerifyingKey(key.public_bytes_raw()),))
    except Malformed as error:
        raise InputError(f"{path}: {error}") from error


def _signed_by(key: VerifyingKey, signature: bytes | None, message: bytes) -> bool:
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
