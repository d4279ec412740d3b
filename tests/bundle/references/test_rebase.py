"""Patches with rebased references: they give back every byte, gain much on code, and survive hostile headers."""

import random
import struct
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bundle.delta.bsdiff import make_difference
from bundle.errors import Malformed
from bundle.format.codecs import compressed_size
from bundle.format.index import Stream
from bundle.format.objects import MemoryObject
from bundle.format.varints import read_varints, write_varints
from bundle.references import aarch64, aiming, elf, pages, pe, places, prediction, votes, x86
from bundle.references.aiming import RebasedPatch, make_rebased, rebased_along
from bundle.references.image import MAX_IMAGE_BYTES, read_image
from bundle.references.kinds import Kind
from bundle.references.pages import Pages
from bundle.references.places import Places, PlaceSet
from bundle.references.prediction import AddressMap, carried
from bundle.references.rebase import Numbers, apply_rebased
from tests.support.contents.elf_images import ARM, X86, Elf, elf_pair
from tests.support.contents.images import CODE, image_pair
from tests.support.contents.scanned import groups_of, image_of, scanned

SEED = 51

NO_BLOCKS = np.empty((0, 3), np.int64)


@pytest.fixture
def pair() -> tuple[bytes, bytes]:
    print(f"seed {SEED}")
    return image_pair(SEED)


def made_of(source: bytes, target: bytes) -> RebasedPatch:
    made = make_rebased(MemoryObject(source), MemoryObject(target))
    if made is None:
        pytest.fail("no patch between two images")
    return made


def extra_of(target: bytes, made: RebasedPatch) -> bytes:
    """The bytes that no triple copies, without the operands of new code."""
    return b"".join(part if isinstance(part, bytes) else target[part[0] : sum(part)] for part in made.extra)


def applied(source: bytes, target: bytes, made: RebasedPatch, **streams: bytes) -> bytes:
    """What the receiver makes of it; streams may be exchanged by name."""
    content = {stream.name: data for stream, data in made.streams.items()}
    content = {**content, "EXTRA": extra_of(target, made), **streams}
    read = {name: iter(data) for name, data in content.items()}

    def take(stream: Stream, length: int) -> Iterator[bytes]:
        yield bytes(next(read[stream.name]) for _ in range(length))

    numbers = Numbers(*(read_varints(read[name]) for name in ("PLACE", "LAYOUT", "SKIP")))
    triples = np.array(made.triples).reshape(-1, 3)
    return b"".join(apply_rebased(MemoryObject(source), len(target), triples, numbers, take))


def changes(made: RebasedPatch) -> int:
    """How many bytes the prediction gets wrong."""
    return next(read_varints(made.streams[Stream.SKIP]))


def test_it_gives_the_target_and_gains(pair: tuple[bytes, bytes]) -> None:
    """[F-52], [F-53]"""
    old, new = pair
    plain = make_difference(old, new)
    made = made_of(old, new)
    assert made.is_sure
    assert applied(old, new, made) == new
    best = sum(map(compressed_size, made.streams.values())) + compressed_size(extra_of(new, made))
    assert best * 3 < compressed_size(plain.diff) + compressed_size(plain.extra)


def test_the_map_prefers_the_longest_block_and_fills_gaps(pair: tuple[bytes, bytes]) -> None:
    """[F-52]"""
    image = image_of(pair[0])
    at = image.stretches[0].offset
    blocks = np.array([(at + 100, at + 110, 50), (at + 120, at + 500, 20), (at + 200, at + 260, 10)])
    address_map = AddressMap(blocks, image, image)
    asked = np.array([CODE, CODE + 100, CODE + 125, CODE + 160, CODE + 205, CODE + 300, 1 << 30])
    assert (address_map(asked) - asked).tolist() == [0, 10, 10, 10, 60, 60, 0]


def test_an_address_without_a_byte_moves_with_its_stretch() -> None:
    """[F-52]"""
    old = image_of(bytes(elf_pair(SEED, X86)[0].data))
    data = old.stretches[2]
    end, numbers = data.address + data.size, old.numbers()
    numbers[11] += 64  # the address of the third stretch
    numbers[12] -= 64
    new = old.moved(numbers)
    assert new is not None
    asked = np.array([end - 1, end, data.address + data.room - 1, data.address + data.room])
    assert (AddressMap(NO_BLOCKS, old, new)(asked) - asked).tolist() == [64, 64, 64, 0]


