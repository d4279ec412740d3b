"""[P-3] An object in a compressed file of its own: it comes back, and no flipped byte passes."""

import io
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from bundle.errors import Corrupt, InputError
from bundle.format.compressed_file import SEAL_BYTES, read_compressed, to_compressed, write_compressed
from bundle.format.contents import Compressed, opened, part_of, read_content, size_of

SEED = 20261130
TEXT = b"".join(b"line %d\n" % number for number in range(3000))


def unpacked(data: bytes, of: bytes) -> bytes:
    return b"".join(read_compressed(io.BytesIO(data), len(of), sha256(of).digest()))


@pytest.mark.parametrize("content", [b"", b"x", TEXT, Random(SEED).randbytes(700_000), bytes(3_000_000)])
def test_an_object_comes_back(content: bytes) -> None:
    assert unpacked(to_compressed(content), content) == content


def test_it_is_written_chunk_by_chunk() -> None:
    file = io.BytesIO()
    written = write_compressed(file, (TEXT[at : at + 100] for at in range(0, len(TEXT), 100)), len(TEXT))
    assert written == len(file.getvalue()) < len(TEXT) / 4 and unpacked(file.getvalue(), TEXT) == TEXT


def test_every_flipped_bit_is_found() -> None:
    """Those of a frame's header among them, which zstd itself passes over."""
    data = to_compressed(TEXT[:300])
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(Corrupt):
            unpacked(bytes(flipped), TEXT[:300])


def test_what_is_cut_short_or_longer_is_found() -> None:
    data = to_compressed(TEXT)
    for other in (data[:-1], data[:SEAL_BYTES], b"", data + b"\0", data + data):
        with pytest.raises(Corrupt):
            unpacked(other, TEXT)


def test_another_object_is_found() -> None:
    with pytest.raises(Corrupt, match="content"):
        unpacked(to_compressed(TEXT[::-1]), TEXT)


def test_no_more_than_the_size_is_given() -> None:
    given = 0
    with pytest.raises(Corrupt, match="more than 1000 bytes"):
        for chunk in read_compressed(io.BytesIO(to_compressed(bytes(50_000_000))), 1000, bytes(32)):
            given += len(chunk)
    assert given <= 1000


@pytest.mark.skipif(shutil.which("zstd") is None, reason="there is no zstd")
def test_standard_tools_unpack_it(tmp_path: Path) -> None:
    (tmp_path / "object.zst").write_bytes(to_compressed(TEXT))
    done = subprocess.run(["zstd", "-dc", tmp_path / "object.zst"], capture_output=True)
    assert done.stdout == TEXT


def test_it_is_a_content_for_the_builder(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(to_compressed(TEXT))
    content = Compressed(path, len(TEXT), sha256(TEXT).digest(), 0, len(TEXT))
    assert read_content(content) == TEXT and size_of(content) == len(TEXT)
    part = part_of(part_of(content, 100, 1000), 10, 20)
    assert size_of(part) == 20 and read_content(part) == TEXT[110:130]
    with opened(part) as source:
        assert source.read_at(5, 5) == TEXT[115:120]


def test_a_damaged_one_never_gets_into_a_bundle(tmp_path: Path) -> None:
    data = bytearray(to_compressed(TEXT))
    data[40] ^= 1
    (tmp_path / "object").write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        read_content(Compressed(tmp_path / "object", len(TEXT), sha256(TEXT).digest(), 0, 10))
