"""unrep renews itself: what starts it, who judges, and what `good` is for [A-232] to [A-235]."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from apply.record.database import Record, read_state
from apply.record.release import Release
from apply.record.state import SiteState
from apply.record.stranded import Stranded
from apply.site.layout import Site
from tests.support.sites.mounted import mounted
from tests.support.sites.site import PATIENCE_S, until
from tests.support.sites.stub_home import KINDS, Home
from unrep.renewing import asking, home
from unrep.renewing.installing import is_good, launcher

posix = pytest.mark.skipif(os.name == "nt", reason="the launchers of Linux")


@pytest.fixture(params=KINDS)
def at(tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    (tmp_path / "a home ü").mkdir()
    return Home(tmp_path / "a home ü", request.param)


@pytest.fixture
def ours(tmp_path: Path) -> Home:
    """With the launcher of this system."""
    (tmp_path / "a home ü").mkdir()
    return Home(tmp_path / "a home ü", KINDS[0])


def test_the_round_runs_in_what_is_good_and_what_has_proven_itself_becomes_it(at: Home) -> None:
    """[A-232]"""
    code, told, good = at.renew()
    assert (code, good) == (0, "2")
    assert told[1] == f"1 agent --once --site {at.root}" and told[-1] == "2 agent --site /srv/vms --alive 600"
    code, told, good = at.renew()
    assert (code, good) == (0, "2") and told == ["2 --version", f"2 agent --once --site {at.root}"]


def test_what_is_young_pending_or_busy_is_not_good_yet(at: Home) -> None:
    """[A-232]"""
    assert at.renew(PROVEN=5)[::2] == (0, "1")
    assert at.renew(STATUS=7, STATE="degraded")[::2] == (7, "1")
    assert at.renew(STATE="pending")[::2] == (0, "1"), "on trial, which ends in another round"
    assert at.renew(STATE="pending", STATUS=8, ONCE=8)[::2] == (8, "1")
    assert at.renew(ONCE=5)[::2] == (5, "1"), "another updater is at work"
    assert at.renew(ONCE=8, STATUS=8)[::2] == (8, "2"), "stranded, which says nothing of the current one"


@pytest.mark.parametrize(("pending", "good"), [(False, "2"), (True, "1")])
def test_a_stranded_home_goes_on_by_what_the_real_status_says(at: Home, pending: bool, good: str) -> None:
    """[A-232]: nothing leads on from here, and what is current proves itself none the less."""
    site = Site.at(at.root)
    site.make_directories()
    one, two = (Release(version=str(n), seq=n, tree=str(n) * 64, platform="any", bundle="b") for n in (1, 2))
    ahead = Stranded(version="3", seq=3, epoch=0, tree="3" * 64, since=1, reason='send it; "state": "ok"')
    state = SiteState(product="unrep", releases=(one, two), current_version="1", stranded=ahead)
    state = state.begun("unrep", two, "1", 1) if pending else msgspec.structs.replace(state, current_version="2")
    record = Record(site)
    record.save(state)
    record.close()
    assert read_state(site).condition == ("pending" if pending else "ok")
    code, told, found = at.renew(ONCE=8, REAL=sys.executable, PYTHONPATH=str(home.program_directory()))
    assert (code, found) == (8, good) and any(" status " in line for line in told)
    if not pending:
        at.good("1\n")
        for _ in range(3):
            answers = {"ONCE": 8, "PROVEN": 5, "LIVES": 5, "REAL": sys.executable}
            told = at.renew(**answers, PYTHONPATH=str(home.program_directory()))[1]
        assert told[-1] == f"1 rollback --to 1 --site {at.root}", "and it is taken back if it dies"


def test_what_dies_after_its_commit_is_left_at_the_third_round(at: Home) -> None:
    """[A-233]"""
    for _ in range(2):
        assert "rollback" not in "".join(at.renew(PROVEN=5, LIVES=5)[1])
    at.renew(PROVEN=5)  # it lives, so the count begins anew
    for _ in range(2):
        assert "rollback" not in "".join(at.renew(PROVEN=5, LIVES=5)[1])
    code, told, good = at.renew(PROVEN=5, LIVES=5)
    assert (code, good) == (0, "1") and told[-1] == f"1 rollback --to 1 --site {at.root}"


@pytest.mark.parametrize("text", ["", "9\n", "../../etc\n", "..\n", "\0\xff", "1 2", "x" * 5000])
def test_a_good_that_is_spoiled_or_names_what_is_gone(at: Home, text: str) -> None:
    """[A-232]: another than the current one judges, unless it is broken, too."""
    at.good(text)
    code, told, _ = at.renew(PROVEN=5)
    assert code == 0 and f"1 agent --once --site {at.root}" in told
    assert f"3 agent --once --site {at.root}" in at.renew(PROVEN=5, BROKEN="1")[1]
    assert f"2 agent --once --site {at.root}" in at.renew(PROVEN=5, BROKEN="1 3")[1]
    (at.root / "launch" / "good").unlink()
    assert f"1 agent --once --site {at.root}" in at.renew()[1]
    assert is_good(Site.at(at.root), "2")


def test_a_good_version_that_does_not_start_judges_nothing(at: Home) -> None:
    """[A-232]"""
    at.good("3\n")
    assert f"1 agent --once --site {at.root}" in at.renew(PROVEN=5, BROKEN="3")[1]
    (at.root / "versions" / "3" / "kit.json").unlink()
    assert f"1 agent --once --site {at.root}" in at.renew()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_full_disk_what_is_good_stays_so(tmp_path: Path, kind: str) -> None:
    """[A-232]: until there is room."""
    with mounted(tmp_path) as disk:
        (disk / "home").mkdir()
        at = Home(disk / "home", kind)
        at.told = tmp_path / "told"
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(512))
        for _ in range(3):
            _, told, good = at.renew(PROVEN=5, LIVES=5)
            assert good == "1" and "rollback" not in told[-1], "nobody can count to three"
        assert at.renew()[2] == "1"
        filler.unlink()
        assert at.renew()[::2] == (0, "2")


@posix
def test_a_version_that_hangs_when_it_is_asked_judges_nothing(tmp_path: Path) -> None:
    """[A-232]: nor does it stop the round."""
    at = Home(tmp_path, "sh")
    renew = launcher(Site.at(at.root), "renew")
    renew.write_text(renew.read_text().replace("patience=300", "patience=1"))
    for version, judge in (("1", "3"), ("3", "2")):
        at.stub(version, "import time\ntime.sleep(9999)")
        assert f"{judge} agent --once --site {at.root}" in at.renew(PROVEN=5)[1]


def test_a_round_that_is_asked_for(ours: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-236]"""
    site = Site.at(tmp_path)
    assert not asking.renew_now(site), "an unrep that is no release at a site"
    monkeypatch.setattr(asking, "home_site", lambda: Site.at(ours.root))
    monkeypatch.setenv("TOLD", str(ours.root / "told"))
    assert asking.renew_now(site)
    assert f"1 agent --once --site {ours.root}" in (ours.root / "told").read_text("utf-8")
    for code, looked in ((8, True), (5, False)):
        monkeypatch.setenv("ONCE", str(code))
        assert asking.renew_now(site) is looked
    (ours.launch / ("launcher" if os.name == "nt" else "renew")).unlink()
    assert not asking.renew_now(site)


