"""The ticket of an encrypted bundle, before a byte of its sections is paid for. spec/sealing.md, section 6."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from unrep.terminal.unlocking import read_ship_key


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


@dataclass(frozen=True)
class Admission:
    """Called with the root of what is about to be fetched: puts the recipient's ticket beside the output.

    It comes from the first of the sources that has a good one. `given`: a ticket that came by another way.
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
