"""`unrep fetch`: fetches a bundle over a bad link or from a stick, and verifies every byte."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from apply.site.maintenance_windows import DailyWindows
from bundle.errors import BundleError
from bundle.names.plain_text import plain
from transfer.config import TransferConfig
from transfer.errors import TransferError
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.publishing.resolve import Agreed, resolve_all
from transfer.scheduling.scheduler import NAP_S
from unrep.errors import UsageRefused
from unrep.receiving.fetch_hours import WindowHours
from unrep.receiving.holdings import retained, site_holdings, whom_to_trust
from unrep.receiving.link_rate import read_rate, save_rate
from unrep.receiving.tickets import TicketFetcher, recipient_at
from unrep.terminal.answers import json_lines_option, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.fetch_progress import EVENTS, FetchProgress
from unrep.terminal.fetch_report import FetchAnswer, describe_fetch, fetch_answer, figures_in_errors
from unrep.terminal.options.output import allow_full_option, for_site_option, output_option
from unrep.terminal.options.product import pinned_at, product_option
from unrep.terminal.options.quantities import parse_rate, parse_size
from unrep.terminal.options.site import AccessOptions, access_options, trust_option
from unrep.terminal.options.unlocking import unlock_options


@click.command(
    "fetch",
    cls=Command,
    examples=[
        (
            "unrep fetch https://example.com/vms/latest --site /opt/vms --trust shore.pub --out vms-2.unrep",
            "Fetch what this ship needs of the newest release:",
        ),
        (
            "unrep fetch /media/stick https://example.com/vms/latest --trust shore.pub --out vms-2.unrep "
            "--limit-rate 64k --window 22:00-06:00",
            "Take what a USB stick holds, and the rest over the link at night:",
        ),
    ],
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@trust_option
@output_option
@for_site_option("Fetch")
@product_option
@allow_full_option
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
@json_lines_option(EVENTS, "an event", "--events", "as_events")
@json_option(FetchAnswer)
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
    access: AccessOptions,
    patience: float,
    as_events: bool,
    as_json: bool,
) -> None:
    """Fetch a bundle from SOURCE: an http, https or udp URL, a file, or a directory such as a stick that holds one.

    SOURCE may also be the pointer 'latest' of 'unrep publish': the bundle that it names is fetched. Several sources of
    one bundle may be named. Files and directories are used first: complete or partial bundles, volumes of 'unrep
    export', other bundles. Then all URLs are asked at once. A source that fails or sends bad data is reported and
    dropped; the others go on.

    Every piece is verified before it is kept. After anything that stops it, a broken link, Ctrl-C or a power cut, the
    same command goes on where it was.

    For a ship with a key, the ticket of an encrypted bundle comes first, to F.tickets/. Without a key such a bundle is
    fetched all the same, and not looked into.
    """
    recipient = recipient_at(site, ship_key, access.auth_file, access.ca_file)
    pinned = pinned_at(site, product)
    _check_options(as_events and as_json, ticket is not None and recipient.key_file is None)
    config = TransferConfig(limit_rate, read_rate(site, out), max_bytes, patience)
    opener, daily = access.read(), _daily_windows(windows, time_zone)
    keys, budget = whom_to_trust(trust, site, "fetch"), Budget(max_bytes)
    with progress_bar() as bar:
        progress = FetchProgress(bar, as_events)
        hours = _waited_for(WindowHours(daily, time.time, progress.wait_until))
        agreed = resolve_all(sources, keys, out, config, say, opener, budget)
        with closing(open_sources(agreed.sources, out, config, opener, retained(site))) as opened:
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
                before_sections=TicketFetcher(recipient, agreed.sources, out, config, ticket, say, opener, budget),
            )
            figures = _run(Fetch(request), agreed, progress)
    save_rate(site, figures)
    _say_done(figures, progress, as_json)


def _say_refused(errors: Sequence[Exception]) -> None:
    for error in errors:
        say(f"{error}; going on without it")


def _say_done(figures: Figures, progress: FetchProgress, as_json: bool) -> None:
    say(describe_fetch(figures))
    progress.report("done", **fetch_answer(figures))
    if as_json:
        answer(fetch_answer(figures))


def _check_options(are_both_for_stdout: bool, is_ticket_useless: bool) -> None:
    if are_both_for_stdout:
        raise UsageRefused("--events and --json are both for standard output; give one of them")
    if is_ticket_useless:
        raise UsageRefused("--ticket: opens nothing without the ship's key; name that with --ship-key")


def _run(fetch: Fetch, agreed: Agreed, progress: FetchProgress) -> Figures:
    """Runs it; what it raises has the figures so far."""
    progress.figures = fetch.figures
    try:
        with figures_in_errors(lambda: fetch_answer(fetch.figures())):
            figures = fetch.run()
            if agreed.pointer and figures.root:
                agreed.pointer.check(figures.root, agreed.sources[0])
    except (TransferError, BundleError) as error:
        progress.report("failed", error=plain(str(error)), **(error.document or {}))
        raise
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
