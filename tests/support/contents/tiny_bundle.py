"""Bundles for tests of the transfer: a true root, true signatures and hash trees around sections of random bytes.

Transfer never parses a section, so a bundle of any shape and size is made in no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bundle.format import canonical
from bundle.format.codecs import STORED, Packed
from bundle.format.layout import FORMAT, PREAMBLE_BYTES, Preamble
from bundle.format.objects import MemoryObject
from bundle.format.pieces import build_tables
from bundle.format.root import Root, Section
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.signing import sign, verifying_key
from bundle.trust.trust import Trust

PIECE_BYTES = 4096
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust.of_maker((verifying_key(KEY),))  # how a fetch goes does not depend on who began an epoch


def tree_hash(name: str) -> bytes:
    """A stand-in for the tree hash of a release."""
    return sha256(name.encode()).digest()


@dataclass(frozen=True)
class Shape:
    """What to make: `full_bytes` and each of `delta_bytes` (base name: length) are lengths of section bodies."""

    version: str = "1.0.1"
    seq: int = 2
    epoch: int = 0
    product: str = "vms"
    full_bytes: int | None = None
    delta_bytes: dict[str, int] = field(default_factory=dict)
    piece_bytes: int = PIECE_BYTES


@dataclass(frozen=True)
class TinyBundle:
    """The bytes of the file, and what a reader makes of its header."""

    data: bytes
    verified: VerifiedRoot

    @property
    def root(self) -> Root:
        return self.verified.root

    @property
    def header(self) -> bytes:
        return self.data[: self.verified.header_bytes]

    def signed_also(self, strangers: int) -> "TinyBundle":
        """The same bundle with signatures of that many strangers beside the true one: what any mirror can do."""
        keys = [Ed25519PrivateKey.from_private_bytes(bytes([number + 1] * 32)) for number in range(strangers)]
        root = self.header[PREAMBLE_BYTES : PREAMBLE_BYTES + self.verified.root_bytes]
        block = sign(root, [KEY, *keys])
        header = Preamble(len(root), len(block)).pack() + root + block
        return TinyBundle(header + self.data[len(self.header) :], verify_header(header, TRUST))

    def holding(self, *sections: Section) -> bytes:
        """The file with those sections only, and zeros in the place of others."""
        kept = bytearray(len(self.data))
        kept[: len(self.header)] = self.header
        for section in sections:
            for offset, piece in self.verified.pieces(section):
                kept[offset : offset + piece.length] = self.data[offset : offset + piece.length]
        return bytes(kept)


def tiny_bundle(shape: Shape, seed: int = 1) -> TinyBundle:
    """A bundle of that shape, signed with KEY; other bytes for another seed."""
    random = Random(seed)
    sections, stored = [], []
    wanted = [(tree_hash(base), length) for base, length in shape.delta_bytes.items()]
    if shape.full_bytes is not None:
        wanted.append((b"", shape.full_bytes))
    for base, length in wanted:
        body = random.randbytes(length)
        tables, top = build_tables(MemoryObject(body), shape.piece_bytes)
        sections.append(Section(base=base, stored=length, content=top, index=Packed(STORED, 1, 1)))
        stored.append(tables + body)
    root = canonical.encode(_root(shape, sections))
    signatures = sign(root, [KEY])
    header = Preamble(len(root), len(signatures)).pack() + root + signatures
    return TinyBundle(header + b"".join(stored), verify_header(header, TRUST))


def write_trust(path: Path) -> Path:
    """Writes the public key for --trust."""
    path.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def _root(shape: Shape, sections: Sequence[Section]) -> Root:
    return Root(
        format=FORMAT,
        product=shape.product,
        version=shape.version,
        seq=shape.seq,
        created=1_700_000_000,
        tree=tree_hash(shape.version),
        manifest_size=100,
        entries=1,
        size=1000,
        piece_log=shape.piece_bytes.bit_length() - 1,
        sections=list(sections),
        epoch=shape.epoch,
    )
