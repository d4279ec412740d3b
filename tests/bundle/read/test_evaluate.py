"""Recipes evaluated, signed ones that lie among them: bundle.read.evaluate and bundle.read.packs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle.archives.engines import present_features
from bundle.errors import BaseMismatch, BundleError, Corrupt, Malformed
from bundle.format.manifest import TreeManifest
from bundle.format.varints import write_varints
from bundle.read.base_objects import BaseObjects
from bundle.read.completion import Completion
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.steps import decode_steps
from bundle.read.tree import DirectoryBase, scan
from tests.support.contents.releases import (
    TRUST,
    Parts,
    Tree,
    build_from,
    content_of,
    put_together,
    take_apart,
    write_tree,
)

LINES = b"".join(b"line %d of a text that changes in one place\n" % number for number in range(300))
OLD: Tree = {"a.txt": LINES, "b.bin": bytes(range(256)) * 4, "c.txt": b"as it was\n", "gone": b"gone\n"}
NEW: Tree = {
    "a.txt": LINES.replace(b"line 150", b"line 150 and a half"),
    "b.bin": bytes(range(256)) * 4,
    "c.txt": b"as it was\n",
    "d.txt": b"as it was\n",
    "e/new.txt": b"all new, without any likeness",
    "empty": b"",
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "old", OLD)


@pytest.fixture
def parts(tmp_path: Path, base: Path) -> Parts:
    """The delta taken apart: the manifest and a.txt by patches, e/new.txt as a literal."""
    build_from(write_tree(tmp_path / "new", NEW), [base], tmp_path / "x.unrep")
    return take_apart(tmp_path / "x.unrep")


@pytest.fixture
def evaluated(tmp_path: Path, base: Path) -> Callable[[Parts], Tree]:
    """What a receiver makes of parts."""

    def evaluate(parts: Parts) -> Tree:
        (tmp_path / "again.unrep").write_bytes(put_together(parts))
        return content_of(tmp_path / "again.unrep", base)

    return evaluate


def test_the_target_comes_out(parts: Parts, evaluated: Callable[[Parts], Tree]) -> None:
    """[F-31], [F-34], [F-36], [F-37]"""
    (frame,) = parts.index.frames
    assert sorted(frame.kinds) == [0, 2, 2]
    assert evaluated(parts) == NEW


def test_only_places_of_the_base_that_recipes_use(tmp_path: Path, parts: Parts, base: Path) -> None:
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        have = DirectoryBase(base, scan(base))
        evaluation = open_evaluation(bundle.open_section(bundle.root.sections[0]), have, present_features())
        assert {have.manifest.entry(place).path for place in evaluation.base_places()} == {"a.txt"}


@pytest.mark.parametrize("spoil", [lambda f: f.unlink(), lambda f: f.write_bytes(b"short")], ids=["missing", "shorter"])
def test_a_base_that_is_not_what_its_manifest_says(
    spoil: Callable[[Path], object], tmp_path: Path, parts: Parts, base: Path
) -> None:
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    have = DirectoryBase(base, scan(base))
    spoil(base / "a.txt")
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        evaluation = open_evaluation(bundle.open_section(bundle.root.sections[0]), have, present_features())
        with pytest.raises(BaseMismatch, match=r"a\.txt"):
            for _, chunks in evaluation.objects():
                list(chunks)


def test_objects_that_nobody_reads_shift_no_others(tmp_path: Path, parts: Parts, base: Path) -> None:
    """[F-27]: the packs are streams, and a.txt is made before e/new.txt."""
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        evaluation = open_evaluation(section, DirectoryBase(base, scan(base)), present_features())
        for _ in range(2):  # and a second run begins anew
            found = {place: b"".join(chunks) for place, chunks in evaluation.objects() if place == 5}
            assert found == {5: NEW["e/new.txt"]}
        for place, chunks in evaluation.objects():
            assert next(chunks) and place


def test_objects_that_nobody_reads_are_verified(tmp_path: Path, parts: Parts, base: Path) -> None:
    """[F-37]"""
    data = parts.streams[0][0]
    spoilt = parts.with_streams(s0=data[:-1] + bytes([data[-1] ^ 1]))
    (tmp_path / "again.unrep").write_bytes(put_together(spoilt))
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        evaluation = open_evaluation(section, DirectoryBase(base, scan(base)), present_features())
        list(evaluation.objects())
        with pytest.raises(Corrupt, match="another tree hash"):
            evaluation.finished()
        with pytest.raises(Corrupt, match="another tree hash"):
            list(evaluation.verify_objects())


def test_to_verify_all_objects_tells_their_sizes(tmp_path: Path, parts: Parts, base: Path) -> None:
    """[F-37]"""
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        evaluation = open_evaluation(section, DirectoryBase(base, scan(base)), present_features())
        sizes = [evaluation.draft.entry(place).size for place, _ in evaluation.objects()]
        assert list(evaluation.verify_objects()) == sizes and len(sizes) == 2


def test_an_object_cannot_be_read_after_its_turn(tmp_path: Path, parts: Parts, base: Path) -> None:
    """It would seem to be an empty file."""
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        evaluation = open_evaluation(section, DirectoryBase(base, scan(base)), present_features())
        for _, chunks in list(evaluation.objects()):
            with pytest.raises(RuntimeError, match="after the next object was asked for"):
                b"".join(chunks)


def test_to_make_an_evaluation_reads_nothing(tmp_path: Path, parts: Parts, base: Path) -> None:
    """All that reads and verifies is in `open_evaluation`; what that has opened is closed again."""
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    have = DirectoryBase(base, scan(base))
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        objects = BaseObjects(have, section.index.opened, None, 0)
        steps = decode_steps(section.index, objects.nesting, present_features(), ())
        bundle.close()
        manifest = scan(tmp_path / "new")
        draft = TreeManifest.of_draft(manifest.draft({1, 5}), {1, 5}, "any")
        evaluation = Evaluation(section, steps, objects, None, Completion(bundle.root, draft))
        assert evaluation.base_places() and evaluation.made == {1, 5} and not evaluation.room_bytes
        with pytest.raises(ValueError, match="closed file"):
            list(evaluation.objects())


def test_a_drifted_base_of_the_same_size_is_found_by_the_result(tmp_path: Path, parts: Parts, base: Path) -> None:
    """[F-37]: the right patch on the wrong bytes."""
    (tmp_path / "again.unrep").write_bytes(put_together(parts))
    have = DirectoryBase(base, scan(base))
    (base / "a.txt").write_bytes(LINES.swapcase())
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        evaluation = open_evaluation(bundle.open_section(bundle.root.sections[0]), have, present_features())
        for _, chunks in evaluation.objects():
            list(chunks)
        with pytest.raises(Corrupt, match="another tree hash"):
            evaluation.finished()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p: p.with_streams(s0=p.streams[0][0] + b"x"), "unused"),
        (lambda p: p.with_streams(s0=p.streams[0][0][:-1]), "LITERAL pack is too short"),
        (lambda p: p.with_streams(s0=None), "LITERAL pack is too short"),
        (lambda p: p.with_streams(s4=p.streams[0][4] + b"\0"), "unused"),
        (lambda p: p.with_streams(s4=p.streams[0][4][:-1]), "SKIP pack is too short"),
        (lambda p: p.with_streams(s5=p.streams[0][5] + b"x"), "unused"),
        (lambda p: p.with_streams(s5=p.streams[0][5][:-1]), "CHANGE pack is too short"),
        (lambda p: p.with_streams(s6=p.streams[0][6] + b"x"), "unused"),
        (lambda p: p.with_streams(s6=p.streams[0][6][:-1]), "EXTRA pack is too short"),
        (lambda p: p.with_streams(s1=p.streams[0][1] + b"\0"), "unused"),
        (lambda p: p.with_streams(s1=p.streams[0][1][:-1]), "control pack is too short|cut short"),
        (lambda p: p.with_streams(s2=None), "control pack is too short"),
        (lambda p: p.with_streams(s3=p.streams[0][3] + b"\x80"), "cut short"),
        (lambda p: p.with_streams(s7=b"\0"), "unused"),
        (lambda p: p.with_streams(s8=b"\0"), "unused"),
        (lambda p: p.with_streams(s1=write_varints([2**53 - 1] * 9)), "beyond its source or its size"),
    ],
)
def test_streams_come_out_even(
    change: Callable[[Parts], Parts], word: str, parts: Parts, evaluated: Callable[[Parts], Tree]
) -> None:
    """[F-27], [F-34], [F-40], [F-41]"""
    with pytest.raises(Malformed, match=word):
        evaluated(change(parts))


@pytest.mark.parametrize("stream", [0, 6])
def test_other_bytes_give_another_hash(stream: int, parts: Parts, evaluated: Callable[[Parts], Tree]) -> None:
    """[F-37]: the last byte of each stream is a file's."""
    data = parts.streams[0][stream]
    changed: dict[str, Any] = {f"s{stream}": data[:-1] + bytes([data[-1] ^ 1])}
    with pytest.raises(Corrupt, match="another tree hash"):
        evaluated(parts.with_streams(**changed))


