"""Builds: what they hold, what they refuse, and that the bytes depend on the releases alone: bundle.write.builder."""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest
import zstandard

from bundle.errors import InputError
from bundle.format.codecs import LZMA2
from bundle.format.index import Stream, decode_frame
from bundle.format.manifest import TreeManifest
from bundle.read.reader import open_bundle, stored_bytes
from bundle.read.tree import scan
from bundle.write import builder
from bundle.write.builder import LARGE_PIECE_BYTES, PIECE_BYTES
from bundle.write.tournament import encode_object
from tests.support.contents.images import image_pair
from tests.support.contents.releases import TRUST, Tree, build_from, content_of, take_apart, write_tree

SEED = 20261124


def releases() -> tuple[Tree, Tree]:
    """Two releases between which every kind of file changes."""
    print(f"seed {SEED}")
    rng = Random(SEED)
    text = b"".join(b"line %d %s\n" % (number, rng.randbytes(3).hex().encode()) for number in range(400))
    noise = rng.randbytes(30_000)
    old_image, new_image = image_pair(SEED)
    old = {"a.txt": text, "gone.txt": b"gone\n", "lib-1.0.bin": noise, "core.dll": old_image, "same": b"same\n"}
    new = {
        "a.txt": text.replace(b"line 200", b"line two hundred"),
        "lib-1.1.bin": noise[:9000] + b"a new stretch" + noise[9000:],
        "core.dll": new_image,
        "moved": b"same\n",
        "new/x.bin": rng.randbytes(500),
    }
    return old, new


def test_a_delta_gives_the_target(tmp_path: Path) -> None:
    old, new = releases()
    base = write_tree(tmp_path / "old", old)
    report = build_from(write_tree(tmp_path / "new", new), [base], tmp_path / "x.unrep")
    assert content_of(tmp_path / "x.unrep", base) == new
    assert report.total_bytes == (tmp_path / "x.unrep").stat().st_size < 10_000
    assert report.recipes == {"patch": 3, "reaimed": 1, "literal": 1}
    (needed,) = report.bases
    assert needed == (scan(base).tree_hash, report.total_bytes)


def test_a_full_release_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-22]: the manifest in a frame of its own, groups of objects in others."""
    monkeypatch.setattr("bundle.write.sections.FULL_FRAME_BYTES", 40_000)
    _, new = releases()
    report = build_from(write_tree(tmp_path / "new", new), [], tmp_path / "x.unrep")
    assert content_of(tmp_path / "x.unrep", None) == new and report.bases == []
    frames = take_apart(tmp_path / "x.unrep").index.frames
    steps = [list(decode_frame(frame, 0, lambda _: False, "here")) for frame in frames]
    assert [step.place for step in steps[0]] == [0]
    assert len(steps) > 2 and sum(map(len, steps)) == 6


def test_several_bases_and_the_full_release(tmp_path: Path) -> None:
    old, new = releases()
    bases = [write_tree(tmp_path / "old", old), write_tree(tmp_path / "older", {**old, "a.txt": b"ancient\n"})]
    report = build_from(write_tree(tmp_path / "new", new), bases, tmp_path / "x.unrep", full=True)
    for base in (*bases, None):
        assert content_of(tmp_path / "x.unrep", base) == new
    with open_bundle(tmp_path / "x.unrep", TRUST) as bundle:
        assert [section.kind for section in bundle.root.sections] == ["delta", "delta", "full"]
        sizes = [stored_bytes(bundle.root, section) for section in bundle.root.sections]
        assert [needed for _, needed in report.bases] == [bundle.verified.header_bytes + size for size in sizes[:2]]


def test_large_objects_are_matched_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the object: it is never read whole, and what is new in it is packed from the file."""
    monkeypatch.setattr("bundle.write.tournament.WHOLE_BYTES", 10_000)
    monkeypatch.setattr("bundle.write.tournament.LONG_BYTES", 5_000)
    monkeypatch.setattr("bundle.write.packing.FEW_BYTES", 10_000)
    monkeypatch.setattr("bundle.format.contents.CHUNK_BYTES", 1_000)
    noise = Random(SEED).randbytes(45_000)
    old, new = (
        {"f": noise, "g": b"x"},
        {"f": noise[:20_000] + b"inserted" + noise[20_000:] + Random(SEED + 1).randbytes(12_000)},
    )
    base = write_tree(tmp_path / "old", old)
    report = build_from(write_tree(tmp_path / "new", new), [base], tmp_path / "x.unrep")
    assert content_of(tmp_path / "x.unrep", base) == new
    assert report.recipes == {"patch": 2} and report.total_bytes < 13_000
    parts = take_apart(tmp_path / "x.unrep")
    extra = next(pack for pack in parts.index.frames[0].packs if pack.stream == Stream.EXTRA)
    assert extra.packed.codec >= LZMA2 + 12 and extra.packed.size >= 12_000