def test_only_references_that_a_block_holds_whole_are_carried() -> None:
    """[F-52]"""
    short, long = places_of(10, 16, 22), places_of(10, 22)

    def after(rows: list[tuple[int, int, int]], kind: Kind, where: Places, start: int = 0, end: int = 999) -> list[int]:
        found: list[int] = carried(np.array(rows), kind, where, start, end).after.tolist()
        return found

    assert after([(11, 111, 9), (10, 210, 16)], Kind.HERE, short) == [116, 210, 216, 222]
    assert after([(10, 110, 3)], Kind.HERE, short) == []
    assert after([(10, 110, 7), (10, 210, 8)], Kind.LONG, long) == [210]
    assert after([(10, 110, 16)], Kind.HERE, short, 111, 122) == [116], "whole in that stretch, too"


def places_of(*numbers: int) -> Places:
    """These numbers."""
    found = PlaceSet(max(numbers) + 1)
    found.add(np.array(numbers, np.int64))
    return found.places()


def test_real_images_of_this_machine_come_back() -> None:
    """ELF: a library of the interpreter, with bytes inserted into its code as a new version would have them."""
    libraries = sorted(Path(sys.base_prefix, "lib").rglob("lib-dynload/*.so"), key=lambda path: path.stat().st_size)
    images = [data for data in (path.read_bytes() for path in libraries) if read_image(Pages(MemoryObject(data)))]
    if not images:
        pytest.skip("this interpreter has no ELF libraries for x86-64")
    for old in images[-3:]:
        new = bytearray(old)
        middle = len(new) // 2
        new[middle:middle] = b"\x90" * 16
        for at in range(0, len(new), 4096):
            new[at] ^= at and 1
        made = made_of(old, bytes(new))
        assert applied(old, bytes(new), made) == bytes(new)


@pytest.mark.parametrize("machine", [X86, ARM])
def test_what_moves_in_an_elf_image_is_predicted(machine: int) -> None:
    """[F-52]: all that the prediction gets wrong is numbers in the headers and the sizes of the changed functions."""
    print(f"seed {SEED}")
    one, other = elf_pair(SEED, machine)
    old, new = bytes(one.data), bytes(other.data)
    plain = make_difference(old, new)
    made = made_of(old, new)
    assert applied(old, new, made) == new
    assert changes(made) <= 20
    assert np.count_nonzero(np.frombuffer(plain.diff, np.uint8)) > 800


@pytest.mark.parametrize("covered", [0, 12])
def test_a_table_whose_start_no_block_covers_moves_by_the_votes_for_its_anchor(covered: int) -> None:
    """[F-52], [F-53]: the names before the table of frames grow; its first bytes are extra ones of the patch."""
    print(f"seed {SEED}")
    one = elf_pair(SEED, X86)[0]
    other = Elf(X86, one.functions, names=112)
    old, new = bytes(one.data), bytes(other.data)
    first, before, after = one.at["header"] - 64, *(image.at["header"] + 12 - covered for image in (one, other))
    triples = [(first, after - first, before - first), (len(old) - before, 0, 0)]
    made = rebased_along(scanned(old), scanned(old).known(), scanned(new), triples)
    assert made.triples == triples
    assert applied(old, new, made) == new
    assert changes(made) <= 20


@pytest.mark.parametrize(("machine", "window"), [(X86, 500), (ARM, 1000), (None, 2000)])
def test_how_images_are_cut_for_reading_and_making_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, window: int, machine: int | None
) -> None:
    """[F-52]: the same patch, and the same image from it, by windows and blocks that cut most references."""
    old, new = (bytes(one.data) for one in elf_pair(SEED, machine)) if machine else image_pair(SEED)
    made = made_of(old, new)
    for module, name, value in (
        (prediction, "WINDOW_BYTES", window),
        (votes, "WINDOW_BYTES", window),
        (pages, "BLOCK_BYTES", window),
        (aiming, "BLOCK_BYTES", window),
        (x86, "BLOCK_BYTES", window),
        (aarch64, "BLOCK_BYTES", window & ~3),
        (elf, "CHUNK_ROWS", 3),
        (pe, "CHUNK_ROWS", 3),
        (places, "_CHUNK", 7),
        (prediction, "_PAINTED_BLOCKS", 2),
        (prediction, "WINDOW_BLOCKS", 2),
    ):
        monkeypatch.setattr(module, name, value)
    assert made_of(old, new) == made
    assert applied(old, new, made) == new