@posix
def test_the_agent_of_that_very_site_asks_nobody(ours: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-236]: its own round looks, and another would be refused."""
    (tmp_path / "link").symlink_to(ours.root)
    monkeypatch.setattr(asking, "home_site", lambda: Site.at(ours.root))
    monkeypatch.setenv("TOLD", str(ours.root / "told"))
    assert not asking.renew_now(Site.at(ours.root)) and not asking.renew_now(Site.at(tmp_path / "link"))
    assert not (ours.root / "told").exists()


ASKING = """
import sys
from contextlib import suppress
from pathlib import Path
from apply.site.layout import Site
from unrep.agent.stopping import until_told_to_stop
from tests.support.sites.mounted import mounted
from tests.support.sites.site import PATIENCE_S, until
from tests.support.sites.stub_home import KINDS, Home
from unrep.renewing import asking
asking.home_site = lambda: Site.at(Path(sys.argv[1]))
with until_told_to_stop():
    asking.renew_now(Site.at(Path(sys.argv[2])))
"""


@posix
def test_an_agent_that_is_stopped_leaves_the_round_to_end(ours: Home, tmp_path: Path) -> None:
    """[A-236]: the new unrep that the round brings restarts this agent, and goes on."""
    told = ours.root / "told"
    environment = {**os.environ, "TOLD": str(told), "SLOW": "0.7"}
    command = [sys.executable, "-c", ASKING, str(ours.root), str(tmp_path)]
    with subprocess.Popen(command, env=environment, cwd=home.program_directory()) as agent:
        until(told.exists)
        agent.terminate()
        assert agent.wait(PATIENCE_S) == 0
    until(lambda: "2 agent --site" in told.read_text())


def test_what_is_started_is_the_version_that_is_current(at: Home, tmp_path: Path) -> None:
    """[A-235] [A-237]: arguments stay as they are, and so does the exit code."""
    with at.start("unrep", "status", "a b", "", STATUS=7) as running:
        assert running.wait(PATIENCE_S) == 7
    assert (at.root / "told").read_text("utf-8").splitlines() == ["2 status a b "]
    if at.kind == "sh":
        (tmp_path / "unrep").symlink_to(launcher(Site.at(at.root), "unrep"))
        environment = {"PATH": os.environ["PATH"], "TOLD": str(tmp_path / "told")}
        subprocess.run([tmp_path / "unrep", "status", "a b"], env=environment, check=True)
        subprocess.run([launcher(Site.at(at.root), "agent"), "--site", "/srv/vms"], env=environment, check=True)
        assert (tmp_path / "told").read_text().splitlines() == ["2 status a b", "2 agent --site /srv/vms"]
    if os.name == "nt":
        command, environment = at.launch / "unrep.cmd", {**os.environ, "TOLD": str(tmp_path / "told")}
        subprocess.run(f'cmd /s /c ""{command}" status "a b""', env=environment, check=True)
        assert (tmp_path / "told").read_text().splitlines() == ["2 status a b"]


def test_whether_this_program_is_a_version_at_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-235]"""
    assert home.home_site() is None, "a checkout is none"
    kit = tmp_path / "home" / "versions" / "1"
    (kit / "app").mkdir(parents=True)
    (kit / "kit.json").touch()
    monkeypatch.setattr(home, "program_directory", lambda: kit / "app")
    assert home.home_site() is None
    (tmp_path / "home" / ".unrep").mkdir()
    (tmp_path / "home" / "current").mkdir()
    found = home.home_site()
    assert found and found.root == tmp_path / "home"


