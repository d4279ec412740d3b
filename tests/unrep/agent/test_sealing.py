"""The unattended ship and encrypted releases: it fetches its ticket, and nothing that it could not read. [S-15]"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundle.read.reader import open_bundle
from bundle.recipients.ship_key import ShipPublicKey, write_ship_key_pair
from bundle.recipients.sidecars import tickets_beside
from bundle.write.builder import BuildRequest, build
from bundle.write.encrypt import write_tickets
from tests.support.contents.sealed import BETA, ticket_of
from tests.support.sites.agent_days import Days, sail, told
from tests.support.sites.site import QUIET, Ship, shore


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    made = Ship.sailing(tmp_path, "1.0.0")
    (tmp_path / "shore").mkdir()
    configure(made)
    return made


def configure(ship: Ship, windows: str = "") -> None:
    source, trust = json.dumps(str(ship.root.parent / "shore")), json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = [{source}]\ntrust = {trust}\npoll_interval_s = 3600\n{windows}\n")


@pytest.fixture
def key(ship: Ship) -> ShipPublicKey:
    return write_ship_key_pair(ship.site.ship_key_file.with_suffix(""))


def publish(ship: Ship, *recipients: ShipPublicKey) -> Path:
    """Release 1.0.1, encrypted, where the agent looks."""
    out = ship.root.parent / "shore" / "new.unrep"
    request = BuildRequest(
        new=shore().release("1.0.1"),
        product="vms",
        version="1.0.1",
        seq=2,
        out=out,
        bases=[shore().release("1.0.0")],
        recipients=recipients,
    )
    with ThreadPoolExecutor(1) as pool:
        build(request, shore().key, pool, QUIET)
    return out


def test_it_fetches_its_ticket_and_applies(ship: Ship, key: ShipPublicKey, capsys: pytest.CaptureFixture[str]) -> None:
    publish(ship, key, BETA.public)
    sail(ship, Days(2))
    assert ship.current == "1.0.1"
    assert [event for _, event in told(capsys)] == ["started", "fetched", "applied"]
    assert not list(ship.site.inbox.iterdir()), "the tickets go with their bundle"


def test_what_is_not_for_it_is_told_once_and_not_paid_for(
    ship: Ship, key: ShipPublicKey, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until shore makes it a ticket."""
    bundle = publish(ship, BETA.public)
    clock = Days(24)

    def issue() -> None:
        assert not [path for path in ship.site.inbox.iterdir() if path.suffix in (".unrep", ".part")]
        with open_bundle(bundle, shore().trust, ticket_of(bundle, BETA)) as opened:
            write_tickets(bundle, opened.content_key(), [key], opened.verified.root_hash, [shore().key])

    clock.at_hour[5.5] = issue
    sail(ship, clock)
    assert ship.current == "1.0.1"
    events = told(capsys)
    assert [event for _, event in events] == ["started", "refused", "fetched", "applied"]
    assert events[2][0] == "18:00"


def test_a_ticket_that_is_no_good_is_fetched_again(
    ship: Ship, key: ShipPublicKey, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = publish(ship, key)
    (path,) = tickets_beside(bundle).iterdir()
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    clock = Days(24)
    clock.at_hour[3.5] = lambda: path.write_bytes(good)
    sail(ship, clock)
    assert ship.current == "1.0.1"
    assert [event for _, event in told(capsys)] == ["started", "refused", "fetched", "applied"]


def test_the_ticket_waits_with_its_bundle_for_the_window(
    ship: Ship, key: ShipPublicKey, capsys: pytest.CaptureFixture[str]
) -> None:
    """And needs no source any more."""
    configure(ship, 'maintenance_windows = ["02:00-03:00"]')
    bundle = publish(ship, key)
    clock = Days(24)

    def vanish() -> None:
        shutil.rmtree(tickets_beside(bundle))
        bundle.unlink()

    clock.at_hour[3.5] = vanish
    sail(ship, clock)
    assert ship.current == "1.0.1"
    assert [event for _, event in told(capsys)] == ["started", "fetched", "waiting", "refused", "applied"]
