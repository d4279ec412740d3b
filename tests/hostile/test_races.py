"""[A-110]: no walk leaves its tree, though an account aboard swaps a directory of its own for a link out of it.

`make races` goes a thousand rounds with each walk; here are some of them, and the proof that the race can be lost.
"""

import sys
from pathlib import Path

import pytest

from tests.hostile.races import WALKS, as_it_was, race

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="renameat2(2) swaps in one step")


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_nothing_outside_is_touched(walk: object, tmp_path: Path) -> None:
    result = race(WALKS[walk.__name__], 12, tmp_path)  # type: ignore[attr-defined]
    assert result.rounds == 12 and result.foreign_bytes == 0


def test_a_walk_that_judges_by_path_loses_the_race(tmp_path: Path) -> None:
    assert race(as_it_was, 2000, tmp_path).foreign_bytes > 0
