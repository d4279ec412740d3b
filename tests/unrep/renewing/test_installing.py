"""What `agent install` writes where unrep is a release at a site of its own [A-233] [A-235]."""

import json
import os
from pathlib import Path

import pytest

from apply.errors import ConfigError
from apply.site.config import load
from apply.site.health_checks import CommandCheck
from apply.site.layout import Site
from tests.support.observers.command import document, run
from tests.support.sites.site import Ship, shore
from unrep.agent.service import installing as service
from unrep.commands.aboard import agent as command
from unrep.errors import UsageRefused
from unrep.renewing.installing import complete_configuration, launcher

posix = pytest.mark.skipif(os.name == "nt", reason="the launchers of Linux")
OTHER = """[[health]]
type = "command"
argv = ["{current}/bin/unrep", "agent", "--site", "/srv/other", "--alive", "10"]
"""


def checks(config: Path) -> list[tuple[str, ...]]:
    return [check.argv for check in load(config).health if isinstance(check, CommandCheck)]


@pytest.mark.parametrize(
    "text", ["", 'product = "unrep"\n[page]\nport = 8642', '[[health]]\ntype = "tcp"\nhost = "a"\nport = 1\n', OTHER]
)
def test_the_check_is_added_once_whatever_stands_there(tmp_path: Path, text: str) -> None:
    """[A-233]: one for another ship's site is another check."""
    site, config = Site.at(tmp_path), tmp_path / "unrep.toml"
    config.write_text(text)
    before = len(load(config).health)
    assert complete_configuration(site, site) and not complete_configuration(site, site)
    assert "--alive" in checks(config)[-1] and str(tmp_path) in checks(config)[-1]
    assert len(load(config).health) == before + 1


def test_a_configuration_that_is_none_yet(tmp_path: Path) -> None:
    site = Site.at(tmp_path)
    assert complete_configuration(site, site) and not complete_configuration(site, site)


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("[", ConfigError, "not a valid TOML file"),
        ('health = "x"', ConfigError, "health"),
        ("health = [1]", ConfigError, "health"),
        ('health = [{type = "tcp", host = "a", port = 1}]', UsageRefused, r"write each check as a table \[\[health"),
        ("health = []", UsageRefused, r"write each check as a table \[\[health"),
    ],
)
def test_a_configuration_to_which_nothing_can_be_added(
    tmp_path: Path, text: str, error: type[Exception], reason: str
) -> None:
    """[A-233]: it stays as it is."""
    site, config = Site.at(tmp_path), tmp_path / "unrep.toml"
    config.write_text(text)
    with pytest.raises(error, match=reason):
        complete_configuration(site, site)
    assert config.read_text() == text


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ship:
    """A ship whose unrep has a site of its own, `tmp_path / "home"`."""
    (tmp_path / "ship").mkdir()
    made = Ship.sailing(tmp_path / "ship", "1.0.0")
    trust = json.dumps(str(shore().trust_file))
    made.configure(f"[agent]\nsources = [{json.dumps(str(tmp_path))}]\ntrust = {trust}\n")
    for name in ("home/versions/1", "home/.unrep", "units"):
        (tmp_path / name).mkdir(parents=True)
    if os.name != "nt":
        (tmp_path / "home" / "current").symlink_to("versions/1")
    for module in (command, service):
        monkeypatch.setattr(module, "home_site", lambda: Site.at(tmp_path / "home"))
    return made


@posix
def test_it_is_said_what_was_written(ship: Ship, tmp_path: Path) -> None:
    """[A-232] [A-235]"""
    unit = tmp_path / "units" / "unrep-agent-ship.service"
    timer, line = tmp_path / "units" / "unrep-renew-home.timer", f"agent install --site {ship.root} --to {unit}"
    told = document(line)
    assert told["changed"] and told["timer"] == str(timer) and timer.exists()
    assert not document(line)["changed"]
    for spoiled in (launcher(Site.at(tmp_path / "home"), "renew"), tmp_path / "home" / "unrep.toml", timer):
        kept = spoiled.read_bytes()
        spoiled.unlink()
        assert document(line)["changed"] and spoiled.read_bytes() == kept, spoiled
        assert not document(line)["changed"]


@posix
@pytest.mark.skipif(os.name != "nt" and os.geteuid() != 0, reason="for root alone")
@pytest.mark.parametrize("loose", [".", "versions", "versions/1", ".unrep", "launch", "launch/renew", "launch/good"])
def test_what_others_may_change_root_does_not_run(ship: Ship, tmp_path: Path, loose: str) -> None:
    """[A-103]: the updater runs as root, every quarter of an hour."""
    home, unit = tmp_path / "home", tmp_path / "units" / "unrep-agent-ship.service"
    if loose.startswith("launch"):
        (home / "launch").mkdir()
        (home / loose).touch()
    (home / loose).chmod(0o777)
    code, _, said = run(f"agent install --site {ship.root} --to {unit}")
    assert code == 5 and "has mode 0777, so that others could change what unrep does" in said
    assert not list(unit.parent.iterdir()) and not (home / "unrep.toml").exists()
    (home / loose).chmod(0o755)
    code, _, said = run(f"agent install --site {ship.root} --to {unit}")
    assert code == 0, said
