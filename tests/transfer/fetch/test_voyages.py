"""A sample of the voyages of tests/support/links/voyage.py; all ten thousand: `make voyages`."""

from pathlib import Path

import pytest

from tests.support.links.voyage import sail

STRETCH = 12


@pytest.mark.parametrize("first", range(100, 160, STRETCH))
def test_voyages_end_with_the_right_file_and_nothing_paid_twice(first: int, tmp_path: Path) -> None:
    """[T-8], [T-12], [T-90], [T-91], [T-92], [T-93]: a seed each, named in what fails."""
    for seed in range(first, first + STRETCH):
        (tmp_path / str(seed)).mkdir()
        sail(seed, tmp_path / str(seed)).check()
