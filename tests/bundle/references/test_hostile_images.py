"""Images whose headers and tables lie: few references, all in bounds, never an error, and an end soon."""

import json
import random
import struct
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from bundle.format.objects import MemoryObject
from bundle.references import pe
from bundle.references import scan as scanning
from bundle.references.aiming import make_rebased
from bundle.references.image import REST_ADDRESS, Image, Machine, Stretch
from bundle.references.kinds import Kind, width_of
from bundle.references.pages import Pages
from bundle.references.prediction import NO_SHIFTS, AddressMap, Prediction, scan
from tests.support.contents.elf_images import ARM, X86, Elf, elf_pair
from tests.support.contents.images import image_pair
from tests.support.contents.scanned import groups_of, image_of
from tests.support.repository import REPOSITORY

SEED = 51
CHANGES = 500
IMAGES = json.loads((REPOSITORY / "spec" / "vectors" / "images.json").read_text(encoding="utf-8"))["images"]
HURTING = (0, 1, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

NO_BLOCKS = np.empty((0, 3), np.int64)


@pytest.fixture(autouse=True)
def strictly() -> Iterator[None]:
    """Numbers that overflow would warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def check(data: bytes) -> None:
    """Whatever is found lies within the file, ascends and does not overlap; and the image can be predicted."""
    old = scan(MemoryObject(data))
    if old is None:
        return
    image, known = old.image, old.known()
    for kind, (where, targets, anchors) in groups_of(data).items():
        assert len(where) == len(targets) and len(anchors) == (len(where) if kind == Kind.JUMP else 0), kind
        assert not len(where) or (where[0] >= 0 and where[-1] + width_of(kind) <= len(data)), kind
        assert (np.diff(where) >= width_of(kind)).all(), kind
    windows = list(Prediction(old, image, np.array([(0, 0, len(data))]), NO_SHIFTS, known).windows(len(data)))
    assert sum(len(out) for out, _ in windows) == sum(int(inside[:, 2].sum()) for _, inside in windows) == len(data)
    for _, group in old.groups():
        assert (AddressMap(NO_BLOCKS, image, image)(group.targets) == group.targets).all()


def _parts(image: Elf) -> list[range]:
    """Where headers and tables stand, most often hit."""
    return [range(image.at[name], image.at[name] + min(size, 256)) for name, size in image.sizes.items()]


def _pe() -> tuple[bytes, list[range]]:
    data = image_pair(SEED)[0]
    return data, [range(0x400), range(len(data) - 0x1200, len(data) - 8)]


def _elf(machine: int) -> tuple[bytes, list[range]]:
    image = elf_pair(SEED, machine)[0]
    return bytes(image.data), [*_parts(image)[:1] * 6, *_parts(image)]


@pytest.mark.parametrize("sound", [_pe, lambda: _elf(X86), lambda: _elf(ARM)], ids=["pe", "elf-x86", "elf-arm"])
def test_spoilt_images(sound: Callable[[], tuple[bytes, list[range]]]) -> None:
    """[F-50], [F-51]: numbers of the headers, of the tables and of the code, to values that hurt."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    original, places = sound()
    for _ in range(CHANGES):
        data = bytearray(original)
        for _ in range(rng.choice((1, 2, 6))):
            at = min(rng.choice(rng.choice(places)), len(data) - 8)
            value = rng.choice((*HURTING, rng.getrandbits(32), rng.randrange(len(data))))
            form = rng.choice(("<I", "<Q", "<H"))
            struct.pack_into(form, data, at, value & ((1 << 8 * struct.calcsize(form)) - 1))
        check(bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data))


def test_a_pair_without_references() -> None:
    """[F-52]: nothing known, nothing to shift."""
    data = bytearray(elf_pair(SEED, ARM)[0].data[:6432])
    struct.pack_into("<H", data, 56, 1)
    struct.pack_into("<QQ", data, 64 + 32, len(data), len(data))
    struct.pack_into("<Q", data, 40, 0)
    assert make_rebased(MemoryObject(bytes(data)), MemoryObject(bytes(data)))


def test_an_executable_stretch_above_all_addresses() -> None:
    """[F-50]: where the rest of an ELF file would stand; nothing is in reach of its code."""
    image = Image((Stretch(0, 64, REST_ADDRESS, 64, True),), 0, Machine.AARCH64)
    assert image.end == 0
    data = bytearray(elf_pair(SEED, X86)[0].data[:6432])
    struct.pack_into("<H", data, 56, 1)
    struct.pack_into("<IIQQQQQ", data, 64, 1, 5, 0, REST_ADDRESS, 0, len(data), len(data))
    image_of(bytes(data))
    check(bytes(data))


def test_all_rows_of_exception_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-54]: many tables, each possible, together larger than the file."""
    image = Image((Stretch(0, 1 << 16, 0, 1 << 16, False),), 0, Machine.X86_64)
    data = np.zeros(1 << 16, np.uint8)
    data.view("<u4")[:16] = range(64, 128, 4)
    at, counts = np.arange(0, 64, 4, dtype=np.int64), np.full(16, pe.MAX_ROWS)
    pages = Pages(MemoryObject(data.tobytes()))
    assert len(pe._rows(pages, image, at[:1], counts[:1], 8)) == pe.MAX_ROWS
    assert len(pe._rows(pages, image, at[:1], counts[:1] + 1, 8)) == 0
    assert len(pe._rows(pages, image, at, counts, 8)) == 0
    monkeypatch.setattr(pe, "MAX_ALL_ROWS", pe.MAX_ROWS - 1)
    assert len(pe._rows(pages, image, at[:1], counts[:1], 8)) == 0


@pytest.mark.parametrize("sound", [_pe, lambda: _elf(X86), lambda: _elf(ARM)], ids=["pe", "elf-x86", "elf-arm"])
def test_an_image_of_too_many_references_is_none(
    monkeypatch: pytest.MonkeyPatch, sound: Callable[[], tuple[bytes, list[range]]]
) -> None:
    """[F-81]: all kinds together."""
    data = sound()[0]
    count = sum(len(group.where) for group in groups_of(data).values())
    monkeypatch.setattr(scanning, "MAX_REFERENCES", count)
    assert scan(MemoryObject(data))
    for most in (count - 1, 10):
        monkeypatch.setattr(scanning, "MAX_REFERENCES", most)
        assert scan(MemoryObject(data)) is None
        assert make_rebased(MemoryObject(data), MemoryObject(data)) is None


def test_no_more_functions_with_exceptions_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-54]: the first of them count."""
    data = bytes.fromhex(next(image["image"] for image in IMAGES if image["name"] == "pe-x86-64"))
    whole = set(groups_of(data)[Kind.SHORT].where.tolist())
    monkeypatch.setattr(pe, "MAX_INFOS", 1)
    fewer = set(groups_of(data)[Kind.SHORT].where.tolist())
    assert fewer < whole and {0x448, 0x450, 0x458, 0x460} <= fewer and not {0x478, 0x480} & fewer
