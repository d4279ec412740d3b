"""The pointer `latest`: the few signed bytes that say which bundle of a published directory is the newest.

It stands beside the bundles that it names, one file for one product, so a ship needs to know a single address. It is
signed like a root, under a payload type of its own, and verified before a byte of it is parsed [T-51].
"""

import re
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.root import Root
from bundle.trust.signing import Signed, check_signatures, sign_payload
from bundle.trust.trust import Trust
from transfer.errors import SourceCorrupt
from transfer.links.access import shown_source

POINTER_NAME = "latest"
PAYLOAD_TYPE = b"unrep/latest/1"
MAX_POINTER_BYTES = 16 * 1024

_HASH_BYTES = 32
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


class Pointer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest bundle: `file` is its name beside the pointer, `length` in bytes, `root` the SHA-256 of its root."""

    product: str
    version: str
    seq: int
    epoch: int
    file: str
    length: int
    root: bytes

    @property
    def order(self) -> tuple[int, int]:
        """What grows from release to release."""
        return self.epoch, self.seq

    def describe(self) -> str:
        """The release in words for messages."""
        return f"{self.product} {self.version} (seq {self.seq})"

    def check(self, root: Root, source: str) -> None:
        """Raises SourceCorrupt if that is not the root of the bundle that this names [T-55]."""
        if sha256(canonical.encode(root)).digest() != self.root:
            raise SourceCorrupt(
                f"{shown_source(source)}: is {root.product} {root.version} (seq {root.seq}), not the {self.describe()} "
                f"that {POINTER_NAME!r} names; have the bundle published again"
            )


@dataclass(frozen=True)
class VerifiedPointer:
    """A pointer whose signatures were verified. Only `verify_pointer` makes one."""

    pointer: Pointer


def sign_pointer(pointer: Pointer, key: Ed25519PrivateKey) -> bytes:
    """The bytes of the file. Raises Malformed for a value that no reader would take."""
    _check(pointer)
    payload = canonical.encode(pointer)
    return canonical.encode(Signed(payload, sign_payload(payload, PAYLOAD_TYPE, [key])))


def verify_pointer(data: bytes, trust: Trust) -> VerifiedPointer:
    """Verifies and reads the bytes of a pointer [T-51]. Raises Malformed or Untrusted."""
    signed = _opened(data)
    trust.signers(signed.payload, PAYLOAD_TYPE, signed.signatures)
    return VerifiedPointer(_decoded(signed.payload))


def read_unverified(data: bytes) -> Pointer:
    """What a pointer says, whoever signed it: good for not going back ashore, for nothing else. Raises Malformed."""
    return _decoded(_opened(data).payload)


def _opened(data: bytes) -> Signed:
    if len(data) > MAX_POINTER_BYTES:
        raise Malformed(f"over {MAX_POINTER_BYTES:,} bytes, no pointer to a bundle")
    signed = canonical.decode(data, Signed, "not a pointer to a bundle")
    check_signatures(signed.signatures, "pointer")
    return signed


def _decoded(payload: bytes) -> Pointer:
    pointer = canonical.decode(payload, Pointer, "pointer")
    _check(pointer)
    return pointer


def _check(pointer: Pointer) -> None:
    """Raises Malformed for a value out of its bounds [T-51]; the root that it names is checked by its own rules."""
    if not _FILE_NAME.fullmatch(pointer.file):
        raise Malformed(f"pointer: file {pointer.file[:60]!r} is not a plain file name")
    if len(pointer.root) != _HASH_BYTES:
        raise Malformed(f"pointer: root is {len(pointer.root)} bytes instead of a SHA-256")
    for name, value, least in (
        ("seq", pointer.seq, 1),
        ("epoch", pointer.epoch, 0),
        ("length", pointer.length, 1),
    ):
        if not least <= value <= canonical.MAX_INTEGER:
            raise Malformed(f"pointer: {name} {value} is not within {least} to 2^53 - 1")
