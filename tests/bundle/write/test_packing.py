"""Packing parts, small ones at once and large ones from file to file: bundle.write.packing."""

import struct
from pathlib import Path
from random import Random

import pytest

from bundle.errors import InputError
from bundle.format.codecs import LZMA2, X86_LZMA2, compress, unpack
from bundle.format.contents import Content, Slice, chunks_of
from bundle.write.packing import pack, packed_so_far

NOISE = Random(62).randbytes(40_000)
CALLS = b"".join(b"\xe8" + struct.pack("<i", 500_000 - at) + NOISE[at // 5 : at // 5 + 3] for at in range(0, 80_000, 8))


@pytest.fixture
def parts(tmp_path: Path) -> list[Content]:
    """Text, a whole file, a stretch of another."""
    (tmp_path / "whole").write_bytes(NOISE[:9_000])
    (tmp_path / "longer").write_bytes(NOISE)
    return [b"text " * 3_000, tmp_path / "whole", b"", Slice(tmp_path / "longer", 100, 20_000)]


def test_small_parts_are_packed_at_once(parts: list[Content], tmp_path: Path) -> None:
    assert pack(parts, 20, tmp_path / "out") == compress(b"".join(chunks_of(parts)), 20)
    assert not (tmp_path / "out").exists()


def test_large_parts_go_from_file_to_file(
    parts: list[Content], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bundle.write.packing.FEW_BYTES", 1_000)
    monkeypatch.setattr("bundle.write.packing.SAMPLE_BYTES", 900)
    monkeypatch.setattr("bundle.format.contents.CHUNK_BYTES", 777)
    packed, stored = pack(parts, 14, tmp_path / "out")
    assert stored == tmp_path / "out" and packed.length == (tmp_path / "out").stat().st_size
    assert packed.codec == LZMA2 + 14 and packed.size == 44_000
    assert packed_so_far((parts, 14, tmp_path / "out")) == 44_000, "[A-219]"
    assert packed_so_far((parts, 14, tmp_path / "small")) == 0
    assert b"".join(unpack(packed, chunks_of([stored]), "here")) == b"".join(chunks_of(parts))
    assert pack([CALLS], 20, tmp_path / "code")[0].codec == X86_LZMA2 + 17, "found by samples"


def test_a_file_that_shrinks_is_named(parts: list[Content], tmp_path: Path) -> None:
    (tmp_path / "longer").write_bytes(b"short")
    with pytest.raises(InputError, match="longer: became shorter"):
        pack(parts, 20, tmp_path / "out")
    (tmp_path / "whole").unlink()
    with pytest.raises(InputError, match="whole: cannot be read"):
        pack(parts, 20, tmp_path / "out")