# Other places give the draft another length, or leave its labels without an object.
MISPLACED = (
    r"exactly the objects that the base lacks|a place that no release has|the same content"
    r"|another length|a patch makes|its release has not|differ in length|does not go with its hash"
)


def places(parts: Parts, *found: int) -> Parts:
    steps = [place - before for before, place in zip((0, *found), found, strict=False)]
    return parts.with_frame(places=steps)


def test_each_place_is_made_once(parts: Parts, evaluated: Callable[[Parts], Tree]) -> None:
    """[F-31]: 1 is a.txt and 5 is e/new.txt; the others come from the base."""
    first, second = parts.index.frames[0].places[1:]
    assert {first, first + second} == {1, 5}
    for found in ((0, 1, 1), (0, 0, 1), (0, 1, 4), (0, 1, 7), (0, 1, 10**9), (0, 1, -1), (0, 5, 6)):
        with pytest.raises(Malformed, match=MISPLACED):
            evaluated(places(parts, *found))
    with pytest.raises(Malformed, match="first recipe"):
        evaluated(places(parts, 1, 0, 5))


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"tree": bytes(32)}, Corrupt),
        ({"manifest_size": 1}, Malformed),
        ({"entries": 5}, Malformed),
        ({"size": 0}, Malformed),
        ({"features": ["posix-1"]}, None),
    ],
)
def test_the_root_says_what_the_manifest_must_be(
    values: dict[str, object], error: type[BundleError] | None, parts: Parts, evaluated: Callable[[Parts], Tree]
) -> None:
    """[F-31], [F-37]"""
    if error is None:
        assert evaluated(parts.with_root(**values)) == NEW
        return
    with pytest.raises(error):
        evaluated(parts.with_root(**values))


def test_large_intermediate_results_do_not_stay_in_memory_or_on_disk(
    tmp_path: Path, base: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files go where they are told, and are gone in the end."""
    monkeypatch.setattr("bundle.format.objects.SPOOL_BYTES", 10)
    frame = parts.index.frames[0]
    kinds = bytes(kind | 0x80 if kind == 0 else kind for kind in frame.kinds) + b"\1"
    literal = frame.kinds.index(0)
    made = parts.index.base_objects + literal
    rebuilt = places(
        parts.with_frame(
            kinds=kinds,
            sizes=[len(NEW["e/new.txt"])],
            sources=[*frame.sources, made - sum(frame.sources)],
            numbers=[*frame.numbers, 0],
        ),
        0,
        1,
        5,
    )
    (tmp_path / "again.unrep").write_bytes(put_together(rebuilt))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_bundle(tmp_path / "again.unrep", TRUST) as bundle:
        have = DirectoryBase(base, scan(base))
        section = bundle.open_section(bundle.root.sections[0])
        evaluation = open_evaluation(section, have, present_features(), scratch=scratch)
        found = {place: b"".join(chunks) for place, chunks in evaluation.objects()}
    assert found[5] == NEW["e/new.txt"]
    assert list(scratch.iterdir()) == []
