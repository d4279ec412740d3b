"""`unrep ship-key new`: the key pair by which a ship reads what is encrypted to it."""

from pathlib import Path

import click

from apply.site.guarded import check_site
from apply.site.layout import Site
from bundle.recipients.ship_key import write_ship_key_pair
from unrep.errors import UsageRefused
from unrep.terminal.answers import KeyPairAnswer, json_option
from unrep.terminal.command import Command, CommandGroup
from unrep.terminal.console import tell


@click.group("ship-key", cls=CommandGroup)
def ship_key_command() -> None:
    """The key by which a ship reads what is encrypted to it."""


@ship_key_command.command(
    "new",
    cls=Command,
    examples=[("unrep ship-key new --site /opt/vms", "Make the key of a site, where 'unrep apply' finds it:")],
)
@click.option("--out", metavar="NAME", type=click.Path(path_type=Path), help="Writes NAME.key and NAME.pub.")
@click.option(
    "--site", metavar="S", type=click.Path(path_type=Path), help="Writes S/.unrep/ship.key and ship.pub instead."
)
@json_option(KeyPairAnswer)
def new_command(out: Path | None, site: Path | None, as_json: bool) -> None:
    """Make a ship's key pair: the .key stays aboard and secret, the .pub goes ashore.

    Made with --site, it is found there by 'unrep apply', 'fetch' and 'agent'. Shore makes bundles for this ship with
    'unrep build --recipient', and tickets for those that there are with 'unrep ticket'.
    """
    if (out is None) == (site is None):
        raise UsageRefused("name where the key goes: either --out NAME, or --site S")
    if site:
        place = Site.at(site)
        check_site(place)
        place.make_directories()
        out = place.ship_key_file.with_suffix("")
    name = out or Path()
    ship = write_ship_key_pair(name)
    private, public = f"{name}.key", f"{name}.pub"
    tell(
        as_json,
        KeyPairAnswer(private=private, public=public, key_id=ship.key_id.hex()),
        f"{private}: keep it aboard and secret; {public}: give it to shore (ship key id {ship.key_id.hex()})",
    )
