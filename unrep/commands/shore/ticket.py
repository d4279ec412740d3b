"""`unrep ticket`: one more ship can read a bundle that is encrypted already."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.errors import InputError
from bundle.format.section_cipher import ContentKey
from bundle.host.files import write_anew
from bundle.host.output import OUTPUT
from bundle.read.reader import VerifiedBundle, open_for_display
from bundle.recipients.ship_key import load_ship_public_key
from bundle.recipients.sidecars import ticket_beside
from bundle.recipients.ticket import TicketFile, issue_ticket
from bundle.write.encrypt import write_tickets
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.signing import SignerOptions, signer_options
from unrep.terminal.options.unlocking import read_ship_key


class TicketAnswer(TypedDict):
    """The tickets that were made; both lists are in the order of --ship."""

    tickets: Annotated[list[str], Meta(description="Paths of the tickets.")]
    ships: Annotated[list[str], Meta(description="Ids of the ships' keys, in hex.")]


@click.command(
    "ticket",
    cls=Command,
    examples=[
        (
            "unrep ticket vms-2.unrep --ship aurora.pub --with own.key --key shore.key",
            "Let one more ship read an encrypted bundle:",
        )
    ],
)
@click.argument("path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--ship",
    "ships",
    metavar="SHIP.pub",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Public key of a ship that is to read it; repeatable.",
)
@click.option(
    "--with",
    "own_key",
    metavar="OWN.key",
    required=True,
    type=click.Path(path_type=Path),
    help="Private key of a recipient of BUNDLE: shore's own.",
)
@click.option(
    "--ticket",
    "own_ticket",
    metavar="T",
    type=click.Path(path_type=Path),
    help="The ticket of that recipient. Default: the one in BUNDLE.tickets/.",
)
@signer_options
@click.option(
    "--out", metavar="F", type=click.Path(path_type=Path), help="The ticket. Default: its place in BUNDLE.tickets/."
)
@json_option(TicketAnswer)
def ticket_command(
    path: Path,
    ships: tuple[Path, ...],
    own_key: Path,
    own_ticket: Path | None,
    signer: SignerOptions,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make tickets for BUNDLE, by which more ships can read it. The bundle stays as it is.

    They are signed by a key that signs releases. Publish BUNDLE again, and 'unrep fetch' aboard finds its ticket. Or
    send it by any way: it has 145 bytes and no secret for others.
    """
    if out and len(ships) > 1:
        raise UsageRefused("--out: takes the ticket of one ship; leave it out, or name one --ship")
    by = signer.open()
    recipients, own = [load_ship_public_key(ship) for ship in ships], read_ship_key(own_key)
    unlock = TicketFile(own, own_ticket or ticket_beside(path, own.public.key_id), is_trusted_only=False)
    with open_for_display(path, unlock) as bundle:
        content_key, root_hash = _proven_key(bundle), bundle.verified.root_hash
    with OUTPUT.errors(out or path):
        if out:
            write_anew(out, issue_ticket(content_key, recipients[0], root_hash, [by]))
            written = [out]
        else:
            written = write_tickets(path, content_key, recipients, root_hash, [by])
    ids = [ship.key_id.hex() for ship in recipients]
    made: TicketAnswer = {"tickets": list(map(str, written)), "ships": ids}
    lines = [
        f"{place}: opens {path} for the ship with key id {key_id}, {place.stat().st_size} bytes"
        for key_id, place in zip(ids, written, strict=True)
    ]
    tell(as_json, made, *lines)


def _proven_key(bundle: VerifiedBundle) -> ContentKey:
    """The key that opens the bundle: a section was opened with it."""
    if not bundle.root.is_encrypted:
        raise InputError(f"{bundle.path}: is not encrypted, every ship can read it")
    for section in bundle.root.sections[:1]:
        bundle.open_section(section)
    return bundle.content_key()
