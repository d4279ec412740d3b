"""Which section brings a site to the target [A-12], on bundles of any shape."""

from pathlib import Path

import pytest

from apply.rebuild.choice import choose
from apply.record.release import Release
from bundle.errors import NoSection
from bundle.format.root import DELTA, FULL, Section
from bundle.read.reader import open_bundle
from tests.support.contents.tiny_bundle import TRUST, Shape, TinyBundle, tiny_bundle, tree_hash


def held(*names: str) -> list[Release]:
    return [Release(version=name, seq=1, tree=tree_hash(name).hex(), platform="any", bundle="b") for name in names]


def chosen(directory: Path, tiny: TinyBundle, releases: list[Release], *kept: Section) -> tuple[str, str]:
    """(kind of the section, version of its base), for a file that holds those sections, or all."""
    path = directory / "bundle.unrep"
    path.write_bytes(tiny.holding(*kept) if kept else tiny.data)
    with open_bundle(path, TRUST) as bundle:
        plan = choose(bundle, releases)
    assert (plan.section.kind == FULL) == (plan.base is None)
    return plan.section.kind, plan.base.version if plan.base else ""


BOTH = tiny_bundle(Shape(full_bytes=9_000, delta_bytes={"1.0.0": 5_000, "0.9.0": 6_000}))
OLD, OLDER, WHOLE = BOTH.root.sections


def test_the_smallest_delta_whatever_the_order(tmp_path: Path) -> None:
    for releases in (held("1.0.0", "0.9.0"), held("0.9.0", "1.0.0")):
        assert chosen(tmp_path, BOTH, releases) == (DELTA, "1.0.0")


def test_the_one_whose_base_is_held(tmp_path: Path) -> None:
    assert chosen(tmp_path, BOTH, held("0.9.0", "0.8.0")) == (DELTA, "0.9.0")


@pytest.mark.parametrize("releases", [[], held("0.8.0")])
def test_else_the_full_section(tmp_path: Path, releases: list[Release]) -> None:
    assert chosen(tmp_path, BOTH, releases) == (FULL, "")


def test_only_what_is_in_the_file_counts(tmp_path: Path) -> None:
    both = held("1.0.0", "0.9.0")
    assert chosen(tmp_path, BOTH, both, OLDER) == (DELTA, "0.9.0")
    assert chosen(tmp_path, BOTH, both, WHOLE) == (FULL, "")
    assert chosen(tmp_path, BOTH, both, OLDER, WHOLE) == (DELTA, "0.9.0")


@pytest.mark.parametrize(
    ("releases", "kept", "words"),
    [
        (held("0.8.0"), [OLD], "the site holds 0.8.0"),
        ([], [OLD], "the site holds no release"),
        (held("0.8.0"), [OLD], "with the full release, which is not in this file"),
        (held("1.0.0"), [OLDER], tree_hash("1.0.0").hex()[:40]),
    ],
)
def test_none_fits(tmp_path: Path, releases: list[Release], kept: list[Section], words: str) -> None:
    with pytest.raises(NoSection) as caught:
        chosen(tmp_path, BOTH, releases, *kept)
    sentence = str(caught.value)
    assert words in sentence and "bundle.unrep: vms 1.0.1" in sentence and "fetch it again with --site" in sentence


def test_a_bundle_without_a_full_release_says_so(tmp_path: Path) -> None:
    deltas = tiny_bundle(Shape(delta_bytes={f"0.{n}": 500 for n in range(8)}))
    with pytest.raises(NoSection, match=r"without the full release.*0\.8\.0") as caught:
        chosen(tmp_path, deltas, held("0.8.0"))
    assert "and 3 more" in str(caught.value)
