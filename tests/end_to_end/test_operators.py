"""Defects that operators ran into: each is typed as a person types it, and ends as it should [A-219].

python -m tests.support.observers.edge     prints what was said before and what is said now
"""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from apply.errors import Degraded
from bundle.host.progress import Quiet
from tests.support.observers.command import document, run
from tests.support.observers.edge import Edge, edge
from tests.support.observers.prometheus_text import read_metrics
from tests.support.observers.terminal import frames
from tests.support.sites.agents import Agency
from tests.support.sites.site import Ship, shore
from transfer.volumes.export import export
from unrep.agent.telling.bulletin import Bulletins
from unrep.cli import cli, every_command
from unrep.terminal.answers import json_options

__all__ = ["edge"]
APPLY = "apply {bundle} --site {site} --trust {trust}"


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ship:
    monkeypatch.chdir(tmp_path)
    return Ship.sailing(tmp_path, "1.0.0")


@pytest.fixture
def agency(ship: Ship, tmp_path: Path) -> Agency:
    return Agency(ship, tmp_path)


def test_a_stick_with_two_releases(agency: Agency, ship: Ship, edge: Edge) -> None:
    """[T-146]"""
    edge.was("operators 1", '"name the one to fetch" and 0, or nothing at all; nothing was applied')
    stick = ship.root.parent / "stick"
    stick.mkdir()
    for number, bundle in enumerate((("1.0.1", 2, "1.0.0"), ("1.0.2", 3, "1.0.1"), ("1.0.9", 10, "1.0.8"))):
        shutil.copy(shore().bundle(*bundle), stick / f"{number}.unrep")
    export(shore().bundle("1.0.3", 4, "1.0.2"), 70_000, [stick], Quiet())
    export(shore().bundle("1.0.4", 5, "1.0.1"), 70_000, [stick], Quiet())
    agency.source = stick
    agency.configure()
    edge.says("agent --once --site", 0, "applied", ship.root)
    assert ship.current == "1.0.4"


def test_a_stranded_ship(agency: Agency, ship: Ship, edge: Edge) -> None:
    """[A-131]: and the step beside it is used."""
    edge.was("operators 2", "refused once, then status ok and 0; a step that was published beside it was not used")
    agency.source = agency.source.parent
    agency.configure()
    shutil.copy(shore().bundle("1.0.2", 3, "1.0.1"), agency.source / "2.unrep")
    edge.says("agent --once --site", 8, "nothing leads from 1.0.0", ship.root)
    edge.says("status --site", 8, "STRANDED below 1.0.2", ship.root)
    edge.says("history --site", 0, "stranded", ship.root)
    shutil.copy(shore().bundle("1.0.1", 2, "1.0.0"), agency.source / "1.unrep")
    edge.says("agent --once --site", 0, "applied", ship.root)
    assert ship.current == "1.0.2"


def test_a_typo_of_the_ship_condemns_no_release(ship: Ship, edge: Edge) -> None:
    """[A-208]: a dry run says it, too; once mended, the same release comes in."""
    edge.was("operators 3", "the dry run would apply; apply 7, the good release in quarantine, and 6 ever after")
    right = (ship.root / "unrep.toml").read_text()
    (ship.root / "unrep.toml").write_text('[switch]\nrestart = ["nosuchcommand"]\n')
    line = APPLY.format(bundle=shore().bundle("1.0.1", 2, "1.0.0"), site=ship.root, trust=shore().trust_file)
    for words in (f"check --site {ship.root}", f"{line} --dry-run", line):
        edge.says(words, 5, "line 2: switch.restart: 'nosuchcommand' is in no directory of PATH")
    (ship.root / "unrep.toml").write_text(right)
    edge.says(line, 0, "applied: 1.0.0 -> 1.0.1")


def test_a_site_that_begins_to_follow_a_trust_root_says_so(agency: Agency, ship: Ship, edge: Edge) -> None:
    """[R-11], [A-220]: and an agent with the plain key goes on."""
    edge.was("operators 4", '"already-current, nothing was done", and the agent ended with 3 at every start')
    key = shore().directory / "sender"
    assert run(f"trust init --key {key}.pub --release {key}.pub --out root-1")[0] == 0
    assert run(f"trust sign root-1 --key {key}.key")[0] == 0
    line = APPLY.format(bundle=shore().bundle("1.0.0", 1), site=ship.root, trust="root-1")
    assert edge.says(line, 0, "; the site follows trust root 1 from now on").startswith("already-current: ")
    assert "from now on" not in run(line)[1]
    agency.publish(shore().bundle("1.0.1", 2, "1.0.0"))
    edge.says("agent --once --site", 0, "applied", ship.root)


