"""The real nginx serves what the tests rely on: ranges, none of them, and a log that can be counted."""

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.links.nginx import nginx

CONTENT = bytes(range(256)) * 100


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "root with a space"
    directory.mkdir()
    (directory / "f.bin").write_bytes(CONTENT)
    return directory


def get(url: str, **headers: str) -> tuple[int, bytes]:
    with urlopen(Request(url, headers=headers), timeout=5) as answer:
        return answer.status, answer.read()


def test_ranges_and_the_log(root: Path, tmp_path: Path) -> None:
    with nginx(root, tmp_path / "nginx") as server:
        assert get(server.url("f.bin")) == (200, CONTENT)
        assert get(server.url("f.bin"), Range="bytes=10-19") == (206, CONTENT[10:20])
        with pytest.raises(HTTPError):
            get(server.url("missing"))
        whole, part, missing = server.requests(at_least=3)
    assert (whole.method, whole.uri, whole.status, whole.range) == ("GET", "/f.bin", 200, "")
    assert whole.body_bytes_sent == len(CONTENT) < whole.bytes_sent
    assert (part.status, part.range, part.body_bytes_sent) == (206, "bytes=10-19", 10)
    assert (missing.status, missing.uri) == (404, "/missing")
    assert len({whole.connection, part.connection, missing.connection}) == 3
    assert not (tmp_path / "nginx" / "nginx.pid").exists(), "nginx still runs"


def test_a_server_without_ranges(root: Path, tmp_path: Path) -> None:
    with nginx(root, tmp_path / "nginx", ranges=False) as server:
        assert get(server.url("f.bin"), Range="bytes=10-19") == (200, CONTENT)


def test_two_at_once(root: Path, tmp_path: Path) -> None:
    with nginx(root, tmp_path / "a") as first, nginx(root, tmp_path / "b") as second:
        assert get(first.url("f.bin")) == get(second.url("f.bin"))
        assert len(first.requests(at_least=1)) == len(second.requests(at_least=1)) == 1
