"""`unrep fleet take`: receipts that came ashore, into the record of the fleet."""

import time
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from fleet.intake.sources import Sources
from fleet.intake.taking import WHYS, Taken, take
from unrep.terminal.answers import Seconds, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import say, tell
from unrep.terminal.options.fleet import open_fleet
from unrep.terminal.options.repository import repo_option


class FleetTakeAnswer(TypedDict):
    """Receipts that were taken in."""

    new: Annotated[int, Meta(description="Receipts that are new.")]
    repeated: Annotated[int, Meta(description="Receipts that were there already.")]
    ships: Annotated[int, Meta(description="How many ships have said something new.")]
    apart: Annotated[dict[str, int], Meta(description="What is no word of a ship of this fleet, by why.")]
    broken: Annotated[int, Meta(description="Receipts that do not follow the one before them.")]
    ahead: Annotated[int, Meta(description="Receipts of clocks that are over a day ahead.")]
    named: Annotated[list[str], Meta(description="A sentence for some of each kind of these.")]
    troubles: Annotated[list[str], Meta(description="A sentence for each place that could not be read.")]
    seconds: Seconds


@click.command(
    "take",
    cls=Command,
    examples=[
        ("unrep fleet take /media/usb/unrep-out --repo /srv/vms", "Take in what a stick brought:"),
        ("unrep fleet take /var/mail/receipts --repo /srv/vms", "Take in what came by mail:"),
    ],
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@repo_option
@json_option(FleetTakeAnswer)
def take_command(paths: tuple[Path, ...], repo: Path, as_json: bool) -> None:
    """Take in the receipts in each PATH: a folder, zip, mailbox, Maildir, mail message or receipt.

    Each is taken once, however often it comes. Its signature is verified. What is no word of a ship of this fleet is
    named and kept apart. The paths stay as they are.
    """
    began = time.monotonic()
    sources = Sources(paths)
    with open_fleet(repo) as fleet:
        taken = take(fleet.database, sources.find(), fleet.product)
    seconds = time.monotonic() - began
    named = [sentence for sentences in taken.named.values() for sentence in sentences]
    say(*sources.troubles, *named)
    document: FleetTakeAnswer = {
        "new": taken.new,
        "repeated": taken.repeated,
        "ships": len(taken.ships),
        "apart": dict(taken.apart),
        "broken": taken.broken,
        "ahead": taken.ahead,
        "named": named,
        "troubles": sources.troubles,
        "seconds": round(seconds, 3),
    }
    tell(as_json, document, _summary(taken, seconds))


def _summary(taken: Taken, seconds: float) -> str:
    parts = [f"{taken.new:,} new receipts of {len(taken.ships):,} ships"]
    parts += [f"{taken.repeated:,} were there already"] if taken.repeated else []
    parts += [f"{count:,} {WHYS[why]}" for why, count in sorted(taken.apart.items())]
    parts += [f"{taken.broken:,} do not follow the one before"] if taken.broken else []
    parts += [f"{taken.ahead:,} of clocks that are ahead"] if taken.ahead else []
    return f"{'; '.join(parts)}; in {seconds:.1f} s"
