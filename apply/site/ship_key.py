"""The ship's own key, and the ticket by which it opens an encrypted bundle: spec/sealing.md, section 6.

The key is SITE/.unrep/ship.key, or the file that `trust.ship_key` names, as seen from the site. It never leaves the
ship. Its public half, ship.pub, goes ashore once, and tickets for it come back with the bundles.
"""

from pathlib import Path

from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.errors import Sealed
from bundle.format.section_cipher import ContentKey
from bundle.host import presence
from bundle.read.reader import Unlock, VerifiedRoot
from bundle.recipients.ship_key import load_ship_key
from bundle.recipients.sidecars import ticket_beside
from bundle.recipients.ticket import TicketFile


def ship_key_file(site: Site, config: SiteConfig, named: Path | None = None) -> Path | None:
    """The file of the ship's private key: the one that was named, or configured, or made at the site; None for none."""
    if named:
        return named
    if config.trust.ship_key:
        return site.root / config.trust.ship_key
    with durable.storage_errors(site.ship_key_file):
        return site.ship_key_file if presence.exists(site.ship_key_file) else None


def site_unlock(
    site: Site, config: SiteConfig, bundle: Path, named: Path | None = None, ticket: Path | None = None
) -> Unlock:
    """What opens that bundle at the site, once it is asked: the ticket that was named, or the one beside the bundle.

    It raises Sealed if there is no key or no ticket for it, InputError for a file that is no key.
    """

    # The key is read only when a section is opened: many bundles are not encrypted, and many ships have no key.
    def unlock(verified: VerifiedRoot) -> ContentKey:
        path = ship_key_file(site, config, named)
        if path is None:
            raise Sealed(
                f"{bundle}: is encrypted to ships, and this one has no key: make one with 'unrep ship-key new --site "
                f"{site.root}', and have shore make a ticket for it"
            )
        key = load_ship_key(path)
        return TicketFile(key, ticket or ticket_beside(bundle, key.public.key_id))(verified)

    return unlock
