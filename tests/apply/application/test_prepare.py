"""A tree made ready to run before the switch [A-18]: its environment from its own wheels, the site's command."""

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from apply.application.prepare import prepare
from apply.errors import StepFailed
from apply.site.config import SiteConfig
from apply.site.layout import Site
from tests.support.contents.wheelhouse import make_wheel
from tests.support.sites.site import Ship, shore


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.at(tmp_path)
    site.make_directories()
    tree = site.tree("1.0.1")
    make_wheel(tree / "wheels", "chart", "3.1")
    (tree / "requirements.txt").write_text("chart==3.1\n")
    return site


def config(**prepare_keys: object) -> SiteConfig:
    import msgspec

    return msgspec.convert({"prepare": prepare_keys}, SiteConfig)


def wheels(**keys: str) -> dict[str, str]:
    return {"python": sys.executable} | keys


needs_venv = pytest.mark.skipif(not find_spec("ensurepip"), reason="this Python is one that cannot make environments")


@needs_venv
def test_an_environment_from_the_releases_own_wheels_which_commands_find(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network: pip is told to use no index, whatever its own configuration says."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    code = (
        "import os, subprocess, sys; venv = os.environ['UNREP_VENV'];"
        "python = os.path.join(venv, *(['Scripts', 'python.exe'] if os.name == 'nt' else ['bin', 'python']));"
        "out = subprocess.check_output([python, '-c', 'import chart; print(chart.VERSION)']);"
        "open(os.path.join(os.environ['UNREP_SITE'], 'answer'), 'wb').write(out + os.getcwd().encode())"
    )
    (site.venvs / "1.0.1").mkdir()
    (site.venvs / "1.0.1" / "left by a dead run").touch()
    before = sorted(path.name for path in site.tree("1.0.1").rglob("*"))
    prepare(site, config(python_wheels=wheels(), command=[sys.executable, "-c", code]), "1.0.1")
    version, cwd = (site.root / "answer").read_text().splitlines()
    assert version == "3.1" and Path(cwd).samefile(site.tree("1.0.1"))
    assert not (site.venvs / "1.0.1" / "left by a dead run").exists()
    assert sorted(path.name for path in site.tree("1.0.1").rglob("*")) == before, "the tree was written to"


@needs_venv
@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_another_account_may_run_an_environment_that_was_made_under_a_strict_umask(site: Site) -> None:
    """[A-111]"""
    before = os.umask(0o077)
    try:
        prepare(site, config(python_wheels=wheels()), "1.0.1")
    finally:
        os.umask(before)
    found = [path for path in (site.venvs, *site.venvs.rglob("*")) if not path.is_symlink()]
    assert found and not [path for path in found if not path.stat().st_mode & 0o004]


@needs_venv
def test_it_asks_nobody_for_what_the_release_lacks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way to a network leads through this socket."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        (site.tree("1.0.1") / "requirements.txt").write_text("chart==3.1\nsextant==1.0\n")
        proxy.settimeout(0.05)
        with pytest.raises(StepFailed, match=r"prepare: .*sextant==1\.0"):
            prepare(site, config(python_wheels=wheels()), "1.0.1")
        with pytest.raises(TimeoutError):
            proxy.accept()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"requirements": "other.txt"}, r"other\.txt: not in the release, but prepare\.python_wheels names it"),
        ({"wheels": "discs"}, "discs: not in the release"),
        ({"python": "no-such-python"}, "no-such-python cannot be started"),
    ],
)
def test_what_is_missing_is_named(site: Site, keys: dict[str, str], words: str) -> None:
    with pytest.raises(StepFailed, match=f"prepare: .*{words}"):
        prepare(site, config(python_wheels=wheels(**keys)), "1.0.1")


def test_nothing_configured_is_nothing_done(site: Site) -> None:
    prepare(site, SiteConfig(), "1.0.1")
    assert list(site.venvs.iterdir()) == []


class TestWithinAnUpdate:
    """[A-17], [A-18]"""

    @pytest.fixture
    def ship(self, tmp_path: Path) -> Ship:
        return Ship.sailing(tmp_path, "1.0.0")

    def test_it_comes_before_the_snapshot_and_that_before_the_switch(self, ship: Ship) -> None:
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        assert ship.calls == [
            "prepare 1.0.1 current=1.0.0",
            "snapshot 1.0.0 current=1.0.0",
            "restart 1.0.1 current=1.0.1",
            "health 1.0.1 current=1.0.1",
        ]

    @pytest.mark.parametrize("step", ["prepare", "snapshot"])
    def test_its_failure_leaves_the_site_as_it_was(self, ship: Ship, step: str) -> None:
        before, state = ship.seen("versions", "current"), ship.state
        ship.order(f"fail-{step}")
        with pytest.raises(StepFailed, match=rf"^{step}: .* exited with 1, its last line: {step} is broken"):
            ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        assert ship.leftovers() == []
        assert [path.name for path in ship.site.manifests.iterdir()] == [shore().tree("1.0.0")]
        after = ship.seen("versions", "current")
        assert after.keys() == before.keys() and ship.current == ship.running == "1.0.0"
        assert {k: v for k, v in after.items() if k != "versions"} == {
            k: v for k, v in before.items() if k != "versions"
        }
        assert ship.state.releases == state.releases and ship.state.high_water == state.high_water

        ship.relieve(f"fail-{step}")
        assert ship.apply(shore().bundle("1.0.1", 2, "1.0.0")).outcome == "applied"

    @pytest.mark.skipif(os.name == "nt", reason="a virtual environment of POSIX")
    def test_a_release_without_wheels_is_refused_and_its_environment_goes(self, ship: Ship) -> None:
        text = (ship.root / "unrep.toml").read_text()
        (ship.root / "unrep.toml").write_text(text.replace("[prepare]", "[prepare]\npython_wheels = {}"))
        with pytest.raises(StepFailed, match=r"requirements\.txt: not in the release"):
            ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        assert list(ship.site.venvs.iterdir()) == [] and ship.current == "1.0.0"
