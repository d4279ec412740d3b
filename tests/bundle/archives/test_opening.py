"""Archives: found, opened and given back bit for bit, or left as plain bytes. spec/format.md, section 9."""

import gzip
import io
import random
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cramjam
import pytest
from isal import igzip
from zlib_ng import zlib_ng
from zopfli import zopfli

from bundle.archives import engines, streams
from bundle.archives.engines import (
    BZIP2_FEATURE,
    CANDIDATES,
    COMMON_FEATURES,
    ENGINES,
    ISAL_FEATURE,
    MAX_JOINED_BYTES,
    MINIZ_FEATURE,
    PROBE_BYTES,
    XZ_FEATURE,
    ZLIB_FEATURE,
    ZLIB_NG_FEATURE,
    ZOPFLI_FEATURE,
    check_member,
    coding_of,
    feature_of,
    fingerprint,
    pack_stream,
    present_features,
)
from bundle.archives.opened import open_archive
from bundle.archives.skeleton import rebuild
from bundle.archives.streams import BYTES_A_STEP, FREE_STEPS
from bundle.errors import Malformed
from bundle.format.contents import read_content
from bundle.format.objects import MemoryObject, Window
from bundle.format.varints import write_varints
from bundle.read.reader import open_bundle
from tests.support.contents.containers import as_tar, deflated_otherwise, made_up
from tests.support.contents.opened_archives import (
    engine_of,
    given_back,
    opened,
    opened_target,
    skeleton_of,
    streams_in,
)
from tests.support.contents.releases import TRUST, build_from, content_of, write_tree

SEED = 4
AMPLE = 1 << 30


def text(seed: int, size: int = 20_000) -> bytes:
    rng = random.Random(seed)
    words = [b"anchor", b"berth", b"buoy", b"cargo", b"draft", b"fairlead", b"hawser", b"keel", b"mooring", b"quay"]
    return b" ".join(rng.choices(words, k=size // 6))


def zipped(members: dict[str, bytes], level: int = 6, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=level) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method, level)
    return out.getvalue()


PLAIN = {"a.txt": text(1), "b/c.txt": text(2), "empty": b""}
SOUND = zipped(PLAIN)


def rezipped(plain: bytes, packed: bytes) -> bytes:
    """A zip whose one member, of these plain bytes, was deflated by another library."""
    data = bytearray(zipped({"lib.txt": plain}, method=zipfile.ZIP_STORED))
    start = data.index(plain)
    data[start : start + len(plain)] = packed
    directory = data.index(b"PK\x01\x02")
    for at in (8, directory + 10):
        struct.pack_into("<H", data, at, 8)
    for at in (18, directory + 20):
        struct.pack_into("<I", data, at, len(packed))
    struct.pack_into("<I", data, len(data) - 6, directory)
    return bytes(data)


def miniz_zip() -> bytes:
    """As maturin's wheels are."""
    return rezipped(text(3), bytes(cramjam.deflate.compress(text(3), level=6)))


def zlib_ng_zip(feed: int, size: int = 200_000) -> bytes:
    """As `zipfile` writes where zlib is zlib-ng: `writestr` gives it all at once, `write` 8 KiB at a time."""
    plain = text(9, size)
    compressor = zlib_ng.compressobj(6, zlib.DEFLATED, -15)
    parts = [compressor.compress(plain[at : at + feed]) for at in range(0, len(plain), feed)]
    return rezipped(plain, b"".join(parts) + compressor.flush())


def tar_gz(level: int = 9) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in PLAIN.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), level, mtime=0)


@pytest.mark.parametrize(
    ("data", "members", "engine"),
    [
        (SOUND, 2, 6),
        (zipped(PLAIN, 1), 2, 1),
        (zipped(PLAIN, 9), 2, 9),
        (miniz_zip(), 1, 26),
        (gzip.compress(text(4), 6, mtime=0), 1, 6),
        (tar_gz(), 1, 9),
        (zlib_ng_zip(1 << 20), 1, 36),
        (zlib_ng_zip(8 * 1024), 1, 66),
        (zlib_ng_zip(16 * 1024), 1, 76),
        (igzip.compress(text(4), 2, mtime=0), 1, 53),
        (zipped({"inner.zip": SOUND, "x.txt": text(5)}), 2, 6),
        (zipped({"stored.whl": SOUND}, method=zipfile.ZIP_STORED), 2, 6),
    ],
    ids=[
        "zip-6",
        "zip-1",
        "zip-9",
        "miniz",
        "gzip",
        "tar-gz",
        "zlib-ng",
        "zlib-ng-8k",
        "zlib-ng-16k",
        "igzip",
        "zip-in-zip",
        "stored",
    ],
)
def test_an_archive_comes_back_bit_for_bit(data: bytes, members: int, engine: int, tmp_path: Path) -> None:
    """[F-46], [F-47], [F-48]"""
    opening = opened_target(data, tmp_path)
    if not members:
        assert opening is None
        return
    assert opening is not None and len(opening.members) == members
    assert {member.engine for member in opening.members} == {engine}
    assert given_back(opening) == data


