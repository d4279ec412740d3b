"""For which product a site is, as a person says: --product, `product` in unrep.toml, or an answer at a terminal.

A key may sign releases of several products, and the first that comes in binds the site for good [A-91].
"""

from pathlib import Path

import click

from apply.record.database import read_state
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.trusted import updated_trust
from bundle.errors import Malformed
from bundle.format.root import check_product
from bundle.read.reader import open_bundle
from bundle.trust.trust import Trust
from transfer.disk.output import describe
from unrep.errors import UsageRefused
from unrep.terminal.console import confirm, is_terminal
from unrep.terminal.options.site import configuration


def _product(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    try:
        check_product(value or "none")
    except Malformed as error:
        raise click.BadParameter(str(error), ctx, param) from error
    return value or ""


product_option = click.option(
    "--product",
    metavar="P",
    callback=_product,
    help="The only product that comes in. Default: as S/unrep.toml says, else that of the site's first release.",
)


def pinned_product(given: str, config: SiteConfig) -> str:
    """The product that a person named, "" for none. Raises UsageRefused where two were named."""
    if given and config.product and given != config.product:
        raise UsageRefused(
            f"--product {given!r}: the site's configuration says {config.product!r}; correct one of them"
        )
    return given or config.product


def pinned_at(site: Path | None, given: str = "") -> str:
    """The same for a command that may be about no site. Raises UsageRefused, ConfigError."""
    if given and site is None:
        raise UsageRefused("--product: says what a site takes; name the site with --site S")
    return pinned_product(given, configuration(site, None)) if site else ""


def confirmed_product(bundle: Path, site: Site, trust: Trust | None) -> str:
    """The product of a bundle that would be the first at a site, once a person at a terminal has agreed; "" elsewhere.

    Raises UsageRefused if the answer is no, Refused or InputError for a bundle that cannot be read.
    """
    if read_state(site).product or not is_terminal():
        return ""
    with open_bundle(bundle, updated_trust(site, trust, "apply")) as opened:
        root = opened.root
    question = f"From now on {site.root} takes product {root.product!r} alone; begin with {describe(root)}?"
    if not confirm(question):
        raise UsageRefused(f"{bundle}: nothing was changed; name with --product what the site is for")
    return root.product
