"""The code finds what the text of the format says: compared with the rules one by one, on images sound and spoilt."""

import json
import random
import struct
from typing import Any

import numpy as np
import pytest

from bundle.delta.bsdiff import Block
from bundle.format.objects import MemoryObject
from bundle.references.image import Image
from bundle.references.prediction import AddressMap, scan
from tests.support.contents.elf_images import ARM, X86, elf_pair
from tests.support.contents.images import image_pair
from tests.support.contents.plain_images import Found, find
from tests.support.contents.scanned import found_in, image_of
from tests.support.repository import REPOSITORY

SEED = 51
VECTORS = REPOSITORY / "spec" / "vectors" / "images.json"
IMAGES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["images"]
HURTING = (0, 1, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 39, 1 << 40)


def found_by_code(data: bytes) -> Found | None:
    return found_in(data) if scan(MemoryObject(data)) else None


def spoil(data: bytes, rng: random.Random) -> bytes:
    """A few numbers exchanged, most often in the headers."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 2, 6, 30))):
        at = rng.randrange(0x200) if rng.random() < 0.3 else rng.randrange(len(data) - 8)
        form = rng.choice(("<B", "<H", "<I", "<Q"))
        value = rng.choice((*HURTING, rng.getrandbits(64), rng.randrange(len(data))))
        struct.pack_into(form, spoilt, at, value % (1 << 8 * struct.calcsize(form)))
    return bytes(spoilt)


@pytest.mark.parametrize("vector", IMAGES, ids=lambda vector: vector["name"])
def test_spoilt_vectors(vector: dict[str, Any]) -> None:
    """[F-50], [F-51], [F-54] to [F-58]"""
    print(f"seed {SEED}")
    data, rng = bytes.fromhex(vector["image"]), random.Random(SEED)
    for _ in range(100 if vector["references"] else 5):
        spoilt = spoil(data, rng)
        assert found_by_code(spoilt) == find(spoilt), spoilt.hex()


@pytest.mark.parametrize("number", range(3))
def test_larger_images(number: int) -> None:
    """[F-50], [F-51], [F-54] to [F-58]"""
    print(f"seed {SEED}")
    sound = (image_pair(SEED)[0], *(bytes(elf_pair(SEED, machine)[0].data) for machine in (X86, ARM)))[number]
    assert found_by_code(sound) == find(sound)
    rng = random.Random(SEED)
    for _ in range(10):
        spoilt = spoil(sound, rng)
        assert found_by_code(spoilt) == find(spoilt)


def plain_move(address: int, blocks: list[Block], old: Image, new: Image) -> int:
    """The map of [F-52], for one address."""
    at = int(old.offsets(np.array([address]))[0])
    if at < 0:
        for before, after in zip(old.stretches, new.stretches, strict=True):
            if before.address <= address < before.address + before.room:
                return address - before.address + after.address
        return address
    for nearest in range(at, -1, -1):
        covering = [(b.size, n) for n, b in enumerate(blocks) if b.old <= nearest < b.old + b.size]
        if covering:
            at += blocks[max(covering)[1]].new - blocks[max(covering)[1]].old
            break
    return int(new.addresses(np.array([at]))[0])


def test_the_map_of_addresses() -> None:
    """[F-52]: overlapping blocks, gaps, and a new layout."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    old = image_of(bytes.fromhex(IMAGES[0]["image"]))
    numbers = old.numbers()
    numbers[7:9] = [numbers[7] + 0x80, numbers[8] - 0x80]  # the second stretch, higher by 80
    new = old.moved(numbers)
    assert new is not None
    asked = np.array([rng.randrange(0x3100) for _ in range(150)])
    for _ in range(20):
        blocks, position = [], 0
        for _ in range(rng.randrange(12)):
            block = Block(rng.randrange(0x900), position, rng.choice((1, 7, 64, 64, 500)))
            blocks.append(block)
            position += block.size + rng.choice((0, 16))
        moved = AddressMap(np.array(blocks, np.int64).reshape(-1, 3), old, new)(asked).tolist()
        assert moved == [plain_move(address, blocks, old, new) for address in asked.tolist()], blocks
