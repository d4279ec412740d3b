"""The rate of a ship's link is remembered for plans."""

from pathlib import Path

import pytest

from apply.site.layout import Site
from transfer.fetch.cost_record import MIN_RATE_SAMPLE_BYTES
from transfer.fetch.figures import Figures
from unrep.receiving.link_rate import read_rate, save_rate


def figures(paid: int, seconds: float) -> Figures:
    return Figures(Path("out"), True, None, (), paid, paid, 0, paid, paid, 1, seconds, ())


def test_it_is_remembered_for_a_site(tmp_path: Path) -> None:
    assert read_rate(tmp_path, None) is None and read_rate(None, None) is None
    Site.at(tmp_path).make_directories()
    save_rate(tmp_path, figures(MIN_RATE_SAMPLE_BYTES, 2.0))
    assert read_rate(tmp_path, None) == MIN_RATE_SAMPLE_BYTES // 2
    assert read_rate(tmp_path, tmp_path / "no fetch yet") == MIN_RATE_SAMPLE_BYTES // 2


def test_nothing_is_written_where_nothing_is_installed(tmp_path: Path) -> None:
    save_rate(None, figures(MIN_RATE_SAMPLE_BYTES, 2.0))
    save_rate(tmp_path, figures(MIN_RATE_SAMPLE_BYTES, 2.0))
    assert list(tmp_path.iterdir()) == []


def test_a_fetch_of_few_bytes_says_nothing(tmp_path: Path) -> None:
    Site.at(tmp_path).make_directories()
    save_rate(tmp_path, figures(MIN_RATE_SAMPLE_BYTES - 1, 2.0))
    save_rate(tmp_path, figures(MIN_RATE_SAMPLE_BYTES, 0.0))
    assert read_rate(tmp_path, None) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"bytes_per_s": null}', b'{"bytes_per_s": 0}', b"\xff"])
def test_a_damaged_file_is_no_rate(content: bytes, tmp_path: Path) -> None:
    site = Site.at(tmp_path)
    site.make_directories()
    site.link_file.write_bytes(content)
    assert read_rate(tmp_path, None) is None
