"""A repair request and its answer, with the commands: `unrep repair-request`, `repair`, `fetch`, `apply`."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.observers.command_process import applying, document, unrep
from tests.support.sites.site import Ship, shore

LOST = "app/library.bin"


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """Its one damaged file is read by a recipe of the update."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.spoil("1.0.0", LOST)
    return ship


def repairing(request: Path, out: Path, **other: object) -> list[object]:
    given = {
        "bundle": shore().bundle("1.0.1", 2, "1.0.0"),
        "new": shore().release("1.0.1"),
        "base": shore().release("1.0.0"),
        "key": shore().directory / "sender.key",
        **other,
    }
    return ["repair", request, "--out", out, *(word for name, value in given.items() for word in (f"--{name}", value))]


def test_one_request_there_and_one_bundle_back(ship: Ship, tmp_path: Path) -> None:
    code, _, err = unrep(*applying(ship, shore().bundle("1.0.1", 2, "1.0.0")))
    assert code == 5 and LOST in err and "'unrep repair-request'" in err
    drifted = {"count": 1, "paths": [LOST], "unchecked": 0, "reason": ""}
    assert document("status", "--site", ship.root)["drifted"] == drifted
    assert f"DRIFTED: 1 file is not what was installed: {LOST}; " in unrep("status", "--site", ship.root)[1]
    metrics = unrep("metrics", "--site", ship.root)[1]
    assert "unrep_drifted_files 1\n" in metrics and f'unrep_drifted_file_info{{path="{LOST}"}} 1\n' in metrics
    request, repair, fetched = tmp_path / "n", tmp_path / "r.unrep", tmp_path / "fetched.unrep"
    written = document("repair-request", "--site", ship.root, "--out", request)
    assert written["damaged"] == [LOST] and written["need_bytes"] == request.stat().st_size < 150
    built = document(*repairing(request, repair))
    assert built["target"]["tree"] == shore().tree("1.0.1") and not built["full"]
    assert document("fetch", repair, "--out", fetched, "--site", ship.root, "--trust", shore().trust_file)["complete"]
    assert document(*applying(ship, fetched))["outcome"] == "applied"
    again = document("repair-request", "--site", ship.root, "--out", tmp_path / "other")
    assert again["damaged"] == [] and not (tmp_path / "other").exists()
    assert ship.current == "1.0.1"


def test_bad_requests_and_bad_answers(ship: Ship, tmp_path: Path) -> None:
    request, out = tmp_path / "n", tmp_path / "r.unrep"
    assert unrep("repair-request", "--site", ship.root, "--out", request)[0] == 0
    torn = tmp_path / "torn"
    torn.write_bytes(request.read_bytes()[:-1])
    other = shore().bundle("1.0.1", 2, "1.0.0", product="pms")
    for arguments, words in (
        (repairing(torn, out), "torn: "),
        (repairing(tmp_path / "missing", out), "missing: cannot be read: "),
        (repairing(request, out, base=shore().release("1.0.1")), "n: is about a release with the tree hash"),
        (repairing(request, out, new=shore().release("1.0.0")), "is another release, its tree hash is"),
        (repairing(request, out, bundle=other), "n: comes from a site of vms, and"),
    ):
        code, _, err = unrep(*arguments)
        assert code in (2, 3) and words in err and err.count("\n") == 1 and not out.exists(), (words, err)
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, err = unrep("repair-request", "--site", empty, "--out", tmp_path / "o", "--json")
    assert code == 5 and "nothing is installed here" in err
    shutil.rmtree(ship.site.manifests)
    assert unrep("repair-request", "--site", ship.root, "--out", tmp_path / "o")[0] == 5


def test_a_repair_request_is_json_free_bytes(ship: Ship, tmp_path: Path) -> None:
    """It goes by mail or by hand: the same damage gives the same bytes."""
    first, second = tmp_path / "1", tmp_path / "2"
    for out in (first, second):
        assert json.loads(unrep("repair-request", "--site", ship.root, "--out", out, "--json")[1])["version"] == "1.0.0"
    assert first.read_bytes() == second.read_bytes()
