"""Patches with re-aimed references: they give back every byte, gain much on code, and survive hostile headers."""

import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bundle.codecs import compressed_size
from bundle.delta.bsdiff import make_difference
from bundle.errors import Malformed
from bundle.index import Stream
from bundle.references.image import MAX_IMAGE_BYTES, read_image
from bundle.references.prediction import NO_SHIFTS, AddressMap, Block, OldImage
from bundle.references.reaim import ROUNDS, Numbers, ReaimedDifference, apply_reaimed, make_reaimed
from bundle.references.scan import find_references, targets
from bundle.varints import read_varints, write_varints
from tests.support.images import BASE, CODE, DATA, image_pair

SEED = 51


@pytest.fixture
def pair() -> tuple[bytes, bytes]:
    print(f"seed {SEED}")
    return image_pair(SEED)


def applied(source: bytes, target: bytes, made: ReaimedDifference, **streams: bytes) -> bytes:
    """What the receiver makes of it; streams may be exchanged by name."""
    content = {stream.name: data for stream, data in made.streams.items()}
    content = {**content, "EXTRA": made.difference.extra, **streams}
    read = {name: iter(data) for name, data in content.items()}

    def take(stream: Stream, length: int) -> Iterator[bytes]:
        yield bytes(next(read[stream.name]) for _ in range(length))

    numbers = Numbers(*(read_varints(read[name]) for name in ("PLACE", "LAYOUT", "SKIP")))
    return apply_reaimed(source, len(target), made.difference.triples, numbers, take)


def test_it_gives_the_target_and_gains(pair: tuple[bytes, bytes]) -> None:
    """[F-52], [F-53]"""
    old, new = pair
    plain = make_difference(old, new)
    candidates = make_reaimed(old, new, plain)
    assert len(candidates) == ROUNDS
    for made in candidates:
        assert applied(old, new, made) == new
    best = min(sum(map(compressed_size, m.streams.values())) + compressed_size(m.difference.extra) for m in candidates)
    assert best * 3 < compressed_size(plain.diff) + compressed_size(plain.extra)


def test_references_of_every_kind_are_found(pair: tuple[bytes, bytes]) -> None:
    """[F-50], [F-51]"""
    data, image = np.frombuffer(pair[0], np.uint8), read_image(pair[0])
    assert image is not None and image.base == BASE and [s.executable for s in image.stretches] == [True, False, False]
    found = find_references(data, image)
    jump, relative, short, long = targets(data, found, image)
    assert len(found.relative) >= 300 and ((relative >= CODE) & (relative < DATA + 2048)).all()
    assert len(found.long) == 60 and ((long >= CODE) & (long < DATA)).all()
    assert len(found.short) >= 450 and (short < DATA + 2048).all()
    assert len(jump) == len(found.anchors)


def test_the_map_prefers_the_longest_block_and_fills_gaps(pair: tuple[bytes, bytes]) -> None:
    """[F-52]"""
    image = read_image(pair[0])
    assert image is not None
    at = image.stretches[0].offset
    blocks = [Block(at + 100, at + 110, 50), Block(at + 120, at + 500, 20), Block(at + 200, at + 260, 10)]
    address_map = AddressMap(blocks, image, image)
    asked = np.array([CODE, CODE + 100, CODE + 125, CODE + 160, CODE + 205, CODE + 300, 1 << 30])
    assert (address_map(asked) - asked).tolist() == [0, 10, 10, 10, 60, 60, 0]


def test_real_images_of_this_machine_come_back() -> None:
    """ELF: a library of the interpreter, with bytes inserted into its code as a new version would have them."""
    libraries = sorted(Path(sys.base_prefix, "lib").rglob("lib-dynload/*.so"), key=lambda path: path.stat().st_size)
    images = [data for data in (path.read_bytes() for path in libraries) if read_image(data)]
    if not images:
        pytest.skip("this interpreter has no ELF libraries for x86-64")
    for old in images[-3:]:
        new = bytearray(old)
        middle = len(new) // 2
        new[middle:middle] = b"\x90" * 16
        for at in range(0, len(new), 4096):
            new[at] ^= at and 1
        for made in make_reaimed(old, bytes(new), make_difference(old, bytes(new))):
            assert applied(old, bytes(new), made) == bytes(new)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ",
        b"MZ" + bytes(200),
        b"MZ" + b"\xff" * 4000,
        b"\x7fELF\x02\x01\x01",
        b"\x7fELF\x02\x01\x01" + bytes(100),
        b"\x7fELF\x02\x01\x01" + b"\xff" * 4000,
    ],
)
def test_what_is_no_image_has_no_references(data: bytes) -> None:
    """[F-50]"""
    assert read_image(data) is None
    assert make_reaimed(data, data, make_difference(data or b"x", data or b"x")) == []


def test_hostile_headers_give_few_references_and_never_an_error(pair: tuple[bytes, bytes]) -> None:
    """[F-50], [F-51]: every byte of the headers and of the tables, to values that hurt."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    libraries = sorted(Path(sys.base_prefix, "lib").rglob("lib-dynload/*.so"), key=lambda path: path.stat().st_size)
    for sound in (pair[0], *(path.read_bytes() for path in libraries[:1])):
        for _ in range(400):
            data = bytearray(sound)
            for _ in range(rng.choice((1, 2, 6))):
                at = rng.randrange(0x400) if rng.random() < 0.7 else rng.randrange(len(data) - 8)
                value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.getrandbits(32)))
                struct.pack_into("<I", data, at, value)
            image = read_image(bytes(data))
            if image:
                old = OldImage(bytes(data), image)
                for where, width in zip(old.references.kinds(), (4, 4, 4, 8), strict=True):
                    assert not len(where) or (where[0] >= 0 and where[-1] + width <= len(data))
                out, covered = old.predict([Block(0, 0, len(data))], image, len(data), NO_SHIFTS)
                assert len(out) == len(covered) == len(data)


@pytest.mark.parametrize(
    "streams",
    [
        {"SKIP": b""},
        {"SKIP": write_varints([1 << 40])},
        {"SKIP": write_varints([1, 1 << 52])},
        {"PLACE": b""},
        {"PLACE": write_varints([1 << 40])},
        {"PLACE": write_varints([1, 1 << 52])},
        {"LAYOUT": b""},
        {"LAYOUT": write_varints([1 << 50] * 200)},
        {"LAYOUT": write_varints([0, 0, 0, 0, 2 * 10**6 - 1] + [0] * 200)},
    ],
)
def test_numbers_that_do_not_fit_are_refused(pair: tuple[bytes, bytes], streams: dict[str, bytes]) -> None:
    """[F-53]"""
    old, new = pair
    made = make_reaimed(old, new, make_difference(old, new))[0]
    with pytest.raises(Malformed):
        applied(old, new, made, **streams)


def test_a_source_that_is_no_image_is_refused(pair: tuple[bytes, bytes]) -> None:
    """[F-52]"""
    old, new = pair
    made = make_reaimed(old, new, make_difference(old, new))[0]
    with pytest.raises(Malformed, match="image"):
        applied(b"\0" + old[1:], new, made)
    assert read_image(old.ljust(MAX_IMAGE_BYTES + 1, b"\0")) is None
