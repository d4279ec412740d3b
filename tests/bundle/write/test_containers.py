"""A changed line costs as little in a container as lying open: whole bundles, each proven by the builder. [F-46]"""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundle.read.tree import DirectoryBase, scan
from bundle.write.builder import BuildReport, BuildRequest, build
from tests.support.contents.containers import SHAPED, WAYS, Files, as_other_gzip, made_up
from tests.support.contents.tiny_bundle import KEY
from tests.support.sites.site import QUIET

SHUT_BYTES = 10_000  # what the two changed files cost at least where the container stays shut
MOST_BYTES = 1_500
MOST_SHAPED_BYTES = 2_000


@pytest.mark.parametrize("way", WAYS)
def test_a_changed_line(way: str, tmp_path: Path) -> None:
    report = built(WAYS[way], tmp_path)
    assert report.total_bytes <= MOST_BYTES < SHUT_BYTES


@pytest.mark.parametrize("way", SHAPED)
def test_a_changed_line_where_no_engine_gives_the_streams_back(way: str, tmp_path: Path) -> None:
    """[F-69] [F-72] [F-73]: from the shapes of the old streams."""
    report = built(SHAPED[way], tmp_path)
    assert report.total_bytes <= MOST_SHAPED_BYTES < SHUT_BYTES
    assert report.recipes["shape"] >= 1 and "deflate-shape" in report.root.sections[0].features


def test_a_full_section_has_no_shapes(tmp_path: Path) -> None:
    """[F-73]"""
    report = built(SHAPED["zip, no engine"], tmp_path, full=True)
    delta, full = report.root.sections
    assert delta.features == ["deflate-shape"] and full.features == []


def test_other_content_stays_shut(tmp_path: Path) -> None:
    """A shape that is no patch of the old one costs more than the stream."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "file").write_bytes(as_other_gzip(random.Random(1).randbytes(20_000).hex().encode()))
    report = built(lambda _: as_other_gzip(random.Random(2).randbytes(20_000).hex().encode()), tmp_path)
    assert "shape" not in report.recipes and report.total_bytes < 24_000


def built(way: Callable[[Files], bytes], directory: Path, full: bool = False) -> BuildReport:
    for version in (1, 2):
        (directory / str(version)).mkdir(exist_ok=True)
        if not (directory / str(version) / "file").exists():
            (directory / str(version) / "file").write_bytes(way(made_up(version, files=4, lines=300)))
    base = DirectoryBase(directory / "1", scan(directory / "1"))
    out = directory / "out"
    request = BuildRequest(new=directory / "2", product="p", version="2", seq=2, out=out, bases=[base], full=full)
    with ThreadPoolExecutor(1) as pool:
        return build(request, KEY, pool, QUIET)
