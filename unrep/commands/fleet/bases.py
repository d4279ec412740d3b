"""`unrep fleet bases`: what ships were last heard to hold."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from fleet.reports.holdings import bases, holdings
from fleet.reports.shore import Shore
from fleet.reports.standing import standings
from unrep.terminal.answers import Product, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option
from unrep.terminal.tables import table


class HeldBase(TypedDict):
    """A tree that ships hold."""

    tree: Annotated[str, Meta(description="Its hash in hex, or as much of it as ships say.")]
    version: Annotated[str, Meta(description="The version that it is of; hex digits if it is of no release here.")]
    serving: Annotated[int, Meta(description="How many ships run it.")]
    holding: Annotated[int, Meta(description="How many ships have it aboard.")]
    is_known: Annotated[bool, Meta(description="Whether the repository has it, so that it can be a base.")]
    is_base: Annotated[bool, Meta(description="Whether the next release has a delta from it.")]


class FleetBasesAnswer(TypedDict):
    """What ships hold."""

    product: Product
    bases: Annotated[list[HeldBase], Meta(description="The trees, the most served first.")]


@click.command(
    "bases", cls=Command, examples=[("unrep fleet bases --repo /srv/vms", "See from what the next release starts:")]
)
@repo_option
@json_option(FleetBasesAnswer)
def bases_command(repo: Path, as_json: bool) -> None:
    """Show what ships were last heard to run and to hold. 'unrep release' takes its bases from that."""
    with open_fleet(repo) as fleet:
        shore = Shore.read(fleet.opened.repository, fleet.opened.settings)
        with fleet.database.reading() as connection:
            ships = standings(connection, shore)
    chosen = bases(ships, shore)
    listed: list[HeldBase] = [
        {
            "tree": one.tree.hex(),
            "version": one.version,
            "serving": one.serving,
            "holding": one.holding,
            "is_known": one.is_known,
            "is_base": one.tree in chosen,
        }
        for one in holdings(ships, shore)
    ]
    document: FleetBasesAnswer = {"product": fleet.product, "bases": listed}
    rows = [
        [
            one["version"],
            f"{one['serving']:,}",
            f"{one['holding']:,}",
            "yes" if one["is_base"] else "no" if one["is_known"] else "not in the repository",
        ]
        for one in listed
    ]
    head = ["release", "ships run it", "ships hold it", "next release starts from it"]
    none_heard = "no ship was heard yet, so the next release starts from the last few releases"
    tell(as_json, document, *(table(head, rows, numbers=(1, 2)) if rows else [none_heard]))
