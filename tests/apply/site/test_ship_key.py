"""Which key and which ticket open an encrypted bundle at a site. spec/sealing.md, section 6 [S-14]."""

from pathlib import Path

import pytest

from apply.site.config import SiteConfig, TrustConfig
from apply.site.ship_key import ship_key_file, site_unlock
from bundle.archives.engines import present_features
from bundle.errors import InputError, Sealed
from bundle.read.reader import open_bundle
from bundle.recipients.ship_key import write_ship_key_pair
from bundle.recipients.sidecars import ticket_beside
from tests.support.contents.releases import TRUST, build_from, write_tree
from tests.support.sites.site import Ship

CONFIGURED = SiteConfig(trust=TrustConfig(ship_key="keys/ship.key"))


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    ship = Ship(tmp_path)
    ship.site.make_directories()
    return ship


def test_the_key_that_is_named_then_configured_then_made_here(ship: Ship, tmp_path: Path) -> None:
    """[S-14]"""
    assert ship_key_file(ship.site, SiteConfig()) is None
    write_ship_key_pair(ship.site.ship_key_file.with_suffix(""))
    assert ship_key_file(ship.site, SiteConfig()) == ship.site.ship_key_file
    assert ship_key_file(ship.site, CONFIGURED) == ship.root / "keys/ship.key"
    assert ship_key_file(ship.site, CONFIGURED, tmp_path / "named") == tmp_path / "named"


class TestUnlocking:
    @pytest.fixture
    def bundle(self, ship: Ship, tmp_path: Path) -> Path:
        """Encrypted to this ship alone, its ticket beside it."""
        public = write_ship_key_pair(ship.site.ship_key_file.with_suffix(""))
        out = tmp_path / "sealed.unrep"
        build_from(write_tree(tmp_path / "new", {"a": b"secret"}), [], out, recipients=(public,))
        return out

    def opened(self, ship: Ship, bundle: Path, named: Path | None = None, ticket: Path | None = None) -> bytes:
        unlock = site_unlock(ship.site, SiteConfig(), bundle, named, ticket)
        with open_bundle(bundle, TRUST, unlock) as opened:
            section = opened.root.full_section(present_features())
            assert section
            opened.open_section(section).verify()
            return opened.verified.root_hash

    def test_by_the_ticket_beside_the_bundle(self, ship: Ship, bundle: Path) -> None:
        assert self.opened(ship, bundle)

    def test_by_a_ticket_that_is_named(self, ship: Ship, bundle: Path, tmp_path: Path) -> None:
        (beside,) = bundle.with_name(f"{bundle.name}.tickets").iterdir()
        named = beside.rename(tmp_path / "by-mail")
        with pytest.raises(Sealed, match="ask shore for the ticket"):
            self.opened(ship, bundle)
        assert self.opened(ship, bundle, ticket=named)

    def test_without_a_key(self, ship: Ship, bundle: Path) -> None:
        ship.site.ship_key_file.unlink()
        with pytest.raises(Sealed, match=r"sealed\.unrep: is encrypted to ships, and this one has no key: make one"):
            self.opened(ship, bundle)

    def test_with_the_key_of_another_ship(self, ship: Ship, bundle: Path, tmp_path: Path) -> None:
        other = write_ship_key_pair(tmp_path / "other")
        assert not ticket_beside(bundle, other.key_id).exists()
        with pytest.raises(Sealed, match=other.key_id.hex()):
            self.opened(ship, bundle, tmp_path / "other.key")

    def test_with_a_file_that_is_no_key(self, ship: Ship, bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "no.key").write_text("no key")
        with pytest.raises(InputError, match=r"no\.key"):
            self.opened(ship, bundle, tmp_path / "no.key")
