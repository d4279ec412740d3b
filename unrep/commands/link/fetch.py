"""`unrep fetch`: a bundle comes over a bad link, or off a stick, and every byte of it is verified."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from apply.site.guarded import check_named
from apply.site.layout import Site
from apply.site.maintenance_windows import DailyWindows
from apply.site.ship_key import ship_key_file
from bundle.errors import BundleError
from bundle.names.plain_text import plain
from bundle.read.reader import stored_bytes
from transfer.config import TransferConfig
from transfer.disk.output import describe
from transfer.errors import TransferError
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.access import read_access
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.publishing.resolve import Agreed, resolve_all
from transfer.scheduling.scheduler import NAP_S
from unrep.admission import Admission, Recipient
from unrep.errors import UsageRefused
from unrep.holdings import retained, site_holdings, whom_to_trust
from unrep.link_rate import remember_rate
from unrep.terminal.aboard import access_options, configuration, trust_option
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.fetch_hours import WindowHours
from unrep.terminal.fetch_progress import FetchProgress
from unrep.terminal.pinning import pinned_at, product_option
from unrep.terminal.quantities import parse_rate, parse_size
from unrep.terminal.unlocking import unlock_options


@click.command("fetch")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@trust_option
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="Where the bundle goes.")
@click.option("--site", metavar="S", type=click.Path(path_type=Path), help="Fetch only what this site needs.")
@product_option
@click.option(
    "--allow-full", is_flag=True, help="Accept the full release where no delta starts from one that the site holds."
)
@unlock_options
@click.option("--limit-rate", metavar="R", callback=parse_rate, help="Bytes per second at most: 8000, 64k, 1.5M.")
@click.option(
    "--max-bytes", metavar="N", callback=parse_size, help="Receive no more than that, in all runs of this download."
)
@click.option("--window", "windows", metavar="W", multiple=True, help="Only then, such as 22:00-06:00; repeatable.")
@click.option("--time-zone", metavar="Z", default="UTC", show_default=True, help="Of the windows: Europe/Oslo.")
@access_options
@click.option(
    "--patience",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    default=TransferConfig.patience_s,
    show_default=True,
    help="Stop after so many seconds in which nothing came; run again goes on.",
)
@click.option("--events", "as_events", is_flag=True, help="Print one JSON object a line, one line an event.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def fetch_command(
    sources: tuple[str, ...],
    trust: Path | None,
    out: Path,
    site: Path | None,
    product: str,
    allow_full: bool,
    ship_key: Path | None,
    ticket: Path | None,
    limit_rate: int | None,
    max_bytes: int | None,
    windows: tuple[str, ...],
    time_zone: str,
    auth_file: Path | None,
    ca_file: Path | None,
    proxy: str | None,
    patience: float,
    as_events: bool,
    as_json: bool,
) -> None:
    """Fetch a bundle from SOURCE: an http or https URL, a file, or a directory such as a USB stick that holds one.

    SOURCE may also be the pointer 'latest' of 'unrep publish': the bundle that it names is fetched. With several
    sources of one bundle, files and directories are used first, partial files, volumes of 'unrep export' and other
    bundles among them; then all URLs at once. One that fails or lies is named, and the others go on.

    Every piece is verified before it is kept. After anything that stops it, a broken link, Ctrl-C or a power cut, the
    same command goes on where it was.

    For a ship with a key, the ticket of an encrypted bundle comes first, to F.tickets/. Without a key such a bundle is
    fetched all the same, and not looked into.
    """
    recipient, pinned = recipient_at(site, ship_key, auth_file, ca_file), pinned_at(site, product)
    _check_options(as_events and as_json, ticket is not None and recipient.key_file is None)
    config = TransferConfig(limit_bytes_per_s=limit_rate, max_bytes=max_bytes, patience_s=patience)
    access, daily = read_access(auth_file, ca_file, proxy), _daily_windows(windows, time_zone)
    keys, budget = whom_to_trust(trust, site, "fetch"), Budget(max_bytes)
    with progress_bar() as bar:
        progress = FetchProgress(bar, as_events)
        hours = _waited_for(WindowHours(daily, time.time, progress.wait_until))
        agreed = resolve_all(sources, keys, out, config, say, access, budget)
        with closing(open_sources(agreed.sources, out, config, access, retained(site))) as opened:
            _say_refused([*agreed.refused.values(), *opened.refused.values()])
            holdings = site_holdings(site, keys, progress, pinned, recipient.unlock(out)) if site else None
            request = FetchRequest(
                links=opened,
                trust=keys,
                output=out,
                holdings=holdings,
                allow_full=allow_full,
                config=config,
                progress=progress,
                say=progress.say,
                budget=budget,
                hours=hours,
                admit=Admission(recipient, agreed.sources, out, config, ticket, say, access, budget),
            )
            figures = _run(Fetch(request), agreed, progress)
    remember_rate(site, figures)
    _say_done(figures, progress, as_json)


def _say_refused(errors: Sequence[Exception]) -> None:
    for error in errors:
        say(f"{error}; going on without it")


def _say_done(figures: Figures, progress: FetchProgress, as_json: bool) -> None:
    say(_summary(figures))
    progress.tell("done", **figures_document(figures))
    if as_json:
        answer(figures_document(figures))


def _check_options(are_both_for_stdout: bool, is_ticket_useless: bool) -> None:
    if are_both_for_stdout:
        raise UsageRefused("--events and --json are both for standard output; give one of them")
    if is_ticket_useless:
        raise UsageRefused("--ticket: opens nothing without the ship's key; name that with --ship-key")


def _run(fetch: Fetch, agreed: Agreed, progress: FetchProgress) -> Figures:
    """Runs it; what it raises has the figures so far."""
    progress.figures = fetch.figures
    try:
        figures = fetch.run()
        if agreed.pointer and figures.root:
            agreed.pointer.check(figures.root, agreed.sources[0])
    except (TransferError, BundleError) as error:
        error.document = figures_document(fetch.figures())
        progress.tell("failed", error=plain(str(error)), **error.document)
        raise
    except KeyboardInterrupt as error:
        stopped = click.Abort()  # as click would make of it, but with the figures
        vars(stopped)["document"] = figures_document(fetch.figures())
        raise stopped from error
    return figures


def _daily_windows(windows: tuple[str, ...], time_zone: str) -> DailyWindows:
    try:
        return DailyWindows.of(windows, time_zone)
    except ValueError as error:
        raise UsageRefused(f"--window or --time-zone: {error}") from error


def _waited_for(hours: WindowHours) -> WindowHours:
    """The same, once the window is open, for a pointer costs something too."""
    while shut_s := hours.shut_s():
        time.sleep(min(shut_s, NAP_S))
    return hours


def recipient_at(site: Path | None, ship_key: Path | None, *steering: Path | None) -> Recipient:
    """Who reads what is fetched: the ship whose key was named, else the one whose site it is.

    `steering`: what else was named for a site to go by. Raises Unguarded for root, if another could change that.
    """
    if site:
        check_named(ship_key, *steering)
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
        "bytes_paid": figures.bytes_paid,
        "bytes_resumed": figures.bytes_resumed,
        "connections": figures.connections,
        "seconds": round(figures.seconds, 3),
        "sources": [
            {"source": source.name, "bytes_received": source.bytes_received, "lost": plain(source.lost) or None}
            for source in figures.sources
        ],
    }
