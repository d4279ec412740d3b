"""Bad inputs 41, 42, 48, 54, 57, 58 and 62 to 64, of the attack list: what a site is like, and when a bundle comes.

[A-11] [A-13] [A-14] [A-15]. 57 to 59 and 64 under trust roots are in tests/end_to_end/test_bad_trust.py.
"""

import os
import shutil
import time
from itertools import cycle
from pathlib import Path

import pytest

from apply.errors import BaseDrifted, DiskFull, RolledBack, SiteInvalid
from apply.record.state import Quarantined, Replay, WrongProduct
from bundle.errors import Corrupt
from tests.support.contents.raw_bundles import full, raw, vector
from tests.support.sites.attacked_site import Besieged, fingerprint
from tests.support.sites.site import QUIET, Ship, shore

needs_links = pytest.mark.skipif(os.name == "nt", reason="plants symbolic links; junctions are as links to the product")


@needs_links
def test_bad_input_41_a_link_where_the_version_would_go(site: Besieged) -> None:
    (site.root / "versions" / "1.1").symlink_to(site.directory / "outside")
    site.refuses(vector("delta"), SiteInvalid, "is in the way of version 1.1", code=5)
    (site.root / "versions" / "1.1").unlink()
    (site.root / "versions" / "1.1").symlink_to("1.0")
    site.refuses(vector("delta"), SiteInvalid, "is in the way of version 1.1", code=5)


@needs_links
@pytest.mark.parametrize("name", [".unrep/staging", ".unrep/manifests", ".venvs", "versions"])
def test_bad_input_41_a_link_in_the_place_of_a_directory(site: Besieged, name: str) -> None:
    """Behind it stands what is not unrep's, and unrep clears its directories away."""
    place = site.root / name
    shutil.move(place, site.directory / "moved")
    place.symlink_to(site.directory / "outside")
    before = fingerprint(site.directory)
    code, _, err = site.apply(vector("delta"))
    assert code == 5 and err.count("\n") == 1 and "a file is in the way of unrep's directory, or a link" in err, err
    assert fingerprint(site.directory) == before


@needs_links
def test_bad_input_41_links_in_staging_are_removed_as_links(site: Besieged) -> None:
    for name in ("1.1", "x"):
        (site.root / ".unrep" / "staging" / name).symlink_to(site.directory / "outside")
    assert site.apply(vector("delta"))[0] == 0
    assert (site.directory / "outside" / "precious").read_bytes() == b"not to be touched"
    assert not list((site.root / ".unrep" / "staging").iterdir())


def test_bad_input_42_an_old_file_with_a_second_name(site: Besieged) -> None:
    """What is installed is never written into, so its other name, anywhere, keeps its bytes [A-1]."""
    other = site.directory / "outside" / "other name"
    old = site.root / "versions" / "1.0" / "a.txt"
    other.hardlink_to(old)
    before = other.read_bytes()
    assert site.apply(vector("delta"))[0] == 0
    assert other.read_bytes() == before == old.read_bytes() and other.stat().st_nlink == 2
    new = site.root / "versions" / "1.1"
    assert (new / "a.txt").stat().st_nlink == 1 and (new / "moved.bin").stat().st_nlink == 1


def test_bad_input_48_more_than_the_disk_holds(site: Besieged) -> None:
    for size in (1 << 40, 1 << 50, (1 << 53) - 8):
        listing = raw.manifest([("a", 0, b"x")], sizes=[size])
        bundle = raw.Bundle([raw.full([("a", 0, b"x")], listing)], [("a", 0, b"x")], listing)
        bundle.root = raw.replaced("size", size)
        site.refuses(raw.write(bundle), DiskFull, "the new version needs", code=5)


def test_bad_input_54_the_right_patch_for_a_base_that_has_drifted(site: Besieged) -> None:
    old = site.root / "versions" / "1.0" / "a.txt"
    right = old.read_bytes()
    for wrong in (right[:-1] + b"!", right + b"!", right[:-1], b""):
        old.write_bytes(wrong)
        site.refuses(vector("delta"), BaseDrifted, "a.txt", code=5)
    old.unlink()
    site.refuses(vector("delta"), BaseDrifted, "a.txt", code=5)
    old.write_bytes(right)
    assert site.apply(vector("delta"))[0] == 0


def test_bad_input_57_another_product(site: Besieged) -> None:
    site.refuses(full(root=raw.replaced("product", "others")), WrongProduct, "'others'; this site has 'vectors'")


def test_bad_input_58_a_seq_at_or_below_the_high_water_mark(site: Besieged) -> None:
    assert site.apply(vector("delta"))[0] == 0
    for seq in (1, 2):
        old = raw.Bundle([raw.full(raw.BASE)], raw.BASE, root=raw.replaced("seq", seq))
        site.refuses(raw.write(old), Replay, "seq 2")


YEARS = {"1970": 3_600.0, "2038": 2.0**31, "2099": 4_080_000_000.0}


@pytest.mark.parametrize("year", [*YEARS, "jumping"])
def test_bad_input_62_any_clock_installs(site: Besieged, year: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-9] [A-10] [R-14] A bad bundle is refused all the same, and nothing but times differs."""
    seconds = iter(cycle(YEARS.values() if year == "jumping" else [YEARS[year]]))
    monkeypatch.setattr(time, "time", lambda: next(seconds))
    site.refuses_vectors("result-hash", "stranger")
    assert site.apply(vector("delta"))[::2] == (0, "")
    code, out, err = site.apply(vector("delta"))
    assert code == 0 and "already" in out and not err
    assert (site.root / "current" / "a.txt").read_bytes() == bytes(raw.TARGET[0][2])


class Exchanging:
    """A progress that exchanges a byte of a file when a stage begins: the stick changes behind the verification."""

    def __init__(self, path: Path, stage: str) -> None:
        self._path, self._stage = path, stage

    def start(self, label: str, total: int, unit: str) -> None:
        if self._stage in label:
            data = bytearray(self._path.read_bytes())
            data[-20_000] ^= 1
            self._path.write_bytes(data)

    def advance(self, amount: int) -> None: ...

    def skip(self, amount: int) -> None: ...

    def finish(self) -> None: ...


def test_bad_input_63_a_stick_that_changes_after_it_was_verified(tmp_path: Path) -> None:
    """[F-21] Every piece is hashed each time that it is read."""
    ship, stick = Ship.sailing(tmp_path, "1.0.0"), tmp_path / "stick.unrep"
    shutil.copy(shore().bundle("1.0.1", 2, full=True), stick)
    names = ("versions", "current", ".unrep/manifests", "unrep.toml")
    before, state = ship.seen(*names), ship.state
    with pytest.raises(Corrupt, match="do not match their hash"):
        ship.apply(stick, Exchanging(stick, "rebuilding"))
    assert (ship.seen(*names), ship.state) == (before, state)
    assert not ship.leftovers()


def test_bad_input_64_a_release_in_quarantine(tmp_path: Path) -> None:
    """[A-11] It comes again only under a higher seq."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 2, "1.0.0"))
    names = ("versions", "current", ".unrep/manifests", "unrep.toml")
    before, state = ship.seen(*names), ship.state
    for _ in range(2):
        with pytest.raises(Quarantined, match="in quarantine"):
            ship.apply(shore().bundle("dead", 2, "1.0.0"), QUIET)
    assert (ship.seen(*names), ship.state) == (before, state)