def test_archives_within_archives_are_opened_too(tmp_path: Path) -> None:
    deep = zipped({"middle.zip": zipped({"inner.zip": SOUND})})
    opening = opened_target(deep, tmp_path)
    assert opening is not None
    middle = opening.members[0].opening
    assert middle is not None and middle.members[0].opening is not None
    assert [m.name for m in middle.members[0].opening.members] == ["a.txt", "b/c.txt"]
    assert given_back(opening) == deep


def test_a_release_with_archives_of_other_engines_is_rebuilt_and_names_them(tmp_path: Path) -> None:
    """[F-8], [F-45]: a change of a line within costs a line, not the archive."""
    base = write_tree(tmp_path / "old", {"a.whl": zlib_ng_zip(1 << 20, 150_000), "b.gz": igzip.compress(text(4), 2)})
    new = {"a.whl": zlib_ng_zip(1 << 20, 151_000), "b.gz": igzip.compress(text(4) + b"one more", 2)}
    build_from(write_tree(tmp_path / "new", new), [base], tmp_path / "x.unrep")
    assert content_of(tmp_path / "x.unrep", base) == new
    assert (tmp_path / "x.unrep").stat().st_size < 3000
    with open_bundle(tmp_path / "x.unrep", TRUST) as bundle:
        assert bundle.root.sections[0].features == [ISAL_FEATURE, ZLIB_NG_FEATURE]


def test_archives_that_other_recipes_use_are_kept_whole(tmp_path: Path) -> None:
    """[F-48]: one that stands twice, and one within another: both are kept while they are being made."""
    inner = zipped({f"{number}.txt": text(number) for number in range(4)})
    new = {"a.zip": inner, "b.zip": zipped({"inner.zip": inner, "more.txt": text(5)}), "c.zip": inner}
    base = write_tree(tmp_path / "old", {"f": b"x"})
    build_from(write_tree(tmp_path / "new", new), [base], tmp_path / "x.unrep", full=True)
    assert content_of(tmp_path / "x.unrep", base) == new
    assert content_of(tmp_path / "x.unrep", None) == new


