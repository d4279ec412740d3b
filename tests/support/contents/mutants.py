"""Mutants of small bundles: what a damaged medium gives, what an attacker writes, and what a careless signer may sign.

`damaged` changes the bytes of a file as they stand. `resigned` takes the bundle apart, changes something in one or two
of its layers (root, section, index, streams, packs, manifest, body, signature block, ciphertext), puts it together
again with hashes and a signature that are right, and so gets past the signature into all the code behind it. Which
mutant comes of which number is fixed: `mutant(seed)` is a pure function.
"""

import random
import struct
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bundle.format.codecs import Packed, unpack
from tests.support.contents.raw_bundles import raw, sealed, vector

ORIGINALS = (
    *("delta", "full", "lzma2", "two-levels", "zstandard", "archive-zip", "archive-gzip", "x86-filter"),
    *("shape", "shape-codes", "reaimed", "link", "index-packed", "posix-names", "encrypted", "encrypted-large"),
)
ENCRYPTED = {"encrypted", "encrypted-large"}
FULL_OF_LITERALS = {"full", "lzma2", "two-levels", "zstandard", "link", "posix-names", "x86-filter", "index-packed"}
FULL_OF_LITERALS |= ENCRYPTED
TREE, MANIFEST_SIZE, ENTRIES, SIZE, PIECE_LOG, SECTIONS = range(7, 13)  # of a root
INDEX, LENGTH = 3, 4  # of a section
EDGES = (0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 48, 127, 128, 255, 256, 4095, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
HUGE = (2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -1, -2, -128, -(2**31), -(2**53), -(2**63))


@dataclass(frozen=True)
class Mutant:
    """The bytes, the name of the vector that they come of, and whether the trusted key has signed them anew."""

    data: bytes
    original: str
    resigned: bool

    @property
    def is_identical(self) -> bool:
        return self.data == original(self.original)


@cache
def original(name: str) -> bytes:
    return vector(name).read_bytes()


def mutant(seed: int) -> Mutant:
    """The mutant of that number: one in three is damaged, two are signed anew."""
    chance = random.Random(seed)
    name = chance.choice(ORIGINALS)
    if seed % 3 == 0:
        return Mutant(damaged(original(name), chance), name, resigned=False)
    return Mutant(resigned(name, chance), name, resigned=True)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to four changes of the bytes, anywhere; the lengths in the preamble more often than others."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if chance.random() < 0.1 and len(out) >= 14:
            struct.pack_into("<I", out, chance.choice((6, 10)), _number(100, chance) & 0xFFFFFFFF)
        else:
            out = _changed(out, chance)
    return bytes(out)


def _changed(out: bytearray, chance: random.Random) -> bytearray:
    at, length = chance.randrange(len(out) + 1), chance.choice((1, 1, 2, 4, 8, 32, 100))
    match chance.randrange(8):
        case 0 | 1 if at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        case 2 if at < len(out):
            out[at] = chance.choice((0, 1, 0x7F, 0x80, 0x90, 0xC0, 0xC4, 0xCF, 0xFF, chance.randrange(256)))
        case 3:
            del out[at : at + length]
        case 4:
            out[at:at] = chance.randbytes(length)
        case 5:  # a splice of its own bytes
            start = chance.randrange(len(out) + 1)
            out[at : at + length] = out[start : start + length]
        case 6:
            del out[at:]
        case _:
            other = original(chance.choice(ORIGINALS))
            start = chance.randrange(len(other))
            out[at : at + length] = other[start : start + length]
    return out


def _number(value: int, chance: random.Random) -> int:
    return chance.choice((value + 1, value - 1, value * 2, -value, chance.choice(EDGES), chance.choice(HUGE)))


@dataclass
class Anatomy:
    """A bundle of one section taken apart, and decrypted; `streams` in the order of the packs, frame after frame."""

    name: str
    root: list[Any]
    index: list[Any]
    streams: list[bytes]
    stored: list[bytes] = field(default_factory=list)


@cache
def _parts(name: str) -> tuple[bytes, bytes, tuple[bytes, ...], tuple[bytes, ...]]:
    """(root, index, streams, packs as stored) of an original."""
    data = original(name)
    root_bytes, _ = struct.unpack_from("<II", data, 6)
    root = data[14 : 14 + root_bytes]
    described = msgspec.msgpack.decode(root)[SECTIONS][0]
    body = data[len(data) - described[LENGTH] :]
    body = _decrypted(body) if name in ENCRYPTED else body
    codec, length, size = described[INDEX]
    index = b"".join(unpack(Packed(codec, length, size), iter((body[:length],)), name))
    streams, stored, at = [], [], length
    for frame in _nested(msgspec.msgpack.decode(index))[2]:
        for _, (codec, length, size) in frame[5]:
            stored.append(body[at : at + length])
            streams.append(b"".join(unpack(Packed(codec, length, size), iter((stored[-1],)), name)))
            at += length
    return root, index, tuple(streams), tuple(stored)


def _nested(index: list[Any]) -> list[Any]:
    """An index with [stream, [codec, length, size]] for each pack."""
    for frame in index[2]:
        column, packs = frame[5][::-1], []
        while column:
            is_packed, stream = divmod(column.pop(), 16)
            numbers = [column.pop() for _ in range(3 if is_packed else 1)]
            packs.append([stream, numbers if is_packed else [0, *numbers * 2]])
        frame[5] = packs
    return index


def _flat(value: Any) -> Any:
    """The same as it is encoded; what is no pack any more stays as it is."""
    match value:
        case [int(stream), [0, int(length), int(size)]] if length == size:
            return _Numbers([stream, length])
        case [int(stream), [int(codec), int(length), int(size)]]:
            return _Numbers([16 + stream, codec, length, size])
        case list():
            parts = [_flat(part) for part in value]
            return [number for part in parts for number in (part if isinstance(part, _Numbers) else [part])]
    return value


class _Numbers(list[Any]):
    """The numbers of a pack, which join a column."""


def _decrypted(body: bytes) -> bytes:
    cipher = ChaCha20Poly1305(sealed.section_key(0))
    chunks = [body[at : at + sealed.CHUNK] for at in range(0, len(body), sealed.CHUNK)]
    last = len(chunks) - 1
    return b"".join(cipher.decrypt(sealed.nonce(number, last), chunk, None) for number, chunk in enumerate(chunks))


def resigned(name: str, chance: random.Random) -> bytes:
    """One or two layers changed, and hashes and signature made to fit."""
    root, index, streams, stored = _parts(name)
    decoded = msgspec.msgpack.decode(root), _nested(msgspec.msgpack.decode(index))
    anatomy = Anatomy(name, *decoded, list(streams), list(stored))
    layers = set(chance.choices(LAYERS, k=chance.choice((1, 1, 2))))
    if "manifest" in layers and name in FULL_OF_LITERALS:
        _change_manifest(anatomy, chance)
    if "streams" in layers and anatomy.streams:
        at = chance.randrange(len(anatomy.streams))
        anatomy.streams[at] = bytes(damaged(anatomy.streams[at], chance))
    _pack_anew(anatomy, streams)
    if "packs" in layers and anatomy.stored:
        at = chance.randrange(len(anatomy.stored))
        anatomy.stored[at] = damaged(anatomy.stored[at], chance)
    if "columns" in layers:
        _change_value(anatomy.index, chance)
    encoded = msgspec.msgpack.encode(_flat(anatomy.index))
    if "index" in layers:
        encoded = damaged(encoded, chance)
    return _assembled(anatomy, encoded, layers, chance)


def _pack_anew(anatomy: Anatomy, before: tuple[bytes, ...]) -> None:
    """What has changed is stored as it is; what has not stays packed as it was."""
    number = 0
    for frame in anatomy.index[2]:
        for pack in frame[5]:
            data = anatomy.streams[number]
            if data != before[number]:
                anatomy.stored[number] = data
                pack[1] = [0, len(data), len(data)]
            number += 1


def _change_manifest(anatomy: Anatomy, chance: random.Random) -> None:
    """Another manifest, and a root that goes with it: what is wrong is the manifest alone."""
    listing = msgspec.msgpack.decode(anatomy.streams[0])
    if chance.random() < 0.7:
        _change_value(listing, chance)
    try:
        encoded = msgspec.msgpack.encode(listing)
    except (msgspec.MsgspecError, OverflowError, ValueError):
        return
    encoded = encoded if chance.random() < 0.7 else damaged(encoded, chance)
    anatomy.streams[0] = encoded
    anatomy.root[TREE], anatomy.root[MANIFEST_SIZE] = sha256(encoded).digest(), len(encoded)
    sizes = listing.get("sizes")
    if isinstance(sizes, list) and all(isinstance(size, int) for size in sizes):
        anatomy.root[ENTRIES], anatomy.root[SIZE] = len(sizes), min(max(sum(sizes), 0), 2**64 - 1)


def _change_value(value: Any, chance: random.Random) -> None:
    """Changes one value somewhere in a structure of lists and maps."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = chance.choice(keys)
        inner = value[key]
        if isinstance(inner, (list, dict)) and inner and chance.random() < 0.85:
            value = inner
            continue
        value[key] = _other(inner, chance)
        return


def _other(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.05:
        return chance.choice((None, True, 1.5, "", b"", [], {}, 0, "x" * 300, [[[]]]))
    match value:
        case bool():
            return not value
        case int():
            number = _number(value, chance)
            return number if -(2**63) <= number < 2**64 else 0
        case str():
            odd = (
                "../x",
                "/x",
                "a\0b",
                "CON",
                "a.",
                ".unrep/x",
                "e\u0301",
                "A" * 300,
                "x:y",
                value.upper(),
                value + "/x",
            )
            return chance.choice(odd)
        case bytes():
            return damaged(value, chance) if value else chance.randbytes(3)
        case list():
            changed = list(value)
            match chance.randrange(4):
                case 0:
                    return changed * 2
                case 1:
                    return changed[:-1]
                case 2:
                    chance.shuffle(changed)
                    return changed
                case _:
                    return [*changed, chance.choice(changed) if changed else 0]
    return 0


LAYERS = (
    "manifest",
    "streams",
    "packs",
    "columns",
    "columns",
    "index",
    "body",
    "section",
    "root",
    "root bytes",
    "block",
    "ciphertext",
)


def _assembled(anatomy: Anatomy, index: bytes, layers: set[str], chance: random.Random) -> bytes:
    body = index + b"".join(anatomy.stored)
    if "body" in layers:
        body = damaged(body, chance)
    if anatomy.name in ENCRYPTED:
        body = sealed.stream(body, sealed.section_key(0))
        body = damaged(body, chance) if "ciphertext" in layers else body
    size = 1 << anatomy.root[PIECE_LOG]
    level, tables = body, b""
    while len(level) > size:
        level = b"".join(sha256(level[at : at + size]).digest() for at in range(0, len(level), size))
        tables = level + tables
    section = anatomy.root[SECTIONS][0]
    inner = len(body) <= 4096 and chance.random() < 0.2
    stands = [0, body] if inner else [len(body), sha256(level).digest()]
    section[INDEX:] = [[0, len(index), len(index)], *stands]
    if "section" in layers:
        _change_value(section, chance)
    if "root" in layers:
        _change_value(anatomy.root, chance)
    root = msgspec.msgpack.encode(anatomy.root)
    if "root bytes" in layers:
        root = damaged(root, chance)
    message = b"DSSEv1 12 unrep/root/1 %d %s" % (len(root), root)
    block: bytes = raw.pack((("s", [[raw.key_id(raw.TRUSTED), raw.TRUSTED.sign(message)]]),))
    if "block" in layers:
        block = damaged(block, chance)
    return b"UNREP" + struct.pack("<BII", 1, len(root), len(block)) + root + block + (b"" if inner else tables + body)
