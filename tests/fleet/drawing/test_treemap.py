"""Treemaps: every byte has its area, whatever the sizes and names."""

import random
import xml.etree.ElementTree as ElementTree

import pytest

from fleet.drawing.charts import Bar, bars
from fleet.drawing.treemap import Tile, boxes, largest, treemap


def tiles(*sizes: float) -> list[Tile]:
    return [Tile(f"file {number}", size, "patch") for number, size in enumerate(sizes)]


def test_areas_are_as_sizes_and_fill_the_picture() -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    found = boxes(largest(tiles(*(rng.paretovariate(0.7) for _ in range(40)))), 0, 0, 900, 400)
    total = sum(box.tile.size for box in found)
    for box in found:
        assert box.width * box.height == pytest.approx(360_000 * box.tile.size / total, rel=1e-6), f"seed {seed}"
        assert box.left >= -1e-6 and box.left + box.width <= 900 + 1e-6 and box.top + box.height <= 400 + 1e-6
    assert sum(box.width * box.height for box in found) == pytest.approx(360_000)


def test_no_two_overlap() -> None:
    found = boxes(largest(tiles(6, 6, 4, 3, 2, 2, 1)), 0, 0, 600, 400)
    for one in found:
        for other in found:
            apart = (
                one is other
                or one.left + one.width <= other.left + 1e-6
                or other.left + other.width <= one.left + 1e-6
                or one.top + one.height <= other.top + 1e-6
                or other.top + other.height <= one.top + 1e-6
            )
            assert apart


def test_many_small_files_are_one() -> None:
    found = largest(tiles(*range(1, 500)))
    assert len(found) == 61 and sum(tile.size for tile in found) == sum(range(1, 500))
    assert "439 more files" in {tile.label for tile in found}


@pytest.mark.parametrize("sizes", [(), (0,), (1,), (1e12, 1e-9), (1,) * 300])
def test_any_sizes_make_a_picture(sizes: tuple[float, ...]) -> None:
    ElementTree.fromstring(treemap(tiles(*sizes), "t", ["patch"]))  # noqa: S314


def test_names_are_text() -> None:
    text = treemap([Tile('<script>&"', 5, "<b>")], "<i>", ["<b>"])
    assert "<script" not in text and "<i>" not in text and ElementTree.fromstring(text) is not None  # noqa: S314
    chart = bars([Bar("<script>", 1.0, '"<b>"')], "<i>&", "<u>")
    assert "<script" not in chart and ElementTree.fromstring(chart) is not None  # noqa: S314
