"""`unrep apply`: aboard, from a bundle to a running release, or back."""

from functools import partial
from pathlib import Path

import click

from apply.site.guarded import check_named
from apply.site.layout import Site
from apply.site.ship_key import site_unlock
from apply.update import rehearse, update
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar
from unrep.terminal.options.product import confirmed_product, pinned_product, product_option
from unrep.terminal.options.site import config_option, configuration, named_trust, site_option, trust_option
from unrep.terminal.options.unlocking import unlock_options
from unrep.terminal.run_report import RunAnswer, report_run


@click.command(
    "apply",
    cls=Command,
    examples=[
        ("unrep apply vms-2.unrep --site /opt/vms --trust shore.pub", "Update a site, and go back if that fails:"),
        ("unrep apply vms-2.unrep --site /opt/vms --trust shore.pub --dry-run", "Only check whether it would work:"),
    ],
)
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@site_option
@trust_option
@config_option
@product_option
@unlock_options
@click.option("--override", is_flag=True, help="Apply although the master holds the running version.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing, say what would happen.")
@json_option(RunAnswer)
def apply_command(
    bundle: Path,
    site: Path,
    trust: Path | None,
    config: Path | None,
    product: str,
    ship_key: Path | None,
    ticket: Path | None,
    override: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring the release in bundle F into service at site S.

    The complete new version is built and verified beside the running one, then `current` is switched in one step. If
    the new version does not become healthy, the old one comes back by itself.

    The first release decides for which product the site is, unless --product or S/unrep.toml does; at a terminal you
    are asked.

    An encrypted bundle is opened with the ship's key, S/.unrep/ship.key, and the ticket for it in F.tickets/.
    """
    check_named(trust, ship_key)
    settings = configuration(site, config)
    given = named_trust(Site.at(site), settings, trust)
    unlock = site_unlock(Site.at(site), settings, bundle, ship_key, ticket)
    pinned = pinned_product(product, settings)
    if not (pinned or dry_run or as_json):
        pinned = confirmed_product(bundle, Site.at(site), given)
    perform = partial(
        rehearse if dry_run else update,
        bundle,
        site,
        given,
        config=settings,
        override_hold=override,
        unlock=unlock,
        product=pinned,
    )
    with progress_bar() as bar:
        report_run(lambda: perform(progress=bar), as_json)
