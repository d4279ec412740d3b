"""Content that lies in several objects of the base, or in a stretch of one: bundle.write.parts."""

from pathlib import Path
from random import Random

import pytest

from bundle.format.contents import Joined, read_content, size_of
from bundle.format.index import Stream
from bundle.write.catalog import Candidate, Wanted
from bundle.write.parts import JOINED_BYTES, JOINED_FACTOR, choose_tasks
from bundle.write.tournament import ObjectTask, encode_object
from tests.support.contents.releases import build_from, content_of, write_tree
from tests.support.contents.shapes import sources

SEED = 8
TEXTS = sources(520)


def noise(number: int, size: int = 3000) -> bytes:
    return Random(SEED + number).randbytes(size)


def base_of(*contents: bytes) -> list[Candidate]:
    """Objects numbered from 1."""
    return [Candidate(number, f"f{number}", len(content), content) for number, content in enumerate(contents, 1)]


def chosen(target: bytes, like: Candidate | None, base: list[Candidate]) -> ObjectTask:
    return choose_tasks([Wanted("new", target, len(target))], [like], base, map)[0]


def test_many_sources_joined_into_one(tmp_path: Path) -> None:
    """The order in the bundle is none of the base: 520 numbers, and little else."""
    order = Random(SEED).sample(range(520), 520)
    base = write_tree(tmp_path / "base", {f"src/module{n}.js": text for n, text in enumerate(TEXTS)})
    tree = {"bundle.js": b"".join(b"// module\n" + TEXTS[n] for n in order)}
    report = build_from(write_tree(tmp_path / "new", tree), [base], tmp_path / "out.unrep")
    assert report.total_bytes <= 3_000
    assert report.recipes["concat"] == 1
    assert content_of(report.path, base) == tree


def test_one_split_into_many(tmp_path: Path) -> None:
    """Beside the hashes in the manifest, which 520 new files have to have, little is sent."""
    base = write_tree(tmp_path / "base", {"bundle.js": b"".join(b"// module\n" + text for text in TEXTS)})
    tree = {f"src/module{n}.js": text for n, text in enumerate(TEXTS)}
    report = build_from(write_tree(tmp_path / "new", tree), [base], tmp_path / "out.unrep")
    assert report.total_bytes <= 520 * 32 + 5_500
    assert content_of(report.path, base) == tree


def test_parts_stand_in_the_order_of_the_target() -> None:
    base = base_of(noise(1), noise(2), noise(3), noise(4))
    task = chosen(noise(3) + b"between" + noise(1) + noise(4), None, base)
    assert task.sources == (3, 1, 4)
    assert task.base is not None and read_content(task.base) == noise(3) + noise(1) + noise(4)
    encoding = encode_object(task)
    assert encoding.sources == (3, 1, 4) and encoding.source_bytes == 9000
    assert encoding.streams[Stream.EXTRA] == [b"between"]


def test_a_counterpart_is_joined_with_what_it_lacks() -> None:
    base = base_of(noise(1), noise(2), noise(3))
    assert chosen(noise(1) + noise(3), base[0], base).sources == (1, 3)
    assert chosen(noise(1) + noise(9), base[0], base).sources == (1,), "what no object has changes nothing"
    assert chosen(noise(1) + noise(3, 3000)[:100], base[0], base).sources == (1,), "too little to pay"


@pytest.mark.parametrize("start", [0, 1_000_000, 2_990_000])
def test_a_small_object_is_found_within_a_large_one(start: int) -> None:
    """Only a stretch of it is compared, and the patch seeks there."""
    large = noise(7, 3_000_000)
    target = large[start : start + 5000] + b"end"
    task = chosen(target, None, base_of(noise(1), large))
    assert task.sources == (2,) and task.base is not None and size_of(task.base) < 50_000
    encoding = encode_object(task)
    assert encoding.sources == (2,) and encoding.streams[Stream.EXTRA] == [b"end"]


def test_what_is_joined_takes_bounded_room() -> None:
    """[F-64]: a large object of which a little is used is left out."""
    base = base_of(noise(1), noise(2, 5_000_000), noise(3))
    task = chosen(noise(1) + noise(2, 5_000_000)[700_000:701_000] + noise(3), None, base)
    assert task.sources == (1, 3)
    assert isinstance(task.base, Joined) and size_of(task.base) <= JOINED_FACTOR * 7000 + JOINED_BYTES


def test_a_base_with_nothing_of_it_is_left_alone() -> None:
    assert chosen(noise(1), None, base_of(noise(2))) == ObjectTask(noise(1), None)
    assert chosen(noise(1), None, []) == ObjectTask(noise(1), None)
