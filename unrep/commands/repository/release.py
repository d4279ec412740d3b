"""`unrep release`: a release engineer's day in one command."""

import time
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.release import BaseCost, ReleaseReport, ReleaseRequest, release
from repository.settings import Settings
from unrep.rewritten import warnings
from unrep.terminal.answers import Epoch, Product, Seconds, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell
from unrep.terminal.options.holdings import held_by_ships
from unrep.terminal.options.repository import open_repository, repo_option, say_if_unpublished
from unrep.terminal.tables import table


class ReleaseBase(TypedDict):
    """What a ship with a tree fetches."""

    tree: Annotated[str, Meta(description="Tree hash of the base, in hex; empty for a ship that has none.")]
    version: Annotated[str, Meta(description="The version that it is of; empty if it is of no release here.")]
    ships: Annotated[int | None, Meta(description="How many ships were last heard to hold it; null if none was heard.")]
    bytes: Annotated[int, Meta(description="What each of them fetches.")]
    price: Annotated[float, Meta(description="What that costs on the link, in the currency of repo.toml.")]


class ReleasedAnswer(TypedDict):
    """A release that was made, or would be."""

    product: Product
    version: Version
    seq: Seq
    epoch: Epoch
    tree: TreeHash
    channel: Annotated[str, Meta(description="The channel that names it.")]
    counter: Annotated[int, Meta(description="Counter of the channel's file; 0 for a dry run.")]
    file: Annotated[str, Meta(description="Name of the new bundle at the destinations; empty if none was needed.")]
    bytes: Annotated[int, Meta(description="Its size.")]
    bases: Annotated[list[ReleaseBase], Meta(description="What ships fetch, by what they hold.")]
    currency: Annotated[str, Meta(description="The currency of the prices.")]
    stored: Annotated[int, Meta(description="How many contents were new to the repository.")]
    sent: Annotated[dict[str, int], Meta(description="How many bundles each destination got.")]
    dry_run: Annotated[bool, Meta(description="Whether nothing was changed.")]
    seconds: Seconds


@click.command(
    "release",
    cls=Command,
    examples=[
        ("unrep release build/vms --version 1.0.3 --repo /srv/vms", "Release what stands in a directory:"),
        ("unrep release build/vms --version 1.0.3 --repo /srv/vms --dry-run", "See first what it costs:"),
    ],
)
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.option("--version", metavar="V", required=True, help="Its version; names the directory aboard.")
@repo_option
@click.option("--channel", metavar="C", help="The channel that names it then. Default: the first of repo.toml.")
@click.option(
    "--base-from",
    metavar="DIR|BUNDLE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Add a delta from this release, which ships have; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Build and say what it costs; store, publish and move nothing.")
@json_option(ReleasedAnswer)
def release_command(
    source: Path,
    version: str,
    repo: Path,
    channel: str | None,
    base_from: tuple[Path, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Release directory SRC: store it, build it, publish it, and let a channel name it.

    The bundle has a delta from each release that ships were last heard to run, else from the last few, and the full
    release. The channel names it last, once every destination of repo.toml has it. Interrupted, the same command goes
    on. Run again after all is done, it changes nothing.
    """
    began = time.monotonic()
    opened = open_repository(repo)
    request = ReleaseRequest(
        source=source,
        version=version,
        channel=channel,
        base_from=base_from,
        held=held_by_ships(opened).bases,
        dry_run=dry_run,
    )
    with progress_bar() as bar, opened.makers(bar) as makers:
        report = release(opened.repository, opened.settings, request, makers)
    seconds = time.monotonic() - began
    for warning in warnings(source, ()):
        say(warning)
    say_if_unpublished(opened)
    tell(
        as_json,
        _document(report, opened.settings, seconds, dry_run=dry_run),
        _summary(report, opened.settings, seconds, dry_run=dry_run),
        *_table(report.costs, opened.settings),
    )


def _summary(report: ReleaseReport, settings: Settings, seconds: float, *, dry_run: bool) -> str:
    made, bundle = report.release, report.bundle
    what = f"{settings.product} {made.version} (seq {made.seq})"
    if dry_run:
        size = bundle.length if bundle else 0
        return f"{what}: would be a bundle of {size:,} bytes for channel {report.channel!r}; nothing was changed"
    new = f"{report.stored:,} new files stored" if report.stored else "stored before"
    built = f"a bundle of {bundle.length:,} bytes built" if bundle else "its bundle was there already"
    sent = sum(1 for count in report.sent.values() if count)
    where = f"published to {sent} of {len(report.sent)} destinations" if sent else "published before"
    where = where if report.sent else "kept in bundles/"
    dropped = f"; the file has no room for {report.dropped} old bundles" if report.dropped else ""
    return f"{what}: {new}, {built}, {where}, channel {report.channel!r} names it, in {seconds:.1f} s{dropped}"


def _table(costs: list[BaseCost], settings: Settings) -> list[str]:
    is_priced = bool(settings.price_per_mb)
    head = ["ships with", "ships", "bytes each", *([f"{settings.currency or 'price'} each"] if is_priced else [])]
    rows = [
        [
            _named(cost),
            "-" if cost.ships is None else f"{cost.ships}",
            f"{cost.bytes:,}",
            *([f"{settings.money(cost.bytes):,.2f}"] if is_priced else []),
        ]
        for cost in costs
    ]
    return table(head, rows, numbers=(1, 2, 3))


def _named(cost: BaseCost) -> str:
    return (cost.version or f"tree {cost.tree.hex()[:12]}") if cost.tree else "none, in full"


def _document(report: ReleaseReport, settings: Settings, seconds: float, *, dry_run: bool) -> ReleasedAnswer:
    made, bundle = report.release, report.bundle
    bases: list[ReleaseBase] = [
        {
            "tree": cost.tree.hex(),
            "version": cost.version,
            "ships": cost.ships,
            "bytes": cost.bytes,
            "price": round(settings.money(cost.bytes), 6),
        }
        for cost in report.costs
    ]
    return {
        "product": settings.product,
        "version": made.version,
        "seq": made.seq,
        "epoch": made.epoch,
        "tree": made.tree.hex(),
        "channel": report.channel,
        "counter": report.counter,
        "file": bundle.file if bundle else "",
        "bytes": bundle.length if bundle else 0,
        "bases": bases,
        "currency": settings.currency,
        "stored": report.stored,
        "sent": report.sent,
        "dry_run": dry_run,
        "seconds": round(seconds, 3),
    }
