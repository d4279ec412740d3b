"""What a delta cannot make at a site, and which bytes of the full section do. spec/apply.md, [A-41]; [T-41]."""

from pathlib import Path
from typing import Any

import pytest

from apply.rebuild.shortfall import Shortfall, find_shortfall
from bundle.archives.engines import present_features
from bundle.format.root import Section
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.reader import VerifiedBundle, open_bundle
from tests.support.sites.site import Ship, shore

READ, MOVED = "app/library.bin", "docs/page.txt"  # a recipe reads the one; the other has another name in the target


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def sections(bundle: VerifiedBundle) -> tuple[Section, Section]:
    """The delta and the full section."""
    full = bundle.root.full_section(present_features())
    (delta,) = (section for section in bundle.root.sections if section.base)
    assert full
    return delta, full


def shortfall(ship: Ship) -> tuple[Shortfall | None, list[tuple[int, int]], int]:
    """What is missing, the stretches of the full section that make it, and how long that section is."""
    with open_bundle(shore().bundle("1.0.1", 2, "1.0.0", full=True), shore().trust) as bundle:
        delta, full = sections(bundle)
        found = find_shortfall(bundle, delta, ship.root)
        return found, found.stretches(bundle, full) if found else [], full.length


def test_a_whole_base_leaves_none(ship: Ship) -> None:
    assert shortfall(ship)[0] is None


@pytest.mark.parametrize("path", ["VERSION", "docs/guide.txt"])
def test_nor_does_damage_to_what_the_delta_or_another_file_holds(ship: Ship, path: str) -> None:
    """VERSION comes whole with the delta, and the guide stands twice in the base."""
    ship.spoil("1.0.0", path)
    assert shortfall(ship)[0] is None


@pytest.mark.parametrize("path", [READ, MOVED])
def test_damage_to_what_the_target_needs(ship: Ship, path: str) -> None:
    """[A-41]: only the packs that hold those files are asked for."""
    ship.spoil("1.0.0", path)
    found, stretches, full_bytes = shortfall(ship)
    assert found and found.why == "1 files of version 1.0.0 are damaged"
    assert path not in {entry.path for entry in found.left.entries}
    assert stretches and all(0 <= start < end <= full_bytes for start, end in stretches)
    assert sum(end - start for start, end in stretches) < full_bytes


def test_a_delta_from_another_release_is_not_looked_at(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.2")
    assert shortfall(ship)[0] is None


def test_a_missing_engine(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-41]: what the delta cannot make counts, though no file is damaged."""

    def makes_nothing(*given: Any, **named: Any) -> Evaluation:
        evaluation = open_evaluation(*given, **named)
        evaluation.made = frozenset()
        return evaluation

    monkeypatch.setattr("apply.rebuild.shortfall.open_evaluation", makes_nothing)
    with open_bundle(shore().bundle("1.0.1", 2, "1.0.0"), shore().trust) as bundle:
        found = find_shortfall(bundle, bundle.root.sections[0], ship.root)
    assert found and found.why == "a deflate engine that some files need is missing here"
