"""What the commands that look into encrypted bundles share: --ship-key and --ticket."""

from pathlib import Path

import click

from bundle.read.reader import Unlock
from bundle.recipients.ship_key import ShipKey, load_ship_key
from bundle.recipients.sidecars import ticket_beside
from bundle.recipients.ticket import TicketFile
from unrep.errors import UsageRefused
from unrep.terminal.options.grouping import group
from unrep.terminal.options.signing import say_if_open

unlock_options = group(
    click.option(
        "--ship-key",
        metavar="K",
        type=click.Path(path_type=Path),
        help="Private key of the ship, from 'unrep ship-key new', for an encrypted bundle.",
    ),
    click.option(
        "--ticket",
        metavar="T",
        type=click.Path(path_type=Path),
        help="The ship's ticket for an encrypted bundle. Default: the one in F.tickets/.",
    ),
)


def read_ship_key(path: Path) -> ShipKey:
    """The key that a person names; that others may read it is said. Raises InputError."""
    say_if_open(path)
    return load_ship_key(path)


def unlock_with(
    bundle: Path, ship_key: Path | None, ticket: Path | None, *, is_trusted_only: bool = True
) -> Unlock | None:
    """What opens a bundle away from any site; None where no key is named. Raises UsageRefused or InputError."""
    if ship_key is None:
        if ticket:
            raise UsageRefused("--ticket: opens nothing without the ship's key; name that with --ship-key")
        return None
    key = read_ship_key(ship_key)
    return TicketFile(key, ticket or ticket_beside(bundle, key.public.key_id), is_trusted_only)