def asked(site: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "unrep", "agent", "--site", str(site), *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_whether_the_agent_is_this_very_unrep(tmp_path: Path) -> None:
    """[A-231]"""
    (tmp_path / ".unrep").mkdir()
    told = asked(tmp_path, "--alive", "0")
    assert told.returncode == 5 and "no such agent was heard of" in told.stderr
    now = time.time()
    said = {"pid": os.getpid(), "started_at": now - 20, "beat_at": now, "program": str(home.program_directory())}
    for change, alive, reason in (
        ({}, "10", ""),
        ({}, "3600", "has lived for"),
        ({"program": "/opt/other/app"}, "0", "it is the one in /opt/other/app"),
        ({"stopped": True}, "0", "was stopped"),
        ({"beat_at": now - 600}, "0", "was killed, or hangs"),
    ):
        (tmp_path / ".unrep" / "agent.json").write_text(json.dumps({**said, **change}))
        told = asked(tmp_path, "--alive", alive)
        assert told.returncode == (5 if reason else 0) and reason in told.stderr, told


def test_a_probe_reads_the_site_and_writes_nothing(tmp_path: Path) -> None:
    """[A-230]"""
    site = Site.at(tmp_path)
    site.make_directories()
    record = Record(site)
    record.save(SiteState(product="vms", releases=(Release(version="1", seq=1, tree="a", platform="any", bundle="b"),)))
    record.close()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    told = asked(tmp_path, "--probe")
    assert told.returncode == 0 and "modules can be imported" in told.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert read_state(site).product == "vms"
    (tmp_path / "unrep.toml").write_text("what = 1\n")
    assert asked(tmp_path, "--probe").returncode == 2
    other = tmp_path / "other.toml"
    for text, code in (("", 0), ("other = 1\n", 2)):
        other.write_text(text)
        told = asked(tmp_path, "--probe", "--config", str(other))
        assert told.returncode == code and ("other.toml" in told.stderr) is (code == 2), told
