"""Keys and signatures: who signed which bytes. Whose signature counts is decided in `bundle.trust.trust`.

spec/format.md, section 2. A signature covers exact bytes under the DSSE pre-authentication encoding. So nothing is
parsed before it is known to be signed. The encoding has the type of what is signed: nothing passes for something else.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bundle.errors import BundleError, InputError, Malformed
from bundle.format import canonical
from bundle.format.layout import PAYLOAD_TYPE, pre_authentication_encoding
from bundle.host.files import create, read_given, set_mode, whole_or_none, write_all
from bundle.host.output import OUTPUT

KEY_ID_BYTES = 8
SIGNATURE_BYTES = 64
MAX_SIGNATURES = 64
_MAX_PASSPHRASE_BYTES: Final = 1023  # of OpenSSL's

_FIELD = 2**255 - 19
_CURVE = -121665 * pow(121666, -1, _FIELD) % _FIELD  # d of the curve equation, RFC 8032, section 5.1
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
    """One signature. The key id is a hint only, the trusted keys decide."""

    key_id: bytes
    value: bytes


class Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Bytes and the signatures over them [R-2]."""

    payload: bytes
    signatures: list[Signature]


class Links(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Signed trust roots of consecutive versions, the first of version `first` [R-8]."""

    first: int
    roots: list[Signed]


# The keys of a signature block are single letters: it is a part of every bundle.
_SHORT = {"signatures": "s", "trust": "t", "revocations": "r"}


class SignatureBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename=_SHORT):
    """What stands after the root: signatures, and what a reader may not know yet of who may sign [F-28]."""

    signatures: list[Signature]
    trust: Links | None = None
    revocations: Signed | None = None


@dataclass(frozen=True)
class VerifyingKey:
    """A public key that was checked: canonical encoding of a point of the curve, not of small order [F-29]."""

    raw: bytes

    def __post_init__(self) -> None:
        y = int.from_bytes(self.raw, "little") & ((1 << 255) - 1)
        if len(self.raw) != 32 or y >= _FIELD or y in _SMALL_ORDER_Y or not _is_on_curve(y):
            raise Malformed("public key: not a canonical Ed25519 point of large order")

    @property
    def key_id(self) -> bytes:
        """The first 8 bytes of the SHA-256 of the raw key."""
        return sha256(self.raw).digest()[:KEY_ID_BYTES]


@lru_cache(maxsize=4096)
def _is_on_curve(y: int) -> bool:
    """Whether (y^2 - 1) / (d y^2 + 1) is a square. Libraries look only when they verify, and say then that every
    signature is bad."""
    square = (y * y - 1) * pow(_CURVE * y * y + 1, -1, _FIELD) % _FIELD
    return pow(square, (_FIELD - 1) // 2, _FIELD) in (0, 1)


class Signer(Protocol):
    """A private key, wherever it is kept: in memory, in a token, behind a command."""

    def sign(self, data: bytes, /) -> bytes: ...

    def public_key(self) -> Ed25519PublicKey: ...


def decode_block(block: bytes) -> SignatureBlock:
    """Raises Malformed for a bad block [F-28]; what stands in it is not verified by that."""
    parsed = canonical.decode(block, SignatureBlock, "signature block")
    check_signatures(parsed.signatures, "signature block")
    return parsed


def check_signatures(signatures: list[Signature], where: str) -> None:
    """Raises Malformed unless there are 1 to 64 of the right shape, no two by one key [F-28]."""
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise Malformed(f"{where}: {len(signatures)} signatures are not within 1 to {MAX_SIGNATURES}")
    if any(len(s.key_id) != KEY_ID_BYTES or len(s.value) != SIGNATURE_BYTES for s in signatures):
        raise Malformed(f"{where}: a key id or signature has the wrong length")
    if len({s.key_id for s in signatures}) != len(signatures):
        raise Malformed(f"{where}: two signatures by one key")


def signers_of(
    payload: bytes, payload_type: bytes, signatures: Iterable[Signature], keys: Iterable[VerifyingKey]
) -> frozenset[VerifyingKey]:
    """Those of the keys, each once, that have a valid signature over these bytes as that type."""
    message = pre_authentication_encoding(payload, payload_type)
    claimed = {s.key_id: s.value for s in signatures}
    return frozenset(key for key in set(keys) if _signed_by(key, claimed.get(key.key_id), message))


def sign(root: bytes, keys: Iterable[Signer], trust: Links | None = None, revocations: Signed | None = None) -> bytes:
    """The signature block for a root, one signature a key, ordered by key id."""
    return canonical.encode(SignatureBlock(sign_payload(root, PAYLOAD_TYPE, keys), trust, revocations))


def sign_payload(payload: bytes, payload_type: bytes, keys: Iterable[Signer]) -> list[Signature]:
    """One signature a key over these bytes as that type, ordered by key id."""
    message = pre_authentication_encoding(payload, payload_type)
    signatures = [Signature(verifying_key(key).key_id, key.sign(message)) for key in keys]
    return merged((), signatures)


def merged(signatures: Iterable[Signature], more: Iterable[Signature]) -> list[Signature]:
    """Both, ordered by key id. Of two by one key the later."""
    by_id = {s.key_id: s for s in (*signatures, *more)}
    return [by_id[key_id] for key_id in sorted(by_id)]


def verifying_key(key: Signer) -> VerifyingKey:
    """The public half of a private key."""
    return VerifyingKey(key.public_key().public_bytes_raw())


def write_key_pair(name: Path, passphrase: bytes | None = None) -> VerifyingKey:
    """Writes NAME.key (PKCS#8 PEM, mode 0600, encrypted with a passphrase) and NAME.pub (SubjectPublicKeyInfo PEM).

    Raises InputError if either exists already or cannot be written: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    if passphrase and len(passphrase) > _MAX_PASSPHRASE_BYTES:
        raise InputError(f"the passphrase is longer than {_MAX_PASSPHRASE_BYTES:,} bytes; choose a shorter one")
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_pair(name, private, public)
    return verifying_key(key)


def write_pair(name: Path, private: bytes, public: bytes) -> None:
    """Writes NAME.key, mode 0600, and NAME.pub. Raises InputError if either exists already or cannot be written."""
    targets = [
        (name.with_name(name.name + ".key"), private, 0o600),
        (name.with_name(name.name + ".pub"), public, 0o644),
    ]
    for path, _, _ in targets:
        if os.path.lexists(path):
            raise InputError(f"{path}: exists already; choose another --out, a key is never overwritten")
    for path, content, mode in targets:
        try:
            with OUTPUT.errors(path), whole_or_none(path, create(path, mode)) as file:
                set_mode(file.fileno(), mode)
                write_all(file, content)
                os.fsync(file.fileno())  # its public half may be given away the next minute
        except BundleError:
            for made in targets[: targets.index((path, content, mode))]:
                with suppress(OSError):  # half a pair would be in the way of the next run
                    made[0].unlink()
            raise


class PassphraseNeeded(InputError):
    """The private key is encrypted, and no passphrase was given."""


def load_private_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Raises InputError if the file is not an Ed25519 private key in PEM, PassphraseNeeded if it is encrypted."""
    try:
        key = serialization.load_pem_private_key(read_file(path), password=passphrase)
    except TypeError as error:
        if passphrase is None:
            raise PassphraseNeeded(f"{path}: is encrypted; give its passphrase in a file or at the prompt") from error
        raise InputError(f"{path}: is not encrypted; leave the passphrase out") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "not a private key in PEM" if passphrase is None else "not a private key in PEM with that passphrase"
        raise InputError(f"{path}: {what}; make one with 'unrep keygen'") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key; make one with 'unrep keygen'")
    return key


def load_public_key(path: Path) -> VerifyingKey:
    """Raises InputError if the file is not an Ed25519 public key in PEM."""
    return parse_public_key(read_file(path), path)


def parse_public_key(pem: bytes, path: Path) -> VerifyingKey:
    """The key in a file's bytes. Raises InputError, naming the file."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: not a public key in PEM; use the .pub file of 'unrep keygen'") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: not an Ed25519 public key; use the .pub file of 'unrep keygen'")
    try:
        return VerifyingKey(key.public_bytes_raw())
    except Malformed as error:
        raise InputError(f"{path}: {error}") from error


def read_file(path: Path) -> bytes:
    """The bytes of a key, trust or passphrase file. Raises InputError, for a pipe that somebody has put there, too."""
    try:
        return read_given(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _signed_by(key: VerifyingKey, signature: bytes | None, message: bytes) -> bool:
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True
