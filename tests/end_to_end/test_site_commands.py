"""The commands aboard, as a mate or a script runs them: real processes, exit codes, sentences, JSON, and signals."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.trust.signing import write_key_pair
from tests.support.observers.command_process import applying, document, ended, started, unrep
from tests.support.sites.site import Ship, bent, filled, on_a_small_disk, shore, until

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
SECOND = ("1.0.1", 2, "1.0.0")
RUN_KEYS = {"outcome", "from", "to", "steps", "seconds", "peak_rss_bytes", "reason", "code"}


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def test_a_voyage(tmp_path: Path) -> None:
    """Install, update, the same again, back by hand, history, retention: what each prints, for people and programs."""
    ship = Ship(tmp_path)
    site = ["--site", ship.root]
    code, out, _ = unrep("status", *site)
    assert (code, out) == (0, "empty: nothing was ever installed here\n")
    empty = document("status", *site)
    assert {k: empty[k] for k in ("product", "state", "current", "last_good", "quarantined", "versions")} == {
        "product": None, "state": "empty", "current": None, "last_good": None, "quarantined": [], "versions": [],
    }  # fmt: skip

    first = document(*applying(ship, shore().bundle("1.0.0", 1)))
    assert first.keys() == RUN_KEYS
    assert (first["outcome"], first["from"], first["to"]) == ("applied", "", "1.0.0")
    assert first["seconds"] >= sum(first["steps"].values())
    assert first["peak_rss_bytes"] is None if os.name == "nt" else first["peak_rss_bytes"] > 1_000_000
    code, out, err = unrep(*applying(ship, shore().bundle(*SECOND), "--dry-run"))
    assert (code, err) == (0, "") and out.startswith("would-apply: would install 1.0.1 from 1.0.0 (")
    code, out, err = unrep(*applying(ship, shore().bundle(*SECOND)))
    assert (code, err) == (0, "") and out.startswith("applied: 1.0.0 -> 1.0.1, every required check passed")
    assert document(*applying(ship, shore().bundle(*SECOND)))["outcome"] == "already-current"

    status = document("status", *site)
    assert (status["product"], status["state"]) == ("vms", "ok")
    assert (status["current"]["version"], status["current"]["seq"]) == ("1.0.1", 2)
    assert status["current"]["tree"] == shore().tree("1.0.1") and status["last_good"]["version"] == "1.0.0"
    assert [version["version"] for version in status["versions"]] == ["1.0.0", "1.0.1"]
    back = document("rollback", *site)
    assert back.keys() == RUN_KEYS and (back["outcome"], back["from"], back["to"]) == ("rolled-back", "1.0.1", "1.0.0")
    code, out, _ = unrep("status", *site)
    assert code == 0 and out.startswith("vms 1.0.0: ok\n") and "quarantined: 1.0.1, rolled back by hand to 1.0.0" in out

    recovered = document("recover", *site)
    assert recovered.keys() == RUN_KEYS and recovered["outcome"] == "nothing-to-do"
    ship.configure(extra="[retention]\nkeep = 0\n")
    assert document("gc", *site)["removed"] == ["1.0.1"]
    code, out, _ = unrep("history", *site, "--json")
    runs = [json.loads(line) for line in out.splitlines()]
    assert [run["command"] for run in runs] == ["apply", "apply", "apply", "rollback", "recover", "gc"]
    assert [run["outcome"] for run in runs[:4]] == ["applied", "applied", "already-current", "rolled-back"]
    code, out, _ = unrep("history", *site, "--limit", 2)
    assert len(out.splitlines()) == 3 and "recover" in out


def _flipped(ship: Ship, directory: Path) -> list[object]:
    return applying(ship, bent(shore().bundle(*SECOND), directory, -1))


def _cut(ship: Ship, directory: Path) -> list[object]:
    (directory / "cut.unrep").write_bytes(shore().bundle(*SECOND).read_bytes()[:-1])
    return applying(ship, directory / "cut.unrep")


def _no_bundle(ship: Ship, directory: Path) -> list[object]:
    return applying(ship, directory / "missing.unrep")


def _directory(ship: Ship, directory: Path) -> list[object]:
    (directory / "folder.unrep").mkdir()
    return applying(ship, directory / "folder.unrep")


def _other_key(ship: Ship, directory: Path) -> list[object]:
    write_key_pair(directory / "other")
    return ["apply", shore().bundle(*SECOND), "--site", ship.root, "--trust", directory / "other.pub"]


def _no_trust(ship: Ship, directory: Path) -> list[object]:
    return ["apply", shore().bundle(*SECOND), "--site", ship.root, "--trust", directory / "missing.pub"]


def _other_base(ship: Ship, directory: Path) -> list[object]:
    return applying(ship, shore().bundle("1.0.2", 3, "1.0.1"))


def _patched_file(ship: Ship, directory: Path) -> list[object]:
    ship.spoil("1.0.0", "app/library.bin")
    return applying(ship, shore().bundle(*SECOND))


def _unknown_key(ship: Ship, directory: Path) -> list[object]:
    ship.configure(extra="[retention]\nkepe = 3\n")
    return applying(ship, shore().bundle(*SECOND))


def _unknown_key_elsewhere(ship: Ship, directory: Path) -> list[object]:
    (directory / "other.toml").write_text("[switch]\nrestrat = ['true']\n")
    return applying(ship, shore().bundle(*SECOND), "--config", directory / "other.toml")


def _no_site(ship: Ship, directory: Path) -> list[object]:
    return ["apply", shore().bundle(*SECOND), "--site", directory / "nowhere", "--trust", shore().trust_file]


def _other_product(ship: Ship, directory: Path) -> list[object]:
    return applying(ship, shore().bundle("1.0.1", 2, "1.0.0", product="ecdis"))


def _same_seq(ship: Ship, directory: Path) -> list[object]:
    return applying(ship, shore().bundle("1.0.2", 1, "1.0.0"))


def _stranger(ship: Ship, directory: Path) -> list[object]:
    (ship.site.versions / "1.0.1").mkdir()
    return applying(ship, shore().bundle(*SECOND))


def _nothing_to_go_back_to(ship: Ship, directory: Path) -> list[object]:
    return ["rollback", "--site", ship.root]


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (_no_bundle, 2, "missing.unrep: cannot be read: No such file"),
        (_directory, 2, "folder.unrep: cannot be read"),
        (_no_trust, 2, "missing.pub: "),
        (_other_key, 3, "1.0.1.unrep: "),
        (_flipped, 3, "bent.unrep: "),
        (_cut, 3, "cut.unrep: cut short"),
        (_other_base, 3, "1.0.2.unrep: vms 1.0.2 comes as deltas from"),
        (_other_product, 3, "product 'ecdis'; this site has 'vms'"),
        (_same_seq, 3, "another release with this seq was accepted before"),
        (_patched_file, 5, "versions/1.0.0/app/library.bin: has changed since it was installed"),
        (_stranger, 5, "versions/1.0.1: is in the way"),
        (_unknown_key, 2, "unrep.toml: line 18: unknown key 'retention.kepe'"),
        (_unknown_key_elsewhere, 2, "other.toml: line 2: unknown key 'switch.restrat'"),
        (_no_site, 2, "nowhere: no such directory"),
        (_nothing_to_go_back_to, 5, "nothing to go back to"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    ship: Ship, tmp_path: Path, spoil: Callable[[Ship, Path], list[object]], code: int, words: str
) -> None:
    """[A-5] and [A-11] to [A-17], at the command's edge."""
    arguments = spoil(ship, tmp_path)
    before, state = ship.seen("versions", "current"), ship.state
    actual, out, err = unrep(*arguments, "--json")
    assert actual == code, err
    assert words in err and err.startswith("unrep: ") and err.count("\n") == 1, err
    told = json.loads(out)
    assert told["exit_code"] == code and words in told["error"]
    assert ship.seen("versions", "current").keys() == before.keys()
    contents = {path: seen for path, seen in ship.seen("versions", "current").items() if path != "versions"}
    assert contents == {path: seen for path, seen in before.items() if path != "versions"}
    assert ship.state == state and ship.calls == [] and ship.leftovers() == []