def test_what_no_engine_gives_back_stays_compressed(tmp_path: Path) -> None:
    """One member is deflated in a way that no engine has; the others are opened all the same."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15, 8, zlib.Z_HUFFMAN_ONLY)
    odd = compressor.compress(PLAIN["a.txt"]) + compressor.flush()
    out = io.BytesIO(SOUND)
    stream = streams_in(SOUND)[0]
    data = bytearray(SOUND[: stream.offset] + odd + SOUND[stream.offset + stream.length :])
    shift = len(odd) - stream.length
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    for at in (18, first + 20):
        struct.pack_into("<I", data, at, len(odd))
    for central in (second, data.index(b"PK\x01\x02", second + 4)):
        struct.pack_into("<I", data, central + 42, struct.unpack_from("<I", data, central + 42)[0] + shift)
    struct.pack_into("<I", data, len(data) - 6, first)
    assert [s.name for s in streams_in(bytes(data))] == ["a.txt", "b/c.txt"]
    opening = opened_target(bytes(data), tmp_path)
    assert opening is not None and [(m.name, m.engine) for m in opening.members] == [("a.txt", None), ("b/c.txt", 6)]
    assert given_back(opening) == bytes(data)
    assert out.getvalue() == SOUND


def patched(at: int, form: str, value: int) -> Callable[[], bytes]:
    def make() -> bytes:
        data = bytearray(SOUND)
        struct.pack_into(form, data, at if at >= 0 else len(data) + at, value)
        return bytes(data)

    return make


CENTRAL = SOUND.index(b"PK\x01\x02")
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "only-a-signature": lambda: b"PK",
    "no-end-record": lambda: SOUND[:-22],
    "cut": lambda: SOUND[:-1],
    "trailing": lambda: SOUND + b"x",
    "directory-beyond": patched(-6, "<I", 0xFFFFFFFF),
    "directory-size": patched(-10, "<I", 0xFFFFFFF0),
    "count": patched(-12, "<H", 0xFFFF),
    "count-lies": patched(-12, "<H", 60_000),
    "encrypted": patched(CENTRAL + 8, "<H", 1),
    "method": patched(CENTRAL + 10, "<H", 12),
    "packed-size-0": patched(CENTRAL + 20, "<I", 0),
    "packed-size-zip64": patched(CENTRAL + 20, "<I", 0xFFFFFFFF),
    "plain-size": patched(CENTRAL + 24, "<I", 7),
    "plain-size-zip64": patched(CENTRAL + 24, "<I", 0xFFFFFFFF),
    "plain-size-bomb": patched(CENTRAL + 24, "<I", 0x7FFFFFFF),
    "offset-beyond": patched(CENTRAL + 42, "<I", 0xFFFFFFF0),
    "offset-overlaps": patched(SOUND.index(b"PK\x01\x02", CENTRAL + 4) + 42, "<I", 0),
    "name-length": patched(CENTRAL + 28, "<H", 0xFFFF),
    "no-local-header": patched(0, "<I", 0),
    "gzip-cut": lambda: gzip.compress(b"x" * 100)[:-1],
    "gzip-trailing": lambda: gzip.compress(b"x" * 100, mtime=0) + b"\0" * 8,
    "gzip-two": lambda: gzip.compress(text(6)) + gzip.compress(text(7)),
    "gzip-size-lies": lambda: gzip.compress(text(6))[:-4] + struct.pack("<I", 5),
    "gzip-flags": lambda: b"\x1f\x8b\x08\xff" + bytes(40),
    "gzip-name-endless": lambda: b"\x1f\x8b\x08\x08" + b"x" * 100_000,
    "gzip-extra": lambda: b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + bytes(20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_that_lies_is_plain_bytes_or_comes_back(name: str, tmp_path: Path) -> None:
    """[F-46]: never an error, on neither side; what is opened is given back exactly."""
    data = HOSTILE[name]()
    opening = opened_target(data, tmp_path)
    assert opening is None or given_back(opening) == data
    found = open_archive(MemoryObject(data), None, AMPLE, b"")
    based = opened(tmp_path, data, b"other")[0]
    assert found.count - 1 == (2 * len(based.members) if based else 0)


def test_random_damage_never_fails(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    for sound in (SOUND, tar_gz(), miniz_zip()):
        for _ in range(150):
            data = bytearray(sound)
            for _ in range(rng.choice((1, 1, 2, 8))):
                data[rng.randrange(len(data)) if rng.random() < 0.5 else -rng.randrange(1, 300)] = rng.randrange(256)
            for stream in streams_in(bytes(data)):
                assert (
                    sum(map(len, stream.coding.unpack(Window(MemoryObject(bytes(data)), stream.offset, stream.length))))
                    == stream.size
                )
            opening = opened_target(bytes(data), tmp_path)
            assert opening is None or given_back(opening) == bytes(data)


def test_both_sides_open_a_base_alike(tmp_path: Path) -> None:
    """[F-46]: what the builder numbers is what the reader finds."""
    for data in (SOUND, tar_gz(), miniz_zip()):
        ashore = opened(tmp_path, data, b"other")[0]
        aboard = open_archive(MemoryObject(data), None, AMPLE, b"\1" * 99)
        assert ashore is not None
        objects = [aboard.object(within) for within in range(aboard.count)]
        plain, stored = [m.content for m in ashore.members], [m.stored for m in ashore.members]
        expected = [read_content(content) for content in (ashore.skeleton, *plain, *stored)]
        assert [o.read_at(0, o.size) for o in objects] == expected


def test_heads_that_lead_nowhere_cost_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-77]: each of thousands of local headers with a wrong checksum would have all that follows inflated."""
    packed = zlib.compress(bytes(1_000_000), 9, -15)
    wrong = b"PK\3\4" + struct.pack("<HHHIIIIHH", 20, 0, 8, 0, 7, len(packed), 1_000_000, 1, 0) + b"m" + packed
    asked = []
    real = streams._unpack_all

    def watched(*arguments: Any) -> object:
        asked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(streams, "_unpack_all", watched)
    monkeypatch.setattr(streams, "FREE_STEPS", 50)
    data = wrong * 100 + SOUND
    assert streams_in(data) == []
    assert len(asked) == 50 + len(data) // BYTES_A_STEP
    assert FREE_STEPS == 1024


