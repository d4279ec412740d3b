"""The fleet office by its commands, as a fleet officer types them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

pytest.importorskip("sqlalchemy", reason="needs the extra unrep[fleet]")

from repository.layout import Repository
from repository.record.database import Record
from tests.support.contents.repositories import begin_by_commands, copied
from tests.support.fleet.ships import Ship
from tests.support.observers.command import document, refused, run
from tests.support.repository import REPOSITORY


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two releases and a list of three ships."""
    shore = tmp_path_factory.mktemp("shore")
    begin_by_commands(shore, 3)
    for ship in fleet():
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        data = ship.key.public_key().public_bytes(serialization.Encoding.PEM, form)
        (shore / f"{ship.name}.pub").write_bytes(data)
    (shore / "ships.csv").write_text("name,key,ring\nMercy,Mercy.pub,canary\nHope,Hope.pub,\nGrace,Grace.pub,stable\n")
    return shore


@pytest.fixture
def shore(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to work in; the repository is named by the environment."""
    directory = copied(made, tmp_path / "shore")
    monkeypatch.chdir(directory)
    monkeypatch.setenv("UNREP_REPO", "repo")
    return directory


def fleet() -> list[Ship]:
    return [Ship("Mercy"), Ship("Hope"), Ship("Grace")]


def says(ship: Ship, outcome: str, version: str, **more: Any) -> Path:
    """A receipt in the folder `in`."""
    with Record(Repository.at(Path("repo")).database_file) as record:
        tree = next(release.tree for release in record.releases() if release.version == version)
    known = {"tree": tree[:8], "serving": tree[:8], "held": tree[:4]} | more
    data = ship.says(outcome, time.time(), to=version, **known)
    path = Path("in") / f"{ship.name}-{ship.number}.receipt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_from_a_list_to_the_next_release(shore: Path) -> None:
    """[L-3], [L-10], [L-24]: the next release starts from what ships were heard to run."""
    assert document("fleet add --from ships.csv")["added"] == ["Mercy", "Hope", "Grace"]
    mercy, hope, grace = fleet()
    for ship, version in ((mercy, "1.0.1"), (hope, "1.0.0"), (grace, "1.0.0")):
        says(ship, "applied", version, paid=1_000, deploy_ms=2_000)
    taken = document("fleet take in")
    assert (taken["new"], taken["ships"], taken["apart"]) == (3, 3, {})
    assert document("fleet take in")["repeated"] == 3
    status = document("fleet status")
    assert {ship["name"]: ship["state"] for ship in status["ships"]} == {
        "Hope": "behind",
        "Grace": "behind",
        "Mercy": "unassigned",
    }
    shown = document("fleet show Hope")
    assert shown["way"]["versions"] == ["1.0.1"] and shown["way"]["bytes"] > 0 and shown["said"][0]["paid"] == 1_000
    assert [(base["version"], base["serving"]) for base in document("fleet bases")["bases"]] == [
        ("1.0.0", 2),
        ("1.0.1", 1),
    ]
    released = document("release vms-2 --version 1.0.2")
    assert {base["version"]: base["ships"] for base in released["bases"] if base["tree"]} == {"1.0.1": 1, "1.0.0": 2}
    for line in ("fleet status", "fleet show Hope", "fleet bases", "fleet status --wrong --ring stable"):
        assert run(line)[0] == 0


def test_what_waits_is_taken_once_its_ship_is_there(shore: Path) -> None:
    """[L-14]"""
    path = says(fleet()[0], "applied", "1.0.1")
    code, out, err = run("fleet take", path)
    assert code == 0 and "of no ship of the fleet" in err and "1 of unknown ships" in out
    assert document("fleet add Mercy --key Mercy.pub")["receipts"] == 1
    assert [line.split(",")[0] for line in run("fleet export ships")[1].splitlines()] == ["name", "Mercy"]


def test_a_rollout_by_its_commands(shore: Path) -> None:
    """[L-30], [L-31], [L-36]: begun, looked at, paused, resumed, and done."""
    run("fleet add --from ships.csv")
    assert document("fleet rollout")["version"] == ""
    assert run("release vms-2 --version 1.0.2 --channel canary")[0] == 0
    begun = document("fleet rollout 1.0.2 --rings canary,stable --after 1 --within 7d --stop-on 1")
    assert (begun["moved"], begun["next"]) == (["canary"], "wait")
    assert document("fleet pause --why tired")["state"] == "paused" and "paused, tired" in run("fleet rollout")[1]
    assert document("fleet resume")["was"] == "paused"
    mercy, hope, _ = fleet()
    says(mercy, "applied", "1.0.2")
    run("fleet take in")
    assert document("fleet rollout --dry-run")["next"] == "move"
    assert document("fleet rollout")["moved"] == ["stable"]
    assert {one["channel"]: one["version"] for one in document("channel list")["channels"]}["stable"] == "1.0.2"
    says(hope, "applied", "1.0.2")
    run("fleet take in")
    assert document("fleet rollout")["state"] == "done"
    rows = run("fleet export rollouts")[1].splitlines()
    assert len(rows) == 3 and "1.0.2" in rows[1]
    refused("fleet pause", 2, "no rollout under way")
    refused("fleet rollout 9.9", 2, "is no release")
    refused("fleet rollout --after 3", 2, "name the release")
    refused("fleet rollout 1.0.2 --rings moon", 2, "'moon' is no channel")


def test_users_and_where_the_pages_may_stand(shore: Path) -> None:
    """[L-50], [L-51]"""
    (shore / "password").write_text("correct horse battery\n")
    refused("fleet serve --listen 0.0.0.0:8300", 2, "no users")
    refused("fleet serve --listen nowhere", 2, "is no HOST:PORT")
    assert run("fleet user list")[0] == 0
    added = document("fleet user add anna --role releaser --password-file password")
    assert added == {"name": "anna", "what": "added"}
    assert document("fleet user list")["users"] == [{"name": "anna", "role": "releaser"}]
    refused("fleet serve --listen 0.0.0.0:8300", 2, "in the clear")
    (shore / "short").write_text("short")
    refused("fleet user add eve --password-file short", 2, "10 characters")
    assert document("fleet user remove anna")["what"] == "removed" and run("fleet user list")[0] == 0
    refused("fleet user remove anna", 2, "none of that name")


def test_lists_go_to_a_file(shore: Path) -> None:
    """[L-25]"""
    run("fleet add --from ships.csv")
    assert run("fleet export ships --format jsonl --out out.jsonl")[0] == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert len(rows) == 3
    told = [json.loads(line) for line in run("fleet export ships --json")[1].splitlines()]
    assert told == [{"event": "row", "list": "ships", "row": row} for row in rows]
    written = {"event": "written", "list": "ships", "file": "out.csv", "lines": 4}
    assert document("fleet export ships --out out.csv") == written


def test_what_is_wrong_is_said(shore: Path) -> None:
    (shore / "bad.csv").write_text("name,key,ring\nMercy,Mercy.pub,canary\nHope,nothing.pub,\n")
    refused("fleet add --from bad.csv", 2, "bad.csv, line 3", "nothing.pub")
    (shore / "columns.csv").write_text("ship;pub\nMercy;Mercy.pub\n")
    refused("fleet add --from columns.csv", 2, "first line names the columns")
    refused("fleet add Mercy", 2, "--key")
    refused("fleet add Mercy --key Mercy.pub --ring moon", 2, "'moon' is no channel", "stable, canary")
    refused("fleet take nowhere", 2, "nowhere: is not there")
    refused("fleet show Nobody", 2, "'Nobody': is not in the fleet")
    assert document("fleet status")["ships"] == [], "nothing of a bad list was added"
    settings = shore / "repo" / "repo.toml"
    settings.write_text(settings.read_text().replace("[fleet]", '[fleet]\ndatabase = "mysql://x/y"'))
    refused("fleet status", 2, "postgresql://")


def test_without_the_extra_a_sentence_says_how_to_get_it(shore: Path, tmp_path: Path) -> None:
    """[L-5]: and no other command needs it."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sqlalchemy.py").write_text("raise ModuleNotFoundError('gone', name='sqlalchemy')\n")
    paths = os.pathsep.join((str(tmp_path / "without"), str(REPOSITORY)))
    environment = os.environ | {"PYTHONPATH": paths}

    def without(*line: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "unrep", *line]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, done.stderr

    assert without("fleet", "status") == (
        2,
        "unrep: the fleet office needs sqlalchemy; install it with: pip install 'unrep[fleet]'\n",
    )
    assert without("--help")[0] == 0 and without("release", "vms-2", "--version", "1.0.2", "--dry-run")[0] == 0
