"""What root runs, only root may change: the site, its configuration, whom it trusts, and the way to them [A-103]."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apply.errors import Unguarded
from apply.recover import recover
from apply.site.guarded import check_guarded
from apply.update import update
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore

pytestmark = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="root is judged, on POSIX")
NOBODY = 65534
Change = Callable[[Ship], Path]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    made = Ship.sailing(tmp_path / "a", "1.0.0")
    made.configure(f"[agent]\nsources = ['/nowhere']\ntrust = '{tmp_path}/trust.pub'\nauth_file = '{tmp_path}/auth'\n")
    (tmp_path / "trust.pub").write_bytes(shore().trust_file.read_bytes())
    (tmp_path / "auth").write_text("bearer x\n")
    (tmp_path / "auth").chmod(0o600)
    return made


def unrep(*arguments: object) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "unrep", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE_S)


def mode(bits: int, *parts: str) -> Change:
    def change(ship: Ship) -> Path:
        path = ship.root.joinpath(*parts)
        path.chmod(bits)
        return path

    return change


def owned(*parts: str) -> Change:
    def change(ship: Ship) -> Path:
        path = ship.root.joinpath(*parts)
        os.chown(path, NOBODY, 0)
        return path

    return change


_WAY = "the way to it is another's"
OF_THE_SITE = {
    "a site that all may write to": mode(0o777),
    "that a group may write to": mode(0o775),
    "whose sticky bit is no help": mode(0o1777),
    "that is another's": owned(),
    "the way to it": mode(0o777, ".."),
    _WAY: owned(".."),
    "its versions": mode(0o777, "versions"),
    "its environments, whose Python root runs": owned(".venvs"),
    "its record": owned(".unrep"),
}
OF_ITS_CONFIGURATION = {
    "a configuration that all may write to": mode(0o666, "unrep.toml"),
    "that a group may write to": mode(0o664, "unrep.toml"),
    "that is another's": owned("unrep.toml"),
}


COMMANDS: list[tuple[str, Change]] = [
    *(("apply", change) for change in (*OF_THE_SITE.values(), *OF_ITS_CONFIGURATION.values())),
    *(("recover", change) for change in (OF_THE_SITE["that is another's"], *OF_ITS_CONFIGURATION.values())),
    ("run", OF_THE_SITE["its versions"]),
]


@pytest.mark.parametrize(("command", "change"), COMMANDS)
def test_root_works_by_nothing_that_others_may_change(ship: Ship, command: str, change: Change) -> None:
    """[A-103]: one sentence with the path and what to do, exit code 5, and nothing is started or changed.

    No advice is to give a home to root, on the way to a site or a key.
    """
    bundle, path = shore().bundle("1.0.1", 2, "1.0.0"), change(ship)
    more: dict[str, list[object]] = {
        "apply": [bundle, "--trust", shore().trust_file],
        "recover": [],
        "run": ["--", "true"],
    }
    refused = unrep(command, "--site", ship.root, *more[command])
    named = os.path.normpath(path)
    assert refused.returncode == 5 and refused.stderr.startswith(f"unrep: {named}: "), refused.stderr
    assert refused.stderr.count("\n") == 1
    chown = "move what lies in there to a directory of root's" if change is OF_THE_SITE[_WAY] else f"chown root {named}"
    assert f"chmod go-w {named}" in refused.stderr or f"{chown}, or run unrep as nobody" in refused.stderr
    assert (f", or chmod +t {named}\n" in refused.stderr) == (change is OF_THE_SITE["the way to it"])
    assert ship.calls == [] and ship.current == "1.0.0"


@pytest.mark.parametrize("change", OF_THE_SITE.values())
def test_no_run_works_on_such_a_site(ship: Ship, change: Change) -> None:
    """[A-103]: without the command around it, too."""
    config, bundle = ship.config, shore().bundle("1.0.1", 2, "1.0.0")
    change(ship)
    with pytest.raises(Unguarded):
        update(bundle, ship.root, shore().trust, config)
    with pytest.raises(Unguarded):
        recover(ship.root, config)
    assert ship.calls == []


@pytest.mark.parametrize("command", [["hold"], ["resume"], ["ship-key", "new"], ["rollback"], ["gc"]])
def test_whatever_else_writes_there(ship: Ship, command: list[str]) -> None:
    """[A-103]: and `status`, which does not, answers as ever."""
    os.chown(ship.site.private, NOBODY, 0)
    refused = unrep(*command, "--site", ship.root)
    assert refused.returncode == 5 and f"chown root {ship.site.private}, or run unrep as nobody" in refused.stderr
    assert not ship.site.hold_file.exists() and not ship.site.ship_key_file.exists()
    assert unrep("status", "--site", ship.root).returncode == 0


@pytest.mark.parametrize("name", ["trust.pub", "auth"])
def test_what_an_agent_goes_by(ship: Ship, tmp_path: Path, name: str) -> None:
    """[A-103]: as it starts, and before it is installed."""
    os.chown(tmp_path / name, NOBODY, 0)
    for command in (["agent", "--once"], ["agent", "install", "--to", tmp_path / "unit.service"]):
        refused = unrep(*command, "--site", ship.root)
        assert refused.returncode == 5 and f"{tmp_path / name}: belongs to nobody" in refused.stderr, refused.stderr
    assert not (tmp_path / "unit.service").exists()


@pytest.mark.parametrize("option", ["--trust", "--config", "--ship-key"])
def test_files_that_are_named(ship: Ship, tmp_path: Path, option: str) -> None:
    """[A-103]"""
    (tmp_path / "open").mkdir(mode=0o700)
    (tmp_path / "open").chmod(0o777)
    named = tmp_path / "open/file"
    named.write_bytes(shore().trust_file.read_bytes() if option == "--trust" else b"")
    trust = [] if option == "--trust" else ["--trust", shore().trust_file]
    bundle = shore().bundle("1.0.1", 2, "1.0.0")
    refused = unrep("apply", bundle, "--site", ship.root, *trust, option, named, "--json")
    assert refused.returncode == 5 and f"{tmp_path / 'open'}: has mode 0777" in json.loads(refused.stdout)["error"]


@pytest.mark.slow
def test_what_a_person_names_may_be_theirs(ship: Ship, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-103]: `sudo unrep apply --trust ~/shore.pub`, and nobody else's file."""
    (tmp_path / "home").mkdir(mode=0o755)
    named = tmp_path / "home/shore.pub"
    named.write_bytes(shore().trust_file.read_bytes())
    for path in (named, tmp_path / "home"):
        os.chown(path, NOBODY, NOBODY)
    apply = ("apply", shore().bundle("1.0.1", 2, "1.0.0"), "--site", ship.root, "--trust", named)
    for who in ("1234", "", "-1", "x"):
        monkeypatch.setenv("SUDO_UID", who)
        assert unrep(*apply).returncode == 5
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    done = unrep(*apply)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("option", ["--trust", "--ship-key", "--auth-file", "--ca-file"])
def test_what_a_fetch_for_a_site_goes_by(ship: Ship, tmp_path: Path, option: str) -> None:
    """[A-103]: it chooses what comes in, and learns for the site, as `apply` does."""
    named = tmp_path / "named"
    named.write_bytes(shore().trust_file.read_bytes())
    os.chown(named, NOBODY, 0)
    trust = [] if option == "--trust" else ["--trust", shore().trust_file]
    out = ["--out", tmp_path / "out", "--site", ship.root]
    refused = unrep("fetch", shore().bundle("1.0.1", 2, "1.0.0"), *out, *trust, option, named)
    assert refused.returncode == 5 and f"{named}: belongs to nobody" in refused.stderr, refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_sticky_directory_on_the_way_and_a_link_in_it(tmp_path: Path) -> None:
    """[A-103]: in /tmp what is root's stays; a link of another's may be pointed elsewhere at any time."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "tmp/site").mkdir()
    check_guarded(tmp_path / "tmp/site")
    link = tmp_path / "tmp/link"
    link.symlink_to(tmp_path / "tmp/site")
    check_guarded(link, link / "unrep.toml", link / "../link/missing/x")
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(Unguarded, match="link: belongs to nobody"):
        check_guarded(link / "unrep.toml")


def test_a_link_leads_to_what_is_judged(tmp_path: Path) -> None:
    """[A-103]: the directories of the target count as well, and a ring of links is for whoever opens it."""
    (tmp_path / "open/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("open/deep")
    (tmp_path / "ring").symlink_to("ring")
    check_guarded(tmp_path / "link", tmp_path / "ring" / "x")
    (tmp_path / "open").chmod(0o770)
    with pytest.raises(Unguarded, match="open: has mode 0770"):
        check_guarded(tmp_path / "link/unrep.toml")


def test_an_ordinary_user_is_not_judged(ship: Ship) -> None:
    """[A-103]: what is hers she may give away."""
    ship.root.chmod(0o777)
    os.seteuid(NOBODY)
    try:
        check_guarded(ship.root, ship.root / "unrep.toml")
    finally:
        os.seteuid(0)
    with pytest.raises(Unguarded):
        check_guarded(ship.root)
