"""`unrep join`: joins volumes from sticks to the bundle, or to a part that a fetch goes on from."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from transfer.disk.output import describe
from transfer.publishing.ticket import find_ticket
from transfer.volumes.join import join
from unrep.receiving.holdings import site_holdings, whom_to_trust
from unrep.receiving.tickets import recipient_at
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell
from unrep.terminal.options.output import allow_full_option, for_site_option, output_option
from unrep.terminal.options.product import pinned_at
from unrep.terminal.options.site import trust_option


class JoinAnswer(TypedDict):
    """A bundle that was joined."""

    complete: Annotated[bool, Meta(description="True: a join that lacks volumes ends in an error.")]
    volumes: Annotated[list[str], Meta(description="Paths of the volumes that were read.")]
    bytes_total: Annotated[int, Meta(description="Length of the bundle.")]
    bytes_needed: Annotated[int, Meta(description="Of those: header and chosen sections.")]
    bytes_resumed: Annotated[int, Meta(description="Of the needed bytes: those that were there, verified, before.")]
    bytes_joined: Annotated[int, Meta(description="Bytes that were taken from the volumes.")]
    damaged: Annotated[list[str], Meta(description="Paths of volumes with damaged pieces.")]


@click.command(
    "join",
    cls=Command,
    examples=[
        (
            "unrep join /media/one /media/two --trust shore.pub --out vms-2.unrep",
            "Join the volumes on two sticks:",
        )
    ],
)
@click.argument("directories", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@trust_option
@output_option
@for_site_option("Join")
@allow_full_option
@json_option(JoinAnswer)
def join_command(
    directories: tuple[Path, ...], trust: Path | None, out: Path, site: Path | None, allow_full: bool, as_json: bool
) -> None:
    """Join volumes of 'unrep export' to bundle F. Every piece is verified before it is written.

    With some of the volumes, what they hold is kept: join again with the others, or let 'unrep fetch' with the same
    --out bring the rest.
    """
    with progress_bar() as bar:
        keys = whom_to_trust(trust, site, "join")
        holdings = site_holdings(site, keys, bar, pinned_at(site)) if site else None
        joined = join(directories, keys, out, holdings, allow_full, bar)
    key = recipient_at(site, None).key() if joined.verified.root.is_encrypted else None
    ticket = find_ticket(directories, out, joined.verified, key) if key else None
    for path in joined.damaged:
        say(f"{path}: holds pieces that are not the ones that were signed; they came from elsewhere")
    if key and ticket is None:
        say(f"no ticket among them is for this ship, whose key id is {key.public.key_id.hex()}: ask shore for one")
    document: JoinAnswer = {
        "complete": True,
        "volumes": [str(path) for path in joined.volumes],
        "bytes_total": joined.verified.total_bytes,
        "bytes_needed": joined.bytes_needed,
        "bytes_resumed": joined.bytes_resumed,
        "bytes_joined": joined.bytes_joined,
        "damaged": [str(path) for path in joined.damaged],
    }
    said = (
        f"{out}: {describe(joined.verified.root)}, complete: {joined.bytes_joined:,} bytes joined from "
        f"{len(joined.volumes)} volumes, {joined.bytes_resumed:,} were there already"
    )
    tell(as_json, document, said)