def test_a_full_disk(tmp_path: Path) -> None:
    """[A-15], [A-17]"""
    with on_a_small_disk(tmp_path, "1.0.0") as ship:
        with filled(ship.root, leave_bytes=8 << 20):
            code, _, err = unrep(*applying(ship, shore().bundle(*SECOND)))
            assert code == 5 and "the new version needs" in err and err.count("\n") == 1
        free = shutil.disk_usage(ship.root).free
        ship.order("fill-snapshot")
        code, _, err = unrep(*applying(ship, shore().bundle(*SECOND)))
        assert code == 5 and "state.db: no space left on its file system: free some and run again" in err
        (ship.root / "filler").unlink()
        ship.relieve("fill-snapshot")
        assert free - shutil.disk_usage(ship.root).free < 200_000
        assert unrep(*applying(ship, shore().bundle(*SECOND)))[0] == 0
        ship.check_sound()


def test_a_release_that_fails_and_one_that_cures(ship: Ship) -> None:
    """[A-22]: exit code 6, and the old version serves."""
    told = document(*applying(ship, shore().bundle("dead", 2, "1.0.0")), code=6)
    assert (told["outcome"], told["from"], told["to"], told["exit_code"]) == ("rolled-back", "1.0.0", "1.0.0", 6)
    assert "switch_back" in told["steps"] and told.keys() >= RUN_KEYS
    assert "restart is broken" in told["reason"] and told["reason"].endswith("version 1.0.0 runs again")
    ship.check_sound()
    assert unrep(*applying(ship, shore().bundle("dead", 2, "1.0.0")))[0] == 3
    assert unrep(*applying(ship, shore().bundle("1.0.2", 3, "1.0.0")))[0] == 0
    ship.check_sound()


