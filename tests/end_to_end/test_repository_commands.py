"""The repository by its commands, as a release engineer types them."""

import json
import shutil
from pathlib import Path

import pytest

from bundle.read.tree import scan
from tests.support.contents.repositories import begin_by_commands, copied
from tests.support.observers.command import document, refused, run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two releases."""
    shore = tmp_path_factory.mktemp("shore")
    begin_by_commands(shore, 4)
    return shore


@pytest.fixture
def shore(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to work in; the repository is named by the environment."""
    directory = copied(made, tmp_path / "shore")
    monkeypatch.chdir(directory)
    monkeypatch.setenv("UNREP_REPO", "repo")
    return directory


def test_a_release_says_what_it_costs_whom(shore: Path) -> None:
    """[P-7], [P-9]"""
    code, out, err = run("release vms-2 --version 1.0.2 --base-from vms-3")
    assert code == 0, err
    summary, head, *rows = out.splitlines()
    assert head.split() == ["ships", "with", "ships", "bytes", "each", "USD", "each"]
    assert [row.split()[0] for row in rows] == ["1.0.1", "1.0.0", "tree", "none,"]
    assert summary.startswith("vms 1.0.2 (seq 3): ")
    assert "published to 1 of 1 destinations, channel 'stable' names it" in summary and not err


def test_a_dry_run_says_it_first(shore: Path) -> None:
    """[P-14]"""
    tried = document("release vms-2 --version 1.0.2 --dry-run")
    assert tried["dry_run"] and tried["counter"] == 0 and len(document("repo list")["releases"]) == 2
    done = document("release vms-2 --version 1.0.2")
    assert done["bases"] == tried["bases"] and done["sent"] == {str(shore / "www"): 1} and not done["dry_run"]
    price = done["bases"][0]["bytes"] / 1e6 * 12.5
    assert done["bases"][0]["price"] == pytest.approx(price, abs=1e-6) and done["currency"] == "USD"


def test_what_is_in_it_is_listed_shown_and_checked_out(shore: Path) -> None:
    """[P-18]"""
    listed = document("repo list")["releases"]
    assert [(one["version"], one["seq"], one["state"], one["channels"]) for one in listed] == [
        ("1.0.0", 1, "published", []),
        ("1.0.1", 2, "published", ["stable"]),
    ]
    shown = document("repo show 1.0.1")
    assert shown["bundles"][0]["bases"][0]["version"] == "1.0.0" and shown["tree"] == listed[1]["tree"]
    assert document("repo checkout 1.0.0 out")["files"] == 3
    assert scan(shore / "out") == scan(shore / "vms-0")
    assert "1.0.1" in run("repo list")[1] and "in full" in run("repo show 1.0.1")[1]


def test_channels_are_listed_and_promoted(shore: Path) -> None:
    """[P-13]"""
    moved = document("channel promote 1.0.0 --to canary")
    assert moved["moved"] and not document("channel promote 1.0.0 --to canary")["moved"]
    listed = document("channel list")["channels"]
    assert [(one["channel"], one["version"]) for one in listed] == [("stable", "1.0.1"), ("canary", "1.0.0")]
    assert "canary" in run("channel list")[1]
    refused("channel promote 1.0.0 --to stable", 2, "names 1.0.1 (seq 2) already", "--go-back")


def test_it_is_verified_pruned_and_brought_back(shore: Path) -> None:
    """[P-15] to [P-17]"""
    settings = shore / "repo" / "repo.toml"
    settings.write_text(settings.read_text().replace("releases = 10", "releases = 1"))
    assert document("repo prune --dry-run")["releases"] == ["1.0.0"] == document("repo prune")["releases"]
    assert document("repo verify")["bundles"] == 1
    (path,) = (shore / "repo" / "manifests").iterdir()
    tree = path.name
    path.write_bytes(b"x")
    code, out, err = run("repo verify")
    assert code == 3 and tree in out and "1 of" in err
    code, out, _ = run("repo verify --json")
    assert code == 3 and len(json.loads(out)["faults"]) == 1
    assert document("repo import vms-1 --version 1.0.1")["releases"][0]["tree"] == tree
    assert document("repo verify")["faults"] == []


