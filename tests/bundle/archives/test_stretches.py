"""Streams that stand in several stretches: pictures whose chunks hold one."""

import random
import struct
import zlib
from pathlib import Path

import pytest

from bundle.archives import stretches
from bundle.archives.codings import Coding
from bundle.archives.skeleton import make_skeleton, rebuild
from bundle.archives.streams import StreamTable
from bundle.archives.stretches import LEAST_STRETCH_BYTES, joined
from bundle.errors import Malformed
from bundle.format.contents import read_content
from bundle.format.index import AS_IT_IS
from bundle.format.objects import MemoryObject, read_all
from bundle.format.varints import write_varints
from tests.support.contents.containers import as_gzip, as_other_zlib, as_png, as_tar, as_zip, made_up
from tests.support.contents.opened_archives import AMPLE, given_back, opened, opened_target, skeleton_of, streams_in

FILES = made_up(1, files=2, lines=100)
MORE = made_up(2, files=2, lines=100)


def table_of(data: bytes) -> StreamTable:
    table = StreamTable()
    for stream in streams_in(data):
        table.add(stream)
    return table


def round_trip(data: bytes) -> bytes:
    """The archive from its skeleton and its streams as they stand."""
    table = table_of(data)
    parts = [b"".join(read_all(table.stream(MemoryObject(data), number))) for number in range(len(table))]
    skeleton = MemoryObject(b"".join(make_skeleton(MemoryObject(data), table)))
    return b"".join(rebuild(skeleton, map(MemoryObject, parts), [AS_IT_IS] * len(parts), AMPLE))


@pytest.mark.parametrize("chunk_bytes", [258, 1000, 8192, 1 << 20])
def test_a_picture_is_opened_and_given_back(chunk_bytes: int, tmp_path: Path) -> None:
    """[F-46], [F-74]: the stream is one, whatever the chunks are."""
    data = as_png(FILES, chunk_bytes)
    (stream,) = streams_in(data)
    assert len(stream.cuts) == (stream.length + 1) // chunk_bytes
    assert b"".join(Coding.DEFLATE.unpack(table_of(data).stream(MemoryObject(data), 0))).startswith(
        b"\0" + FILES["app/module0.py"][:9]
    )
    opening = opened_target(data, tmp_path)
    assert opening is not None
    assert given_back(opening) == data


def test_no_checksum_of_a_chunk_stays_in_the_skeleton() -> None:
    """[F-59]: two pictures of one size have skeletons that differ in the Adler-32 and the last length alone."""
    old, new = (skeleton_of(as_png(files, 500)) for files in (FILES, MORE))
    assert len(old) == len(new)
    assert sum(a != b for a, b in zip(old, new, strict=True)) <= 4 + 2


@pytest.mark.parametrize("chunk_bytes", [500, 1 << 20])
def test_a_stream_of_the_base_is_taken_as_it_stands(chunk_bytes: int, tmp_path: Path) -> None:
    """[F-75]: a picture in another text chunk is the same stream."""
    old = as_png(FILES, chunk_bytes)
    base, target = opened(tmp_path, old, old.replace(b"made up", b"thought"))
    assert base is not None and target is not None
    assert target.members[0].stored_hash == base.members[0].stored_hash
    assert read_content(target.members[0].stored) == read_content(base.members[0].stored)


@pytest.mark.parametrize(
    "around",
    [
        lambda png: as_tar({"a.png": png, "b": b"b"}),
        lambda png: as_zip({"a.png": png}),
        lambda png: as_gzip(as_tar({"a.zip": as_zip({"a.png": png})})),
        lambda png: png * 3,
        lambda png: png + as_gzip(png) + as_zip(FILES),
        lambda png: as_zip(FILES) + png[:-30],
    ],
)
def test_pictures_in_other_archives(around: "object", tmp_path: Path) -> None:
    """A container in a container in a container."""
    data: bytes = around(as_png(FILES, 1000, as_other_zlib))  # type: ignore[operator]
    assert round_trip(data) == data
    opening = opened(tmp_path, None, data)[1]
    assert opening is not None
    assert given_back(opening) == data


