"""`unrep adopt`: a release that stands here already comes under unrep's care."""

from pathlib import Path

import click

from apply.adopt import adopt
from apply.site.guarded import check_named
from apply.site.layout import Site
from apply.site.ship_key import site_unlock
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar
from unrep.terminal.options.product import pinned_product, product_option
from unrep.terminal.options.site import config_option, configuration, named_trust, site_option, trust_option
from unrep.terminal.options.unlocking import unlock_options
from unrep.terminal.run_report import RunAnswer, report_run


@click.command(
    "adopt",
    cls=Command,
    examples=[
        (
            "unrep adopt /srv/vms-1.0.0 vms-1.0.0.unrep --site /opt/vms --trust shore.pub",
            "Begin with the release that was installed by hand, and download nothing:",
        ),
    ],
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@site_option
@trust_option
@config_option
@product_option
@unlock_options
@json_option(RunAnswer)
def adopt_command(
    directory: Path,
    bundle: Path,
    site: Path,
    trust: Path | None,
    config: Path | None,
    product: str,
    ship_key: Path | None,
    ticket: Path | None,
    as_json: bool,
) -> None:
    """Take the release that stands in DIR into the care of site S, if it is the one of bundle F.

    Every file is verified, and copied to S/versions. Then `current` moves there, the application starts anew, and its
    health is watched, as in 'unrep apply'. DIR stays as it is. Let the application's service start it through
    S/current before. If DIR is the version's own place in S, it is taken as it stands.

    Files that differ are named, and nothing is changed. Files beside the release's own are left behind. Of F the first
    kilobytes, its header, are enough if DIR holds the release and nothing else.
    """
    check_named(trust, ship_key)
    settings = configuration(site, config)
    given = named_trust(Site.at(site), settings, trust)
    unlock = site_unlock(Site.at(site), settings, bundle, ship_key, ticket)
    pinned = pinned_product(product, settings)
    with progress_bar() as bar:
        report_run(lambda: adopt(directory, bundle, site, given, settings, bar, unlock=unlock, product=pinned), as_json)
