"""What the agent writes of itself for those who ask [A-156]."""

import time
from pathlib import Path

import pytest

from apply.site.layout import Site
from unrep.agent.telling.bulletin import MISSED_S, Bulletins, Download, read_bulletin


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.at(tmp_path)
    site.make_directories()
    return site


def test_there_and_back(site: Site) -> None:
    assert read_bulletin(site) is None
    bulletins = Bulletins(site, lambda: 1000.0)
    bulletins.say(sources={"https://shore": "nothing arrives"}, next_round_at=1900.0)
    told = read_bulletin(site)
    assert told and told.sources == {"https://shore": "nothing arrives"} and told.next_round_at == 1900
    assert told.is_alive(1000 + MISSED_S - 1) and not told.is_alive(1000 + MISSED_S) and not told.is_alive(0)
    bulletins.end()
    told = read_bulletin(site)
    assert told and told.stopped and not told.is_alive(1000)


def test_a_download_says_how_long_the_rest_takes(site: Site) -> None:
    now = 1000.0
    bulletins = Bulletins(site, lambda: now)
    bulletins.download(0, 1_000_000)
    bulletins._progress_at = -1000.0  # as if some seconds had gone by
    now = 1010.0
    bulletins.download(100_000, 1_000_000)
    told = read_bulletin(site)
    assert told and told.download == Download(done=100_000, total=1_000_000, since=1000)
    assert told.download.left_s(1010) == 90 and Download(done=0, total=9, since=5).left_s(9) is None


@pytest.mark.parametrize("content", [b"", b"[" * 9000, b"{}", b'{"pid": "x"}', b"\xff"])
def test_what_cannot_be_read_is_not_known(site: Site, content: bytes) -> None:
    site.bulletin_file.write_bytes(content)
    assert read_bulletin(site) is None


def test_it_beats_while_the_agent_is_at_work(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrep.agent.telling.bulletin.BEAT_S", 0.05)
    bulletins = Bulletins(site, time.time)
    bulletins.begin()
    first = read_bulletin(site)
    time.sleep(0.5)
    later = read_bulletin(site)
    bulletins.end()
    assert first and later and later.beat_at > first.beat_at


def test_a_full_disk_stops_nothing(site: Site) -> None:
    site.bulletin_file.mkdir()
    Bulletins(site, time.time).say(next_round_at=1.0)
    assert read_bulletin(site) is None