def test_an_outage_is_measured_from_the_switch(ship: Ship, edge: Edge) -> None:
    """[A-153]: here sick for a second; the MTTR is the part after the verdict."""
    edge.was("operators 5", "sick for 60 s, outage 64 s; `unrep_recovery_seconds` 2.77, and no figure of the outage")
    ship.configure(deadline_s=1)
    line = APPLY.format(bundle=shore().bundle("sick", 2, "1.0.0"), site=ship.root, trust=shore().trust_file)
    edge.says(line, 6, "not healthy within 1 s")
    figures = {name: value for (name, labels), value in read_metrics(run(f"metrics --site {ship.root}")[1]).items()}
    assert figures["unrep_outage_seconds_sum"] > 1 > figures["unrep_recovery_seconds_sum"]
    edge.says("metrics --site", 0, "unrep_outage_seconds_sum", ship.root)
    (run_of,) = (one for one in ship.runs if one["outcome"] == "rolled-back")
    assert run_of["outage_seconds"] > 1


def test_status_is_true(agency: Agency, ship: Ship, edge: Edge) -> None:
    """[A-157]"""
    edge.was("operators 6", "ok and 0, with the application dead and in DEGRADED; no word of the agent or its sources")
    agency.configure('maintenance_windows = ["02:00-02:01"]')
    status = ("status --site", ship.root)
    assert run("agent --once --site", ship.root)[0] == 0
    bulletins = Bulletins(ship.site, time.time)
    bulletins.say(sources={"https://shore.example": "nothing arrives"}, next_round_at=1_800_000_000.0)
    bulletins.download(0, 2_000)
    for words in ("the agent runs, and looks again at", "source https://shore.example: nothing arrives"):
        edge.says(status[0], 0, words, status[1])
    edge.says(status[0], 0, "fetching: 0 of 2,000 bytes", status[1])
    edge.says(status[0], 0, "the maintenance window opens at", status[1])
    edge.says(status[0], 0, "the last news from shore came today", status[1])
    ship.order("fail-health")
    edge.says(status[0], 7, "DOES NOT SERVE, a person is needed", status[1])
    ship.relieve("fail-health")
    ship.order("fail-restart")
    with pytest.raises(Degraded):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    edge.says(status[0], 7, "DEGRADED, a person is needed", status[1])


@pytest.mark.skipif(os.name == "nt", reason="there is no pseudo terminal")
def test_bars_tell_the_truth(ship: Ship, tmp_path: Path, edge: Edge) -> None:
    """[A-219]: a build moves, a fetch goes on where it stands, and apply shows what takes its time."""
    edge.was("operators 7", "a build stood at 0 %, a resumed fetch counted kept bytes as speed, apply was blank")
    release = shore().release("large")
    base = shore().release("1.0.0")
    made = f"--product vms --version 2 --seq 2 --key {shore().directory}/sender.key"
    line = f"build {release} --base {base} --full {made}"
    code, seen = frames(f"{line} --out large.unrep")
    parts = {int(part) for part in re.findall(r"(\d+)%", " ".join(seen))}
    assert parts - {0, 100}, seen
    edge.said(line, code, "\n".join(frame for frame in seen if "%" in frame and " 0%" not in frame), 0, "%")
    apply_line = APPLY.format(bundle="large.unrep", site=ship.root, trust=shore().trust_file)
    ship.configure(start_after_s=2.5)
    code, seen = frames(apply_line)
    text = "\n".join(seen)
    assert "health" in text and "prepare" in text, seen
    edge.said(apply_line, code, text, 0, "health")


def test_results_can_be_kept_in_a_file(ship: Ship, edge: Edge) -> None:
    """[A-206]: stdout has the result, and nothing else."""
    edge.was("operators 8", "`unrep plan > f` left an empty file: results went to stderr")
    bundle, terms = shore().bundle("1.0.1", 2, "1.0.0"), f"--trust {shore().trust_file}"
    for line, words in (
        (f"verify {bundle} {terms}", "1.0.1"),
        (f"plan {bundle} --site {ship.root} {terms}", "bytes to fetch"),
        (f"apply {bundle} --site {ship.root} {terms}", "applied: 1.0.0 -> 1.0.1"),
    ):
        code, out, err = run(line)
        assert not err
        edge.said(f"{line} > f", code, out, 0, words)
    made = f"--product p --version 1 --seq 1 --key {shore().directory}/sender.key --out b"
    line = f"build {shore().release('1.0.0')} {made}"
    code, out, _ = run(line)
    edge.said(f"{line} > f", code, out, 0, "bytes for a release of")


def test_json_everywhere(ship: Ship, edge: Edge) -> None:
    """[A-216]: versioned; a dry run names the version that would come."""
    edge.was("operators 9", 'nine commands had no `--json`, no schema, and a dry run to 1.0.2 said `"to": "1.0.1"`')
    without = {name for name, command in every_command(cli) if not json_options(command)}
    assert without == {"unrep demo", "unrep serve", "unrep page", "unrep run", "unrep fleet serve"}
    edge.says("trust init --json-schema", 0, "urn:unrep:trust:init:1")
    bundle = shore().bundle("1.0.1", 2, "1.0.0")
    line = f"{APPLY.format(bundle=bundle, site=ship.root, trust=shore().trust_file)} --dry-run"
    assert edge.says(line, 0, "would install 1.0.1 from 1.0.0") and ship.current == "1.0.0"
    told = document(line)
    assert (told["from"], told["to"], told["outcome"]) == ("1.0.0", "1.0.1", "would-apply")