def test_damaged_pictures_are_given_back() -> None:
    """Whatever the bytes are, the skeleton and the streams give them back."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    numbers = random.Random(seed)
    whole = as_png(FILES, 300) + as_zip(FILES) + as_png(FILES, 1 << 20)
    places = [at for at in range(len(whole)) if whole[at : at + 4] == b"IDAT"]
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(numbers.randint(1, 4)):
            at = numbers.choice(places) + numbers.randint(-12, 8)
            data[at : at + numbers.randint(0, 4)] = numbers.randbytes(numbers.randint(0, 4))
        assert round_trip(bytes(data)) == data


def test_pictures_among_headers_are_given_back() -> None:
    """Chunks that look like headers, and headers that hold chunks: the walk leads there and back."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    numbers = random.Random(seed)
    packed = b"x\x9c" + zlib.compress(numbers.randbytes(700))[2:]
    chunk = [struct.pack(">L", 300) + b"IDAT", b"PK\3\4" + bytes(26), b"PK\1\2" + bytes(42), b"PK\5\6" + bytes(18)]
    chunk += [as_gzip(b"a"), as_png({"a": b"a" * 40}), packed[:300], bytes(4), b"\0\0\1\x2cIDAT", packed[300:], b"IDAT"]
    for _ in range(300):
        data = b"".join(numbers.choices(chunk, k=12)) + as_gzip(b"end")
        assert round_trip(data) == data


@pytest.mark.parametrize("cut", [0, 1, 7, 60, 500])
def test_a_picture_that_is_cut_short_has_no_stream(cut: int) -> None:
    """[F-46]"""
    data = as_png(FILES, 1000)
    end = data.index(b"tEXt") - 8  # of the stream's last chunk, before its checksum
    assert not streams_in(data[: end - 4 - cut] + b"\0" * 0)
    assert streams_in(data[:end])


def test_short_stretches_end_a_stream() -> None:
    """[F-74]: going from chunk to chunk takes time."""
    assert streams_in(as_png(FILES, LEAST_STRETCH_BYTES + 2))
    assert not streams_in(as_png(FILES, LEAST_STRETCH_BYTES + 1))


def test_an_archive_has_so_many_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-74]: of the pictures behind the bound, those of one chunk are found."""
    many, one = as_png(FILES, 1000), as_png(FILES, 1 << 20)
    cuts = len(streams_in(many)[0].cuts)
    monkeypatch.setattr("bundle.archives.streams.MAX_CUTS", 2 * cuts + 1)
    assert [len(stream.cuts) for stream in streams_in(many * 3 + one)] == [cuts, cuts, 0]
    assert stretches.MAX_CUTS == 262_144


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ([1, 1, 0, 1, 1, 4], "a cut of no stream"),
        ([1, 1, 0, 0, 0, 4], "or of no bytes"),
        ([1, 1, 0, 0, 1, 0], "or of no bytes"),
        ([1, 1, 0, 0, 3, 4], "behind its end"),
        ([1, 1, 0, 0, 1, 99], "shorter than its gaps"),
        ([1, 2, 0, 0, 1, 4, 0, 2, 4], "behind its end"),
        ([1, 262_145, 0], "more than 262144"),
    ],
)
def test_cuts_that_do_not_fit_are_refused(numbers: list[int], why: str) -> None:
    """[F-47]"""
    skeleton = MemoryObject(write_varints(numbers) + bytes(10))
    with pytest.raises(Malformed, match=why):
        list(rebuild(skeleton, [MemoryObject(b"K\4\0")], [AS_IT_IS], AMPLE))


def test_a_skeleton_that_ends_in_its_cuts_is_refused() -> None:
    """[F-47]"""
    with pytest.raises(Malformed, match="ends within its cuts"):
        list(rebuild(MemoryObject(write_varints([1, 1, 0, 0, 1])), [MemoryObject(b"K\4\0")], [AS_IT_IS], AMPLE))


def test_stretches_are_read_as_one() -> None:
    stream = joined(MemoryObject(b"..abc--defg-h.."), 2, 8, [(3, 2), (4, 1)])
    assert [stream.read_at(at, size) for at, size in [(0, 8), (2, 3), (3, 4), (7, 1), (8, 0)]] == [
        *(b"abcdefgh", b"cde", b"defg", b"h", b"")
    ]


@pytest.mark.parametrize("level", [6, 9])
def test_the_setting_of_libpng_is_an_engine(level: int, tmp_path: Path) -> None:
    """[F-45]: zlib's strategy for filtered pictures."""

    def as_libpng(data: bytes) -> bytes:
        packer = zlib.compressobj(level, zlib.DEFLATED, 15, 8, zlib.Z_FILTERED)
        return packer.compress(data) + packer.flush()

    opening = opened_target(as_png(FILES, pack=as_libpng), tmp_path)
    assert opening is not None and opening.members[0].engine == 80 + level
    assert as_libpng(b"\0".join(FILES.values())) != zlib.compress(b"\0".join(FILES.values()), level)
