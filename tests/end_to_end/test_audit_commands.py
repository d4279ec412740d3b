"""`unrep history`, `metrics` and `receipt`: what an operator and the fleet's office see of a site's runs."""

import json
import re
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apply.audit.outbox import waiting
from bundle.trust.signing import write_key_pair
from tests.support.observers.command import document, run
from tests.support.observers.command_process import unrep
from tests.support.observers.prometheus_text import read_metrics
from tests.support.sites.site import Ship, shore

SECOND = ("1.0.1", 2, "1.0.0")


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """One that was brought to 1.0.1, refused a release, and was rolled back by hand."""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    ship.order("fail-prepare")
    with pytest.raises(Exception, match="prepare is broken"):
        ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    ship.relieve("fail-prepare")
    ship.roll_back()
    return ship


def tamper(ship: Ship, *statements: str) -> None:
    database = sqlite3.connect(ship.site.state_file)
    with database:
        for statement in statements:
            database.execute(statement)
    database.close()


def test_history_as_a_table(ship: Ship) -> None:
    code, out, err = unrep("history", "--site", ship.root)
    headings, *rows, outages = out.splitlines()
    assert (code, err) == (0, "")
    names = ["run", "started", "command", "outcome", "release", "moved", "seconds", "outage", "user", "reason"]
    assert headings.split() == names and outages.startswith("outages, from the switch until healthy: 2, mean 0.")
    assert [re.split(r"  +", row.strip())[2:6] for row in rows] == [
        ["apply", "applied", "1.0.0", "- -> 1.0.0"],
        ["apply", "applied", "1.0.1", "1.0.0 -> 1.0.1"],
        ["apply", "refused", "1.0.2", "1.0.1 -> 1.0.1"],
        ["rollback", "rolled-back", "1.0.0", "1.0.1 -> 1.0.0"],
    ]
    columns = {row.index(" -> ") for row in rows[1:]}
    assert len(columns) == 1 and columns == {headings.index("moved") + 5}, "the columns are not in line"
    assert len(unrep("history", "--site", ship.root, "--limit", 1)[1].splitlines()) == 3


def test_history_as_json_lines(ship: Ship) -> None:
    """[A-80]: with the numbers and heads that receipts speak of."""
    code, out, _ = unrep("history", "--site", ship.root, "--json")
    runs = lines(out)
    assert code == 0 and [run["number"] for run in runs] == [1, 2, 3, 4]
    assert len({run["head"] for run in runs}) == 4 and all(len(run["head"]) == 64 for run in runs)
    assert {"run", "command", "user", "host", "release", "outcome", "steps", "reason", "recoveries"} <= runs[-1].keys()


def test_history_of_a_site_where_nothing_happened(tmp_path: Path) -> None:
    assert unrep("history", "--site", tmp_path) == (0, "", "")


def test_history_names_the_record_that_was_changed(ship: Ship) -> None:
    """[A-80]: the table comes all the same, then one sentence and exit code 3."""
    tamper(ship, "UPDATE runs SET document = replace(document, 'refused', 'applied') WHERE number = 3")
    for option in ([], ["--limit", 1], ["--json"]):
        code, out, err = unrep("history", "--site", ship.root, *option)
        assert code == 3 and "rollback" in out
        assert err == f"unrep: {ship.site.state_file}: record 3 was changed: it does not follow from record 2\n"
    assert lines(out)[-1]["exit_code"] == 3
    tamper(ship, "UPDATE runs SET document = '[]' WHERE number = 3")
    code, out, err = unrep("history", "--site", ship.root)
    assert code == 3 and out.splitlines()[3].split() == ["3", *"????????", "damaged"]


def test_metrics(ship: Ship) -> None:
    """[A-87]"""
    code, out, err = unrep("metrics", "--site", ship.root)
    assert (code, err) == (0, "")
    figures = {(name, *sorted(dict(labels).values())): value for (name, labels), value in read_metrics(out).items()}
    assert figures["unrep_runs_total", "applied", "apply"] == 2 and figures["unrep_deploy_seconds_count",] == 2
    assert figures["unrep_failures_total",] == 1 and figures["unrep_record_intact",] == 1
    assert figures["unrep_receipts_waiting",] == 4 and figures["unrep_quarantined_releases",] == 1
    (release,) = (labels for name, labels in read_metrics(out) if name == "unrep_release_info")
    assert dict(release) == {"product": "vms", "version": "1.0.0", "seq": "1", "tree": shore().tree("1.0.0")}
    tamper(ship, "DELETE FROM runs WHERE number = 3")
    code, out, _ = unrep("metrics", "--site", ship.root)
    assert code == 0 and "\nunrep_record_intact 0\n" in out and "\nunrep_failures_total 0\n" in out


def test_metrics_as_json(ship: Ship) -> None:
    """[A-87], [A-216]: the same figures."""
    families = document(f"metrics --site {ship.root}")["families"]
    found = {(s["name"], frozenset(s["labels"].items())): s["value"] for one in families for s in one["samples"]}
    assert found == read_metrics(run(f"metrics --site {ship.root}")[1])
    assert {one["type"] for one in families} == {"gauge", "counter", "histogram", "summary"}


