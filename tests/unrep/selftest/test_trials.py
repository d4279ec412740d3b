"""What `unrep selftest` tries, and its figures."""

from pathlib import Path

import pytest

from apply.audit.run import Report
from apply.errors import PreflightRefused
from tests.support.sites.site import Ship
from unrep.errors import SelfTestFailed
from unrep.selftest import trials
from unrep.selftest.readers import Count, reading
from unrep.selftest.scratch import scratch_site
from unrep.selftest.trials import Switching, try_restart, try_updates


def test_quantiles() -> None:
    switching = Switching(tuple(number / 1000 for number in range(1, 101)), Count())
    assert [switching.quantile_ms(share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 51, 100, 100]


def test_readers_count_what_they_do_not_find(tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / "mark.txt").write_text("forged")
    with reading(tmp_path / "current", tmp_path, ["1.0.0"]) as count:
        pass
    assert count.misses == count.reads > 0 and count.first_miss == "read 'forged'"


def test_a_machine_where_a_bad_release_passes_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship, passed = Ship.sailing(tmp_path, "1.0.0"), Report("applied", "", "", "", {}, 0.0)
    monkeypatch.setattr(trials, "update", lambda *_: passed)
    with scratch_site(ship.site, ship.config) as scratch:
        assert scratch.directory.parent == tmp_path
        with pytest.raises(SelfTestFailed, match="was taken for a good one"):
            try_updates(scratch)
    assert not scratch.directory.exists()


def test_nothing_to_restart(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    with pytest.raises(PreflightRefused, match="nothing is installed here"):
        try_restart(ship.site, ship.config)
