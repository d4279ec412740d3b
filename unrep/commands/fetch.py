"""`unrep fetch`: a bundle comes over a bad link, or off a stick, and every byte of it is verified."""

import json
from contextlib import closing
from pathlib import Path

import click

from bundle.errors import BundleError
from bundle.reader import stored_bytes
from transfer.config import TransferConfig
from transfer.errors import TransferError
from transfer.latest import resolve_all
from transfer.output import describe
from transfer.session import Fetch, Figures
from transfer.source import open_sources
from unrep.aboard import trust_option
from unrep.console import progress_bar, say
from unrep.holdings import retained, site_holdings, whom_to_trust
from unrep.quantities import parse_rate


@click.command("fetch")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@trust_option
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="Where the bundle goes.")
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="Fetch only what this site needs.")
@click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)
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
    sources: tuple[str, ...],
    trust: Path | None,
    out: Path,
    site: Path | None,
    allow_full: bool,
    limit_rate: int | None,
    patience: float,
    as_json: bool,
) -> None:
    """Fetch a bundle from SOURCE: an http or https URL, a file, or a directory such as a USB stick that holds one.

    SOURCE may also be the pointer 'latest' of 'unrep publish': the bundle that it names is fetched. With several
    sources of one bundle, files and directories are used first, partial files, volumes of 'unrep export' and other
    bundles among them; then all URLs at once. One that fails or lies is named, and the others go on.

    Every piece is verified before it is kept. After anything that stops it, a broken link, Ctrl-C or a power cut, the
    same command goes on where it was.
    """
    config = TransferConfig(limit_bytes_per_s=limit_rate, patience_s=patience)
    keys = whom_to_trust(trust, site)
    agreed = resolve_all(sources, keys, out, config, say)
    with closing(open_sources(agreed.sources, out, config, retained(site))) as opened, progress_bar() as progress:
        for error in [*agreed.refused.values(), *opened.refused.values()]:
            say(f"{error}; going on without it")
        holdings = site_holdings(site, keys, progress) if site else None
        fetch = Fetch(opened, keys, out, holdings, allow_full, config, progress=progress, say=say)
        try:
            figures = fetch.run()
            if agreed.pointer and figures.root:
                agreed.pointer.check(figures.root, agreed.sources[0])
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
        "bytes_paid": figures.bytes_paid,
        "bytes_resumed": figures.bytes_resumed,
        "connections": figures.connections,
        "seconds": round(figures.seconds, 3),
        "sources": [
            {"source": source.name, "bytes_received": source.bytes_received, "lost": source.lost or None}
            for source in figures.sources
        ],
    }
