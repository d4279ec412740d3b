"""One run at a time, by a lock that dies with its holder [A-4]: between real processes."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from apply.application.commands import run
from apply.errors import SiteBusy
from apply.site.layout import Site
from apply.site.lock import site_lock
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore, until

_HOLD = """
import sys, time
from pathlib import Path
from apply.site.lock import site_lock
from apply.site.layout import Site
with site_lock(Site.at(Path(sys.argv[1])), "apply"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.at(tmp_path)
    site.make_directories()
    return site


def holder(site: Site) -> subprocess.Popen[str]:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(site.root)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_the_second_run_is_refused_at_once_and_says_who_holds_the_site(site: Site) -> None:
    with holder(site) as other:
        try:
            with pytest.raises(SiteBusy) as caught, site_lock(site, "rollback"):
                pytest.fail("two runs on one site")
        finally:
            other.kill()
    sentence = str(caught.value)
    assert f"{site.root}: 'unrep apply', process {other.pid}, is at work here since 20" in sentence
    assert sentence.endswith("wait until it is done")


def test_the_lock_dies_with_its_holder(site: Site) -> None:
    with holder(site) as other:
        other.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        other.wait(PATIENCE_S)
    with site_lock(site, "recover"):
        assert json.loads(site.lock_file.read_text())["pid"] == os.getpid()


def test_within_one_process_too_and_it_is_let_go(site: Site) -> None:
    with site_lock(site, "apply"), pytest.raises(SiteBusy), site_lock(site, "gc"):
        pytest.fail("two runs on one site")
    with site_lock(site, "gc"):
        pass


def test_a_holder_that_has_not_written_yet(site: Site) -> None:
    with site_lock(site, "apply"):
        site.lock_file.write_bytes(b"")
        with pytest.raises(SiteBusy, match="another unrep is at work here"), site_lock(site, "gc"):
            pytest.fail("two runs on one site")


@pytest.mark.skipif(os.name == "nt", reason="a shell and its background job")
def test_a_server_that_a_run_leaves_behind_does_not_hold_it(site: Site) -> None:
    with site_lock(site, "apply"):
        pid = int(run(["sh", "-c", "sleep 600 & echo $!"], site.context("1"), step="restart", timeout_s=PATIENCE_S))
    try:
        with site_lock(site, "rollback"):
            os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_status_and_history_read_while_a_run_is_at_work(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("wait-health")
    update = threading.Thread(target=ship.apply, args=[shore().bundle("1.0.1", 2, "1.0.0")])
    update.start()
    try:
        until((ship.app / "waiting").exists)
        assert ship.state.condition == "pending" and ship.state.pending and ship.state.pending.version == "1.0.1"
        assert [run["to"] for run in ship.runs] == ["1.0.0"]
        with pytest.raises(SiteBusy):
            ship.roll_back()
    finally:
        ship.relieve("wait-health")
        update.join(PATIENCE_S)
    assert ship.current == "1.0.1" and [run["outcome"] for run in ship.runs] == ["applied", "applied"]