def test_references_of_two_kinds_may_overlap_at_the_edge_of_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-52]: the later kind is written last, wherever a window begins."""
    print(f"seed {SEED}")
    old, new = (bytearray(one.data) for one in elf_pair(SEED, ARM))
    for image, data in zip(elf_pair(SEED, ARM), (old, new), strict=True):
        code = image_of(bytes(data)).stretches[1]
        for number in range(24):  # relocations of the words between instructions
            (word,) = struct.unpack_from("<Q", data, code.offset + 4 * number + 2)
            row = image.at["relocations"] + 24 * number
            struct.pack_into("<QQQ", data, row, code.address + 4 * number + 2, 1027, word)
    code = image_of(bytes(old)).stretches[1]
    where = groups_of(bytes(old))[Kind.LONG].where
    assert ((where > code.offset) & (where < code.offset + 100)).any()
    made = made_of(bytes(old), bytes(new))
    for window in range(300, 308):
        monkeypatch.setattr(prediction, "WINDOW_BYTES", window)
        assert applied(bytes(old), bytes(new), made) == bytes(new), window


def test_memory_does_not_grow_with_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-52]: neither image is in memory as a whole."""
    size = 6_000_000
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    header += struct.pack("<IIQQQQQQ", 1, 5, 0, 0x1000, 0x1000, size, size, 0x1000)
    old = header + random.Random(SEED).randbytes(size - len(header))
    for module, name in (
        (prediction, "WINDOW_BYTES"),
        (pages, "BLOCK_BYTES"),
        (x86, "BLOCK_BYTES"),
        (places, "_SIEVED"),
        (places, "_CHUNK"),
    ):
        monkeypatch.setattr(module, name, 1 << 15)
    triples = np.array([(4_000_000, 0, 1_000_000 - 4_000_000), (size - 4_000_000, 0, 0)])
    numbers = Numbers(*(iter(some) for some in ([0], [0, 0, 0, 5, 0, 0, 0, 0, 0], [0])))
    source = MemoryObject(old)
    nothing: Iterator[bytes] = iter(())
    tracemalloc.start()
    made = sum(len(chunk) for chunk in apply_rebased(source, size, triples, numbers, lambda stream, length: nothing))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made == size and peak < size / 2, peak


def test_an_image_of_another_machine_is_not_predicted() -> None:
    """[F-52]"""
    old, new = (bytes(elf_pair(SEED, machine)[0].data) for machine in (X86, ARM))
    assert make_rebased(MemoryObject(old), MemoryObject(new)) is None


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
        {"LAYOUT": write_varints([(1 << 53) - 2] + [0] * 200)},
        {"PLACE": write_varints([2, 1, 0]), "LAYOUT": write_varints([0] * 200)},
        {"PLACE": write_varints([1, 1]), "LAYOUT": write_varints([0] * 13 + [2 << 30] + [0] * 200)},
    ],
)
def test_numbers_that_do_not_fit_are_refused(pair: tuple[bytes, bytes], streams: dict[str, bytes]) -> None:
    """[F-53]"""
    old, new = pair
    made = made_of(old, new)
    with pytest.raises(Malformed):
        applied(old, new, made, **streams)


def test_a_source_that_is_no_image_and_a_result_that_can_be_none_are_refused(pair: tuple[bytes, bytes]) -> None:
    """[F-52]"""
    old, new = pair
    made = made_of(old, new)
    with pytest.raises(Malformed, match="image"):
        applied(b"\0" + old[1:], new, made)
    empty: Iterator[int] = iter(())
    nothing: Iterator[bytes] = iter(())
    numbers = Numbers(*[empty] * 3)
    with pytest.raises(Malformed, match="image"):
        list(apply_rebased(MemoryObject(old), MAX_IMAGE_BYTES + 1, NO_BLOCKS, numbers, lambda stream, length: nothing))


@pytest.mark.parametrize(
    "row", [(1 << 52, 0, 0), (0, 1 << 52, 0), (0, 0, 1 << 52), (0, 0, -1), (0, 0, 1 << 14), (1, 0, 0)]
)
def test_triples_that_leave_the_images_are_refused(pair: tuple[bytes, bytes], row: tuple[int, int, int]) -> None:
    """[F-41], [F-52]: however far they lead, many times over."""
    old, new = pair
    made = made_of(old, new)
    made.triples[:0] = [row] * 5
    with pytest.raises(Malformed, match="patch"):
        applied(old, new, made)
