"""A changed line costs as little in a container as lying open: whole bundles, each proven by the builder. [F-46]"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundle.read.tree import DirectoryBase, scan
from bundle.write.builder import BuildRequest, build
from tests.support.contents.containers import WAYS, made_up
from tests.support.contents.tiny_bundle import KEY
from tests.support.sites.site import QUIET

SHUT_BYTES = 10_000  # what the two changed files cost at least where the container stays shut
MOST_BYTES = 1_500


@pytest.mark.parametrize("way", WAYS)
def test_a_changed_line(way: str, tmp_path: Path) -> None:
    for version in (1, 2):
        (tmp_path / str(version)).mkdir()
        (tmp_path / str(version) / "file").write_bytes(WAYS[way](made_up(version, files=4, lines=300)))
    base = DirectoryBase(tmp_path / "1", scan(tmp_path / "1"))
    out = tmp_path / "out"
    request = BuildRequest(new=tmp_path / "2", product="p", version="2", seq=2, out=out, bases=[base])
    with ThreadPoolExecutor(1) as pool:
        build(request, KEY, pool, QUIET)
    assert out.stat().st_size <= MOST_BYTES < SHUT_BYTES
