"""`unrep fleet status`: how the ships are, the worst first."""

from collections import Counter
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from fleet.reports.shore import Shore
from fleet.reports.standing import SILENT_DAYS, STATES, WRONG, Standing, standings
from unrep.terminal.answers import Product, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.fleet import ShipAnswer, open_fleet, ship_document
from unrep.terminal.options.repository import repo_option
from unrep.terminal.tables import table


class FleetStatusAnswer(TypedDict):
    """How the ships of a fleet are."""

    product: Product
    states: Annotated[dict[str, int], Meta(description="How many ships are in each state.")]
    ships: Annotated[list[ShipAnswer], Meta(description="The ships, the worst first.")]


@click.command(
    "status",
    cls=Command,
    examples=[
        ("unrep fleet status --repo /srv/vms", "See all ships, the worst first:"),
        ("unrep fleet status --wrong --repo /srv/vms", "See those that need somebody:"),
    ],
)
@click.option("--ring", metavar="C", help="Show the ships of this ring alone.")
@click.option("--wrong", is_flag=True, help="Show only ships that need somebody, and those that are silent.")
@click.option(
    "--silent-after",
    metavar="DAYS",
    type=click.FloatRange(0.01, 10_000),
    default=SILENT_DAYS,
    show_default=True,
    help="Call a ship silent after so many days.",
)
@repo_option
@json_option(FleetStatusAnswer)
def status_command(ring: str | None, wrong: bool, silent_after: float, repo: Path, as_json: bool) -> None:
    """Show which ship runs what, the worst first: by what each last said, and for how long it has been silent."""
    with open_fleet(repo) as fleet:
        if ring is not None:
            fleet.check_ring(ring, "--ring")
        shore = Shore.read(fleet.opened.repository, fleet.opened.settings)
        with fleet.database.reading() as connection:
            ships = standings(connection, shore, silent_days=silent_after)
    ships = [ship for ship in ships if ring in (None, ship.ring)]
    counts = Counter(ship.state for ship in ships)
    shown = [ship for ship in ships if not wrong or ship.state in (*WRONG, "silent", "unheard")]
    document: FleetStatusAnswer = {
        "product": fleet.product,
        "states": {state: counts[state] for state in STATES if counts[state]},
        "ships": [ship_document(ship) for ship in shown],
    }
    said = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    summary = f"{len(ships):,} ships: {said}" if ships else "no ships; add them with 'unrep fleet add'"
    tell(as_json, document, *(_table(shown) if shown else []), summary)


def _table(ships: list[Standing]) -> list[str]:
    head = ["ship", "ring", "state", "runs", "should run", "silent days", "last word"]
    rows = [
        [
            ship.name,
            ship.ring,
            ship.state,
            ship.serving or "-",
            ship.target or "-",
            "-" if ship.silent_days is None else f"{ship.silent_days:,.0f}",
            " ".join(part for part in (ship.told, f"({ship.reason})" if ship.reason else "") if part),
        ]
        for ship in ships
    ]
    return table(head, rows, numbers=(5,))