def test_metrics_of_a_site_where_nothing_happened(tmp_path: Path) -> None:
    code, out, _ = unrep("metrics", "--site", tmp_path)
    assert code == 0 and read_metrics(out) and not list(tmp_path.iterdir()), "it wrote something"


def test_a_receipt_ashore(ship: Ship) -> None:
    """[C-2]: the file and the site's public key are all that is needed."""
    receipt = waiting(ship.site)[1]
    code, out, _ = unrep("receipt", receipt, "--key", ship.site.public_key_file, "--json")
    told, site = lines(out)
    history = lines(unrep("history", "--site", ship.root, "--json")[1])
    assert code == 0 and (told["kind"], told["outcome"], told["to"]) == ("outcome", "applied", "1.0.1")
    assert (told["product"], told["tree"]) == ("vms", shore().tree("1.0.1")[:16]) and told["serving"] == told["tree"]
    assert (told["record"], told["head"]) == (2, history[1]["head"][:32])
    assert abs(told["time"] - datetime.fromisoformat(history[1]["started"]).timestamp()) < 60
    assert site == {"event": "site", "site": told["site"], "receipts": 1, "first": 2, "last": 2} | {
        "missing": [],
        "forks": [],
    }
    code, out, err = unrep("receipt", receipt, "--key", ship.site.public_key_file)
    assert (code, err) == (0, "") and out.startswith(f"{receipt}: applied: vms 1.0.1 (tree ")
    assert out.count("\n") == 2 and "; record 2; " in out and "receipts, 2 to 2; none missing; latest: applied" in out


def test_a_folder_of_mail_from_several_ships(ship: Ship, tmp_path: Path) -> None:
    """[C-9] to [C-12]: gaps, forks, strangers and what is none, in one call."""
    mail, keys = tmp_path / "mail", tmp_path / "keys"
    (tmp_path / "other").mkdir()
    other = Ship(tmp_path / "other")  # with a key of its own
    other.apply(shore().bundle("1.0.0", 1))
    other.apply(shore().bundle(*SECOND))
    for place, folder, names in ((ship, mail, (0, 2, 3)), (other, mail / "deep", (0, 1))):
        folder.mkdir(exist_ok=True)
        for number in names:
            path = waiting(place.site)[number]
            (folder / path.name).write_bytes(path.read_bytes())
    keys.mkdir()
    (keys / "ship.pub").write_bytes(ship.site.public_key_file.read_bytes())
    code, out, err = unrep("receipt", mail, "--key", keys, "--sites")
    assert code == 3 and "3 receipts, 1 to 4; missing: 2; latest: rolled-back" in out and out.count("\n") == 1
    assert err.count("whose key is not among those given") == 2
    assert err.endswith("unrep: 2 files are no receipt of a site whose key was given\n")
    (keys / "other.pub").write_bytes(other.site.public_key_file.read_bytes())
    code, out, err = unrep("receipt", mail, "--key", keys)
    assert (code, err, out.count("\n")) == (0, "", 7)
    tamper(other, "DELETE FROM receipts WHERE number = 2", "UPDATE deliveries SET number = 1")
    other.roll_back()
    (mail / "again.receipt").write_bytes(waiting(other.site)[-1].read_bytes())
    code, out, err = unrep("receipt", mail, "--key", keys, "--sites", "--json")
    told = {line["receipts"]: line["forks"] for line in lines(out)[:2]}
    assert code == 3 and told == {3: [], 2: [2]} and "fork" in lines(out)[-1]["error"]


def test_a_receipt_that_is_not_to_be_believed(ship: Ship, tmp_path: Path) -> None:
    """[C-2]"""
    receipt = waiting(ship.site)[0]
    write_key_pair(tmp_path / "other")
    code, out, err = unrep("receipt", receipt, "--key", tmp_path / "other.pub")
    assert (code, out) == (3, "") and re.fullmatch(
        r"unrep: .*receipt: signed by site \w+, whose key is not among those given\n", err
    )
    (tmp_path / "long").write_bytes(bytes(10_000_000))
    assert unrep("receipt", tmp_path / "long", "--key", ship.site.public_key_file)[0] == 3
    code, _, err = unrep("receipt", tmp_path / "gone", "--key", ship.site.public_key_file)
    assert code == 2 and err.endswith("gone: cannot be read: No such file or directory\n")
    code, _, err = unrep("receipt", receipt, "--key", ship.site.key_file)
    assert code == 2 and "site.key: not the public key of a site; it lies there as .unrep/site.pub" in err


def test_the_record_of_a_newer_unrep(ship: Ship, tmp_path: Path) -> None:
    """[A-81]: every command refuses it in one sentence, and changes nothing."""
    tamper(ship, "PRAGMA user_version = 7")
    tamper(ship, "PRAGMA application_id = 7")
    before = ship.seen("versions", "current")
    for command in ("status", "history", "metrics", "recover", "gc", "rollback"):
        code, out, err = unrep(command, "--site", ship.root)
        assert (code, out) == (5, "") and re.fullmatch(
            r"unrep: .*state\.db: written by a newer version of unrep .*; use that one\n", err
        ), command
    assert ship.seen("versions", "current") == before
