"""`unrep fetch`: fetches a bundle, or what leads to a release, over a bad link or from a stick, all of it verified."""

import time
from contextlib import closing
from pathlib import Path

import click

from apply.site.maintenance_windows import DailyWindows
from bundle.errors import BundleError
from bundle.names.plain_text import plain
from transfer.channels.survey import follows_channel
from transfer.config import TransferConfig
from transfer.errors import TransferError
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.path_fetch import PathFetch
from transfer.fetch.request import FetchRequest
from transfer.links.access import is_url, shown_source
from transfer.links.budget import Budget
from transfer.links.opening import OpenLinks, open_sources
from transfer.scheduling.scheduler import NAP_S
from unrep.errors import UsageRefused
from unrep.receiving.fetch_hours import WindowHours
from unrep.receiving.fetch_session import FetchSession
from unrep.receiving.holdings import retained, site_holdings, whom_to_trust
from unrep.receiving.link_rate import read_rate, save_rate
from unrep.receiving.tickets import recipient_at
from unrep.terminal.answers import json_lines_option, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell
from unrep.terminal.fetch_progress import EVENTS, FetchProgress
from unrep.terminal.fetch_report import FetchAnswer, describe_fetch, fetch_answer, figures_in_errors, known_figures
from unrep.terminal.options.access import AccessOptions, access_options
from unrep.terminal.options.output import allow_full_option, channel_option, for_site_option, output_option
from unrep.terminal.options.product import pinned_at, product_option
from unrep.terminal.options.quantities import parse_duration, parse_rate, parse_size
from unrep.terminal.options.site import trust_option
from unrep.terminal.options.unlocking import unlock_options


@click.command(
    "fetch",
    cls=Command,
    examples=[
        (
            "unrep fetch https://example.com/vms/stable.channel --site /opt/vms --trust shore.pub --out vms-2.unrep",
            "Fetch what this ship needs to come to the release of a channel:",
        ),
        (
            "unrep fetch /media/stick https://example.com/vms/stable.channel --trust shore.pub --out vms-2.unrep "
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
@channel_option
@allow_full_option
@unlock_options
@click.option("--limit-rate", metavar="R", callback=parse_rate, help="Bytes per second at most: 8000, 64k, 1.5M.")
@click.option(
    "--max-bytes", metavar="N", callback=parse_size, help="Receive no more than that, in all runs of this download."
)
@click.option(
    "--max-time", metavar="D", callback=parse_duration, help="Refuse what would take longer on this link: 45m, 6h."
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
    channel: str,
    allow_full: bool,
    ship_key: Path | None,
    ticket: Path | None,
    limit_rate: int | None,
    max_bytes: int | None,
    max_time: float | None,
    windows: tuple[str, ...],
    time_zone: str,
    access: AccessOptions,
    patience: float,
    as_events: bool,
    as_json: bool,
) -> None:
    """Fetch a bundle from SOURCE: an http, https or udp URL, a file, or a directory such as a USB stick.

    SOURCE may be the file of a channel, such as https://example.com/vms/stable.channel: its release is fetched. A
    directory may hold bundles, volumes of 'unrep export', channel files and anything else. What lies there is used
    first, then all URLs are asked at once. A source that fails or sends bad data is reported and dropped.

    For a site the cheapest way is taken from what it holds to the release. If that goes over other releases, their
    bundles come to F.steps/ first; 'unrep apply F' finds them there and switches once.

    Every piece is verified before it is kept. After a broken link, Ctrl-C or a power cut the same command goes on.

    For a ship with a key, the ticket of an encrypted bundle comes first, to F.tickets/. Without a key such a bundle is
    fetched all the same, and not looked into.
    """
    recipient = recipient_at(site, ship_key, access.auth_file, access.ca_file)
    _check_options(as_events and as_json, ticket is not None and recipient.key_file is None)
    daily = _daily_windows(windows, time_zone)
    with progress_bar() as bar:
        progress = FetchProgress(bar, as_events)
        session = FetchSession(
            sources=sources,
            trust=whom_to_trust(trust, site, "fetch"),
            config=TransferConfig(limit_rate, read_rate(site, out), max_bytes, patience),
            site=site,
            channel=channel,
            product=pinned_at(site, product),
            allow_full=allow_full,
            max_s=max_time,
            bytes_per_s=limit_rate or read_rate(site, out),
            recipient=recipient,
            ticket=ticket,
            access=access.read(),
            budget=Budget(max_bytes),
            hours=_waited_for(WindowHours(daily, time.time, progress.wait_until)),
            progress=progress,
            say=say,
        )
        figures = _fetched(session, out, progress)
    save_rate(site, figures)
    _tell_done(figures, progress, as_events, as_json)


def _fetched(session: FetchSession, out: Path, progress: FetchProgress) -> Figures:
    """Fetches the bundle at mirrors, if nothing else is named; else what the cheapest path takes."""
    site = session.site
    if all(is_url(source) and not follows_channel(source) for source in session.sources):
        with closing(open_sources(session.sources, out, session.config, session.access, retained(site))) as opened:
            for error in opened.refused.values():
                say(f"{error}; going on without it")
            return _run(Fetch(_request(session, opened, out, progress)), progress)
    found = session.look(out)
    found.check()
    for where, reason in found.refused.items():
        said = str(reason)
        say(f"{said if where in said else f'{shown_source(where)}: {said}'}; going on without it")
    holdings = site_holdings(site, session.trust, progress, session.product, session.recipient.unlock) if site else None
    return _run(session.fetching(found, session.choose(found, holdings), holdings, lambda last: out), progress)


def _request(session: FetchSession, opened: OpenLinks, out: Path, progress: FetchProgress) -> FetchRequest:
    site = session.site
    return FetchRequest(
        links=opened,
        trust=session.trust,
        output=out,
        holdings=site_holdings(site, session.trust, progress, session.product, session.recipient.unlock)
        if site
        else None,
        allow_full=session.allow_full,
        config=session.config,
        progress=progress,
        say=progress.say,
        budget=session.budget,
        hours=session.hours,
        before_sections=session.tickets(tuple(session.sources), out),
    )


def _tell_done(figures: Figures, progress: FetchProgress, as_events: bool, as_json: bool) -> None:
    if as_events:
        progress.report("done", **fetch_answer(figures))
    else:
        tell(as_json, fetch_answer(figures), describe_fetch(figures))


def _check_options(are_both_for_stdout: bool, is_ticket_useless: bool) -> None:
    if are_both_for_stdout:
        raise UsageRefused("--events and --json are both for standard output; give one of them")
    if is_ticket_useless:
        raise UsageRefused("--ticket: opens nothing without the ship's key; name that with --ship-key")


def _run(fetch: Fetch | PathFetch, progress: FetchProgress) -> Figures:
    """Runs it; what it raises has the figures so far."""
    progress.figures = fetch.figures
    try:
        with figures_in_errors(lambda: known_figures(fetch.figures())):
            figures = fetch.run()
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
    """The same, once the window is open, for a channel file costs something too."""
    while shut_s := hours.shut_s():
        time.sleep(min(shut_s, NAP_S))
    return hours
