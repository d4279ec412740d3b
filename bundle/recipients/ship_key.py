"""The keys of ships: X25519 (RFC 7748) pairs, to which content keys are sealed. spec/sealing.md, section 3.

They are not signing keys. A ship's key does not prove who sent something: it only opens what is meant for that ship.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from bundle.errors import InputError, Malformed
from bundle.trust.signing import KEY_ID_BYTES, read_file, write_pair

_FIELD = 2**255 - 19
_PROBE = X25519PrivateKey.from_private_bytes(bytes(32))  # any key: all are multiples of 8


@dataclass(frozen=True)
class ShipPublicKey:
    """A ship's public key that was checked: canonical encoding, not of small order [S-7]."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32 or int.from_bytes(self.raw, "little") >= _FIELD:
            raise Malformed("ship key: not a canonical X25519 public key")
        try:
            _PROBE.exchange(X25519PublicKey.from_public_bytes(self.raw))
        except ValueError as error:
            raise Malformed("ship key: a point of small order, to which anything sealed lies open") from error

    @property
    def key_id(self) -> bytes:
        """The first 8 bytes of the SHA-256 of the raw key. Tickets are named by it."""
        return sha256(self.raw).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True)
class ShipKey:
    """A ship's private key."""

    private: X25519PrivateKey = field(repr=False)

    @property
    def public(self) -> ShipPublicKey:
        """Its public half."""
        return ShipPublicKey(self.private.public_key().public_bytes_raw())


def write_ship_key_pair(name: Path) -> ShipPublicKey:
    """Writes NAME.key (PKCS#8 PEM, mode 0600) and NAME.pub (SubjectPublicKeyInfo PEM). No passphrase: a ship is alone.

    Raises InputError if either exists already or cannot be written: a key is never overwritten.
    """
    key = X25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_pair(name, private, public)
    return ShipKey(key).public


def load_ship_key(path: Path) -> ShipKey:
    """Raises InputError if the file is not an unencrypted X25519 private key in PEM."""
    advice = "not the private key of a ship; make one with 'unrep ship-key new'"
    try:
        key = serialization.load_pem_private_key(read_file(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: {advice}") from error
    if not isinstance(key, X25519PrivateKey):
        raise InputError(f"{path}: {advice}")
    return ShipKey(key)


def load_ship_public_key(path: Path) -> ShipPublicKey:
    """Raises InputError if the file is not an X25519 public key in PEM that can be sealed to."""
    advice = "not the public key of a ship; use the .pub file of 'unrep ship-key new'"
    try:
        key = serialization.load_pem_public_key(read_file(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: {advice}") from error
    if not isinstance(key, X25519PublicKey):
        raise InputError(f"{path}: {advice}")
    try:
        return ShipPublicKey(key.public_bytes_raw())
    except Malformed as error:
        raise InputError(f"{path}: {error}") from error
