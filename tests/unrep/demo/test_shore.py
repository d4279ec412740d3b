"""The demonstration's releases and its bad link."""

import http.client
import urllib.request
from pathlib import Path

import pytest

from unrep.demo.releases import write_release
from unrep.demo.shore import CHUNK_BYTES, Shore
from unrep.demo.story import free_port


def test_releases_are_made_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_release(tmp_path / name, "1.0.1", healthy=True)
    files = [{p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")} for n in ("a", "b")]
    assert files[0] == files[1] and len(files[0]) > 20


def test_the_link_breaks_and_serves_ranges(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(bytes(range(256)) * 64)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with Shore(tmp_path, 10_000_000, 0.0, 3 * CHUNK_BYTES) as shore:
        asked = urllib.request.Request(f"{shore.url}/bundle", headers={"Range": "bytes=10-19"})
        assert opener.open(asked, timeout=5).read() == bytes(range(10, 20)) and shore.drops == 0
        whole = urllib.request.Request(f"{shore.url}/bundle", headers={"Range": "bytes=0-"})
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            opener.open(whole, timeout=5).read()
        assert shore.drops == 1


def test_a_port_that_is_free() -> None:
    assert 0 < free_port() < 65_536