def test_a_first_install_that_fails(tmp_path: Path) -> None:
    """[A-23]: exit code 7, and `status` says it loudly."""
    ship = Ship(tmp_path)
    told = document(*applying(ship, shore().bundle("dead", 1)), code=7)
    assert (told["outcome"], told["exit_code"]) == ("degraded", 7) and told.keys() >= RUN_KEYS
    code, out, _ = unrep("status", "--site", ship.root)
    assert code == 7 and "DEGRADED, a person is needed: version dead failed: restart: " in out
    assert document("status", "--site", ship.root, code=7)["state"] == "degraded"
    assert unrep("recover", "--site", ship.root)[0] == 7
    assert unrep(*applying(ship, shore().bundle("1.0.0", 2)))[0] == 0
    ship.check_sound()


def test_two_runs_at_once(ship: Ship) -> None:
    """[A-4]: the second is refused at once and says who holds the site; reading is not refused."""
    ship.order("wait-health")
    first = started(*applying(ship, shore().bundle(*SECOND)))
    try:
        until((ship.app / "waiting").exists)
        for second in (applying(ship, shore().bundle(*SECOND)), ["rollback", "--site", ship.root]):
            code, _, err = unrep(*second)
            assert code == 5 and f"'unrep apply', process {first.pid}, is at work here since" in err
        assert document("status", "--site", ship.root)["state"] == "pending"
        assert unrep("history", "--site", ship.root)[0] == 0
    finally:
        ship.relieve("wait-health")
        assert ended(first)[0] == 0
    ship.check_sound()


@posix
@pytest.mark.parametrize("moment", ["prepare", "snapshot", "restart", "health"])
def test_ctrl_c_while_a_command_runs(ship: Ship, moment: str) -> None:
    """130, and the same command again goes on from there: before the intent or in the health window."""
    ship.order(f"wait-{moment}")
    run = started(*applying(ship, shore().bundle(*SECOND)))
    until((ship.app / "waiting").exists)
    run.send_signal(signal.SIGINT)
    code, _, err = ended(run)
    assert code == 130 and err.strip() == "unrep: interrupted; run the same command again, it goes on from there"
    assert ship.current in ("1.0.0", "1.0.1") and ship.runs[-1]["outcome"] == "interrupted"
    ship.relieve(f"wait-{moment}")
    assert document(*applying(ship, shore().bundle(*SECOND)))["outcome"] == "applied"
    ship.check_sound()


def _stopped_while_rebuilding(ship: Ship, bundle: Path) -> "subprocess.Popen[str] | None":
    """An update that stands still with its tree half built; None if it was too quick."""
    run = started(*applying(ship, bundle))
    while run.poll() is None:
        if any(path.is_dir() for path in ship.site.staging.glob("*/*/large/many")):
            run.send_signal(signal.SIGSTOP)
            if not ship.site.tree("large").exists():
                return run
            run.send_signal(signal.SIGCONT)
            break
        time.sleep(0.001)
    run.kill()
    ended(run)
    return None


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_stopped_while_the_tree_is_rebuilt(tmp_path: Path, name: str) -> None:
    how = signal.Signals[name]
    bundle = shore().bundle("large", 2)
    for attempt in range(20):
        ship = Ship.sailing(tmp_path / str(attempt), "1.0.0")
        if run := _stopped_while_rebuilding(ship, bundle):
            break
    else:
        pytest.fail("never caught it at work")
    run.send_signal(how)
    run.send_signal(signal.SIGCONT)
    assert ended(run)[0] == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert ship.current == "1.0.0" and not ship.site.tree("large").exists()
    assert unrep(*applying(ship, bundle))[0] == 0
    ship.check_sound()
    assert ship.leftovers() == [] and ship.current == "large"


@posix
def test_killed_in_the_health_window(ship: Ship) -> None:
    """[A-30]: whatever runs next finishes it."""
    ship.order("wait-health")
    run = started(*applying(ship, shore().bundle(*SECOND)))
    until((ship.app / "waiting").exists)
    run.kill()
    assert ended(run)[0] == -signal.SIGKILL
    code, out, _ = unrep("status", "--site", ship.root)
    assert code == 0 and "1.0.1 is on trial; if no unrep is at work, run 'unrep recover'" in out
    ship.relieve("wait-health")
    told = document("recover", "--site", ship.root)
    assert (told["outcome"], told["from"], told["to"]) == ("applied", "1.0.0", "1.0.1")
    ship.check_sound()
