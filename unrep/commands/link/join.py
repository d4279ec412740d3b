"""`unrep join`: volumes from sticks become the bundle, or what a fetch goes on from."""

from pathlib import Path

import click

from transfer.disk.output import describe
from transfer.publishing.ticket import find_ticket
from transfer.volumes.join import join
from unrep.commands.link.fetch import recipient_at
from unrep.holdings import site_holdings, whom_to_trust
from unrep.terminal.aboard import json_option, trust_option
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.pinning import pinned_at


@click.command("join")
@click.argument("directories", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@trust_option
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="Where the bundle goes.")
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="Join only what this site needs.")
@click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)
@json_option
def join_command(
    directories: tuple[Path, ...], trust: Path | None, out: Path, site: Path | None, allow_full: bool, as_json: bool
) -> None:
    """Join the volumes of 'unrep export' in some directories to bundle F; every piece is verified before it is kept.

    With some of the volumes, what they hold is kept: join again with the others, or let 'unrep fetch' with the same
    --out bring the rest.
    """
    with progress_bar() as bar:
        keys = whom_to_trust(trust, site, "join")
        holdings = site_holdings(site, keys, bar, pinned_at(site)) if site else None
        joined = join(directories, keys, out, holdings, allow_full, bar)
    key = recipient_at(site, None).key() if joined.verified.root.is_encrypted else None
    ticket = find_ticket(directories, out, joined.verified, key) if key else None
    say(
        f"{out}: {describe(joined.verified.root)}, complete: {joined.bytes_joined:,} bytes joined from "
        f"{len(joined.volumes)} volumes, {joined.bytes_resumed:,} were there already"
    )
    for path in joined.damaged:
        say(f"  {path}: holds pieces that are not the ones that were signed; they came from elsewhere")
    if key and ticket is None:
        say(f"  no ticket among them is for this ship, whose key id is {key.public.key_id.hex()}: ask shore for one")
    if as_json:
        document = {
            "complete": True,
            "volumes": [str(path) for path in joined.volumes],
            "bytes_total": joined.verified.total_bytes,
            "bytes_needed": joined.bytes_needed,
            "bytes_resumed": joined.bytes_resumed,
            "bytes_joined": joined.bytes_joined,
            "damaged": [str(path) for path in joined.damaged],
        }
        answer(document)