class Backwards(ThreadPoolExecutor):
    """An executor that ends what was given to it last first."""

    def submit(self, work, /, *arguments, **named):  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        waiting = len(self.__dict__.setdefault("given", []))
        self.__dict__["given"].append(future)

        def late() -> None:
            time.sleep(max(0.0, 0.05 - 0.005 * waiting))
            future.set_result(work(*arguments, **named))

        super().submit(late)
        return future


def test_the_same_bytes_whoever_does_the_work(tmp_path: Path) -> None:
    """One thread, four that end in another order, and processes."""
    old, new = releases()
    base, target = write_tree(tmp_path / "old", old), write_tree(tmp_path / "new", new)
    found = set()
    for pool in (ThreadPoolExecutor(1), Backwards(16), ProcessPoolExecutor(2, get_context("spawn"))):
        with pool:
            build_from(target, [base], tmp_path / "x.unrep", pool, full=True)
        found.add(sha256((tmp_path / "x.unrep").read_bytes()).digest())
    assert len(found) == 1


def test_the_same_bytes_wherever_the_release_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    old, new = releases()
    for place in ("here", "there"):
        base, target = write_tree(tmp_path / place / "old", old), write_tree(tmp_path / place / "new", new)
        build_from(target, [base], tmp_path / f"{place}.unrep")
    assert (tmp_path / "here.unrep").read_bytes() == (tmp_path / "there.unrep").read_bytes()


def test_times_are_read_when_the_files_are_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who touches a file during the build changes no byte of it."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    new = write_tree(tmp_path / "new", {"a": b"1"})
    os.utime(new / "a", (1_700_000_000, 1_700_000_000))
    real = builder._scan_bases

    def touching(*arguments: Any) -> Any:
        os.utime(new / "a", (1_800_000_000, 1_800_000_000))
        return real(*arguments)

    monkeypatch.setattr(builder, "_scan_bases", touching)
    assert build_from(new, [], tmp_path / "x.unrep").root.created == 1_700_000_000