def test_a_search_ends_at_its_most_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-77]: what stands behind stays in the skeleton."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 1)
    search = streams.Search(MemoryObject(SOUND))
    assert [stream.name for stream in search.streams()] == ["a.txt"]
    assert search.ended_at == SOUND.index(b"PK\3\4", 4)


def streamed(engine: int, *chunks: bytes) -> bytes:
    return b"".join(pack_stream(engine, iter(chunks)))


@pytest.mark.parametrize("engine", CANDIDATES)
def test_every_candidate_is_found_by_its_output(engine: int) -> None:
    """[F-45]: one that gives the same bytes will do as well."""
    content = text(8, 60_000) + random.Random(SEED).randbytes(5000)
    stream = streamed(engine, content)
    assert zlib.decompress(stream, -15) == content
    found = engine_of(content, stream, 6)
    assert found is not None and streamed(found, content) == stream
    assert engine == found or CANDIDATES.index(found) < CANDIDATES.index(engine)


def test_candidates_are_engines_and_none_stands_twice() -> None:
    assert set(CANDIDATES) <= set(ENGINES)
    assert len(set(CANDIDATES)) == len(CANDIDATES)


def test_what_no_engine_gives_is_none() -> None:
    assert engine_of(text(8), b"\x03\x00", 6) is None
    assert engine_of(text(8), streamed(6, text(8)) + b"\0", 6) is None
    assert engine_of(text(8), streamed(6, text(8))[:-1], 6) is None


@pytest.mark.parametrize("engine", [6, 26, 36, 49, 53, 66])
def test_large_members_are_found_by_their_start_and_then_compared_whole(engine: int) -> None:
    content = text(10, 100_000) + random.Random(SEED).randbytes(600_000) + text(10, 100_000)
    stream = streamed(engine, content)
    assert len(stream) > 2 * PROBE_BYTES
    assert engine_of(content, stream, engine) == engine
    found = engine_of(content, stream, 6)
    assert engine not in CANDIDATES or (found is not None and streamed(found, content) == stream)
    assert engine_of(content, stream[:-9] + bytes(9), engine) is None


def test_a_large_member_is_not_made_whole_by_engines_that_start_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    content = random.Random(SEED).randbytes(2_000_000)
    stream = streamed(66, content[:1_500_000] + text(11, 600_000)) + b"x"
    made: list[int] = []
    real = cramjam.deflate.compress

    def compress(data: bytes, level: int) -> bytes:
        made.append(len(data))
        return bytes(real(data, level=level))

    monkeypatch.setattr(engines, "cramjam", SimpleNamespace(deflate=SimpleNamespace(compress=compress)))
    assert engine_of(content, stream, 6) is None
    assert made and max(made) <= 2 * PROBE_BYTES


def test_only_zlib_is_tried_on_members_that_are_too_large_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-45]"""
    monkeypatch.setattr(engines, "MAX_JOINED_BYTES", 1000)
    content = text(12)
    assert engine_of(content, streamed(6, content), 36) == 6
    assert engine_of(content, streamed(36, content), 36) is None
    assert MAX_JOINED_BYTES == 64 << 20


SOME = sorted({engine for engine in ENGINES if engine < 200} | {200, 238, 264, 302})  # of xz, which has very many


@pytest.mark.parametrize("engine", SOME)
def test_an_engine_writes_the_same_however_the_chunks_fall(engine: int) -> None:
    """[F-45]: a reader's chunks are not the builder's."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    content = text(13, 150_000) + rng.randbytes(3000) + bytes(20_000)
    cuts = sorted(rng.sample(range(len(content)), 40))
    chunks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert streamed(engine, *chunks) == streamed(engine, content)
    for plain, stream in ((content, streamed(engine, *chunks)), (b"", streamed(engine))):
        assert b"".join(coding_of(engine).unpack_exactly(MemoryObject(stream))) == plain


FEATURES = {ZLIB_FEATURE, MINIZ_FEATURE, ZLIB_NG_FEATURE, ISAL_FEATURE, BZIP2_FEATURE, XZ_FEATURE, ZOPFLI_FEATURE}


