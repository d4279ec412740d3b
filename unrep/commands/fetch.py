"""`unrep fetch`: a bundle comes over a bad link, or off a stick, and every byte of it is verified."""

import json
from contextlib import closing
from pathlib import Path

import click

from apply.site import Site
from apply.unlocking import ship_key_file
from bundle.errors import BundleError
from bundle.reader import stored_bytes
from transfer.config import TransferConfig
from transfer.errors import TransferError
from transfer.latest import resolve
from transfer.output import describe
from transfer.session import Fetch, Figures
from transfer.source import open_link
from unrep.aboard import configuration, trust_option
from unrep.admission import Admission, Recipient
from unrep.console import progress_bar, say
from unrep.errors import UsageRefused
from unrep.holdings import site_holdings, whom_to_trust
from unrep.quantities import parse_rate
from unrep.unlocking import unlock_options


@click.command("fetch")
@click.argument("source", metavar="SOURCE")
@trust_option
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="Where the bundle goes.")
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="Fetch only what this site needs.")
@click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)
@unlock_options
@click.option("--limit-rate", metavar="R", callback=parse_rate, help="Bytes per second at most: 8000, 64k, 1.5M.")
@click.option(
    "--patience",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    default=TransferConfig.patience_s,
    show_default=True,
    help="Stop after so many seconds in which nothing came; run again goes on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def fetch_command(
    source: str,
    trust: Path | None,
    out: Path,
    site: Path | None,
    allow_full: bool,
    ship_key: Path | None,
    ticket: Path | None,
    limit_rate: int | None,
    patience: float,
    as_json: bool,
) -> None:
    """Fetch a bundle from SOURCE: an http or https URL, a file, or a directory such as a USB stick that holds one.

    SOURCE may also be the pointer 'latest' of 'unrep publish': the bundle that it names is fetched.

    Every piece is verified before it is kept. After anything that stops it, a broken link, Ctrl-C or a power cut, the
    same command goes on where it was.

    For a ship with a key, the ticket of an encrypted bundle comes first, to F.tickets/. Without a key such a bundle is
    fetched all the same, and not looked into.
    """
    config = TransferConfig(limit_bytes_per_s=limit_rate, patience_s=patience)
    recipient = recipient_at(site, ship_key)
    if ticket and recipient.key_file is None:
        raise UsageRefused("--ticket: opens nothing without the ship's key; name that with --ship-key")
    keys = whom_to_trust(trust, site)
    resolved = resolve(source, keys, out, config, say)
    with closing(open_link(resolved.source, out, config)) as link, progress_bar() as progress:
        holdings = site_holdings(site, keys, progress, recipient.unlock(out)) if site else None
        admit = Admission(recipient, resolved.source, out, config, ticket, say)
        fetch = Fetch(link, keys, out, holdings, allow_full, config, progress=progress, say=say, admit=admit)
        try:
            figures = fetch.run()
            if resolved.pointer and figures.root:
                resolved.pointer.check(figures.root, resolved.source)
        except (TransferError, BundleError) as error:
            error.document = figures_document(fetch.figures())
            raise
        except KeyboardInterrupt as error:
            stopped = click.Abort()  # as click would make of it, but with the figures
            vars(stopped)["document"] = figures_document(fetch.figures())
            raise stopped from error
    say(_summary(figures))
    if as_json:
        click.echo(json.dumps(figures_document(figures)))


def recipient_at(site: Path | None, ship_key: Path | None) -> Recipient:
    """Who reads what is fetched: the ship whose key was named, else the one whose site it is."""
    return Recipient(ship_key_file(Site.at(site), configuration(site, None), ship_key) if site else ship_key)


def _summary(figures: Figures) -> str:
    what = f"{figures.path}: {describe(figures.root)}, complete" if figures.root else f"{figures.path}: complete"
    if figures.root and not figures.sections:
        return f"{what}: the site has this release already, only its header was fetched"
    if figures.bytes_resumed == figures.bytes_needed:
        return f"{what}: all of it was there already"
    return (
        f"{what}: {figures.bytes_received:,} bytes received for {figures.bytes_needed:,} needed of "
        f"{figures.bytes_total:,}, {figures.bytes_resumed:,} were there already, in {figures.seconds:.1f} s"
    )


def figures_document(figures: Figures) -> dict[str, object]:
    """The figures of a fetch as one JSON object [T-30]."""
    root = figures.root
    return {
        "path": str(figures.path),
        "complete": figures.complete,
        "sections": [
            {"kind": section.kind, "base": section.base.hex(), "bytes": stored_bytes(root, section)}
            for section in figures.sections
            if root
        ],
        "bytes_total": figures.bytes_total,
        "bytes_needed": figures.bytes_needed,
        "bytes_received": figures.bytes_received,
        "bytes_resumed": figures.bytes_resumed,
        "connections": figures.connections,
        "seconds": round(figures.seconds, 3),
    }
