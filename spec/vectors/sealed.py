"""Vectors of spec/sealing.md: encrypted bodies, and tickets, HKDF and HPKE written out from RFC 5869 and RFC 9180.

The receiver is the ship with the key SHIP. Each vector is a file and the ticket that lies beside it; what either has
been changed in is the one defect. ChaCha20-Poly1305, X25519 and HMAC come from libraries.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from raw import STRANGER, TRUSTED, Bundle, Section, Tree, delta, digest, full, key_id, replaced, write

CONTENT_KEY = bytes(range(200, 216))
SHIP = X25519PrivateKey.from_private_bytes(bytes(range(96, 128)))
OTHER_SHIP = X25519PrivateKey.from_private_bytes(bytes(range(128, 160)))
EPHEMERAL = X25519PrivateKey.from_private_bytes(bytes(range(160, 192)))
PLAIN, CHUNK = 65_520, 65_536
FEATURE = "encrypted-1"
TICKET_TYPE = b"unrep/ticket/1"

Change = Callable[[list[bytes]], list[bytes]]


def as_it_is(value: Any) -> Any:
    return value


# Bodies


def extract(salt: bytes, key: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), key, "sha256")


def expand(key: bytes, info: bytes, size: int) -> bytes:
    made, block, number = b"", b"", 0
    while len(made) < size:
        number += 1
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        made += block
    return made[:size]


def section_key(number: int, salt: bytes = b"") -> bytes:
    return expand(extract(salt, CONTENT_KEY), b"unrep/section/1" + number.to_bytes(4, "little"), 32)


def nonce(number: int, last: int) -> bytes:
    return number.to_bytes(11, "big") + bytes([number == last])


def stream(
    plain: bytes,
    key: bytes,
    nonces: Callable[[int, int], bytes] = nonce,
    change: Change = as_it_is,
    aad: bytes | None = None,
) -> bytes:
    """S-2 to S-4."""
    parts = [plain[at : at + PLAIN] for at in range(0, len(plain), PLAIN)]
    cipher = ChaCha20Poly1305(key)
    return b"".join(change([cipher.encrypt(nonces(n, len(parts) - 1), p, aad) for n, p in enumerate(parts)]))


def body(number: int = 0, salt: bytes = b"", key: bytes = b"", **how: Any) -> Callable[[bytes], bytes]:
    return lambda plain: stream(plain, key or section_key(number, salt), **how)


def encrypted(*sections: Section, tree: Tree | None = None, features: list[str] | None = None, **more: Any) -> bytes:
    """A bundle whose root says that it is encrypted."""
    listed = replaced("features", [FEATURE] if features is None else features)
    trees = {} if tree is None else {"tree": tree}
    return write(Bundle(list(sections), root=listed, **trees, **more))


def one(**how: Any) -> Callable[[], bytes]:
    """A full section of one chunk."""
    return lambda: encrypted(full(body=body(**how)))


def of_size(size: int) -> Tree:
    """A release whose full section has a plain body of so many bytes."""
    made: Tree = [("large.bin", 0, bytes(n * n % 251 for n in range(size)))]
    lengths: list[int] = []
    write(Bundle([full(made, body=lambda plain: lengths.append(len(plain)) or plain)], made))
    return [("large.bin", 0, made[0][2][: 2 * size - lengths[0]])]


def large(size: int, **how: Any) -> Callable[[], bytes]:
    tree = of_size(size)
    return lambda: encrypted(full(tree, body=body(**how)), tree=tree)


def unsaid() -> bytes:
    return write(Bundle([full(body=body())]))


def hashed_plain() -> bytes:
    plains: list[bytes] = []

    def sealed(plain: bytes) -> bytes:
        plains.append(plain)
        return stream(plain, section_key(0))

    return encrypted(full(body=sealed, top=lambda _: digest(plains[0])))


def index_long(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """An index of one byte more than the plain body has."""
    length = dict(pairs)["length"] - 15
    return replaced("index", [0, length, length])(pairs)


# Tickets


def raw(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def labeled(suite: bytes, label: bytes) -> bytes:
    return b"HPKE-v1" + suite + label


def hpke(plain: bytes, ship: X25519PrivateKey, info: bytes, aead: int = 3) -> bytes:
    """RFC 9180, SealBase: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, or AES-128-GCM for 1."""
    enc, size = raw(EPHEMERAL), 32 if aead == 3 else 16
    kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0" + bytes([aead])
    shared = EPHEMERAL.exchange(X25519PublicKey.from_public_bytes(raw(ship)))
    prk = extract(b"", labeled(kem, b"eae_prk") + shared)
    secret = expand(prk, b"\0\x20" + labeled(kem, b"shared_secret") + enc + raw(ship), 32)
    context = b"\0" + extract(b"", labeled(suite, b"psk_id_hash")) + extract(b"", labeled(suite, b"info_hash") + info)
    prk = extract(secret, labeled(suite, b"secret"))
    key = expand(prk, size.to_bytes(2, "big") + labeled(suite, b"key") + context, size)
    base_nonce = expand(prk, b"\0\x0c" + labeled(suite, b"base_nonce") + context, 12)
    cipher = ChaCha20Poly1305(key) if aead == 3 else AESGCM(key)
    return enc + cipher.encrypt(base_nonce, plain, None)


@dataclass(frozen=True)
class Ticket:
    """One ticket before it is bytes, with a hook wherever a vector may break something."""

    ship: X25519PrivateKey = SHIP
    sealed_to: X25519PrivateKey = SHIP
    content_key: bytes = CONTENT_KEY
    format: int = 1
    keys: tuple[Ed25519PrivateKey, ...] = (TRUSTED,)
    info: Callable[[bytes, bytes], bytes] = lambda ship, root: TICKET_TYPE + ship + root
    aead: int = 3
    root: Callable[[bytes], bytes] = as_it_is
    head: Callable[[bytes], bytes] = as_it_is
    signed: Callable[[bytes, bytes], bytes] = lambda root, head: root + head
    payload_type: bytes = TICKET_TYPE
    entries: Callable[[list[bytes]], list[bytes]] = as_it_is
    file: Callable[[bytes], bytes] = as_it_is

    def write(self, bundle: bytes) -> bytes:
        """S-8 to S-10, for the root of that file."""
        size = int.from_bytes(bundle[6:10], "little")
        root = self.root(digest(bundle[14 : 14 + size]))
        sealed = hpke(self.content_key, self.sealed_to, self.info(raw(self.sealed_to), root), self.aead)
        head = self.head(bytes([self.format]) + root[:4] + digest(raw(self.ship))[:4] + sealed)
        payload = self.signed(root, head)
        message = b"DSSEv1 %d %s %d %s" % (len(self.payload_type), self.payload_type, len(payload), payload)
        entries = [key_id(key) + key.sign(message) for key in sorted(self.keys, key=key_id)]
        return self.file(head + b"".join(self.entries(entries)))


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def bad_chunk(number: int, at: int) -> Change:
    return lambda c: [flipped(at)(chunk) if n == number else chunk for n, chunk in enumerate(c)]


def two(sections: int) -> Callable[[], bytes]:
    """Two sections; that one of them, encrypted as the other, is what the receiver takes."""
    own = [delta(body=body(0)), full(body=body(1))]
    swapped = [full(body=body(0)), delta(body=body(1))]
    return lambda: encrypted(*(own if sections == 0 else swapped))


GOOD = Ticket()
M, C, U, S = "malformed", "corrupt", "untrusted", "sealed"
Case = tuple[str, str, str, str, Callable[[], bytes], Ticket | None]

BODIES: list[Case] = [
    ("encrypted", "accept", "S-1 S-2 S-3 S-4 S-9", "a full section of one chunk", one(), GOOD),
    ("encrypted-delta", "accept", "S-3", "two sections, a key each", two(0), GOOD),
    ("encrypted-second", "accept", "S-3", "the second section is the one to be taken", two(1), GOOD),
    ("encrypted-large", "accept", "S-2 S-4", "a body of two chunks", large(70_000), GOOD),
    ("encrypted-edge", "accept", "S-2 S-4", "a body that fills its one chunk", large(PLAIN), GOOD),
    ("encrypted-no-ticket", S, "S-6", "there is no ticket", one(), None),
    ("encrypted-bit", C, "S-5", "a bit of the ciphertext", one(change=bad_chunk(0, 40)), GOOD),
    ("encrypted-tag", C, "S-5", "a bit of the last tag", one(change=bad_chunk(0, -1)), GOOD),
    ("encrypted-late", C, "S-5", "a bit of the second chunk", large(70_000, change=bad_chunk(1, 9)), GOOD),
    ("encrypted-exchanged", C, "S-4", "two chunks in each other's place", large(
        2 * PLAIN, change=lambda c: c[::-1]), GOOD),
    ("encrypted-cut", C, "S-4", "cut at the edge of a chunk", large(70_000, change=lambda c: c[:1]), GOOD),
    ("encrypted-no-last", C, "S-4", "no chunk is the last", one(nonces=lambda n, last: nonce(n, -1)), GOOD),
    ("encrypted-two-last", C, "S-4", "two chunks are the last", large(
        70_000, nonces=lambda n, last: nonce(n, n)), GOOD),
    ("encrypted-counter", C, "S-4", "chunks count from 1", one(nonces=lambda n, last: nonce(n + 1, last + 1)), GOOD),
    ("encrypted-little", C, "S-4", "a counter with its lowest byte first", large(
        70_000, nonces=lambda n, last: n.to_bytes(11, "little") + bytes([n == last])), GOOD),
    ("encrypted-number", C, "S-3", "encrypted as section 1", one(number=1), GOOD),
    ("encrypted-salt", C, "S-3", "a key made with a salt", one(salt=b"salt"), GOOD),
    ("encrypted-bare", C, "S-3", "the content key, twice, as the key", one(key=CONTENT_KEY * 2), GOOD),
    ("encrypted-data", C, "S-2", "with additional data", one(aad=b"x"), GOOD),
    ("encrypted-plain", C, "S-2", "a body that is not encrypted", lambda: encrypted(full()), GOOD),
    ("encrypted-hashes", C, "S-1", "hashes of the plain body", hashed_plain, GOOD),
    ("encrypted-unsaid", M, "S-1", "the root does not say so", unsaid, GOOD),
    ("encrypted-length", M, "S-2", "a body of a tag alone", lambda: encrypted(full(body=lambda _: bytes(16))), GOOD),
    ("encrypted-empty-last", M, "S-2", "a last chunk of a tag alone", large(
        PLAIN, change=lambda c: [*c, ChaCha20Poly1305(section_key(0)).encrypt(nonce(1, 1), b"", None)]), GOOD),
    ("encrypted-index", M, "S-2", "an index longer than the plain body", lambda: encrypted(
        full(body=body(), described=index_long)), GOOD),
    ("encrypted-2", "unsupported", "F-8", "encrypted-2", lambda: encrypted(
        full(body=body()), features=["encrypted-2"]), GOOD),
    ("encrypted-twice", M, "F-9", "the feature twice", lambda: encrypted(
        full(body=body()), features=[FEATURE, FEATURE]), GOOD),
]  # fmt: skip

TICKETS: list[Case] = [
    (name, expect, requirements, about, one(), ticket)
    for name, expect, requirements, about, ticket in [
        ("ticket-two", "accept", "S-8 S-10", "two signatures, of which one counts", Ticket(keys=(TRUSTED, STRANGER))),
        ("ticket-empty", M, "S-8", "no byte", Ticket(file=lambda f: b"")),
        ("ticket-short", M, "S-8", "a byte too few", Ticket(file=lambda f: f[:-1])),
        ("ticket-long", M, "S-8", "a byte too many", Ticket(file=lambda f: f + b"\0")),
        ("ticket-unsigned", M, "S-8", "no signature", Ticket(entries=lambda e: [])),
        ("ticket-65", M, "S-8", "65 signatures", Ticket(
            entries=lambda e: e + [b"\xff" * 7 + bytes([n]) + bytes(64) for n in range(64)])),
        ("ticket-same", M, "S-8", "one signature twice", Ticket(entries=lambda e: e * 2)),
        ("ticket-order", M, "S-8", "signatures descend", Ticket(
            keys=(TRUSTED, STRANGER), entries=lambda e: e[::-1])),
        ("ticket-format-2", "unsupported", "S-8", "format 2", Ticket(format=2)),
        ("ticket-format-0", "unsupported", "S-8", "format 0", Ticket(format=0)),
        ("ticket-other-ship", S, "S-11", "the ticket of another ship", Ticket(OTHER_SHIP, OTHER_SHIP)),
        ("ticket-other-bundle", S, "S-11", "a ticket for another bundle", Ticket(root=digest)),
        ("ticket-hint-ship", S, "S-11", "another ship's hint over a good seal", Ticket(head=flipped(5))),
        ("ticket-hint-bundle", S, "S-11", "another bundle's hint over a good seal", Ticket(head=flipped(4))),
        ("ticket-seal-ship", S, "S-9 S-11", "sealed to another ship, our hint", Ticket(sealed_to=OTHER_SHIP)),
        ("ticket-info-root", S, "S-9", "sealed without the root", Ticket(info=lambda s, r: TICKET_TYPE + s)),
        ("ticket-info-ship", S, "S-9", "sealed without the ship", Ticket(info=lambda s, r: TICKET_TYPE + r)),
        ("ticket-info-type", S, "S-9", "sealed for another format", Ticket(
            info=lambda s, r: b"unrep/ticket/2" + s + r)),
        ("ticket-info-order", S, "S-9", "root and ship exchanged", Ticket(info=lambda s, r: TICKET_TYPE + r + s)),
        ("ticket-aes", S, "S-9", "sealed by AES-128-GCM", Ticket(aead=1)),
        ("ticket-small", S, "S-9", "an encapsulated key of small order", Ticket(
            head=lambda h: h[:9] + bytes(32) + h[41:])),
        ("ticket-seal", S, "S-11", "a bit of the seal, signed so", Ticket(head=flipped(60))),
        ("ticket-bit", U, "S-10", "a bit of the seal", Ticket(file=flipped(60))),
        ("ticket-signature", U, "S-10", "a bit of the signature", Ticket(file=flipped(90))),
        ("ticket-stranger", U, "S-10", "signed by a key that is not trusted", Ticket(keys=(STRANGER,))),
        ("ticket-borrowed", U, "S-10", "a stranger's signature under the trusted key's id", Ticket(
            keys=(STRANGER,), entries=lambda e: [key_id(TRUSTED) + e[0][8:]])),
        ("ticket-type", U, "S-10", "signed as the root of a bundle", Ticket(payload_type=b"unrep/root/1")),
        ("ticket-detached", U, "S-10", "signed without the root", Ticket(signed=lambda r, h: h)),
        ("ticket-hints", U, "S-10", "signed without the hints", Ticket(signed=lambda r, h: r + h[9:])),
        ("ticket-key", C, "S-3", "another content key", Ticket(content_key=bytes(16))),
    ]
]  # fmt: skip

SEALED = BODIES + TICKETS

PRIME = 2**255 - 19
OF_ORDER_8 = 325606250916557431795983626356110631294008115727848805560023387167927233504


def ship_key(number: int, size: int = 32) -> str:
    return (number % (1 << 256)).to_bytes(33, "little")[:size].hex()


# name, what must become of it, the key in hex, what it is
SHIP_KEYS = [
    ("ship", "accept", raw(SHIP).hex(), "the receiver's own"),
    ("ship-9", "accept", ship_key(9), "the base point"),
    ("ship-short", "malformed", ship_key(9, 31), "31 bytes"),
    ("ship-long", "malformed", ship_key(9, 33), "33 bytes"),
    ("ship-0", "malformed", ship_key(0), "a point of order 4"),
    ("ship-1", "malformed", ship_key(1), "another"),
    ("ship-minus-1", "malformed", ship_key(PRIME - 1), "a point of order 2"),
    ("ship-order-8", "malformed", ship_key(OF_ORDER_8), "a point of order 8"),
    ("ship-wrapped-0", "malformed", ship_key(PRIME), "0, written as 2^255 - 19"),
    ("ship-wrapped-9", "malformed", ship_key(PRIME + 9), "9, written as 2^255 - 10"),
    ("ship-top-bit", "malformed", ship_key(9 + (1 << 255)), "9, with a bit that counts for nothing"),
]