def test_engines_are_present_by_their_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-45]: another library under the same name gives other bytes, and is not used."""
    assert present_features() == FEATURES
    assert {feature_of(engine) for engine in ENGINES} == FEATURES
    before = {feature: fingerprint(feature) for feature in FEATURES}
    for library, feature in ((zlib, ZLIB_FEATURE), (zlib_ng, ZLIB_NG_FEATURE)):
        with monkeypatch.context() as patch:
            real = library.compressobj
            patch.setattr(library, "compressobj", lambda level, *rest, real=real: real(min(level + 1, 9), *rest))
            assert {other for other in FEATURES if fingerprint(other) != before[other]} == {feature}


@pytest.mark.parametrize(("module", "feature"), [("zlib_ng", ZLIB_NG_FEATURE), ("isal", ISAL_FEATURE)])
def test_an_engine_whose_package_is_missing_is_not_tried(
    module: str, feature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[F-45]: neither ashore nor aboard; all else goes on."""
    content = text(14)
    mine = next(engine for engine in (36, 53) if feature_of(engine) == feature)
    stream = streamed(mine, content)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(engines, "_has", cache(engines._has.__wrapped__))
    assert present_features() == FEATURES - {feature}
    assert engine_of(content, stream, mine) is None
    assert engine_of(content, streamed(9, content), 6) == 9


@pytest.mark.parametrize(("iterations", "size"), [(15, 20_000), (3, 20_000)])
def test_zopfli_is_found_by_its_usual_iterations(iterations: int, size: int) -> None:
    """[F-45]: one with other iterations that gives the same bytes will do as well."""
    content = text(15, size)
    stream = streamed(130 + iterations, content)
    found = engine_of(content, stream, 6)
    assert found and 131 <= found <= 145 and streamed(found, content) == stream
    assert engine_of(content, stream[:-9] + stream[-9:][::-1], 6) is None


def test_what_zopfli_packs_counts_for_more() -> None:
    """[F-133]: it is told before anything is packed."""
    spent: list[int] = []
    skeleton = write_varints([1, 0, 0])
    for engine in (145, 6):
        list(rebuild(MemoryObject(skeleton), [MemoryObject(b"x" * 10)], [engine], AMPLE, spend=spent.append))
    assert spent == [640, 10]


def test_zopfli_is_not_asked_where_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-132]: a larger member, a stream as long as that of zlib, and a full section."""
    content = text(16, 60_000)
    stream = streamed(145, content)
    assert ZOPFLI_FEATURE in present_features()
    asked: list[int] = []

    def nothing(_: bytes, numiterations: int, **others: int) -> bytes:
        asked.append(numiterations)
        return b""

    monkeypatch.setattr(zopfli, "compress", nothing)
    other = as_tar(made_up(1, files=2))
    assert engine_of(other, deflated_otherwise(other), 6) is None and not asked
    assert engine_of(content, stream, 6, COMMON_FEATURES) is None and not asked
    assert engine_of(content, stream, 6) is None and asked == [15, 5, 10, 3, 1]
    with pytest.raises(Malformed, match="16777216"):
        check_member(145, (16 << 20) + 1)
    check_member(145, 16 << 20)


@pytest.mark.parametrize("engine", [0, 10, 20, 40, 50, 54, 55, 60, 65, 77, 90, 100, 130, 146])
def test_an_unknown_engine_is_refused(engine: int) -> None:
    """[F-48]"""
    with pytest.raises(Malformed, match="unknown"):
        feature_of(engine)


@pytest.mark.parametrize(
    ("skeleton", "members"),
    [
        (b"", 0),
        (write_varints([2, 0, 0]), 1),
        (write_varints([1, 0, 0]), 2),
        (write_varints([1, 0, 9]) + b"short", 1),
        (write_varints([1]), 1),
        (write_varints([1 << 40]), 1),
    ],
)
def test_a_skeleton_that_does_not_fit_is_refused(skeleton: bytes, members: int) -> None:
    """[F-47], [F-48]"""
    with pytest.raises(Malformed):
        list(rebuild(MemoryObject(skeleton), [MemoryObject(b"x")] * members, [6] * members, AMPLE))


def test_a_skeleton_holds_all_but_the_streams() -> None:
    """[F-47]"""
    found = streams_in(SOUND)
    skeleton = skeleton_of(SOUND)
    assert len(skeleton) == len(SOUND) - sum(s.length for s in found) + len(
        write_varints([2, 0, found[0].offset, found[1].offset - found[0].offset - found[0].length])
    )