def test_bad_input_is_named(shore: Path) -> None:
    """[P-1], [P-2], [P-6], [P-7]"""
    refused("repo list --repo nowhere", 2, "nowhere: no such directory")
    refused("repo list --repo www", 2, "www: is no repository, repo.toml is missing")
    refused("repo init repo --product vms --key k.key", 2, "repo: is a repository already")
    refused("repo init vms-0 --product vms --key k.key", 2, "vms-0: is there and not empty")
    refused("repo init new --product v/s --key k.key", 2, "v/s")
    refused("repo init new --product vms", 2, "name who signs")
    refused("repo init new --product vms --key k.key --publish new/www", 2, "lies in the repository itself")
    refused("repo show 9.9.9", 2, "has no release 9.9.9")
    refused("repo checkout 9.9.9 out", 2, "has no release 9.9.9")
    refused("repo checkout 1.0.0 vms-0", 2, "vms-0: is there and not empty")
    refused("repo import vms-2", 2, "name its version with --version")
    refused("repo import k.pub", 3, "not an unrep bundle")
    refused("repo import www/stable.channel --version 1", 2, "is no directory")
    refused("release vms-2 --version 1.0.1", 2, "is released already, with other content")
    refused("release vms-2 --version 1.0.2 --channel beta", 2, "channel 'beta'")
    refused("release nowhere --version 1.0.2", 2, "nowhere: not a directory")
    refused("release vms-2 --version 1.0.2 --base-from nowhere", 2, "nowhere")
    (shore / "www" / "stable.channel").write_bytes(b"ours")
    refused("release vms-2 --version 1.0.2", 2, "is no channel file of unrep")
    shutil.rmtree(shore / "www")
    refused("release vms-2 --version 1.0.2", 2, "www: no such directory")


def test_the_signer_is_named_in_the_settings(shore: Path) -> None:
    """[P-6]"""
    settings = shore / "repo" / "repo.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[signer]", '[signer]\ncommand = "false"'))
    refused("release vms-2 --version 1.0.2", 2, "repo.toml: signer: name either a key, or a command")
    settings.write_text(text.replace("\n[build]", '\n[build]\nworkers = 2\ndask = "tcp://127.0.0.1:1"'))
    refused("release vms-2 --version 1.0.2", 2, "workers and dask exclude each other")
    (shore / "k.key").unlink()
    settings.write_text(text)
    refused("release vms-2 --version 1.0.2", 2, "k.key: cannot be read")
    assert len(document("repo list")["releases"]) == 2, "who only looks needs no key"


def test_a_command_may_sign(shore: Path) -> None:
    """[P-6]"""
    assert run("repo init signed --product vms --sign-with false --public k.pub --publish other")[0] == 0
    refused("release vms-0 --version 1.0.0 --repo signed", 2, "--sign-with")
    assert 'command = "false"' in (shore / "signed" / "repo.toml").read_text()


def test_an_encrypted_release_reaches_its_ships_with_tickets(shore: Path) -> None:
    """[P-12]"""
    assert run("ship-key new --out ship")[0] == 0
    settings = shore / "repo" / "repo.toml"
    settings.write_text(settings.read_text().replace("recipients = []", 'recipients = ["../ship.pub"]'))
    done = document("release vms-2 --version 1.0.2")
    assert len(list((shore / "www" / f"{done['file']}.tickets").iterdir())) == 1
    assert run(f"verify www/{done['file']} --trust k.pub")[0] == 0
    assert document("repo verify")["faults"] == []


def test_a_repository_without_destinations_says_so(shore: Path) -> None:
    """[P-12]"""
    assert run("repo init lone --product vms --key k.key")[0] == 0
    code, out, err = run("release vms-0 --version 1.0.0 --repo lone")
    assert code == 0 and "destinations is empty, so nothing is published" in err and "kept in bundles/" in out


def test_a_ship_follows_the_channel_and_a_stranded_one_is_brought_back(shore: Path) -> None:
    """[P-10], [P-13]: from nothing, by a delta, and from a tree that the repository did not know."""

    def sail(site: str) -> str:
        (shore / f"{site}.unrep").unlink(missing_ok=True)
        got, _, err = run(f"fetch www/stable.channel --site {site} --trust k.pub --out {site}.unrep")
        assert got == 0, err
        got, _, err = run(f"apply {site}.unrep --site {site} --trust k.pub")
        assert got == 0, err
        version: str = document(f"status --site {site}")["current"]["version"]
        return version

    for site in ("alpha", "beta"):
        (shore / site).mkdir()
    assert sail("alpha") == "1.0.1"
    assert run("build vms-3 --product vms --version 0.9 --seq 1 --key k.key --out old.unrep")[0] == 0
    assert run("apply old.unrep --site beta --trust k.pub")[0] == 0
    assert document("release vms-2 --version 1.0.2 --base-from vms-3")["seq"] == 3
    assert (sail("alpha"), sail("beta")) == ("1.0.2", "1.0.2")
