"""What each object of a section costs: bundle.read.costs."""

import random
from pathlib import Path

import pytest

from bundle.read.costs import object_costs
from bundle.read.reader import open_bundle
from bundle.read.tree import scan
from tests.support.contents.images import image_pair
from tests.support.contents.releases import TRUST, build_from, write_tree

SEED = 83
NOISE = random.Random(SEED).randbytes(30_000)
OLD_IMAGE, NEW_IMAGE = image_pair(SEED)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """`b.unrep` with a delta and the full release, beside `old` and `new`."""
    old = {"app.dll": OLD_IMAGE, "data.bin": NOISE[:20_000], "gone.txt": b"gone"}
    new = {"app.dll": NEW_IMAGE, "data.bin": NOISE[:20_000] + b"!", "new.bin": NOISE[20_000:]}
    write_tree(tmp_path / "old", old)
    build_from(write_tree(tmp_path / "new", new), [tmp_path / "old"], tmp_path / "b.unrep", full=True)
    return tmp_path


def test_each_object_has_its_recipe_its_source_and_its_share(built: Path) -> None:
    target, base = scan(built / "new"), scan(built / "old")
    with open_bundle(built / "b.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        costs = object_costs(section, target)
        packed = sum(pack.packed.length for frame in section.index.frames for pack in frame.packs)
    names = {0: "manifest"} | {place: entry.path for place, entry in enumerate(target.entries, 1)}
    found = {names[cost.place]: cost for cost in costs}
    assert {name: cost.recipe for name, cost in found.items()} == {
        "manifest": "patch",
        "app.dll": "reaimed",  # the name that the JSON of `inspect` has
        "data.bin": "patch",
        "new.bin": "literal",
    }
    assert base.entry(found["data.bin"].source or 0).path == "data.bin" and found["new.bin"].source is None
    assert costs[0] is found["new.bin"] and found["new.bin"].bytes > 9_900 > 500 > found["data.bin"].bytes
    assert sum(cost.bytes for cost in costs) == pytest.approx(packed)


def test_without_the_manifest_literals_share_their_pack_evenly(built: Path) -> None:
    with open_bundle(built / "b.unrep", TRUST) as bundle:
        costs = object_costs(bundle.open_section(bundle.root.sections[1]), None)
    literals = [cost.bytes for cost in costs if cost.place]
    assert len(literals) == 3 and max(literals) == pytest.approx(min(literals))


def test_a_patch_whose_only_triple_is_not_told_has_a_share(tmp_path: Path) -> None:
    """[F-134]: no stream of lengths to add is there."""
    write_tree(tmp_path / "old", {"data.bin": NOISE[:20_000]})
    new = write_tree(tmp_path / "new", {"data.bin": NOISE[:20_000] + b"!"})
    build_from(new, [tmp_path / "old"], tmp_path / "b.unrep")
    with open_bundle(tmp_path / "b.unrep", TRUST) as bundle:
        costs = object_costs(bundle.open_section(bundle.root.sections[0]), scan(new))
    assert [cost.recipe for cost in costs] == ["patch"] * 2 and all(cost.bytes > 0 for cost in costs)
