"""Figures of the servers for a monitoring system [T-186]."""

import re
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.running import running
from transfer.errors import OutputRefused
from transfer.pull.answering import PullCounts
from transfer.serving.metrics import MetricsFile
from transfer.serving.server import BundleServer

DATA = tiny_bundle(Shape(full_bytes=20_000)).data


@pytest.fixture
def www(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "bundle").write_bytes(DATA)
    return tmp_path / "www"


def figures(path: Path) -> dict[str, float]:
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.]+', line)
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def test_answers_and_bytes_are_counted(www: Path, tmp_path: Path) -> None:
    path = tmp_path / "serve.prom"
    pull = PullCounts(requests=3, malformed=1, sent_bytes=5000, received_bytes=200)
    with running(BundleServer(www, "127.0.0.1", 0)) as server:
        metrics = MetricsFile(path, server, pull)
        assert figures(path)["unrep_serve_http_sent_bytes_total"] == 0
        with urlopen(Request(f"{server.url}bundle", headers={"Range": "bytes=10-19"})) as answer:
            assert answer.read() == DATA[10:20]
        with urlopen(f"{server.url}bundle") as answer:
            assert answer.read() == DATA
        with pytest.raises(HTTPError):
            urlopen(f"{server.url}nothing")
        metrics.close()
    found = figures(path)
    assert found["unrep_serve_http_sent_bytes_total"] == len(DATA) + 10
    assert [found[f'unrep_serve_http_answers_total{{status="{status}"}}'] for status in (200, 206, 404)] == [1, 1, 1]
    assert found["unrep_serve_udp_requests_total"] == 3 and found["unrep_serve_udp_malformed_total"] == 1
    assert found['unrep_serve_udp_bytes_total{direction="out"}'] == 5000


def test_they_are_written_again_and_again(www: Path, tmp_path: Path) -> None:
    path = tmp_path / "serve.prom"
    with running(BundleServer(www, "127.0.0.1", 0)) as server:
        metrics = MetricsFile(path, server, None, interval_s=0.02)
        path.unlink()
        until = time.monotonic() + 10
        while not path.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        metrics.close()
    assert not any("udp" in name for name in figures(path))


def test_a_file_that_cannot_be_written_is_said_at_once_and_later_stops_nothing(www: Path, tmp_path: Path) -> None:
    with running(BundleServer(www, "127.0.0.1", 0)) as server:
        with pytest.raises(OutputRefused):
            MetricsFile(tmp_path / "missing" / "serve.prom", server, None)
        (tmp_path / "there").mkdir()
        metrics = MetricsFile(tmp_path / "there" / "serve.prom", server, None, interval_s=0.1)
        (tmp_path / "there" / "serve.prom").unlink()
        (tmp_path / "there").rmdir()
        time.sleep(0.3)
        with urlopen(f"{server.url}bundle") as answer:
            assert answer.read() == DATA
        metrics.close()