def test_created_is_the_newest_file_or_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    target = write_tree(tmp_path / "new", {"a": b"1", "b": b"2"})
    os.utime(target / "a", (1_600_000_000, 1_600_000_000))
    os.utime(target / "b", (1_500_000_000, 1_500_000_000))
    assert build_from(target, [], tmp_path / "x.unrep").root.created == 1_600_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "17")
    assert build_from(target, [], tmp_path / "x.unrep").root.created == 17
    for given, shown in (("yesterday", "yesterday"), ("9" * 5000, "999"), ("٣", "٣"), ("\x1b", r"\\x1b")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
        with pytest.raises(InputError, match=f"SOURCE_DATE_EPOCH: '{shown}"):
            build_from(target, [], tmp_path / "x.unrep")


def test_sidecars_hold_names_and_the_hash(tmp_path: Path) -> None:
    base = write_tree(tmp_path / "old", {"a": b"1"})
    target = write_tree(tmp_path / "new", {"a": b"2"})
    build_from(target, [base], tmp_path / "x.unrep")
    line = (tmp_path / "x.unrep.sha256").read_text(encoding="ascii")
    assert line == f"{sha256((tmp_path / 'x.unrep').read_bytes()).hexdigest()}  x.unrep\n"
    listing = zstandard.decompress((tmp_path / "x.unrep.manifests").read_bytes())
    manifests, not_opened = msgspec.msgpack.decode(listing)
    found = [TreeManifest.decode(data, "any") for data in manifests]
    assert found == [scan(target), scan(base)] and not_opened == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "new", "old", "x.unrep", "x.unrep.manifests", "x.unrep.sha256",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"version": "1."}, "version '1.'"),
        ({"product": ""}, "product ''"),
        ({"epoch": -1}, "epoch -1"),
        ({"bases": ["new"]}, "new: the same release as .*new; there is nothing to send"),
        ({"bases": ["old", "same-as-old"]}, "same-as-old: the same release as .*old; name every base once"),
        ({"bases": ["nowhere"]}, "nowhere: not a directory"),
        ({"new": "nowhere"}, "nowhere: not a directory"),
        ({"out": "old"}, "old: is a directory"),
        ({"out": "nowhere/x.unrep"}, "nowhere: no such directory"),
    ],
)
def test_what_cannot_be_built_is_named(given: dict[str, Any], word: str, tmp_path: Path) -> None:
    for name, content in (("old", b"1"), ("same-as-old", b"1"), ("new", b"2")):
        write_tree(tmp_path / name, {"a": content})
    before = sorted(tmp_path.rglob("*"))
    words = {"new": "new", "out": "x.unrep", "bases": ["old"], **given}
    new, out = tmp_path / words.pop("new"), tmp_path / words.pop("out")
    bases = [tmp_path / name for name in words.pop("bases")]
    with pytest.raises(InputError, match=word):
        build_from(new, bases, out, **words)
    assert sorted(tmp_path.rglob("*")) == before


T = TypeVar("T")


class Meddling(ThreadPoolExecutor):
    """An executor under which a file of the release changes while the build runs."""

    path: Path

    def submit(self, fn: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        if getattr(fn, "args", ()) == (encode_object,):  # of a batch
            self.path.write_bytes(self.path.read_bytes().replace(b"1", b"2"))
        return super().submit(fn, *args, **options)


def test_a_file_that_changes_under_the_build_is_found_before_the_bundle_has_its_name(tmp_path: Path) -> None:
    target = write_tree(tmp_path / "new", {"a": b"1" * 100})
    (tmp_path / "x.unrep").write_bytes(b"the one before")
    with Meddling(1) as pool, pytest.raises(InputError, match="does not give back the release; did a file change"):
        pool.path = target / "a"
        build_from(target, [], tmp_path / "x.unrep", pool)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "x.unrep"]
    assert (tmp_path / "x.unrep").read_bytes() == b"the one before"


def test_pieces_are_larger_in_large_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write_tree(tmp_path / "new", {"a": b"12345"})
    assert build_from(target, [], tmp_path / "x.unrep").root.piece_size == PIECE_BYTES == 1 << 16
    monkeypatch.setattr("bundle.write.builder.LARGE_RELEASE_BYTES", 4)
    assert build_from(target, [], tmp_path / "x.unrep").root.piece_size == LARGE_PIECE_BYTES == 1 << 18


@pytest.mark.skipif(os.name != "posix", reason="modes and links")
def test_posix_releases_keep_links_and_names(tmp_path: Path) -> None:
    """[F-12], [F-18]"""
    for name, target in (("old", "b"), ("new", "c")):
        write_tree(tmp_path / name, {"b": b"1", "c": b"2", "aux": name.encode()})
        (tmp_path / name / "link").symlink_to(target)
    report = build_from(tmp_path / "new", [tmp_path / "old"], tmp_path / "x.unrep", platform="posix", full=True)
    assert report.root.platform == "posix" and report.root.entries == 4
    with pytest.raises(InputError, match="--platform posix"):
        build_from(tmp_path / "new", [tmp_path / "old"], tmp_path / "x.unrep")
