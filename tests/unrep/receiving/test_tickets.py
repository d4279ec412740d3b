"""Whose key opens what is fetched."""

from pathlib import Path

from apply.site.layout import Site
from bundle.recipients.ship_key import write_ship_key_pair
from unrep.receiving.tickets import Recipient, recipient_at


def test_a_relay_has_no_key(tmp_path: Path) -> None:
    relay = recipient_at(None, None)
    assert relay == Recipient(None) and relay.key() is None and relay.unlock(tmp_path / "out") is None


def test_the_key_that_is_named_else_that_of_the_site(tmp_path: Path) -> None:
    site = Site.at(tmp_path)
    assert recipient_at(tmp_path, None).key() is None
    site.make_directories()
    own = write_ship_key_pair(site.ship_key_file.with_suffix(""))
    other = write_ship_key_pair(tmp_path / "other")
    for recipient, key in (
        (recipient_at(tmp_path, None), own),
        (recipient_at(tmp_path, tmp_path / "other.key"), other),
        (recipient_at(None, tmp_path / "other.key"), other),
    ):
        found = recipient.key()
        assert found and found.public.key_id == key.key_id and recipient.unlock(tmp_path / "out")
