"""The ship that reads a fetched bundle, and its ticket, which comes before any section. spec/sealing.md, section 6."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apply.site.guarded import check_named
from apply.site.layout import Site
from apply.site.ship_key import ship_key_file
from bundle.errors import Refused, naming
from bundle.format.section_cipher import ContentKey
from bundle.read.reader import Unlock, VerifiedRoot
from bundle.recipients.ship_key import ShipKey
from bundle.recipients.sidecars import ticket_beside
from bundle.recipients.ticket import TicketFile
from transfer.config import TransferConfig
from transfer.errors import Incomplete, SourceRefused, TransferError
from transfer.links.access import NOTHING, Access
from transfer.links.budget import Budget
from transfer.publishing.ticket import bring_ticket, checked_ticket, read_ticket, save_ticket
from unrep.terminal.options.site import configuration
from unrep.terminal.options.unlocking import read_ship_key


@dataclass(frozen=True)
class Recipient:
    """Who is to read what is fetched, by the file of its private key; without one nobody is, as for a relay."""

    key_file: Path | None

    def key(self) -> ShipKey | None:
        """The ship's key, if there is one. Raises InputError for a file that is none."""
        return read_ship_key(self.key_file) if self.key_file else None

    def unlock(self, output: Path) -> Unlock | None:
        """What opens the bundle at an output, by the ticket beside it; None where there is no key to do so."""
        if self.key_file is None:
            return None
        key_file = self.key_file

        def unlock(verified: VerifiedRoot) -> ContentKey:
            key = read_ship_key(key_file)
            return TicketFile(key, ticket_beside(output, key.public.key_id))(verified)

        return unlock


def recipient_at(site: Path | None, ship_key: Path | None, *steering: Path | None) -> Recipient:
    """Who reads what is fetched: the ship whose key was named, else the one whose site it is.

    `steering`: what else was named for a site to go by. Raises Unguarded for root, if another could change that.
    """
    if site:
        check_named(ship_key, *steering)
    return Recipient(ship_key_file(Site.at(site), configuration(site, None), ship_key) if site else ship_key)


@dataclass(frozen=True)
class TicketFetcher:
    """Called with the root of the bundle that is about to be fetched: puts the recipient's ticket beside the output.

    It comes from the first source that has a good one. `given`: a ticket file that was brought by other means.
    """

    recipient: Recipient
    sources: tuple[str, ...]
    output: Path
    config: TransferConfig
    given: Path | None = None
    say: Callable[[str], None] = lambda message: None
    access: Access = NOTHING
    budget: Budget | None = None

    def __call__(self, verified: VerifiedRoot) -> None:
        """Raises Sealed if there is no ticket, or one for another; another Refused, InputError or TransferError."""
        if not verified.root.is_encrypted:
            return
        key = self.recipient.key()
        if key is None:
            return
        if self.given is None:
            self._bring(verified, key)
            return
        with naming(self.given):
            ticket = checked_ticket(read_ticket(self.given), verified, key)
        save_ticket(ticket_beside(self.output, key.public.key_id), ticket)

    def _bring(self, verified: VerifiedRoot, key: ShipKey) -> None:
        failures: list[Refused | TransferError] = []
        for source in self.sources:
            try:
                bring_ticket(source, self.output, verified, key, self.config, self.say, self.access, self.budget)
            except (Refused, SourceRefused, Incomplete) as error:
                failures.append(error)
            else:
                return
        raise failures[0]
