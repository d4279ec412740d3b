"""The options of commands that work at a site, and the configuration and the trust that they name."""

from pathlib import Path

import click

from apply.site.config import SiteConfig, load
from apply.site.guarded import check_guarded, check_site
from apply.site.layout import Site
from apply.site.trusted import configured_trust
from bundle.trust.trust import Trust, load_trust

SITE_VARIABLE = "UNREP_SITE"

site_option = click.option(
    "--site",
    metavar="S",
    required=True,
    envvar=SITE_VARIABLE,
    type=click.Path(path_type=Path),
    help=f"The site's directory. Default: {SITE_VARIABLE} of the environment.",
)
config_option = click.option(
    "--config", metavar="C", type=click.Path(path_type=Path), help="Configuration to use instead of S/unrep.toml."
)
trust_option = click.option(
    "--trust",
    metavar="T",
    type=click.Path(path_type=Path),
    help="Public key of the sender, or trust file. Default: agent.trust of unrep.toml, or what the site follows.",
)


def named_trust(site: Site, config: SiteConfig, named: Path | None) -> Trust | None:
    """The trust that a person names, else what agent.trust names; None for neither.

    Raises InputError, Refused, StorageFailed or SiteInvalid; Unguarded for root.
    """
    if named or not config.agent.trust:
        return load_trust(named) if named else None
    check_guarded(site.root / config.agent.trust)
    return configured_trust(site, config.agent.trust)


def configuration(site: Path, config: Path | None, account: int = 0) -> SiteConfig:
    """The named configuration, else the site's own, else all defaults.

    Raises ConfigError or InputError; Unguarded for root, if another than `account` could change that, or the site.
    """
    place = Site.at(site)
    path = config or place.config_file
    check_site(place, account)  # before the file: its refusal names the site, not one directory of many on the way
    check_guarded(path, account=account)
    return load(path)
