"""Encrypted bundles for tests: ships with keys, and bundles whose ciphertext was spoilt under a good signature."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bundle.format.objects import MemoryObject
from bundle.format.pieces import build_tables
from bundle.format.section_cipher import CHUNK_BYTES, ContentKey
from bundle.read.reader import Unlock, VerifiedRoot, open_bundle
from bundle.recipients.ship_key import ShipKey
from bundle.recipients.sidecars import ticket_beside
from bundle.recipients.ticket import TicketFile
from tests.support.contents.releases import TRUST, signed


def ship(number: int) -> ShipKey:
    """A ship's key; the same for the same number."""
    return ShipKey(X25519PrivateKey.from_private_bytes(sha256(b"ship %d" % number).digest()))


ALPHA, BETA = ship(1), ship(2)


def ticket_of(bundle: Path, key: ShipKey = ALPHA) -> TicketFile:
    """The ticket that the builder put beside a bundle."""
    return TicketFile(key, ticket_beside(bundle, key.public.key_id))


def content_key_of(bundle: Path, key: ShipKey = ALPHA) -> ContentKey:
    with open_bundle(bundle, TRUST, ticket_of(bundle, key)) as opened:
        return opened.content_key()


def always(key: ContentKey) -> Unlock:
    """What opens whatever it is asked for with that key."""

    def unlock(verified: VerifiedRoot) -> ContentKey:
        return key

    return unlock


def chunks(body: bytes) -> list[bytes]:
    """An encrypted body, chunk by chunk."""
    return [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


def respoilt(bundle: Path, out: Path, change: Callable[[list[bytes]], list[bytes]], number: int = 0) -> Path:
    """The bundle with the chunks of one section changed, and hashes and a signature that are right for that."""
    with open_bundle(bundle, TRUST) as opened:
        root, stored = opened.root, []
        bodies = [b"".join(opened.stored_body(s).range(0, s.length)) for s in root.sections]
    bodies[number] = b"".join(change(chunks(bodies[number])))
    sections = []
    for section, body in zip(root.sections, bodies, strict=True):
        tables, top = build_tables(MemoryObject(body), root.piece_size)
        sections.append(msgspec.structs.replace(section, stored=len(body), content=top))
        stored.append(tables + body)
    out.write_bytes(signed(msgspec.structs.replace(root, sections=sections), b"".join(stored)))
    return out
