"""Patches with rebased references: they give back every byte, gain much on code, and survive hostile headers."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bundle.delta.bsdiff import make_difference
from bundle.errors import Malformed
from bundle.format.codecs import compressed_size
from bundle.format.index import Stream
from bundle.format.varints import read_varints, write_varints
from bundle.references.image import MAX_IMAGE_BYTES, read_image
from bundle.references.kinds import Group, Kind
from bundle.references.prediction import AddressMap, OldImage, carried
from bundle.references.rebase import Numbers, RebasedDifference, apply_rebased, make_rebased, rebased_along
from tests.support.contents.elf_images import ARM, X86, Elf, elf_pair
from tests.support.contents.images import CODE, image_pair

SEED = 51

NO_BLOCKS = np.empty((0, 3), np.int64)


@pytest.fixture
def pair() -> tuple[bytes, bytes]:
    print(f"seed {SEED}")
    return image_pair(SEED)


def applied(source: bytes, target: bytes, made: RebasedDifference, **streams: bytes) -> bytes:
    """What the receiver makes of it; streams may be exchanged by name."""
    content = {stream.name: data for stream, data in made.streams.items()}
    content = {**content, "EXTRA": made.difference.extra, **streams}
    read = {name: iter(data) for name, data in content.items()}

    def take(stream: Stream, length: int) -> Iterator[bytes]:
        yield bytes(next(read[stream.name]) for _ in range(length))

    numbers = Numbers(*(read_varints(read[name]) for name in ("PLACE", "LAYOUT", "SKIP")))
    return apply_rebased(source, len(target), np.array(made.difference.triples).reshape(-1, 3), numbers, take)


def changes(made: RebasedDifference) -> int:
    """How many bytes the prediction gets wrong."""
    return next(read_varints(made.streams[Stream.SKIP]))


def test_it_gives_the_target_and_gains(pair: tuple[bytes, bytes]) -> None:
    """[F-52], [F-53]"""
    old, new = pair
    plain = make_difference(old, new)
    made = make_rebased(old, new)
    assert made and made.is_sure
    assert applied(old, new, made) == new
    best = sum(map(compressed_size, made.streams.values())) + compressed_size(made.difference.extra)
    assert best * 3 < compressed_size(plain.diff) + compressed_size(plain.extra)


def test_the_map_prefers_the_longest_block_and_fills_gaps(pair: tuple[bytes, bytes]) -> None:
    """[F-52]"""
    image = read_image(pair[0])
    assert image is not None
    at = image.stretches[0].offset
    blocks = np.array([(at + 100, at + 110, 50), (at + 120, at + 500, 20), (at + 200, at + 260, 10)])
    address_map = AddressMap(blocks, image, image)
    asked = np.array([CODE, CODE + 100, CODE + 125, CODE + 160, CODE + 205, CODE + 300, 1 << 30])
    assert (address_map(asked) - asked).tolist() == [0, 10, 10, 10, 60, 60, 0]


def test_an_address_without_a_byte_moves_with_its_stretch() -> None:
    """[F-52]"""
    old = read_image(bytes(elf_pair(SEED, X86)[0].data))
    assert old is not None
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
    where = np.array([10, 16, 22], np.int64)
    short, long = Group(where, where * 2), Group(where[::2], where[::2])
    assert carried(np.array([(11, 111, 9), (10, 210, 16)]), Kind.HERE, short).where.tolist() == [116, 210, 216, 222]
    assert carried(np.array([(10, 110, 3)]), Kind.HERE, short).where.tolist() == []
    assert carried(np.array([(10, 110, 7), (10, 210, 8)]), Kind.LONG, long).where.tolist() == [210]


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
        made = make_rebased(old, bytes(new))
        assert made and applied(old, bytes(new), made) == bytes(new)


@pytest.mark.parametrize("machine", [X86, ARM])
def test_what_moves_in_an_elf_image_is_predicted(machine: int) -> None:
    """[F-52]: all that the prediction gets wrong is numbers in the headers and the sizes of the changed functions."""
    print(f"seed {SEED}")
    one, other = elf_pair(SEED, machine)
    old, new = bytes(one.data), bytes(other.data)
    plain = make_difference(old, new)
    made = make_rebased(old, new)
    assert made and applied(old, new, made) == new
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
    old_image, new_image = read_image(old), read_image(new)
    assert old_image and new_image
    made = rebased_along(OldImage(old, old_image), np.frombuffer(new, np.uint8), new_image, triples)
    assert made.difference.triples == triples
    assert applied(old, new, made) == new
    assert changes(made) <= 20


def test_an_image_of_another_machine_is_not_predicted() -> None:
    """[F-52]"""
    old, new = (bytes(elf_pair(SEED, machine)[0].data) for machine in (X86, ARM))
    assert make_rebased(old, new) is None


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
        {"PLACE": write_varints([1, 1]), "LAYOUT": write_varints([0] * 13 + [2 << 24] + [0] * 200)},
    ],
)
def test_numbers_that_do_not_fit_are_refused(pair: tuple[bytes, bytes], streams: dict[str, bytes]) -> None:
    """[F-53]"""
    old, new = pair
    made = make_rebased(old, new)
    assert made
    with pytest.raises(Malformed):
        applied(old, new, made, **streams)


def test_a_source_that_is_no_image_and_a_result_that_can_be_none_are_refused(pair: tuple[bytes, bytes]) -> None:
    """[F-52]"""
    old, new = pair
    made = make_rebased(old, new)
    assert made
    with pytest.raises(Malformed, match="image"):
        applied(b"\0" + old[1:], new, made)
    empty: Iterator[int] = iter(())
    with pytest.raises(Malformed, match="image"):
        apply_rebased(old, MAX_IMAGE_BYTES + 1, NO_BLOCKS, Numbers(*[empty] * 3), lambda stream, length: iter(()))


@pytest.mark.parametrize(
    "row", [(1 << 52, 0, 0), (0, 1 << 52, 0), (0, 0, 1 << 52), (0, 0, -1), (0, 0, 1 << 14), (1, 0, 0)]
)
def test_triples_that_leave_the_images_are_refused(pair: tuple[bytes, bytes], row: tuple[int, int, int]) -> None:
    """[F-41], [F-52]: however far they lead, many times over."""
    old, new = pair
    made = make_rebased(old, new)
    assert made
    made.difference.triples[:0] = [row] * 5
    with pytest.raises(Malformed, match="patch"):
        applied(old, new, made)
