"""`unrep fleet add`: a ship, or many, with the keys by which their receipts are known."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.receipts.site_keys import load_site_public_key
from fleet.intake.lists import read_ships
from fleet.intake.taking import take_unknown_again
from fleet.record.ships import NewShip, add_ships
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option


class FleetAddAnswer(TypedDict):
    """Ships that were added."""

    added: Annotated[list[str], Meta(description="Names of ships that are new.")]
    new_keys: Annotated[list[str], Meta(description="Names of ships that were there, and got a new key.")]
    moved: Annotated[list[str], Meta(description="Names of ships that were there, and are in another ring now.")]
    unchanged: Annotated[list[str], Meta(description="Names of ships that were there, just so.")]
    receipts: Annotated[int, Meta(description="Receipts of them that came before and waited.")]


@click.command(
    "add",
    cls=Command,
    examples=[
        ("unrep fleet add 'MV Mercy' --key mercy/site.pub --ring canary --repo /srv/vms", "Add a ship:"),
        ("unrep fleet add --from ships.csv --repo /srv/vms", "Add those of a list with the columns name, key, ring:"),
        ("unrep fleet add 'MV Mercy' --key new.pub --retire --repo /srv/vms", "Give a ship a new key:"),
    ],
)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--key", metavar="K", type=click.Path(path_type=Path), help="The ship's .unrep/site.pub.")
@click.option("--ring", metavar="C", help="The channel that it follows. Default: the first of repo.toml.")
@click.option("--from", "listed", metavar="F", type=click.Path(path_type=Path), help="Add the ships of this CSV file.")
@click.option("--retire", is_flag=True, help="What an older key of the ship signs from now on counts no more.")
@repo_option
@json_option(FleetAddAnswer)
def add_command(
    name: str | None, key: Path | None, ring: str | None, listed: Path | None, retire: bool, repo: Path, as_json: bool
) -> None:
    """Add ship NAME, by the key that signs its receipts; or those of a list. All are added, or none."""
    if listed is None and (name is None or key is None):
        raise UsageRefused("name a ship and its --key, or a list of ships with --from")
    if listed is not None and (name is not None or key is not None or ring is not None):
        raise UsageRefused("--from: the list says name, key and ring of each ship, so leave them out here")
    with open_fleet(repo) as fleet:
        if listed is not None:
            wanted = read_ships(listed)
        else:
            wanted = [NewShip(str(name), load_site_public_key(Path(str(key))), ring, f"ship {name!r}")]
        for ship in wanted:
            if ship.ring is not None:
                fleet.check_ring(ship.ring, ship.where)
        with fleet.database.writing() as connection:
            added = add_ships(connection, wanted, fleet.opened.settings.channels[0], retire=retire)
        taken = take_unknown_again(fleet.database, fleet.product)
    document: FleetAddAnswer = {
        "added": added.ships,
        "new_keys": added.keys,
        "moved": added.moved,
        "unchanged": added.same,
        "receipts": taken.new,
    }
    counts = {
        "added": added.ships,
        "with a new key": added.keys,
        "in another ring": added.moved,
        "as before": added.same,
    }
    said = [f"{len(names)} {what}" for what, names in counts.items() if names]
    waited = f"; {taken.new:,} receipts had come before" if taken.new else ""
    tell(as_json, document, f"ships: {', '.join(said) or 'none in the list'}{waited}")
