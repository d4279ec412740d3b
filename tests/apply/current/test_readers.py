"""Readers never see nothing, nor half of two releases, however often `current` moves [A-2].

`bench/readers.py` does the same with 1,000 switches.
"""

import os
import time
from pathlib import Path

import pytest

from tests.support.sites.readers import make_site, make_switches, watched

pytestmark = pytest.mark.skipif(os.name != "posix", reason="symlinks, and directories that are opened")
VERSIONS = ("1.0.0", "1.0.1", "1.0.2")
READERS, SWITCHES = 8, 250


def test_eight_readers_through_many_switches(tmp_path: Path) -> None:
    """[A-2]"""
    make_site(tmp_path, VERSIONS)
    with watched(tmp_path, VERSIONS, READERS) as sightings:
        make_switches(tmp_path, VERSIONS, SWITCHES)
    assert (sightings.misses, sightings.mixed, sightings.torn) == (0, 0, 0), sightings
    assert sightings.seen.keys() == set(VERSIONS), "the readers did not see the switches"


def test_the_readers_notice_a_switch_in_two_steps(tmp_path: Path) -> None:
    """Or the test above would prove nothing."""
    make_site(tmp_path, VERSIONS)
    current = tmp_path / "current"
    with watched(tmp_path, VERSIONS, 2) as sightings:
        for turn in range(200):
            current.unlink()
            time.sleep(0.01)  # on a busy machine, too, somebody looks meanwhile
            current.symlink_to(f"versions/{VERSIONS[turn % 3]}")
    assert sightings.misses > 0


def test_the_readers_notice_a_version_that_is_written_in_place(tmp_path: Path) -> None:
    """Or the first test would prove nothing."""
    make_site(tmp_path, VERSIONS)
    with watched(tmp_path, VERSIONS, 2) as sightings:
        for turn in range(200):
            for path in (tmp_path / "current/part").iterdir():
                path.write_text(f"{VERSIONS[turn % 3]}\n" + VERSIONS[turn % 3] * 1000, encoding="utf-8")
    assert sightings.mixed > 0 and sightings.torn > 0
