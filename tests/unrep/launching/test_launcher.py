"""The version that a program is started in. `tests/end_to_end/test_run.py` starts one."""

import shutil
import sys
from pathlib import Path

import pytest

from apply.errors import SiteInvalid
from tests.support.sites.site import Ship
from unrep.errors import UsageRefused
from unrep.launching import windows_job
from unrep.launching.launcher import launch, resolve


def test_the_version_that_is_current(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0")
    assert resolve(ship.site, ship.config).tree == ship.root / "versions" / "1.0.0"


def test_no_version(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path / "a", "1.0.0")
    shutil.rmtree(ship.root / "versions" / "1.0.0")
    with pytest.raises(SiteInvalid, match="is current, and missing"):
        resolve(ship.site, ship.config)
    empty = Ship(tmp_path / "b")
    with pytest.raises(SiteInvalid, match="apply a release first"):
        resolve(empty.site, empty.config)


@pytest.mark.parametrize("program", ["no-such-program-anywhere", "", "a\0b"])
def test_a_program_that_cannot_be_started(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageRefused, match="cannot be started"):
        launch([program], resolve(ship.site, ship.config))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has job objects")
def test_job_objects_are_of_windows() -> None:
    with pytest.raises(OSError, match="on Windows only"), windows_job.closing_with_us(None):  # type: ignore[arg-type]
        pass
