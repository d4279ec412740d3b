"""The ticket of a ship comes with the encrypted bundle: it lies beside that, at the source and at the output [T-58]."""

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bundle.errors import InputError, Refused, Sealed
from bundle.host.files import make_directory, read_plain
from bundle.read.reader import VerifiedRoot
from bundle.recipients.ship_key import ShipKey
from bundle.recipients.sidecars import ticket_beside, ticket_name, tickets_beside
from bundle.recipients.ticket import MAX_TICKET_BYTES, TicketFile, decode_ticket, open_ticket, verify_ticket
from transfer.config import TransferConfig
from transfer.disk.atomic_write import write_atomically
from transfer.disk.storage import PUBLISHED
from transfer.errors import SourceRefused
from transfer.links.access import NOTHING, Access, is_url, shown_source
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.scheduling.prefix_reader import PrefixReader


def bring_ticket(
    source: str,
    output: Path,
    verified: VerifiedRoot,
    key: ShipKey,
    config: TransferConfig,
    say: Callable[[str], None] = lambda message: None,
    access: Access = NOTHING,
    budget: Budget | None = None,
) -> Path:
    """The ticket beside the output, good for this ship: the one that lies there, or else the source's.

    Raises Sealed if neither has one, Untrusted or Malformed for one that is no good, TransferError.
    """
    ship_id = key.public.key_id
    beside = ticket_beside(output, ship_id)
    try:
        TicketFile(key, beside)(verified)
    except Refused:
        found = b"" if is_url(source) else _on_medium(Path(source).parent, verified, key)
        save_ticket(beside, found or _fetched(source, output, verified, key, config, say, access, budget))
    return beside


def checked_ticket(data: bytes, verified: VerifiedRoot, key: ShipKey) -> bytes:
    """The same bytes. Raises Sealed, Untrusted, Malformed or Unsupported unless they open that bundle with that key."""
    ticket = decode_ticket(data)
    verify_ticket(ticket, verified.root_hash, verified.trust)
    open_ticket(ticket, key, verified.root_hash)
    return data


def read_ticket(path: Path) -> bytes:
    """The bytes of a ticket's file, so many as a ticket may have and one more. Raises InputError."""
    try:
        return read_plain(path, MAX_TICKET_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def save_ticket(path: Path, data: bytes) -> None:
    """Writes a ticket, durably. Raises OutputRefused or DiskFull."""
    with PUBLISHED.errors(path.parent):
        make_directory(path.parent)
    write_atomically(path, [data])


def ticket_address(source: str, ship_id: bytes) -> str:
    """Where the ticket lies that belongs to the bundle at that source, a URL or a file."""
    name = ticket_name(ship_id)
    if is_url(source):
        parts = urlsplit(source)
        return urlunsplit(parts._replace(path=f"{parts.path}.tickets/{name}"))
    return str(tickets_beside(Path(source)) / name)


def _on_medium(directory: Path, verified: VerifiedRoot, key: ShipKey) -> bytes:
    """The first good ticket in a directory, or in a directory of tickets in there [T-73]; nothing if there is none."""
    name = ticket_name(key.public.key_id)
    for path in (directory / name, *sorted(directory.glob(f"*.tickets/{name}"))):
        with suppress(Refused, InputError):  # none, or for another bundle: a stick may hold several
            return checked_ticket(read_ticket(path), verified, key)
    return b""


def _fetched(
    source: str,
    output: Path,
    verified: VerifiedRoot,
    key: ShipKey,
    config: TransferConfig,
    say: Callable[[str], None],
    access: Access,
    budget: Budget | None,
) -> bytes:
    address = ticket_address(source, key.public.key_id)
    try:
        with closing(open_sources([address], output, config, access)) as link:
            reader = PrefixReader(link, verified.trust, config, say, budget)
            return reader.first(MAX_TICKET_BYTES + 1, lambda data: checked_ticket(data, verified, key))
    except SourceRefused as error:
        reason = f" ({error})" if is_url(source) else ""
        raise Sealed(
            f"{shown_source(source)}: is encrypted, and there is no ticket for the ship with key id "
            f"{key.public.key_id.hex()}{reason}; have shore make one with 'unrep ticket'"
        ) from error
