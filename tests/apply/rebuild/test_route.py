"""Updates over steps: one switch at the end, each tree whole, and nothing left of what was between."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apply.errors import BaseDrifted, DiskFull, StorageFailed
from apply.rebuild.reconstruct import reconstruct
from bundle.errors import NoSection
from bundle.host.progress import Progress
from bundle.read.tree import scan
from bundle.recipients.sidecars import listed_steps, steps_beside
from tests.support.sites.site import Ship, bent, shore

STEPS = [("1.0.1", 2, "1.0.0"), ("1.0.2", 3, "1.0.1"), ("1.0.3", 4, "1.0.2")]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def laid_out(directory: Path, target: Path, steps: Sequence[Path]) -> Path:
    """The target with those steps in its sidecar."""
    bundle = directory / "target.unrep"
    shutil.copy(target, bundle)
    steps_beside(bundle).mkdir()
    for number, step in enumerate(steps):
        shutil.copy(step, steps_beside(bundle) / f"{number}.unrep")
    return bundle


def over_three(directory: Path) -> Path:
    first, second, third = (shore().bundle(*step) for step in STEPS)
    return laid_out(directory, third, [second, first])


def test_three_steps_are_one_switch_and_one_health_window(ship: Ship, tmp_path: Path) -> None:
    """[A-130]"""
    bundle = over_three(tmp_path)
    assert ship.rehearse(bundle).reason == "would install 1.0.3 from 1.0.0 over 1.0.1, 1.0.2"
    report = ship.apply(bundle)
    assert (report.outcome, report.from_version, report.to_version) == ("applied", "1.0.0", "1.0.3")
    assert "rebuilt over 1.0.1, 1.0.2" in report.reason
    assert ship.calls == [
        "prepare 1.0.3 current=1.0.0",
        "snapshot 1.0.0 current=1.0.0",
        "restart 1.0.3 current=1.0.3",
        "health 1.0.3 current=1.0.3",
    ]
    assert {path.name for path in ship.site.versions.iterdir()} == {"1.0.0", "1.0.3"}
    ship.check_sound()
    assert ship.leftovers() == []
    alone = [bundle, *listed_steps(bundle)]
    assert 0 < ship.runs[-1]["bundle_bytes"] <= sum(path.stat().st_size for path in alone)


def test_circles_dead_ends_and_other_products_change_nothing(ship: Ship, tmp_path: Path) -> None:
    """[A-130]"""
    first, second, third = (shore().bundle(*step) for step in STEPS)
    back, aside = shore().bundle("1.0.0", 9, "1.0.2"), shore().bundle("1.0.9", 9, "1.0.8")
    foreign = shore().bundle("1.0.3", 4, "1.0.0", product="ecdis")
    (text := tmp_path / "text").write_text("not a bundle")
    report = ship.apply(laid_out(tmp_path, third, [back, aside, foreign, text, second, first]))
    assert ship.current == "1.0.3" and "a step was left out" in report.reason
    ship.check_sound()


def test_the_bundle_alone_is_taken_where_it_starts_here(ship: Ship, tmp_path: Path) -> None:
    """[A-12], [A-130]"""
    first, second, _ = (shore().bundle(*step) for step in STEPS)
    direct = shore().bundle("1.0.3", 4, "1.0.0", "1.0.2")
    assert "over" not in ship.rehearse(laid_out(tmp_path, direct, [first, second])).reason


def test_a_full_release_of_a_step_leads_on(tmp_path: Path) -> None:
    """[A-130]"""
    ship = Ship(tmp_path)
    _, second, third = (shore().bundle(*step) for step in STEPS)
    ship.apply(laid_out(tmp_path, third, [second, shore().bundle("1.0.1", 2)]))
    assert ship.current == "1.0.3"
    ship.check_sound()


def test_without_a_step_it_is_refused_and_the_site_is_as_it_was(ship: Ship, tmp_path: Path) -> None:
    """[A-17], [A-130]"""
    first, _, third = (shore().bundle(*step) for step in STEPS)
    before = ship.seen("versions", "current")
    with pytest.raises(NoSection, match=r"1\.0\.3 comes as deltas from"):
        ship.apply(laid_out(tmp_path, third, [first]))
    assert ship.seen("versions", "current") == before and ship.leftovers() == []


def test_a_damaged_step_is_left_out_or_refused(ship: Ship, tmp_path: Path) -> None:
    """[A-130]: every byte is verified, of steps as of the target."""
    first, second, third = (shore().bundle(*step) for step in STEPS)
    bundle = laid_out(tmp_path, third, [first, bent(second, tmp_path, -1)])
    with pytest.raises(Exception, match=r"1\.unrep|1\.0\.3 comes as deltas from"):
        ship.apply(bundle)
    assert ship.current == "1.0.0" and ship.leftovers() == []
    shutil.copy(second, steps_beside(bundle) / "1.unrep")
    ship.apply(bundle)
    ship.check_sound()


def test_damage_to_the_first_base_is_mended_by_the_steps_own_full_release(ship: Ship, tmp_path: Path) -> None:
    """[A-41], [A-130]"""
    _, second, third = (shore().bundle(*step) for step in STEPS)
    both = shore().bundle("1.0.1", 2, "1.0.0", full=True)
    ship.spoil("1.0.0", "docs/page.txt")
    with pytest.raises(BaseDrifted):
        ship.apply(laid_out(tmp_path, third, [second, shore().bundle(*STEPS[0])]))
    shutil.rmtree(steps_beside(tmp_path / "target.unrep"))
    report = ship.apply(laid_out(tmp_path, third, [second, both]))
    assert "from the full release, because of this" in report.reason
    assert scan(ship.site.tree("1.0.3")).tree_hash.hex() == shore().tree("1.0.3")


def test_a_cut_between_two_steps_leaves_the_site_as_it_was(
    ship: Ship, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-17], [A-130]"""
    bundle, before, trees = over_three(tmp_path), ship.seen("versions", "current"), list[Path]()

    def cut(evaluation: Any, base: Any, tree: Path, progress: Progress, *, share: bool) -> None:
        trees.append(tree)
        if len(trees) == 2:
            raise StorageFailed("pulled out")
        reconstruct(evaluation, base, tree, progress, share=share)

    monkeypatch.setattr("apply.making.reconstruct", cut)
    with pytest.raises(StorageFailed, match="pulled out"):
        ship.apply(bundle)
    assert ship.seen("versions", "current") == before and ship.leftovers() == []
    ship.apply(bundle)
    ship.check_sound()


class Usage(NamedTuple):
    free: int


def test_room_for_every_two_trees_is_counted_first(ship: Ship, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-15], [A-130]"""
    bundle, seen = over_three(tmp_path), list[Path]()
    size = sum(path.stat().st_size for path in shore().release("1.0.3").rglob("*") if path.is_file())

    def usage(path: Path) -> Usage:
        seen.append(path)
        return Usage(size * 3 // 2)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(DiskFull, match="the new version needs"):
        ship.apply(bundle)
    assert len(seen) == 3, "the first step would have fitted, and no byte was written for it; the last is the receipt's"
    assert ship.leftovers() == []
