"""What the commands aboard have in common: their options, the site's configuration, and how a run is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from apply.audit.run import Report
from apply.errors import AboardError
from apply.site.config import SiteConfig, load
from apply.site.guarded import check_guarded, check_site
from apply.site.layout import Site
from bundle.errors import BundleError
from unrep.terminal.console import answer, say
from unrep.terminal.memory import peak_rss_bytes
from unrep.terminal.options import group

site_option = click.option(
    "--site", metavar="S", required=True, type=click.Path(path_type=Path), help="The site's directory."
)
config_option = click.option(
    "--config", metavar="C", type=click.Path(path_type=Path), help="Configuration to use instead of S/unrep.toml."
)
trust_option = click.option(
    "--trust",
    metavar="T",
    type=click.Path(path_type=Path),
    help="Public key of the sender, or trust file. A site that follows a trust root needs none.",
)
access_options = group(
    click.option(
        "--auth-file",
        metavar="F",
        type=click.Path(path_type=Path),
        help="User and password, or a token, for servers by https, and for hosts and proxies that it names; a file "
        "that only its owner may read.",
    ),
    click.option(
        "--ca-file",
        metavar="F",
        type=click.Path(path_type=Path),
        help="Certificate authorities to trust instead of the system's, in PEM form.",
    ),
    click.option("--proxy", metavar="URL", help="Ask through this proxy, not the one of the environment."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


def configuration(site: Path, config: Path | None, account: int = 0) -> SiteConfig:
    """The named configuration, else the site's own, else all defaults.

    Raises ConfigError or InputError; Unguarded for root, if another than `account` could change that, or the site.
    """
    place = Site.at(site)
    check_site(place, account)  # first, for it is also on the way to its own configuration
    path = config or place.config_file
    check_site(place, account)  # first: on the way to a configuration the site is told of as one of many
    check_guarded(path, account=account)
    return load(path)


def told(perform: Callable[[], Report], as_json: bool) -> None:
    """Makes a run and tells how it ended; the error of one that failed goes on, with its figures."""
    try:
        report = perform()
    except Exception as error:
        if isinstance(error, (AboardError, BundleError)) and error.document:
            error.document |= {"peak_rss_bytes": peak_rss_bytes()}
        raise
    say(sentence(report))
    if as_json:
        answer(document(report))


def document(report: Report) -> dict[str, Any]:
    """A run as one JSON object."""
    return report.document() | {"peak_rss_bytes": peak_rss_bytes()}


def sentence(report: Report) -> str:
    """A run in one sentence."""
    moved = f"{report.from_version or 'nothing'} -> {report.to_version or 'nothing'}, "
    moved = moved if report.from_version != report.to_version else ""
    return f"{report.outcome}: {moved}{report.reason} ({report.seconds:.2f} s)"
