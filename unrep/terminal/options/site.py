"""The options of commands that work at a site, and the configuration that they name."""

from dataclasses import dataclass
from pathlib import Path

import click

from apply.site.config import SiteConfig, load
from apply.site.guarded import check_guarded, check_site
from apply.site.layout import Site
from transfer.links.access import Access, read_access
from unrep.terminal.options.grouping import gathered

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
    help="Public key of the sender, or trust file. A site that follows a trust root needs none.",
)


@dataclass(frozen=True)
class AccessOptions:
    """What was named for access to servers."""

    auth_file: Path | None
    ca_file: Path | None
    proxy: str | None

    def read(self) -> Access:
        """Raises AccessRefused for a file that cannot be used."""
        return read_access(self.auth_file, self.ca_file, self.proxy)


access_options = gathered(
    "access",
    AccessOptions,
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


def configuration(site: Path, config: Path | None, account: int = 0) -> SiteConfig:
    """The named configuration, else the site's own, else all defaults.

    Raises ConfigError or InputError; Unguarded for root, if another than `account` could change that, or the site.
    """
    place = Site.at(site)
    path = config or place.config_file
    check_site(place, account)  # before the file: its refusal names the site, not one directory of many on the way
    check_guarded(path, account=account)
    return load(path)
