"""Encrypted bundles for the second reader, from the text of spec/sealing.md alone: ship keys, tickets, chunks."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from trust import Signed, Trust, parse_signatures
from wire import Refused, corrupt, need

FEATURE = "encrypted-1"
CHUNK, TAG = 65_536, 16
PLAIN = CHUNK - TAG
HEAD, ENTRY = 73, 72
PRIME = 2**255 - 19
PKCS8 = bytes.fromhex("302e020100300506032b656e04220420")


def sealed(sentence: str) -> Refused:
    return Refused("sealed", sentence)


def check_ship_key(raw: bytes) -> None:
    """[S-7]"""
    need(len(raw) == 32, "a ship's public key has 32 bytes")
    need(int.from_bytes(raw, "little") < PRIME, "the ship's public key is no canonical encoding")
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError as fault:
        raise Refused("malformed", "the ship's public key is a point of small order") from fault


def read_ship_key(path: Path) -> X25519PrivateKey:
    """A private key file is a PEM of PKCS#8 (RFC 8410)."""
    lines = path.read_text("ascii", "replace").split("\n")
    try:
        der = base64.b64decode("".join(line for line in lines if not line.startswith("-----")), validate=True)
    except ValueError:
        der = b""
    need(der[:16] == PKCS8 and len(der) == 48, f"{path} is no private key of X25519")
    return X25519PrivateKey.from_private_bytes(der[16:])


@dataclass(frozen=True)
class Ship:
    """A receiver's private key, and the ticket that it has, if any."""

    key: X25519PrivateKey
    ticket: bytes | None

    def content_key(self, root: bytes, trust: Trust | None) -> bytes:
        """[S-8] to [S-11]; `root` is its hash. None for trust opens a ticket whoever signed it."""
        if self.ticket is None:
            raise sealed("the bundle is encrypted, and there is no ticket")
        if self.ticket[:1] not in (b"", b"\1"):
            raise Refused("unsupported", f"the ticket has format {self.ticket[0]}")
        head, rest = self.ticket[:HEAD], self.ticket[HEAD:]
        need(len(head) == HEAD and len(rest) % ENTRY == 0, f"no ticket has {len(self.ticket)} bytes")
        entries = [rest[at : at + ENTRY] for at in range(0, len(rest), ENTRY)]
        signatures = parse_signatures([[entry[:8], entry[8:]] for entry in entries], "the ticket")
        need(list(signatures) == sorted(signatures), "the ticket's signatures do not ascend")
        if head[1:5] != root[:4]:
            raise sealed("the ticket is for another bundle")
        if trust:
            needed = trust.newest.releases_threshold
            Signed("the ticket", "ticket", root + head, signatures).need_signatures(trust.may, needed, "those that may")
        return self._opened(head, root)

    def _opened(self, head: bytes, root: bytes) -> bytes:
        own = self.key.public_key().public_bytes_raw()
        if head[5:9] != hashlib.sha256(own).digest()[:4]:
            raise sealed("the ticket is for another ship")
        suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
        try:
            return suite.decrypt(head[9:], self.key, b"unrep/ticket/1" + own + root)
        except (InvalidTag, ValueError) as fault:
            raise sealed("the ticket does not open with this ship's key") from fault


def is_length(stored: int) -> bool:
    """Whether an encrypted body can have it [S-2]."""
    return stored % CHUNK == 0 or stored % CHUNK > TAG


def plain_length(stored: int) -> int:
    return stored - TAG * -(-stored // CHUNK)


class Chunks:
    """What an encrypted body of `stored` bytes holds; `read(offset, size)` gives verified bytes of that."""

    def __init__(self, content_key: bytes, number: int, stored: int, read: Callable[[int, int], bytes]) -> None:
        key = hmac.digest(bytes(32), content_key, "sha256")
        key = hmac.digest(key, b"unrep/section/1" + number.to_bytes(4, "little") + b"\1", "sha256")
        self._cipher, self._stored, self._read = ChaCha20Poly1305(key), stored, read
        self._last = (stored - 1) // CHUNK

    def read(self, offset: int, size: int) -> bytes:
        first = offset // PLAIN
        plain = b"".join(self._opened(first, -(-(offset + size) // PLAIN)))
        return plain[offset - first * PLAIN :][:size]

    def verify(self) -> None:
        """Every chunk [S-5]."""
        for _ in self._opened(0, self._last + 1):
            pass

    def _opened(self, first: int, end: int) -> Iterator[bytes]:
        for number in range(first, min(end, self._last + 1)):
            at = number * CHUNK
            chunk = self._read(at, min(CHUNK, self._stored - at))
            nonce = number.to_bytes(11, "big") + bytes([number == self._last])
            try:
                yield self._cipher.decrypt(nonce, chunk, None)
            except InvalidTag as fault:
                raise corrupt(f"chunk {number} of a section was not encrypted with the content key") from fault
