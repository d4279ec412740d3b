"""Holes and shared blocks: bundle.host.blocks. What is shared on disk is tested where it is used, apply.rebuild."""

import os
from pathlib import Path
from random import Random

import pytest

from bundle.host.blocks import UNIT, Sharing, SharingWriter, SparseWriter, shares_blocks

SEED = 20261130
posix = pytest.mark.skipif(os.name == "nt", reason="NTFS fills what is passed over")


def written(path: Path, chunks: list[bytes]) -> Path:
    with path.open("w+b", buffering=0) as file:
        writer = SparseWriter(file)
        for chunk in chunks:
            writer.write(chunk)
        writer.close()
    return path


@pytest.mark.parametrize("number", range(40))
def test_any_content_comes_out_whatever_the_chunks(tmp_path: Path, number: int) -> None:
    rng = Random(SEED + number)
    print(f"seed {SEED + number}")
    parts = [rng.choice([bytes(rng.randrange(3 * UNIT)), rng.randbytes(rng.randrange(1, UNIT))]) for _ in range(6)]
    data = b"".join(parts)
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(4))
    chunks = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert written(tmp_path / "a", chunks).read_bytes() == data


@posix
@pytest.mark.parametrize("tail", [b"", b"end"])
def test_zeros_take_no_room(tmp_path: Path, tail: bytes) -> None:
    path = written(tmp_path / "a", [b"start", *[bytes(1 << 20)] * 64, tail])
    assert path.stat().st_size == 5 + (64 << 20) + len(tail)
    assert path.stat().st_blocks * 512 <= 4 * UNIT


def test_few_zeros_are_written(tmp_path: Path) -> None:
    assert written(tmp_path / "a", [bytes(UNIT - 1)]).read_bytes() == bytes(UNIT - 1)
    assert written(tmp_path / "b", []).read_bytes() == b""


class Pretending(Sharing):
    """Shares as Btrfs would, by copying."""

    def __init__(self) -> None:
        self.possible = True
        self.stretches: list[tuple[int, int]] = []

    def stretch(self, source: object, written: object, start: int, length: int) -> bool:
        assert not start % UNIT and not length % UNIT
        source.seek(start)  # type: ignore[attr-defined]
        written.seek(start)  # type: ignore[attr-defined]
        written.write(source.read(length))  # type: ignore[attr-defined]
        self.stretches.append((start, length))
        return True


@pytest.mark.parametrize("number", range(20))
def test_what_stands_at_the_same_place_is_shared(tmp_path: Path, number: int) -> None:
    rng = Random(SEED + number)
    print(f"seed {SEED + number}")
    old = rng.randbytes(rng.randrange(5 * UNIT, 40 * UNIT))
    new = bytearray(old + rng.randbytes(rng.randrange(UNIT)))
    for _ in range(3):
        new[rng.randrange(len(new))] ^= 1
    (tmp_path / "old").write_bytes(old)
    sharing = Pretending()
    with (tmp_path / "old").open("rb", buffering=0) as source, (tmp_path / "new").open("w+b", buffering=0) as file:
        writer = SharingWriter(file, source, sharing)
        for start in range(0, len(new), 70_001):
            writer.write(bytes(new[start : start + 70_001]))
        writer.close()
    assert (tmp_path / "new").read_bytes() == new
    same = sum(UNIT for at in range(0, len(old) - UNIT + 1, UNIT) if old[at : at + UNIT] == new[at : at + UNIT])
    assert writer.shared == same == sum(length for _, length in sharing.stretches)


def test_a_file_system_that_shares_nothing_is_asked_once(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(bytes(10))
    with (tmp_path / "old").open("rb") as source:
        if shares_blocks(source, tmp_path):
            pytest.skip("the file system of the tests shares blocks")
        sharing = Sharing()
        with (tmp_path / "new").open("w+b") as file:
            assert not sharing.whole(source, file) and not sharing.possible
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"], "the trial left a name"
