"""Streams of bzip2 and xz: found, unpacked and packed again, within bounds. bundle.archives.codings, xz_streams."""

import bz2
import lzma
import random
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.archives import streams, xz_streams
from bundle.archives.codings import Coding
from bundle.archives.engines import coding_of, pack_stream
from bundle.archives.headers import TRAILER_BYTES
from bundle.archives.streams import BYTES_A_STEP, MAX_RATIO, STEP_BYTES, Search
from bundle.errors import Malformed
from bundle.format.contents import read_content
from bundle.format.objects import MemoryObject
from tests.support.contents.containers import as_gzip, as_tar, as_xz_by_threads, as_zip
from tests.support.contents.opened_archives import engine_of, given_back, opened_target, skeleton_of, streams_in

SEED = 87


def text(seed: int, size: int = 40_000) -> bytes:
    words = [b"anchor", b"berth", b"buoy", b"cargo", b"draft", b"fairlead", b"hawser", b"keel", b"mooring", b"quay"]
    return b" ".join(random.Random(seed).choices(words, k=size // 6))


@pytest.mark.parametrize("level", range(1, 10))
def test_the_level_stands_in_the_head_and_its_engine_gives_the_stream(level: int) -> None:
    plain = text(level, 250_000)
    stream = bz2.compress(plain, level)
    assert engine_of(plain, stream, coding=Coding.BZIP2) == 100 + level
    assert coding_of(100 + level) == Coding.BZIP2
    assert engine_of(plain[:-1], stream, coding=Coding.BZIP2) is None
    assert engine_of(plain, stream, features=["deflate-zlib"], coding=Coding.BZIP2) is None


@pytest.mark.parametrize("level", [1, 5, 9])
def test_the_program_writes_what_the_library_does(level: int) -> None:
    if not shutil.which("bzip2"):
        pytest.skip("MISSING: bzip2. Its streams are not tried; see debian_packages.sh")
    plain = text(1, 1_200_000) + bytes(50_000) + random.Random(SEED).randbytes(50_000)
    stream = subprocess.run(["bzip2", f"-{level}"], input=plain, check=True, capture_output=True).stdout
    assert engine_of(plain, stream, coding=Coding.BZIP2) == 100 + level


def test_streams_are_found_wherever_they_stand(tmp_path: Path) -> None:
    one, two = bz2.compress(text(1)), bz2.compress(text(2), 1)
    for data in (
        one,
        one + two,
        b"#!" + one + b"tail" + two,
        as_tar({"a": one, "b": two}),
        as_gzip(as_tar({"a": one})),
    ):
        opening = opened_target(data, tmp_path)
        assert opening is not None and given_back(opening) == data
    assert [(one.offset, one.size, one.coding) for one in streams_in(one + two)] == [
        (0, len(text(1)), Coding.BZIP2),
        (len(one), len(text(2)), Coding.BZIP2),
    ]


def test_a_member_of_a_zip_file_has_its_numbers_left_out() -> None:
    """[F-59]: method 12."""
    old, new = (as_zip({"m": text(seed)}, 12) for seed in (1, 2))
    assert [found.coding for found in streams_in(old)] == [Coding.BZIP2]
    assert len(skeleton_of(old)) == len(skeleton_of(new)) and skeleton_of(old) == skeleton_of(new)


def test_what_stands_behind_is_no_trailer() -> None:
    """[F-59]"""
    tail = b"12345678"
    assert len(tail) == TRAILER_BYTES
    assert skeleton_of(bz2.compress(text(1)) + tail).endswith(tail)
    assert not skeleton_of(as_gzip(text(1))).endswith(as_gzip(text(1))[-TRAILER_BYTES:])


def bomb(times: int) -> bytes:
    """A stream that unpacks to so many MiB, out of some bytes a block."""
    return bz2.compress(bytes(times << 20))


def test_a_bomb_is_left_as_it_is_in_bounded_memory() -> None:
    stream = bomb(512)
    assert len(stream) < 1000
    tracemalloc.start()
    search = Search(MemoryObject(as_tar({"bomb": stream, "sound": bz2.compress(text(3))})))
    assert [found.size for found in search.streams()] == [len(text(3))] and search.ended_at is None
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_stream_that_gives_too_much_on_its_way_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-87]: in all it gives less than 1,040 times its length."""
    monkeypatch.setattr(streams, "STEP_BYTES", 4096)
    zeros, noise = bytes(6 << 20), random.Random(SEED).randbytes(20_000)
    early, late = bz2.compress(zeros + noise, 1), bz2.compress(noise + zeros, 1)
    assert len(zeros + noise) < MAX_RATIO * min(len(early), len(late))
    assert len(zeros) > MAX_RATIO * 4096
    assert streams_in(early) == []
    assert [found.size for found in streams_in(late)] == [len(zeros + noise)]
    assert STEP_BYTES == 65_536


def test_bombs_take_the_steps_of_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-77]"""
    monkeypatch.setattr(streams, "FREE_STEPS", 3)
    bombs = [bomb(1)] * 3
    assert len(b"".join(bombs)) < BYTES_A_STEP
    search = Search(MemoryObject(b"".join([*bombs, bz2.compress(text(4))])))
    assert list(search.streams()) == [] and search.ended_at == len(b"".join(bombs))


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, as_xz_by_threads])
def test_damaged_streams_never_fail(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    sound = as_tar({"a": pack(text(5, 4000)), "b": pack(text(6, 4000))})
    for _ in range(60):
        data = bytearray(sound[: rng.randrange(600, len(sound)) if rng.random() < 0.3 else len(sound)])
        for _ in range(rng.choice((1, 1, 2, 8))):
            data[rng.randrange(512, len(data))] = rng.randrange(256)
        opening = opened_target(bytes(data), tmp_path)
        assert opening is None or given_back(opening) == bytes(data)


@pytest.mark.parametrize("coding", Coding)
def test_what_is_not_one_stream_is_refused(coding: Coding) -> None:
    """[F-75]"""
    engine = {Coding.DEFLATE: 6, Coding.BZIP2: 109, Coding.XZ: 238}[coding]
    stream = b"".join(pack_stream(engine, iter((text(7),))))
    assert b"".join(coding.unpack_exactly(MemoryObject(stream))) == text(7)
    assert b"".join(coding.unpack(MemoryObject(stream + b"more"))) == text(7)
    for wrong in (stream[:-1], stream + b"\0", b"", b"\7" + stream[1:]):
        with pytest.raises(Malformed):
            list(coding.unpack_exactly(MemoryObject(wrong)))


def test_members_in_members_in_members(tmp_path: Path) -> None:
    data = bz2.compress(as_tar({"in.tar.gz": as_gzip(as_tar({"in.zip": as_zip({"m": text(8)}, 12)}))}))
    opening = opened_target(data, tmp_path)
    assert opening is not None and given_back(opening) == data
    within = opening.members[0].opening
    assert within and within.members[0].opening
    assert read_content(within.members[0].opening.members[0].content) == text(8)


def xz_of(plain: bytes, *arguments: str) -> bytes:
    if not shutil.which("xz"):
        pytest.skip("MISSING: xz. Its streams are not tried; see debian_packages.sh")
    return subprocess.run(["xz", "-c", *arguments], input=plain, check=True, capture_output=True).stdout


@pytest.mark.parametrize("preset", ["-0", "-1", "-2e", "-3", "-4", "-5e", "-6", "-6e"])
@pytest.mark.parametrize("threads", ["-T1", "-T2"])
def test_what_xz_writes_is_found_by_its_head(preset: str, threads: str) -> None:
    """[F-89]"""
    plain = text(9, 300_000) + random.Random(SEED).randbytes(20_000)
    for check in ("crc64", "crc32", "sha256", "none")[: 4 if preset == "-1" else 1]:
        stream = xz_of(plain, preset, threads, "-C", check)
        engine = engine_of(plain, stream, coding=Coding.XZ)
        assert engine is not None and b"".join(pack_stream(engine, iter((plain,)))) == stream
        assert coding_of(engine) == Coding.XZ


def test_blocks_of_several_threads() -> None:
    """[F-89]: 1 MiB each of preset 0; whatever the chunks."""
    plain = text(10, 2_500_000)
    stream = xz_of(plain, "-0", "-T2")
    chunks = [plain[at : at + 300_007] for at in range(0, len(plain), 300_007)]
    assert engine_of(plain, stream, coding=Coding.XZ) == 296
    assert b"".join(pack_stream(296, iter(chunks))) == stream
    assert [found.size for found in streams_in(stream)] == [len(plain)]


@pytest.mark.parametrize(
    "arguments", [["-9"], ["-7", "-T2"], ["--x86", "--lzma2=preset=6"], ["--block-size=99999", "-T1"]]
)
def test_what_takes_too_much_memory_or_another_encoder_stays_closed(arguments: list[str], tmp_path: Path) -> None:
    """[F-88]"""
    assert opened_target(xz_of(text(11, 200_000), *arguments), tmp_path) is None


def test_an_xz_bomb_is_told_by_its_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-88]: before anything is unpacked."""
    monkeypatch.setattr(streams, "_unpack", None)
    bombs = lzma.compress(bytes(8 << 20)) * 3
    monkeypatch.setattr(streams, "FREE_STEPS", 3)
    search = Search(MemoryObject(bombs + lzma.compress(text(12))))
    assert list(search.streams()) == [] and search.ended_at == len(bombs)


def test_the_walk_through_small_chunks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-88]"""
    stream = lzma.compress(text(13, 2_000_000), preset=0)
    assert len(streams_in(stream)) == 1
    monkeypatch.setattr(xz_streams, "FREE_CHUNKS", 0)
    monkeypatch.setattr(xz_streams, "BYTES_A_CHUNK", len(stream))
    assert streams_in(stream) == []


def test_a_stream_that_claims_more_than_there_is() -> None:
    """Lengths of chunks, of the index and of a header beyond the end of the file."""
    sound = lzma.compress(text(14, 500))
    for at in range(12, len(sound)):
        for value in (0, 0x7F, 0x80, 0xFF):
            for found in streams_in(sound[:at] + bytes((value,)) + sound[at + 1 :]):
                assert found.size == len(text(14, 500))
