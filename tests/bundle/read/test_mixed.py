"""Deltas that cannot make everything, with the full section for the rest: bundle.read.mixed [F-62]."""

import io
import random
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from isal import isal_zlib

from bundle.archives.engines import COMMON_FEATURES, ENGINE_FEATURES, ISAL_FEATURE, ZLIB_FEATURE
from bundle.errors import Corrupt, Unsupported
from bundle.format.index import Archive, Copy, Literal, Patch, Rebased, decode_frame
from bundle.format.pieces import MIN_PIECE_BYTES
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.mixed import MixedEvaluation
from bundle.read.reader import VerifiedBundle, open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.write import builder, sections
from tests.support.contents.images import image_pair
from tests.support.contents.releases import TRUST, Tree, build_from, write_tree

SEED = 71
OLD_IMAGE, NEW_IMAGE = image_pair(SEED)


def prose(seed: int, words: int = 4000) -> bytes:
    choose = random.Random(seed)
    return b" ".join(choose.randbytes(choose.randrange(1, 5)).hex().encode() for _ in range(words))


def zipped(plain: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("member.txt"), plain, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def gzipped_by_isal(plain: bytes) -> bytes:
    packed = isal_zlib.compress(plain, 2, -15)
    ends = isal_zlib.crc32(plain).to_bytes(4, "little") + len(plain).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed + ends


OLD: Tree = {
    "a.txt": prose(1),
    "b.txt": prose(2),
    "kept.txt": prose(3),
    "kept twice.txt": prose(3),
    "library.dll": OLD_IMAGE,
    "page.html": prose(4),
    "program.whl": zipped(prose(5)),
    "table.gz": gzipped_by_isal(prose(6)),
    "z.txt": prose(7),
}
NEW: Tree = {
    "a.txt": OLD["a.txt"] + b" and more",
    "b.txt": OLD["b.txt"][:9000] + b"other" + OLD["b.txt"][9000:],
    "kept.txt": OLD["kept.txt"],
    "kept twice.txt": OLD["kept.txt"],
    "library.dll": NEW_IMAGE,
    "moved/page.html": OLD["page.html"],
    "new.txt": prose(8),
    "program.whl": zipped(prose(5) + b" and more"),
    "table.gz": gzipped_by_isal(prose(6) + b" and more"),
    "z.txt": OLD["z.txt"][:-5] + b"ending",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`new.unrep`, a delta and the full release in frames of few files, beside its base `old`."""
    directory = tmp_path_factory.mktemp("mixed")
    write_tree(directory / "old", OLD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "FULL_FRAME_BYTES", 40_000)
        patch.setattr(builder, "PIECE_BYTES", MIN_PIECE_BYTES)
        build_from(write_tree(directory / "new", NEW), [directory / "old"], directory / "new.unrep", full=True)
    return directory


@pytest.fixture
def bundle(built: Path) -> Iterator[VerifiedBundle]:
    with open_bundle(built / "new.unrep", TRUST) as opened:
        yield opened


def content(evaluation: Evaluation | MixedEvaluation, have: Tree) -> Tree:
    """The release's files, from what is made and the base's files that are left."""
    manifest = evaluation.draft
    by_hash = {manifest.entry(place).hash: b"".join(chunks) for place, chunks in evaluation.objects()}
    evaluation.finished()
    by_hash |= {entry.hash: have[entry.path] for entry in manifest.entries if have.get(entry.path) == NEW[entry.path]}
    by_hash |= {
        entry.hash: have["page.html"] for entry in manifest.entries if "page" in entry.path and "page.html" in have
    }
    return {entry.path: by_hash[entry.hash] for entry in manifest.entries}


def mixed(
    built: Path, bundle: VerifiedBundle, lost: Collection[str], engines: frozenset[str] = ENGINE_FEATURES
) -> MixedEvaluation:
    base = DirectoryBase(built / "old", scan(built / "old"))
    places = [place for place, entry in enumerate(base.manifest.entries, 1) if entry.path in lost]
    delta, full = bundle.root.sections
    first = open_evaluation(bundle.open_section(delta), base, engines, lost=places)
    rest = open_evaluation(bundle.open_section(full), None, engines, beside=first)
    return MixedEvaluation(first, rest, base.manifest.without(places))


def taken(evaluation: MixedEvaluation) -> set[str]:
    return {evaluation.draft.entry(place).path for place in evaluation.taken}


def test_the_delta_uses_every_kind_of_recipe(built: Path, bundle: VerifiedBundle) -> None:
    index = bundle.open_section(bundle.root.sections[0]).index
    kinds = {type(step.recipe) for step in decode_frame(index.frames[0], index.base_objects, lambda _: False, "index")}
    assert {Literal, Patch, Rebased, Archive} <= kinds and Copy not in kinds
    assert len(bundle.open_section(bundle.root.sections[1]).index.frames) > 4


@pytest.mark.parametrize("path", sorted(OLD))
def test_one_lost_file_costs_what_comes_from_it(built: Path, bundle: VerifiedBundle, path: str) -> None:
    """[F-62]"""
    evaluation = mixed(built, bundle, [path])
    expected = {"kept twice.txt": set(), "kept.txt": set(), "page.html": {"moved/page.html"}}.get(path, {path})
    assert taken(evaluation) == expected
    assert content(evaluation, {name: data for name, data in OLD.items() if name != path}) == NEW


def test_any_files_may_be_lost(built: Path, bundle: VerifiedBundle) -> None:
    """[F-62]"""
    print(f"seed {SEED}")
    choose = random.Random(SEED)
    for _ in range(25):
        lost = choose.sample(sorted(OLD), choose.randrange(len(OLD) + 1))
        assert (
            content(mixed(built, bundle, lost), {name: data for name, data in OLD.items() if name not in lost}) == NEW
        )


def test_only_the_frames_in_need_are_read(built: Path, bundle: VerifiedBundle, tmp_path: Path) -> None:
    """[F-62]: everything else of the full section may be damaged, or not there; its manifest too."""
    section, manifest = bundle.root.sections[1], scan(built / "new")
    place = manifest.places[next(entry.hash for entry in manifest.entries if entry.path == "z.txt")]
    index = bundle.open_section(section).index
    frames = [{step.place for step in decode_frame(frame, 0, lambda _: False, "index")} for frame in index.frames]
    needed = next(number for number, places in enumerate(frames) if place in places)
    lengths = [sum(pack.packed.length for pack in frame.packs) for frame in index.frames]
    start = section.index.length + sum(lengths[:needed])
    end = start + lengths[needed]
    data = bytearray((built / "new.unrep").read_bytes())
    spoilt = 0
    for offset, piece in bundle.verified.pieces(section):
        at = piece.index * bundle.root.piece_size
        if piece.level and at >= section.index.length and (at + piece.length <= start or at >= end):
            data[offset : offset + piece.length] = bytes(piece.length)
            spoilt += piece.length
    assert needed and spoilt > section.length / 2
    (tmp_path / "spoilt.unrep").write_bytes(data)
    with open_bundle(tmp_path / "spoilt.unrep", TRUST) as opened:
        assert content(mixed(built, opened, ["z.txt"]), {k: v for k, v in OLD.items() if k != "z.txt"}) == NEW
        with pytest.raises(Corrupt):
            content(mixed(built, opened, ["a.txt"]), OLD)


WITHOUT_ISAL, WITHOUT_ZLIB = ENGINE_FEATURES - {ISAL_FEATURE}, ENGINE_FEATURES - {ZLIB_FEATURE}


def test_what_needs_a_missing_engine_comes_from_the_full_section(built: Path, bundle: VerifiedBundle) -> None:
    """[F-62], [F-45]: which leaves closed what only that engine would give."""
    root, base = bundle.root, scan(built / "old").tree_hash
    assert root.delta_section(base, WITHOUT_ISAL) is None
    assert root.delta_section(base, ENGINE_FEATURES) == root.sections[0]
    assert root.full_section(WITHOUT_ISAL) and COMMON_FEATURES.issuperset(root.sections[1].features)
    evaluation = mixed(built, bundle, [], WITHOUT_ISAL)
    assert taken(evaluation) == {"table.gz"} and content(evaluation, OLD) == NEW
    assert content(mixed(built, bundle, ["program.whl", "table.gz"], WITHOUT_ISAL), OLD) == NEW


def test_without_an_engine_that_is_common_it_is_refused(built: Path, bundle: VerifiedBundle) -> None:
    with pytest.raises(Unsupported, match=r"^program\.whl: needs a deflate engine that is missing here"):
        mixed(built, bundle, [], WITHOUT_ZLIB)


def test_a_delta_alone_is_never_taken_for_all(built: Path, bundle: VerifiedBundle) -> None:
    """Even where the root does not say what the recipes need."""
    base = DirectoryBase(built / "old", scan(built / "old"))
    evaluation = open_evaluation(bundle.open_section(bundle.root.sections[0]), base, WITHOUT_ISAL)
    with pytest.raises(Unsupported, match=r"^table\.gz"):
        evaluation.objects()
