"""What operators ran into: each is done as a person does it, and ends as it should. More stand with their subjects."""

from pathlib import Path

import pytest

from tests.support.observers.command import run
from tests.support.sites.site import Ship, shore

APPLY = "apply {bundle} --site {site} --trust {trust}"


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ship:
    monkeypatch.chdir(tmp_path)
    return Ship.sailing(tmp_path, "1.0.0")


def test_a_typo_of_the_ship_condemns_no_release(ship: Ship) -> None:
    """`restart = ["nosuchcommand"]`: a dry run says it, too; once mended, the same release comes in."""
    right = (ship.root / "unrep.toml").read_text()
    (ship.root / "unrep.toml").write_text('[switch]\nrestart = ["nosuchcommand"]\n')
    line = APPLY.format(bundle=shore().bundle("1.0.1", 2, "1.0.0"), site=ship.root, trust=shore().trust_file)
    for words in (f"{line} --dry-run", line, f"check --site {ship.root}"):
        code, out, err = run(words)
        assert code == 5 and "line 2: switch.restart: 'nosuchcommand' is in no directory of PATH" in out + err
    (ship.root / "unrep.toml").write_text(right)
    assert run(line)[0] == 0 and ship.current == "1.0.1"


def test_a_site_that_begins_to_follow_a_trust_root_says_so(ship: Ship) -> None:
    """It was stored under "nothing was done", and an agent with the plain key ended at its next start."""
    key = shore().directory / "sender"
    assert run(f"trust init --key {key}.pub --release {key}.pub --out root-1")[0] == 0
    assert run(f"trust sign root-1 --key {key}.key")[0] == 0
    code, out, _ = run(APPLY.format(bundle=shore().bundle("1.0.0", 1), site=ship.root, trust="root-1"))
    assert code == 0 and out.startswith("already-current: ") and "; the site follows trust root 1 from now on" in out
    code, out, _ = run(APPLY.format(bundle=shore().bundle("1.0.0", 1), site=ship.root, trust="root-1"))
    assert code == 0 and "from now on" not in out


def test_results_can_be_kept_in_a_file(ship: Ship) -> None:
    """`unrep plan > f` left an empty file."""
    code, out, err = run(f"plan {shore().bundle('1.0.1', 2, '1.0.0')} --site {ship.root} --trust {shore().trust_file}")
    assert code == 0 and "bytes to fetch" in out and not err


@pytest.mark.parametrize("rate", ["16kbit", "64k", "2M"])
def test_quantities_as_people_write_them(ship: Ship, rate: str) -> None:
    bundle, trust = shore().bundle("1.0.0", 1), shore().trust_file
    code, out, _ = run(f"plan {bundle} --trust {trust} --rate {rate}")
    assert code == 0 and "bytes per second" in out
    assert run(f"fetch {bundle} --trust {trust} --out f --max-bytes 4GB")[0] == 0


def test_a_dry_run_names_the_version_that_would_come(ship: Ship) -> None:
    """It said the version before it."""
    bundle, trust = shore().bundle("1.0.1", 2, "1.0.0"), shore().trust_file
    code, out, _ = run(APPLY.format(bundle=bundle, site=ship.root, trust=trust), "--dry-run")
    assert code == 0 and "would install 1.0.1 from 1.0.0" in out and ship.current == "1.0.0"
