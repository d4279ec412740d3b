"""Operands of new code and of marked references: what the builder takes out comes back, in both readers. [F-139] to
[F-142]"""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.objects import MemoryObject
from bundle.format.varints import read_varints, write_varints
from bundle.references import aiming, prediction
from bundle.references.aiming import RebasedPatch, make_rebased
from bundle.references.image import Machine
from bundle.references.rebase import Numbers, apply_rebased, pass_rebased
from bundle.references.words import Numbers as Places
from bundle.references.x86 import missing_operands, operands
from tests.support.contents.images import image_pair
from tests.support.contents.second_reader import second

SEED = 1940
WINDOW = 1 << 11
OPCODES = (b"\xe8", b"\xe9", b"\x0f\x84", b"\x8b\x05", b"\x48\x8d\x0d", b"\x0f\x10\x05", b"\x0f", b"\x05", b"\x90\x90")


def code(rng: random.Random, size: int) -> bytes:
    """Bytes in which patterns are dense, many of them cut."""
    made = bytearray()
    while len(made) < size:
        made += rng.choice(OPCODES) + rng.randbytes(rng.randrange(6))
    return bytes(made[:size])


def packs_of(made: RebasedPatch, new: bytes) -> dict[Stream, bytes]:
    extra = b"".join(part if isinstance(part, bytes) else new[part[0] : sum(part)] for part in made.extra)
    return {**made.streams, Stream.EXTRA: extra}


class Taking:
    """Streams that are read from the front."""

    def __init__(self, packs: dict[Stream, bytes]) -> None:
        self.left = dict(packs)
        self.numbers = Numbers(*(self._varints(one) for one in (Stream.PLACE, Stream.LAYOUT, Stream.SKIP)))

    def take(self, stream: Stream, length: int) -> Iterator[bytes]:
        taken, self.left[stream] = self.left[stream][:length], self.left[stream][length:]
        if len(taken) < length:
            raise Malformed("a stream is too short")
        yield taken

    def _varints(self, stream: Stream) -> Iterator[int]:
        return read_varints(iter(self.left.pop(stream)))


def rows(made: RebasedPatch) -> Places:
    return np.array(made.triples, np.int64).reshape(-1, 3)


def made_of(old: bytes, new: bytes) -> RebasedPatch:
    made = make_rebased(MemoryObject(old), MemoryObject(new))
    assert made
    return made


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that pieces end, and references are cut, everywhere."""
    monkeypatch.setattr(prediction, "WINDOW_BYTES", WINDOW)
    monkeypatch.setattr(aiming, "WINDOW_BYTES", WINDOW)
    monkeypatch.setattr(second("rebased"), "PIECE", WINDOW)


def changed(seed: int) -> tuple[bytes, bytes]:
    """A pair of images. The new one has new code in many places, and calls of the old one lead elsewhere."""
    rng = random.Random(seed)
    old, new = image_pair(seed)
    data = bytearray(new)
    for _ in range(30):
        at = rng.randrange(0x400, len(data) - 400)
        size = rng.randrange(1, 300)
        data[at : at + size] = code(rng, size)
    for at in rng.sample([n for n in range(0x400, len(data) - 400) if data[n] == 0xE8], 60):
        data[at + 1 : at + 3] = rng.randbytes(2)
    return old, bytes(data)


@pytest.mark.parametrize("seed", range(SEED, SEED + 8))
def test_both_readers_give_it_back(small_windows: None, seed: int) -> None:
    print(f"seed {seed}")
    old, new = changed(seed)
    made = made_of(old, new)
    packs = packs_of(made, new)
    counts = list(read_varints(iter(packs[Stream.LAYOUT])))[:3]
    assert min(counts) > 0, counts
    taking = Taking(packs)
    assert b"".join(apply_rebased(MemoryObject(old), len(new), rows(made), taking.numbers, taking.take)) == new
    assert not any(taking.left.values())
    cursor = second("wire").Cursor
    streams = [cursor(packs.get(stream, b""), stream.name) for stream in Stream]
    triples, position, reached = [], 0, [0]
    for add, extra, seek in made.triples:
        triples.append((position, add, extra))
        reached += [position + add, position + add + seek]
        position += add + seek
    assert second("rebased").rebase(old, len(new), triples, max(reached), streams) == new
    for stream in streams[4:]:
        stream.end()


def test_a_patch_without_its_source_takes_as_much(small_windows: None) -> None:
    """[F-62], [F-140]"""
    old, new = changed(SEED)
    made = made_of(old, new)
    taking = Taking(packs_of(made, new))
    taken = sum(len(chunk) for chunk in pass_rebased(len(new), rows(made), taking.numbers, taking.take))
    assert taken > 0 and not any(taking.left.values())
    assert next(taking.numbers.skips, None) is None


@pytest.mark.parametrize("seed", range(SEED, SEED + 20))
def test_damaged_streams_are_refused_or_make_as_many_bytes(small_windows: None, seed: int) -> None:
    """Whatever they say: no other error, and never more bytes than the signed size."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    old, new = changed(SEED)
    made = made_of(old, new)
    packs = packs_of(made, new)
    stream = rng.choice([Stream.LAYOUT, Stream.SKIP, Stream.EXTRA, Stream.OPERAND, Stream.JUMP, Stream.CHANGE])
    data = bytearray(packs[stream])
    for _ in range(3):
        data[rng.randrange(len(data))] = rng.randrange(256)
    taking = Taking({**packs, stream: bytes(data[: rng.randrange(1, len(data) + 1)])})
    try:
        found = sum(map(len, apply_rebased(MemoryObject(old), len(new), rows(made), taking.numbers, taking.take)))
    except Malformed:
        return
    assert found == len(new)


@pytest.mark.parametrize(
    "counts", [(1 << 52, 0, 0), (0, 1 << 52, 0), (0, 0, 1 << 52), (0, 0, 1), (1 << 52, 0, 1 << 52)]
)
def test_counts_that_cannot_be_are_refused(counts: tuple[int, ...]) -> None:
    """[F-140]"""
    old, new = image_pair(SEED)
    made = made_of(old, new)
    packs = packs_of(made, new)
    own = list(read_varints(iter(packs[Stream.LAYOUT])))
    for is_passed in (False, True):
        taking = Taking({**packs, Stream.LAYOUT: write_varints([*counts, *own[3:]])})
        with pytest.raises(Malformed):
            if not is_passed:
                list(apply_rebased(MemoryObject(old), len(new), rows(made), taking.numbers, taking.take))
            else:
                list(pass_rebased(len(new), rows(made), taking.numbers, taking.take))


@pytest.mark.parametrize("machine", [Machine.X86_64, Machine.X86])
def test_operands_are_found_again_without_them(machine: Machine) -> None:
    """[F-141]: also where a pattern is cut, and where other pieces follow."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(500):
        piece = code(rng, rng.randrange(1, 60))
        found = operands(machine, piece)
        left = bytearray(piece)
        for at in reversed(found):
            del left[at : at + 4]
        before, behind = code(rng, 5), code(rng, 9)
        assert missing_operands(machine, before + bytes(left) + behind, 5, len(piece)) == found