def test_the_configuration_is_explained(tmp_path: Path, edge: Edge) -> None:
    """[A-176]: where it is written, and where it is wrong."""
    edge.was("operators 10", "`unrep.toml` was documented nowhere for users")
    new = tmp_path / "new"
    edge.says(f"init {new} --product vms --trust {shore().trust_file} --yes", 0, "ready for releases of vms")
    written = (tmp_path / "new" / "unrep.toml").read_text()
    tables = ("switch", "health", "health_window", "prepare", "hooks", "retention", "agent", "page", "watch", "report")
    assert all(f"[{table}]" in written for table in tables)
    (tmp_path / "new" / "unrep.toml").write_text("[agent]\npol_interval_s = 3\n")
    edge.says(f"check --site {tmp_path / 'new'}", 2, "did you mean 'poll_interval_s'")


def test_a_first_install(tmp_path: Path, edge: Edge) -> None:
    """[A-179]: an empty directory, three commands, and the key is named once."""
    edge.was("operators 11", "the README had no first install")
    site, bundle = tmp_path / "site", shore().bundle("1.0.0", 1)
    edge.says(f"init {site} --product vms --trust {shore().trust_file} --yes", 0, "ready for releases of vms")
    edge.says(f"apply {bundle} --site {site}", 0, "applied: nothing -> 1.0.0")
    edge.says(f"status --site {site}", 0, "vms 1.0.0: ok")


class TestSmallThings:
    """The twelfth row has many."""

    def test_bare(self, edge: Edge) -> None:
        edge.was("operators 12", "bare `unrep` printed all help as an error")
        code, out, err = run("")
        assert not err
        edge.said("", code, out, 0, "Usage: unrep")

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("biuld", "did you mean 'build'?"),
            ("fetch x --ouput f", "did you mean '--out'"),
            ("trust sing x", "did you mean 'sign'?"),
        ],
    )
    def test_did_you_mean(self, line: str, words: str, edge: Edge) -> None:
        edge.was("operators 12", 'no "did you mean"')
        edge.says(line, 2, words)

    @pytest.mark.parametrize("rate", ["16kbit", "64k", "2M"])
    def test_quantities(self, ship: Ship, rate: str, edge: Edge) -> None:
        edge.was("operators 12", "`4GB` and `16kbit` were refused")
        bundle, trust = shore().bundle("1.0.0", 1), shore().trust_file
        edge.says(f"plan {bundle} --trust {trust} --rate {rate}", 0, "bytes per second")
        edge.says(f"fetch {bundle} --trust {trust} --out f --max-bytes 4GB", 0, "f: ")

    def test_help(self, edge: Edge) -> None:
        edge.was("operators 12", 'lines of the help were cut at "…", and no command had an example')
        for line in ("--help", "fetch --help"):
            assert "…" not in edge.says(line, 0, "Examples:" if "fetch" in line else "Exit codes:")

    def test_the_site_of_the_environment(self, ship: Ship, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
        edge.was("operators 12", "`UNREP_SITE` was not read")
        monkeypatch.setenv("UNREP_SITE", str(ship.root))
        edge.says("status", 0, "vms 1.0.0: ok")

    def test_after_a_rollback_by_hand(self, ship: Ship, edge: Edge) -> None:
        edge.was("operators 12", "after a rollback by hand nothing mentioned `rollback --to`")
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        edge.says("rollback --site", 0, "rolled-back: 1.0.1 -> 1.0.0", ship.root)
        edge.says("status --site", 0, "'unrep rollback --to 1.0.1' takes it up again", ship.root)
        edge.says("rollback --to 1.0.1 --site", 0, "1.0.0 -> 1.0.1", ship.root)

    def test_a_seq_that_is_used(self, tmp_path: Path, edge: Edge) -> None:
        edge.was("operators 12", "a reused `seq` showed at publish only")
        key, repo = shore().directory / "sender.key", tmp_path / "repo"
        assert run(f"repo init {repo} --product vms --key {key}")[0] == 0
        line = "release {} --version 1.0.0 --repo {}"
        edge.says(line.format(shore().release("1.0.0"), repo), 0, "1.0.0 (seq 1)")
        edge.says(line.format(shore().release("1.0.1"), repo), 2, "version 1.0.0: is released already")

    def test_publish_and_serve(self, tmp_path: Path, edge: Edge) -> None:
        edge.was("operators 12", "`publish` never pruned, and the address of `serve` was a surprise")
        edge.says("repo prune --help", 0, "Remove releases and bundles that nobody needs")
        edge.says("serve --help", 0, "Address to listen on; 0.0.0.0: all.")
