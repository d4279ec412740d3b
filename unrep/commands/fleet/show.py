"""`unrep fleet show`: one ship, what it said, and what it fetches next."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import click
from msgspec import Meta

from fleet.reports.ships import Saying, Way, find_ship, keys_of, moment, next_way, sayings
from fleet.reports.shore import Shore
from fleet.reports.standing import Standing
from repository.settings import Settings
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.fleet import ShipAnswer, open_fleet, ship_document
from unrep.terminal.options.repository import repo_option
from unrep.terminal.tables import table


class SayingAnswer(TypedDict):
    """A receipt."""

    number: Annotated[int, Meta(description="Its number in the ship's chain.")]
    at: Annotated[float, Meta(description="When, in seconds since 1970.")]
    outcome: Annotated[str, Meta(description="What happened.")]
    code: Annotated[str, Meta(description="Why, as a code; empty for none.")]
    reason: Annotated[str, Meta(description="Why, in words.")]
    origin: Annotated[str, Meta(description="Version that ran before.")]
    version: Annotated[str, Meta(description="Version that it is about.")]
    serving: Annotated[str, Meta(description="Version that ran afterwards.")]
    held: Annotated[list[str], Meta(description="Versions aboard.")]
    deploy_s: Annotated[float, Meta(description="Seconds that the update took.")]
    outage_s: Annotated[float, Meta(description="Seconds from the switch until the release was healthy.")]
    paid: Annotated[int, Meta(description="Bytes that were fetched over the link.")]
    hold: Annotated[bool, Meta(description="Whether somebody aboard held updates back.")]
    free_bytes: Annotated[int, Meta(description="Room on the disk.")]


class WayAnswer(TypedDict):
    """How a ship comes to its ring's release."""

    versions: Annotated[list[str], Meta(description="The releases on its way; none where nothing leads.")]
    bytes: Annotated[int, Meta(description="What it fetches.")]
    money: Annotated[float, Meta(description="What that costs, in the currency of repo.toml.")]
    is_full: Annotated[bool, Meta(description="Whether it begins with a full release.")]


class KeyAnswer(TypedDict):
    """A key by which a ship's receipts are known."""

    key_id: Annotated[str, Meta(description="Its id, in hex.")]
    added: Annotated[float, Meta(description="When it was added, in seconds since 1970.")]
    retired: Annotated[float | None, Meta(description="When it was retired; null if it was not.")]
    lowest: Annotated[int, Meta(description="Lowest number of a receipt that came.")]
    highest: Annotated[int, Meta(description="Highest number of one.")]
    count: Annotated[int, Meta(description="How many came.")]


class FleetShowAnswer(TypedDict):
    """A ship and what it said."""

    ship: Annotated[ShipAnswer, Meta(description="How it is.")]
    way: Annotated[WayAnswer | None, Meta(description="Its next way; null where it needs none.")]
    keys: Annotated[list[KeyAnswer], Meta(description="Its keys, the newest first.")]
    said: Annotated[list[SayingAnswer], Meta(description="What it said, the latest first.")]


@click.command(
    "show", cls=Command, examples=[("unrep fleet show 'MV Mercy' --repo /srv/vms", "See what a ship runs and said:")]
)
@click.argument("name", metavar="NAME")
@click.option("--all", "everything", is_flag=True, help="Show signs of life, too.")
@click.option(
    "--last", metavar="N", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many receipts."
)
@repo_option
@json_option(FleetShowAnswer)
def show_command(name: str, everything: bool, last: int, repo: Path, as_json: bool) -> None:
    """Show ship NAME: what it runs and holds, what it said, and what it fetches next."""
    with open_fleet(repo) as fleet:
        shore = Shore.read(fleet.opened.repository, fleet.opened.settings)
        with fleet.database.reading() as connection:
            ship = find_ship(connection, shore, name)
            if ship is None:
                raise UsageRefused(f"ship {name!r}: is not in the fleet; see 'unrep fleet status'")
            said = sayings(connection, shore, name, last, is_brief=not everything)
            keys = keys_of(connection, name)
        way = next_way(ship, shore)
    document: dict[str, Any] = {
        "ship": ship_document(ship),
        "way": asdict(way) if way else None,
        "keys": [asdict(key) for key in keys],
        "said": [asdict(one) for one in said],
    }
    tell(as_json, cast(FleetShowAnswer, document), *_about(ship, way, shore.settings), "", *_said(said))


def _about(ship: Standing, way: Way | None, settings: Settings) -> list[str]:
    silent = "" if ship.silent_days is None else f", {ship.silent_days:,.1f} days ago"
    lines = [
        f"{ship.name}, ring {ship.ring}: {ship.state}, {ship.meaning}",
        f"runs {ship.serving or 'nothing that is known'}, should run {ship.target or 'nothing yet'}",
        f"heard {moment(ship.heard)} UTC{silent}; {ship.missing:,} receipts missing, {ship.forks:,} contradict others",
        f"holds {', '.join(ship.held) or 'nothing that is known'}",
    ]
    if way is not None:
        price = f", {way.money:,.2f} {settings.currency}".rstrip() if settings.price_per_mb else ""
        kind = "the full release" if way.is_full else "deltas"
        lines.append(
            f"next way: {kind}, over {', '.join(way.versions)}: {way.bytes:,} bytes{price}"
            if way.versions
            else "next way: nothing leads to it; release it again with the base that the ship holds"
        )
    return lines


def _said(said: list[Saying]) -> list[str]:
    head = ["number", "when (UTC)", "outcome", "about", "runs", "deploy s", "outage s", "bytes", "reason"]
    rows = [
        [
            str(one.number),
            moment(one.at),
            one.outcome,
            one.version or "-",
            one.serving or "-",
            f"{one.deploy_s:.1f}",
            f"{one.outage_s:.1f}",
            f"{one.paid:,}",
            ": ".join(part for part in (one.code, one.reason) if part),
        ]
        for one in said
    ]
    return table(head, rows, numbers=(0, 5, 6, 7))
