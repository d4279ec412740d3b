"""STREAM: how the body of a section is encrypted, so that any part can be read, and none moved.

spec/sealing.md, section 2.

The construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015), as age uses it: fixed chunks, each under
ChaCha20-Poly1305 with a nonce that counts them and marks the last. A chunk has 64 KiB as it stands, tag included, so
pieces, whose size is a power of two, never straddle the edge of one more chunk than they must.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bundle.errors import Corrupt, Malformed
from bundle.format.objects import Readable

CHUNK_BYTES = 64 * 1024  # as it stands
TAG_BYTES = 16
PLAIN_BYTES = CHUNK_BYTES - TAG_BYTES
CONTENT_KEY_BYTES = 16
SECTION_INFO = b"unrep/section/1"

_COUNTER_BYTES = 11


@dataclass(frozen=True)
class ContentKey:
    """The one secret of a bundle, random. The key of each section is derived from it [S-3]."""

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.raw) != CONTENT_KEY_BYTES:
            raise Malformed(f"content key: {len(self.raw)} bytes, it has {CONTENT_KEY_BYTES}")

    @classmethod
    def new(cls) -> "ContentKey":
        """Another one each time."""
        return cls(secrets.token_bytes(CONTENT_KEY_BYTES))

    def section_cipher(self, number: int, chunks: int) -> "SectionCipher":
        """The cipher of the section with that number in the root, from 0, whose body has so many chunks."""
        info = SECTION_INFO + number.to_bytes(4, "little")
        return SectionCipher(HKDF(SHA256(), 32, None, info).derive(self.raw), chunks)


class SectionCipher:
    """Encrypts and decrypts the chunks of one body [S-4]."""

    def __init__(self, key: bytes, chunks: int) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._last = chunks - 1

    def encrypt(self, body: Readable) -> Iterator[bytes]:
        """The chunks of a body as they are to stand."""
        for number in range(self._last + 1):
            at = number * PLAIN_BYTES
            yield self._cipher.encrypt(self._nonce(number), body.read_at(at, min(PLAIN_BYTES, body.size - at)), None)

    def decrypt(self, number: int, chunk: bytes) -> bytes:
        """The plain bytes of a chunk. Raises Corrupt unless it is that chunk, encrypted under this key."""
        try:
            return self._cipher.decrypt(self._nonce(number), chunk, None)
        except InvalidTag as error:
            raise Corrupt(f"chunk {number} of an encrypted section is not what its key has encrypted") from error

    def _nonce(self, number: int) -> bytes:
        return number.to_bytes(_COUNTER_BYTES, "big") + bytes([number == self._last])


def chunks_of_body(stored_bytes: int) -> int:
    """How many chunks an encrypted body of that length has."""
    return -(-stored_bytes // CHUNK_BYTES)


def encrypted_bytes(plain_bytes: int) -> int:
    """The length of a body once it is encrypted."""
    return plain_bytes + TAG_BYTES * -(-plain_bytes // PLAIN_BYTES)


def plain_bytes(stored_bytes: int) -> int:
    """The length of what an encrypted body holds."""
    return stored_bytes - TAG_BYTES * chunks_of_body(stored_bytes)


def is_encrypted_length(stored_bytes: int) -> bool:
    """Whether an encrypted body can be so long: its last chunk holds a byte at least [S-2]."""
    return (stored_bytes - 1) % CHUNK_BYTES >= TAG_BYTES


def chunk_stretch(start: int, end: int, stored_bytes: int) -> tuple[int, int]:
    """(start, end), as it stands, of the chunks that hold a stretch of the plain body."""
    return start // PLAIN_BYTES * CHUNK_BYTES, min(-(-end // PLAIN_BYTES) * CHUNK_BYTES, stored_bytes)
