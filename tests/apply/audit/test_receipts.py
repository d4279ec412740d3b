"""What a site's receipts say [A-84] [C-3] [C-13], its key [A-83], and the outbox [A-85] [C-12]."""

import os
import stat
from pathlib import Path

import pytest

from apply.audit.history import read_history
from apply.audit.log import no_log
from apply.audit.outbox import OUTBOX, waiting
from apply.audit.save import save_run
from apply.audit.site_key import site_key
from apply.errors import RolledBack, SiteInvalid
from apply.record.database import RECEIPTS_KEPT, Record
from apply.site.layout import Site
from bundle.host import durable
from bundle.receipts.chains import Ledger
from bundle.receipts.receipt import Opened
from bundle.receipts.site_keys import load_site_keys, load_site_public_key
from bundle.trust.signing import verifying_key
from bundle.version import VERSION
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship, shore


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.at(tmp_path)
    site.make_directories()
    return site


def receipts(site: Site) -> list[Opened]:
    """Of the outbox, which make one whole chain [C-8]."""
    ledger = Ledger(load_site_keys([site.public_key_file]))
    for path in waiting(site):
        ledger.read(path.name, path.read_bytes())
    (chain,) = ledger.chains()
    assert not ledger.wrong and not chain.missing and not chain.forks
    return chain.receipts


def test_a_voyage_in_receipts(tmp_path: Path) -> None:
    """[A-84] [C-3] [C-13]: each outcome but nothing-to-do, and how the site stood after it."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 3, "1.0.1"))
    ship.recover()
    ship.roll_back()
    found = [opened.receipt for opened in receipts(ship.site)]
    first, second = (bytes.fromhex(shore().tree(version)) for version in ("1.0.0", "1.0.1"))
    assert [(r.outcome_name, r.code_name, r.origin, r.to, r.serving, r.record) for r in found] == [
        ("applied", "none", "", "1.0.0", first[:8], 1),
        ("applied", "none", "1.0.0", "1.0.1", second[:8], 2),
        ("already-current", "none", "1.0.1", "1.0.1", second[:8], 3),
        ("rolled-back", "step-failed", "1.0.1", "dead", second[:8], 4),
        ("rolled-back", "by-hand", "1.0.1", "1.0.0", first[:8], 6),
    ]
    assert {r.product for r in found} == {"vms"} and found[3].tree.hex() == shore().tree("dead")[:16]
    assert found[1].held_trees == [second[:4], first[:4]] and found[3].reason.startswith("restart: ")
    heads = [link.head for link in read_history(ship.site, 9).links]
    assert [r.head.hex() for r in found] == [heads[r.record - 1][:32] for r in found]
    assert found[1].deploy_ms > 0 and found[2].deploy_ms == 0 and found[1].paid > 0 and found[1].free_mib > 0
    assert {r.program for r in found} == {VERSION[:15]} and {r.hold for r in found} == {0}
    for receipt, path in zip(found, waiting(ship.site), strict=True):
        assert abs(receipt.time - path.stat().st_mtime) < 60 and path.stat().st_size < 250


def test_a_refused_first_install_has_a_receipt(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    ship.order("fail-prepare")
    with pytest.raises(Exception, match="prepare is broken"):
        ship.apply(shore().bundle("1.0.0", 1))
    (said,) = (opened.receipt for opened in receipts(ship.site))
    assert (said.product, said.to, said.kind, said.code_name) == ("vms", "1.0.0", "refusal", "step-failed")
    assert said.serving == b"" and said.reason.startswith("prepare: ")


def test_the_key_is_made_once_and_for_its_owner_alone(site: Site) -> None:
    """[A-83]"""
    first = site_key(site).private_bytes_raw()
    assert site_key(site).private_bytes_raw() == first
    if os.name == "posix":
        assert stat.S_IMODE(site.key_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(site.public_key_file.stat().st_mode) & 0o400
    assert load_site_public_key(site.public_key_file) == verifying_key(site_key(site))


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_key_is_never_readable_by_others_while_it_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-83]"""
    modes, replace = [], durable.replace

    def watched(source: Path, destination: Path) -> None:
        modes.append(stat.S_IMODE(source.stat().st_mode))
        replace(source, destination)

    monkeypatch.setattr(durable, "replace", watched)
    site_key(site)
    assert modes[0] == 0o600


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN PRIVATE KEY-----\n", bytes(200)])
def test_a_key_that_is_damaged_is_not_replaced_and_stops_nothing(tmp_path: Path, damage: bytes) -> None:
    """[A-83], [A-88]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.site.key_file.write_bytes(damage)
    with pytest.raises(SiteInvalid, match=r"site\.key: not the key that unrep made; put back"):
        site_key(ship.site)
    report = ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert report.outcome == "applied" and "; no receipt could be signed: " in report.reason
    assert ship.site.key_file.read_bytes() == damage and len(waiting(ship.site)) == 1
    assert ship.runs[-1]["outcome"] == "applied"


def test_a_public_half_that_is_lost_comes_back(site: Site) -> None:
    key = site_key(site)
    site.public_key_file.write_bytes(b"")
    site_key(site)
    assert load_site_public_key(site.public_key_file) == verifying_key(key)


@pytest.fixture
def small_outbox(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many receipts stay; 1024 would take long."""
    assert RECEIPTS_KEPT == 1024
    monkeypatch.setattr("apply.record.database.RECEIPTS_KEPT", 6)
    monkeypatch.setattr("apply.audit.outbox.RECEIPTS_KEPT", 6)
    return 6


def test_the_outbox_keeps_the_newest(site: Site, small_outbox: int) -> None:
    """[A-85] [C-12]: whoever carries receipts may be away for years."""
    record = Record(site)
    stranger = site.outbox / "notes.txt"
    stranger.write_text("not ours")
    for number in range(small_outbox + 5):
        assert save_run(site, record, no_log, recorded(f"run {number}")) == []
    record.close()
    key_id = load_site_public_key(site.public_key_file).key_id.hex()
    assert [path.name for path in waiting(site)] == [f"{key_id}-{n:08}.receipt" for n in range(6, small_outbox + 6)]
    assert stranger.exists()


def test_receipts_that_cannot_be_posted_do_not_pile_up_either(site: Site, small_outbox: int) -> None:
    """[A-85]"""
    site.outbox.rmdir()
    site.outbox.write_text("in the way")
    record = Record(site)
    for number in range(small_outbox + 5):
        (trouble,) = save_run(site, record, no_log, recorded(f"run {number}"))
        assert trouble.startswith("a receipt could not be put into the outbox: ")
    assert len(record.undelivered(OUTBOX)) == small_outbox
    record.close()
