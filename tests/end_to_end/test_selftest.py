"""`unrep selftest`: figures of real switches under real readers, nothing left, and a machine that cannot do it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship


def selftest(ship: Ship, *more: object, code: str = "from unrep.cli import main; main()") -> tuple[int, str, str]:
    argv = [sys.executable, "-c", code, "selftest", "--site", str(ship.root), "--switches", "40", *map(str, more)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, env=environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["link", "pointer"])
def test_figures_and_nothing_left(tmp_path: Path, kind: str) -> None:
    """[A-68]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    text = (ship.root / "unrep.toml").read_text()
    (ship.root / "unrep.toml").write_text(text.replace("[switch]", f'[switch]\ncurrent = "{kind}"'))
    before, beside = ship.seen(), set(tmp_path.iterdir())
    code, out, err = selftest(ship, "--json")
    assert code == 0, err
    figures = json.loads(out)
    assert (figures["switches"], figures["misses"], figures["current"]) == (40, 0, kind)
    assert figures["reads"] > 40 and 0 < figures["switch_ms"]["p50"] <= figures["switch_ms"]["max"]
    assert figures["back_ms"] > 0 and figures["restart"] == "restart" and figures["restart_s"] is None
    assert ship.seen() == before and set(tmp_path.iterdir()) == beside and not ship.calls
    assert not err


def test_the_real_application_is_restarted_only_on_request(tmp_path: Path) -> None:
    """[A-68]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    code, out, err = selftest(ship, "--restart")
    assert code == 0 and "restart (restart)" in out and "every required check passed" in out, err
    assert out.endswith(": this machine can do it; nothing was left behind\n") and not err
    assert ship.calls == ["restart 1.0.0 current=1.0.0", "health 1.0.0 current=1.0.0"]
    ship.order("fail-health")
    ship.configure(deadline_s=0.5)
    code, out, err = selftest(ship, "--restart")
    assert (code, out, err.count("\n")) == (5, "", 1) and "after a restart version 1.0.0 is not healthy" in err


def test_a_switch_with_a_gap_is_found_out(tmp_path: Path) -> None:
    """[A-68]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    gap = """
import time
from apply.current import symlink as switch
def with_a_gap(self, target):
    self._current.unlink(missing_ok=True)
    time.sleep(0.002)
    self._current.symlink_to(target)
switch.PosixSwitch._replace = with_a_gap
from unrep.cli import main
main()
"""
    if os.name == "nt":
        pytest.skip("the gap is made in the switch of POSIX")
    beside = set(tmp_path.iterdir())
    code, out, err = selftest(ship, code=gap)
    assert code == 5 and "readings found no version" in err and "No such file" in err
    assert set(tmp_path.iterdir()) == beside and " 0 misses" not in out
